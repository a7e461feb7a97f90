"""What the threads of the desk say to each other. Frozen values; the thread that serves the sockets receives `Report`s.

    books thread   registers terminals, books events and snapshots   (Postgres)
    claims thread  owns accounts, claims commands, sweeps            (Postgres, LISTEN)
    repairs thread backfills gaps                                     (Postgres, LISTEN)
    live thread    writes Redis
"""

from __future__ import annotations

from dataclasses import dataclass

from zmq_bridge.protocol.commands import Command, TradingStateName
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.published import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A hello was accepted and is in the books."""

    hello: Hello
    account_id: int
    trading_state: TradingStateName
    deals_from_msc: int
    same_journal: bool
    """It trades on with the journal of the session that held its place last, so it knows what that one began."""
    unconfirmed: tuple[Command, ...]
    """Commands that an earlier life handed over and got no answer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A hello was not accepted."""

    hello: Hello
    code: ErrorCode
    message: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """Events are in the books: they may be acknowledged."""

    login: int
    session: int
    """The session that brought them, not necessarily the one they happened in."""
    acks: tuple[tuple[int, int], ...]
    fresh: tuple[Event, ...]
    """Those that were not known before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCommitted:
    """Events could not be booked now; the terminal will resend them."""

    login: int
    session: int
    keys: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolsKept:
    """A `symbols` request is committed, or failed."""

    login: int
    session: int
    committed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Commands to hand out, in order."""

    account_id: int
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Commands of an account that may not be begun any more."""

    account_id: int
    command_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSet:
    """What the terminals of an account must enforce from now on."""

    account_id: int
    state: TradingStateName


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """This desk does not own the account any more: its terminals must greet anew, here or elsewhere."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Ask an account's terminal for ticks."""

    account_id: int
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKept:
    """A `history` request is committed (or of no use), or failed."""

    login: int
    session: int
    command_id: str
    committed: bool


Report = (
    Registered | Refused | Committed | NotCommitted | SymbolsKept | Claimed | Recalled | StateSet | Lost | Fetch
    | HistoryKept
)
