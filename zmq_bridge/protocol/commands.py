"""What the bridge asks of a terminal. Imperative, idempotent by `command_id`, dead after `expires_at_ms`.

A command that this side cannot read is not thrown away with its neighbours: it decodes to `UnreadableCommand`, which
the terminal answers `rejected`, so that the bridge learns of it. Only a command without a readable id is a violation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.kinds import (
    U31,
    U63,
    U64,
    Comment,
    Kind,
    Money,
    Positive,
    Symbol,
    SymbolOrAll,
    Text,
    TimeMs,
    Ulid,
)
from zmq_bridge.protocol.schema import from_map, registry, to_map
from zmq_bridge.protocol.values import Side

OrderType = Literal["market", "limit", "stop", "stop_limit"]
TradingStateName = Literal["active", "reducing", "halted"]
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries."""

    kind: ClassVar[str] = ""
    is_trade: ClassVar[bool] = True  # goes to the roles `desk` and `both`

    command_id: Ulid
    expires_at_ms: TimeMs  # bridge clock, Unix UTC ms; at or after it the terminal must not begin
    attempt: U31 = 1  # above 1: handed out before; if the journal has no trace, look for `comment` at the broker first


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Command):
    """Send a market or pending order."""

    kind: ClassVar[str] = "place_order"

    symbol: Symbol
    side: Side
    order_type: OrderType
    volume: Money  # lots
    price: Money = _ZERO  # 0 for a market order
    stoplimit: Money = _ZERO  # stop_limit only: price of the limit order that the stop places
    sl: Money = _ZERO  # 0 = none
    tp: Money = _ZERO  # 0 = none
    deviation: U31 = 0  # points of slippage allowed
    expiration_msc: TimeMs = 0  # server clock; 0 = good till cancelled
    magic: U64 = 0
    comment: Comment = ""  # the command_id: it ties the deals to the command


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyPosition(Command):
    """Set both stops of a position."""

    kind: ClassVar[str] = "modify_position"

    position: Positive
    symbol: Symbol
    sl: Money = _ZERO  # 0 removes it
    tp: Money = _ZERO  # 0 removes it


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(Command):
    """Close a position or a part of it."""

    kind: ClassVar[str] = "close_position"

    position: Positive
    symbol: Symbol
    volume: Money = _ZERO  # lots; 0 = all of it
    deviation: U31 = 0
    magic: U64 = 0
    comment: Comment = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBy(Command):
    """Close a position by an opposite one of the same symbol (hedging accounts)."""

    kind: ClassVar[str] = "close_by"

    position: Positive
    position_by: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder(Command):
    """Change a pending order: every field is set."""

    kind: ClassVar[str] = "modify_order"

    order: Positive
    price: Money
    stoplimit: Money = _ZERO
    sl: Money = _ZERO
    tp: Money = _ZERO
    expiration_msc: TimeMs = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Command):
    """Delete a pending order."""

    kind: ClassVar[str] = "cancel_order"

    order: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAll(Command):
    """Close every position, of one symbol or of all."""

    kind: ClassVar[str] = "close_all"

    symbol: SymbolOrAll = ""  # "" = all
    cancel_pending: bool = False  # pending orders too
    deviation: U31 = 0
    comment: Comment = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTradingState(Command):
    """Set the kill switch, which the terminal enforces by itself and keeps over restarts."""

    kind: ClassVar[str] = "set_trading_state"

    state: TradingStateName
    reason: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTicks(Command):
    """Ask for the terminal's own tick history of a range, answered by `history` requests."""

    kind: ClassVar[str] = "fetch_ticks"
    is_trade: ClassVar[bool] = False  # goes to the roles `feed` and `both`

    symbol: Symbol
    from_msc: TimeMs  # included
    to_msc: TimeMs  # included
    skip: U63 = 0  # ticks of the range that the bridge already has from this command
    limit: U31 = 0  # most ticks in the answer; 0 = the wire's own limit


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableCommand(Command):
    """A command of a kind, or with a field, that this side cannot read. Never sent; to be answered `rejected`."""

    kind: ClassVar[str] = "unreadable"

    kind_found: str  # as the bridge named it
    problem: str  # the violation's text


COMMANDS = registry(
    PlaceOrder, ModifyPosition, ClosePosition, CloseBy, ModifyOrder, CancelOrder, CloseAll, SetTradingState, FetchTicks,
    tag="kind",
)  # fmt: skip


CHANGES = frozenset({ModifyPosition.kind, ModifyOrder.kind})
"""Kinds that may add risk or ease it: that depends on the ticket as the broker has it."""


def is_permitted(command: Command, state: TradingStateName, *, only_eases: bool = False) -> bool:
    """Say whether the kill switch lets a command through: what closes, cancels or only eases passes in every state.

    Args:
        only_eases: of a change: the ticket's stop comes nearer or stays, and nothing else of it could cost more.
    """
    if state == "active":
        return True
    return command.kind != PlaceOrder.kind and (command.kind not in CHANGES or only_eases)


def command_from_map(value: Any, path: str = "command") -> Command:
    """Read a command; see the module's law for those that cannot be read."""
    head = from_map(_Head, value, path)
    cls = COMMANDS.get(head.kind)
    try:
        if cls is not None:
            command: Command = from_map(cls, value, path)
            return command
        problem = f"UNKNOWN_TYPE: {path}.kind (expected one of {', '.join(COMMANDS)}, found {head.kind[:40]!r})"
    except ProtocolViolation as violation:
        problem = str(violation)
    return UnreadableCommand(
        command_id=head.command_id, expires_at_ms=head.expires_at_ms, kind_found=head.kind[:40], problem=problem
    )


def command_to_map(command: Command, path: str = "command") -> dict[str, Any]:
    """Write a command, `kind` in second place."""
    body = to_map(command)
    return {"command_id": body.pop("command_id"), "kind": command.kind, **body}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What must be readable to answer a command at all."""

    command_id: Ulid
    kind: Text
    expires_at_ms: TimeMs


AnyCommand = Annotated[Command, Kind("a command map", command_from_map, command_to_map)]
