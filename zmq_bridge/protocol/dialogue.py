"""What terminal and bridge say to each other on REQ/ROUTER: one payload frame each way, lock-step.

hello -> welcome      pull -> work      history -> received      symbols -> received      bye -> farewell
and `error` in place of any reply
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from zmq_bridge.protocol.commands import AnyCommand, TradingStateName
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.kinds import (
    U31,
    U63,
    U64,
    AnyText,
    Kind,
    Limit,
    OffsetS,
    Ordinal,
    Symbol,
    Text,
    TimeMs,
    Ulid,
)
from zmq_bridge.protocol.limits import (
    ACKS_PER_WORK_MAX,
    COMMANDS_PER_WORK_MAX,
    EVENTS_PER_PULL_MAX,
    FRAME_BYTES_MAX,
    SYMBOLS_PER_MESSAGE_MAX,
    TICKS_PER_HISTORY_MAX,
)
from zmq_bridge.protocol.published import AnyEvent, Books, Role
from zmq_bridge.protocol.ticks import Tick, find_bad_row, rows_to_ticks
from zmq_bridge.protocol.values import Spec


def _ticks_in(value: Any, path: str) -> tuple[Tick, ...]:
    return tuple(rows_to_ticks(value, TICKS_PER_HISTORY_MAX, rows_min=0))


def _ticks_out(value: Any, path: str) -> Any:
    if len(value) > TICKS_PER_HISTORY_MAX or find_bad_row(value) is not None:
        raise ProtocolMisuse(f"{path}: expected at most {TICKS_PER_HISTORY_MAX} ticks, found {len(value)} or a bad one")
    return value


TickRows = Annotated[tuple[Tick, ...], Kind("an array of ticks", _ticks_in, _ticks_out)]
Ack = tuple[Ordinal, Ordinal]  # session, seq of an event that is committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What speaks."""

    name: Text
    version: Text
    build: U31 = 0  # of the MT5 terminal; 0 = not one


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Open or reopen a session."""

    type: ClassVar[str] = "hello"

    login: Ordinal
    session: Ordinal  # Unix ms at program start, greater than any this program used before
    versions: tuple[U31, ...]  # of the wire that the terminal speaks
    server: Text
    role: Role
    program: Program
    clock_ms: TimeMs  # terminal's own UTC clock, for the operator's eyes only
    server_offset_s: OffsetS  # trade server's clock minus UTC
    journal: Text = ""  # identity of the terminal's journal file, kept over restarts; "" = it has none
    journal_session: U63 = 0  # the last session of an earlier program start in that file; 0 = none
    snapshot: Books | None = None  # None for the role `feed`
    symbols: Annotated[tuple[Spec, ...], Limit(SYMBOLS_PER_MESSAGE_MAX)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Ask for work; bring what is not yet acknowledged."""

    type: ClassVar[str] = "pull"

    login: Ordinal
    session: Ordinal
    wait_ms: U31 = 0  # how long the bridge may hold the answer when there is none
    events: Annotated[tuple[AnyEvent, ...], Limit(EVENTS_PER_PULL_MAX)] = ()  # oldest first
    snapshot: Books | None = None  # the books, when there is news of them; None for the role `feed`


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Answer `fetch_ticks` with a chunk of the terminal's own history."""

    type: ClassVar[str] = "history"

    login: Ordinal
    session: Ordinal
    command_id: Ulid
    symbol: Symbol
    from_msc: TimeMs  # of the command
    to_msc: TimeMs  # of the command
    skip: U63  # ticks of the range before ticks[0]
    ticks: TickRows
    complete: bool  # nothing of the range follows after these
    oldest_msc: TimeMs  # oldest tick the terminal still has of the symbol; 0 = none


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Bring specifications: new, changed, or due to be told again."""

    type: ClassVar[str] = "symbols"

    login: Ordinal
    session: Ordinal
    symbols: Annotated[tuple[Spec, ...], Limit(SYMBOLS_PER_MESSAGE_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """Close the session in order."""

    type: ClassVar[str] = "bye"

    login: Ordinal
    session: Ordinal
    reason: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Accept a hello."""

    type: ClassVar[str] = "welcome"

    session: Ordinal  # the terminal's, echoed
    now_ms: TimeMs  # bridge clock, Unix UTC ms, when the reply was made; in every reply
    version: U31  # of the wire, from here on
    login: Ordinal
    beat_ms: U31
    wait_ms_max: U31
    trading_state: TradingStateName
    deals_from_msc: TimeMs  # re-read deals from here on: server clock, with the bridge's overlap taken off
    frame_bytes_max: U31 = FRAME_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Answer a pull."""

    type: ClassVar[str] = "work"

    session: Ordinal
    now_ms: TimeMs
    trading_state: TradingStateName
    commands: Annotated[tuple[AnyCommand, ...], Limit(COMMANDS_PER_WORK_MAX)] = ()  # in order of execution
    acks: Annotated[tuple[Ack, ...], Limit(ACKS_PER_WORK_MAX)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Acknowledge `history` or `symbols`: what came is committed."""

    type: ClassVar[str] = "received"

    session: Ordinal
    now_ms: TimeMs
    command_id: Text = ""  # of the history; "" for symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """Answer a bye."""

    type: ClassVar[str] = "farewell"

    session: Ordinal
    now_ms: TimeMs


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """Refuse a request, of a terminal or of a strategy."""

    type: ClassVar[str] = "error"

    session: U64 = 0  # echoed, whatever it was; 0 = could not be read, or a strategy
    now_ms: TimeMs
    code: Text  # of errors.ErrorCode; text, so that an unknown one can still be shown
    message: AnyText
    expected: AnyText = ""
    found: AnyText = ""
    field: AnyText = ""  # of a signal or query

    @classmethod
    def of(cls, violation: ProtocolViolation, *, session: int, now_ms: int) -> ErrorReply:
        """Tell the peer what it did wrong."""
        return cls(
            session=session, now_ms=now_ms, code=violation.code, message=violation.message,
            expected=violation.expected, found=violation.found,
        )  # fmt: skip

    def means(self, code: ErrorCode) -> bool:
        """Say whether this is the refusal `code`."""
        return self.code == code
