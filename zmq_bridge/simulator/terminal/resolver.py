"""What became of a command that nobody answered: found in the broker's own records, by its comment or by its effect.

Orders carry the command_id as their comment (`find`); changes and cancellations leave none, but what they ask for is
either so or not (`in_effect`). Found: the result that the answer would have been. Not found: nothing is concluded
here; the desk keeps the command `unknown` and looks again.
"""

from decimal import Decimal
from typing import Any

from zmq_bridge.protocol.commands import CancelOrder, CloseBy, Command, ModifyOrder, ModifyPosition
from zmq_bridge.protocol.numbers import to_decimal
from zmq_bridge.protocol.published import CommandResult
from zmq_bridge.simulator.broker.retcodes import Retcode
from zmq_bridge.simulator.terminal.executor import Broker

RESTING = frozenset({"started", "placed", "partial"})
MARKET = frozenset({"buy", "sell"})


def find(broker: Broker, command_id: str) -> CommandResult | None:
    """Look a command up at the broker; None when there is no trace of it.

    Raises:
        BrokerUnreachable, BrokerRefused: the broker could not be asked.
    """
    found = broker.call("find_comment", comment=command_id)
    orders, deals = found["orders"], found["deals"]
    if not orders:
        return None
    last = orders[-1]
    filled = sum((to_decimal(deal["volume"]) for deal in deals), Decimal(0))
    if last["type"] in MARKET and not deals:
        return _without_deals(command_id, last)
    wanted = sum((to_decimal(order["volume_initial"]) for order in orders), Decimal(0))
    is_partial = bool(deals) and last["type"] in MARKET and filled < wanted
    retcode = Retcode.DONE_PARTIAL if is_partial else Retcode.DONE
    return CommandResult(
        command_id=command_id,
        status="done",
        retcode=retcode,
        retcode_name=retcode.name,
        order=last["ticket"],
        deal=deals[-1]["ticket"] if deals else 0,
        position=deals[-1]["position"] if deals else 0,
        volume=filled,
        price=to_decimal(deals[-1]["price"]) if deals else Decimal(0),
        message="found at the broker",
        deals=tuple(deal["ticket"] for deal in deals),
    )


def in_effect(broker: Broker, command: Command) -> CommandResult | None:
    """Say whether what a command asks for is already so; None when it is not.

    Raises:
        BrokerUnreachable, BrokerRefused: the broker could not be asked.
    """
    match command:
        case ModifyPosition():
            held = broker.call("snapshot")["positions"]
            wanted = (command.position, float(command.sl), float(command.tp))
            is_so = wanted in [(each["ticket"], each["sl"], each["tp"]) for each in held]
        case ModifyOrder():
            order = broker.call("order", ticket=command.order)
            prices = (command.price, command.stoplimit, command.sl, command.tp)
            names = ("price_open", "price_stoplimit", "sl", "tp")
            is_so = order is not None and [order[name] for name in names] == [float(price) for price in prices]
            is_so = is_so and order["expiration_msc"] == command.expiration_msc
        case CancelOrder():
            order = broker.call("order", ticket=command.order)
            is_so = order is not None and order["state"] == "canceled"
        case CloseBy():
            tickets = {each["ticket"] for each in broker.call("snapshot")["positions"]}
            is_so = tickets.isdisjoint((command.position, command.position_by))
        case _:
            return None
    return CommandResult(command_id=command.command_id, status="done", message="found in effect") if is_so else None


def _without_deals(command_id: str, order: dict[str, Any]) -> CommandResult:
    """A market order that has not been executed: on its way, or ended without a fill."""
    if order["state"] in RESTING:
        return CommandResult(
            command_id=command_id,
            status="accepted",
            retcode=Retcode.PLACED,
            retcode_name=Retcode.PLACED.name,
            order=order["ticket"],
            message="at the broker, not executed yet",
        )
    return CommandResult(
        command_id=command_id,
        status="rejected",
        retcode=Retcode.REJECT,
        retcode_name=Retcode.REJECT.name,
        order=order["ticket"],
        message=f"order ended {order['state']}",
    )
