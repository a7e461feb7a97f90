"""Changes that only ease: what the kill switch lets pass, as `risk.modification` does in every state.

The stop comes nearer or stays where it is, and nothing else of the ticket could cost more: a pending order keeps its
prices and its target, and rests no longer than before. Judged by the ticket as the broker has it at this moment. One
that is not there cannot be made worse: the broker answers that it is gone.
"""

from typing import Any

from zmq_bridge.protocol.commands import Command, ModifyOrder, ModifyPosition
from zmq_bridge.simulator.terminal.executor import Broker


def only_eases(broker: Broker, command: Command) -> bool:
    """Say whether a change only eases; False for what is no change.

    Raises:
        BrokerUnreachable, BrokerRefused: the broker could not be asked.
    """
    match command:
        case ModifyPosition():
            held = broker.call("snapshot")["positions"]
            return all(_stop_eases(each["side"], each, command) for each in held if each["ticket"] == command.position)
        case ModifyOrder():
            order = broker.call("order", ticket=command.order)
            return order is None or _order_eases(order, command)
    return False


def _order_eases(order: dict[str, Any], command: ModifyOrder) -> bool:
    wanted = {"price_open": command.price, "price_stoplimit": command.stoplimit, "tp": command.tp}
    is_kept = all(order[name] == float(price) for name, price in wanted.items())
    side = order["type"].partition("_")[0]
    return is_kept and _stop_eases(side, order, command) and _rests_no_longer(order["expiration_msc"], command)


def _stop_eases(side: str, found: dict[str, Any], command: ModifyPosition | ModifyOrder) -> bool:
    old, new = found["sl"], float(command.sl)
    if not old or not new:
        return not old
    return bool(new >= old if side == "buy" else new <= old)


def _rests_no_longer(expiration_msc: int, command: ModifyOrder) -> bool:
    """0 is for ever."""
    if not expiration_msc or not command.expiration_msc:
        return not expiration_msc
    return command.expiration_msc <= expiration_msc
