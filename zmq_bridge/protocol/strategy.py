"""What strategies and tools say to the bridge on REQ/ROUTER: submit a signal, query state, stop an account.

A signal travels as a plain map: the admission gate owns its schema, the same for HTTP and for this port. A retry of a
submit carries the same `idempotency_key` inside the signal and gets the first answer with `duplicate` true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from zmq_bridge.protocol.kinds import U31, U63, RawMap, SymbolOrAll, Text, TimeMs, Ulid

QueryName = Literal["status", "account", "positions", "orders", "price", "ticks", "signal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Submit a signal."""

    type: ClassVar[str] = "submit"

    api_key: Text = field(repr=False)
    signal: RawMap  # fields of POST /api/signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask for state; each `what` reads the arguments that it needs."""

    type: ClassVar[str] = "query"

    api_key: Text = field(repr=False)
    what: QueryName
    login: U63 = 0  # 0 = the only account of this key
    symbol: SymbolOrAll = ""  # price and ticks need one; elsewhere "" = all
    count: U31 = 0  # ticks: how many of the latest; 0 = the bridge's default
    from_msc: TimeMs = 0  # ticks: range instead of count; 0 = open
    to_msc: TimeMs = 0
    signal_id: Text = ""  # signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Halt an account, cancel its pending orders, and if asked close its positions. May be said again."""

    type: ClassVar[str] = "kill"

    api_key: Text = field(repr=False)
    reason: Text  # for people, kept in the audit log
    login: U63 = 0  # 0 = the only account of this key
    close_positions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The signal passed the gate and became a command."""

    type: ClassVar[str] = "accepted"

    signal_id: Ulid
    command_id: Text  # "" when there is nothing for the terminal to do
    decision_id: Text
    duplicate: bool  # an earlier answer, given again
    now_ms: TimeMs = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The signal was denied: by us, with a reason. An expected outcome, not an error."""

    type: ClassVar[str] = "denied"

    code: Text  # of the risk gate's closed list
    context: RawMap  # the figures behind it
    decision_id: Text = ""
    signal_id: Text = ""
    duplicate: bool = False
    now_ms: TimeMs = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """The account is halted, durably; what is to be cancelled and closed is on its way."""

    type: ClassVar[str] = "killed"

    login: U63
    new: bool  # false: it was stopped before, as strictly
    command_ids: tuple[Ulid, ...] = ()  # on their way now; none: nothing was missing
    stopped: tuple[Ulid, ...] = ()  # orders that had not been sent, and will not be
    recalled: tuple[Ulid, ...] = ()  # orders that may have been delivered: the terminal says whether it had begun them
    waiting: bool = False  # the account is busy: it is halted, and what is missing is done as soon as it is free
    now_ms: TimeMs = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer a query; money and prices inside are decimal strings, as in the HTTP API."""

    type: ClassVar[str] = "answer"

    what: QueryName
    data: Any
    now_ms: TimeMs = 0
