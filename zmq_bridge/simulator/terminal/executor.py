"""Commands to trade requests, and the broker's answers to results. Knows no journal and no socket to the bridge.

`retcode` decides, as at MT5: DONE and DONE_PARTIAL are done, PLACED is accepted, a timeout or no answer is unknown
(it may have been executed), everything else is the broker's rejection. Nothing is rounded or mended here: the broker's
checks speak for themselves.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from zmq_bridge.protocol.commands import (
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    Command,
    ModifyOrder,
    ModifyPosition,
    PlaceOrder,
)
from zmq_bridge.protocol.numbers import to_decimal
from zmq_bridge.protocol.published import CommandResult, CommandStatus
from zmq_bridge.simulator.broker.retcodes import Retcode, retcode_name
from zmq_bridge.simulator.errors import BrokerRefused, BrokerUnreachable

DONE = frozenset({Retcode.DONE, Retcode.DONE_PARTIAL})
UNSURE = frozenset({Retcode.TIMEOUT, Retcode.CONNECTION, Retcode.ERROR})
FILLING_FOK, FILLING_IOC = 1, 2


class Broker(Protocol):
    """What is asked of the broker."""

    def call(self, op: str, **arguments: Any) -> Any:
        """Ask and wait; see `broker_client.BrokerClient.call`."""


class Executor:
    """Carries commands out."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._actions: dict[type[Command], Callable[[Any], CommandResult]] = {
            PlaceOrder: self._place_order,
            ModifyPosition: self._modify_position,
            ClosePosition: self._close_position,
            CloseBy: self._close_by,
            ModifyOrder: self._modify_order,
            CancelOrder: self._cancel_order,
            CloseAll: self._close_all,
        }

    def execute(self, command: Command) -> CommandResult:
        """Carry out a trade command; the intent is on disk."""
        try:
            return self._actions[type(command)](command)
        except BrokerUnreachable as error:  # while preparing: `_send` deals with its own
            return _rejected(command, f"BROKER_AWAY: nothing was sent. {error}")
        except BrokerRefused as error:
            return _rejected(command, str(error))

    def _send(self, command: Command, request: dict[str, Any]) -> CommandResult:
        """Send one request; absent values stay absent, amounts go as doubles."""
        plain = {name: value for name, value in request.items() if value}
        try:
            answer = self._broker.call("send", request={**plain, **_doubles(plain)})
        except BrokerUnreachable as error:
            return CommandResult(command_id=command.command_id, status="unknown", message=f"NO_ANSWER: {error}"[:1000])
        retcode = int(answer["retcode"])
        return CommandResult(
            command_id=command.command_id,
            status=status_of(retcode),
            retcode=retcode,
            retcode_name=retcode_name(retcode),
            order=answer["order"],
            deal=answer["deal"],
            volume=to_decimal(answer["volume"]),
            price=to_decimal(answer["price"]),
            message=answer["message"],
            deals=tuple(answer["deals"]),
        )

    def _place_order(self, command: PlaceOrder) -> CommandResult:
        market = command.order_type == "market"
        request: dict[str, Any] = {
            "action": "deal" if market else "pending",
            "type": command.side if market else f"{command.side}_{command.order_type}",
            "symbol": command.symbol,
            "volume": command.volume,
            "price": command.price,
            "stoplimit": command.stoplimit,
            "sl": command.sl,
            "tp": command.tp,
            "deviation": command.deviation,
            "expiration_msc": command.expiration_msc,
            "magic": command.magic,
            "comment": command.comment or command.command_id,
            "filling": self._filling(command.symbol, market),
        }
        if market and not command.price:
            request["price"] = self._market_price(command.symbol, command.side)
        return self._with_position(self._send(command, request))

    def _close_position(self, command: ClosePosition) -> CommandResult:
        held = self._position(command.position)
        if held is None:
            return _gone(command, command.position)
        volume = command.volume or to_decimal(held["volume"])
        request = self._closing(held, volume, command.deviation, command.comment or command.command_id)
        result = self._send(command, {**request, "magic": command.magic or held["magic"]})
        return self._with_position(result)

    def _closing(self, held: dict[str, Any], volume: Any, deviation: int, comment: str) -> dict[str, Any]:
        side = "sell" if held["side"] == "buy" else "buy"
        return {
            "action": "deal",
            "type": side,
            "symbol": held["symbol"],
            "volume": volume,
            "price": self._market_price(held["symbol"], side),
            "position": held["ticket"],
            "deviation": deviation,
            "magic": held["magic"],
            "comment": comment,
            "filling": self._filling(held["symbol"], True),
        }

    def _close_by(self, command: CloseBy) -> CommandResult:
        request = {
            "action": "close_by",
            "position": command.position,
            "position_by": command.position_by,
            "comment": command.command_id,
        }
        return self._with_position(self._send(command, request))

    def _modify_position(self, command: ModifyPosition) -> CommandResult:
        request = {
            "action": "sltp",
            "symbol": command.symbol,
            "position": command.position,
            "sl": command.sl,
            "tp": command.tp,
        }
        return _as_asked(self._send(command, request), position=command.position)

    def _modify_order(self, command: ModifyOrder) -> CommandResult:
        request = {
            "action": "modify",
            "order": command.order,
            "price": command.price,
            "stoplimit": command.stoplimit,
            "sl": command.sl,
            "tp": command.tp,
            "expiration_msc": command.expiration_msc,
        }
        return _as_asked(self._send(command, request), order=command.order)

    def _cancel_order(self, command: CancelOrder) -> CommandResult:
        return self._send(command, {"action": "remove", "order": command.order})

    def _close_all(self, command: CloseAll) -> CommandResult:
        """Close one after the other; what failed does not keep the rest from being closed."""
        now = self._broker.call("snapshot")
        comment = command.comment or command.command_id
        results = [
            self._send(command, self._closing(held, to_decimal(held["volume"]), command.deviation, comment))
            for held in now["positions"]
            if command.symbol in ("", held["symbol"])
        ]
        results += [
            self._send(command, {"action": "remove", "order": order["ticket"]})
            for order in now["orders"]
            if command.cancel_pending and command.symbol in ("", order["symbol"])
        ]
        return together(command, results)

    def _position(self, ticket: int) -> dict[str, Any] | None:
        found: dict[str, Any] | None = next(
            (held for held in self._broker.call("snapshot")["positions"] if held["ticket"] == ticket), None
        )
        return found

    def _filling(self, symbol: str, market: bool) -> str:
        """Choose a filling that the symbol allows: all or nothing first; pending orders rest with RETURN."""
        if not market:
            return "return"
        modes = self._broker.call("symbol", symbol=symbol)["filling_mode"]
        return "fok" if modes & FILLING_FOK else "ioc" if modes & FILLING_IOC else "return"

    def _market_price(self, symbol: str, side: str) -> float:
        """The price to name for instant execution; market execution ignores it."""
        tick = self._broker.call("tick", symbol=symbol)
        return 0.0 if tick is None else float(tick[2] if side == "buy" else tick[1])

    def _with_position(self, result: CommandResult) -> CommandResult:
        """Add the position that the deal belongs to."""
        if not result.deal:
            return result
        try:
            deal = self._broker.call("deal", ticket=result.deal)
        except BrokerUnreachable:
            return result  # the fill is what counts
        return replace(result, position=deal["position"] if deal else 0)


