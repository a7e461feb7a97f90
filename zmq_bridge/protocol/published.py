"""What travels on PUB besides ticks: events, snapshots, heartbeats and gaps.

An event is identified by (login, session, seq), is published at once and resent in `pull` until acknowledged. An event
whose data this side cannot read still decodes, with `Unreadable` data: its identity must be stored and acknowledged, or
it would stand before every later event for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from zmq_bridge.protocol.commands import TradingStateName
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.kinds import (
    U31,
    U63,
    U64,
    AnyText,
    Kind,
    Money,
    Ordinal,
    Positive,
    Symbol,
    Text,
    TimeMs,
    Ulid,
)
from zmq_bridge.protocol.limits import VERSION
from zmq_bridge.protocol.schema import from_map, registry, to_map
from zmq_bridge.protocol.values import Account, Deal, Order, Position, Spec

Role = Literal["both", "feed", "desk"]
CommandStatus = Literal["accepted", "done", "rejected", "expired", "unknown"]
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What became of a command. At most one of a command's results is final."""

    kind: ClassVar[str] = "command_result"

    command_id: Ulid
    status: CommandStatus  # accepted = the broker took it, more follows; unknown = may have happened, more may follow
    retcode: U31 = 0  # MT5's; 0 = never reached the broker
    retcode_name: Text = ""
    order: U64 = 0  # ticket, 0 = none; as are the next two
    deal: U64 = 0
    position: U64 = 0
    volume: Money = _ZERO  # lots filled
    price: Money = _ZERO  # of the fill
    message: Text = ""
    deals: tuple[Positive, ...] = ()  # tickets of every deal of this command known so far

    @property
    def is_final(self) -> bool:
        """Say whether nothing more follows."""
        return self.status in ("done", "rejected", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingState:
    """The kill switch as the terminal now enforces it."""

    kind: ClassVar[str] = "trading_state"

    state: TradingStateName
    reason: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Event data that this side cannot read; kept raw so that nothing is lost."""

    kind: str  # as the terminal named it
    raw: dict[str, Any]
    problem: str  # the violation's text


EventData = Deal | CommandResult | Order | Spec | TradingState | Unreadable
EVENTS = registry(Deal, CommandResult, Order, Spec, TradingState, tag="kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at the terminal."""

    type: ClassVar[str] = "event"

    login: Ordinal
    session: Ordinal  # of the terminal start in which it happened, not of the one that resends it
    seq: Ordinal  # counts the events of the session from 1
    data: EventData

    @property
    def kind(self) -> str:
        """Name the sort of event."""
        return self.data.kind

    @property
    def key(self) -> tuple[int, int]:
        """Identify the event among those of its login; the order of keys is the order of events."""
        return self.session, self.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Account, positions and orders at one moment, as a request brings them."""

    event_seq: U63  # seq of the last event of this session emitted before it; 0 = none yet
    seq: U63  # of the snapshot published with these books; 0 = they were not published
    time_msc: TimeMs
    account: Account
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The books, as published on change and every SNAPSHOT_MS."""

    type: ClassVar[str] = "snapshot"

    login: Ordinal
    session: Ordinal
    seq: Ordinal
    event_seq: U63  # see Books
    time_msc: TimeMs
    account: Account
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()


def snapshot_of(books: Books, login: int, session: int) -> Snapshot:
    """Say whose books they are: as they are published, and as they are kept however they came."""
    return Snapshot(
        login=login, session=session, seq=books.seq, event_seq=books.event_seq, time_msc=books.time_msc,
        account=books.account, positions=books.positions, orders=books.orders,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A heartbeat, with the last number sent on every stream so that a silent loss shows."""

    type: ClassVar[str] = "beat"

    login: U63  # 0 = the bridge
    session: Ordinal
    seq: Ordinal
    role: Literal["both", "feed", "desk", "bridge"]
    time_msc: TimeMs  # terminal: server clock; bridge: Unix UTC ms
    streams: dict[str, U63]  # topic -> last seq sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Ticks that the bridge missed, has refilled, or had to give up."""

    type: ClassVar[str] = "gap"

    session: Ordinal  # the bridge's
    seq: Ordinal
    symbol: Symbol
    login: Ordinal
    state: Literal["open", "filled", "lost"]
    lost: U63  # ticks; 0 = not known
    from_msc: TimeMs  # both ends included
    to_msc: TimeMs
    found: U63 = 0  # of them; `filled` found all that were known to be lost, `lost` did not


def event_from_map(value: Any, path: str = "event") -> Event:
    """Read an event; see the module's law for data that cannot be read."""
    head = from_map(_Head, value, path)
    if head.v != VERSION or head.type != Event.type:
        raise ProtocolViolation(
            ErrorCode.MALFORMED, path, expected=f"an event of version {VERSION}", found=f"{head.type} of {head.v}"
        )
    return Event(login=head.login, session=head.session, seq=head.seq, data=_read_data(head, path))


def _read_data(head: _Head, path: str) -> EventData:
    cls = EVENTS.get(head.kind)
    try:
        if cls is not None:
            data: EventData = from_map(cls, head.data, f"{path}.data")
            return data
        problem = f"UNKNOWN_TYPE: {path}.kind (expected one of {', '.join(EVENTS)}, found {head.kind[:40]!r})"
    except ProtocolViolation as violation:
        problem = str(violation)
    return Unreadable(kind=head.kind, raw=head.data, problem=problem)


def event_to_map(event: Event, path: str = "event") -> dict[str, Any]:
    """Write an event as it stands both on PUB and inside `pull`."""
    if type(event) is not Event or type(event.data) is not EVENTS.get(event.data.kind):
        raise ProtocolMisuse(f"{path}: expected an Event with readable data, found {event!r}")
    head = _Head(
        v=VERSION, type=Event.type, login=event.login, session=event.session, seq=event.seq, kind=event.kind,
        data=to_map(event.data),
    )  # fmt: skip
    return to_map(head)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The envelope of an event."""

    v: U31
    type: Text
    login: Ordinal
    session: Ordinal
    seq: Ordinal
    kind: AnyText
    data: dict[str, Any]


AnyEvent = Annotated[Event, Kind("an event map", event_from_map, event_to_map)]