def status_of(retcode: int) -> CommandStatus:
    """What a retcode means for the command."""
    if retcode in DONE:
        return "done"
    if retcode == Retcode.PLACED:
        return "accepted"
    return "unknown" if retcode in UNSURE else "rejected"


def together(command: Command, results: list[CommandResult]) -> CommandResult:
    """Sum up several requests: done when all are, unknown when one is, rejected when one was; deals are all of them."""
    deals = tuple(deal for result in results for deal in result.deals)
    order = ("unknown", "rejected", "accepted", "done")
    worst = min(results, key=lambda result: order.index(result.status), default=None)
    if worst is None:
        return CommandResult(
            command_id=command.command_id,
            status="done",
            retcode=Retcode.DONE,
            retcode_name="DONE",
            message="nothing open",
        )
    failed = sum(result.status != "done" for result in results)
    return CommandResult(
        command_id=command.command_id,
        status=worst.status,
        retcode=worst.retcode,
        retcode_name=worst.retcode_name,
        message=f"{len(results) - failed} of {len(results)} done. {worst.message}".strip(),
        volume=sum((result.volume for result in results), start=to_decimal(0.0)),
        deals=deals,
        deal=deals[-1] if deals else 0,
    )


def _doubles(values: dict[str, Any]) -> dict[str, float]:
    amounts = ("volume", "price", "stoplimit", "sl", "tp")
    return {name: float(values[name]) for name in amounts if name in values}


def _rejected(command: Command, message: str) -> CommandResult:
    return CommandResult(command_id=command.command_id, status="rejected", message=message[:1000])


def _gone(command: Command, ticket: int) -> CommandResult:
    return CommandResult(
        command_id=command.command_id,
        status="rejected",
        retcode=Retcode.POSITION_CLOSED,
        retcode_name=Retcode.POSITION_CLOSED.name,
        position=ticket,
        message=f"position: expected an open one, found {ticket}",
    )


def _as_asked(result: CommandResult, *, order: int = 0, position: int = 0) -> CommandResult:
    """NO_CHANGES means that everything is as it was asked to be: done."""
    status: CommandStatus = "done" if result.retcode == Retcode.NO_CHANGES else result.status
    return replace(result, status=status, order=order, position=position)
