"""The bridge's side: which terminal sessions exist, which request each may make, who is alive, whose pull is waiting.

No I/O, no clock, no database. `Roster` holds every session by login. A login has two slots, `feed` and `desk`; the role
`both` fills the two. A hello with a greater session number takes its slots from whoever held them (a restarted
terminal); one with a lower number is refused while the holder is alive, and taken when it is not. What a session may
ask in which state is the table VALID.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from zmq_bridge.protocol.dialogue import Bye, Hello, History, Pull, Symbols
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import LIVENESS_MS, VERSIONS, WAIT_MS_MAX
from zmq_bridge.protocol.published import Role

Request = Hello | Pull | History | Symbols | Bye
Token = TypeVar("Token")  # whatever the socket needs to answer later

SLOTS: Final[dict[Role, frozenset[str]]] = {
    "both": frozenset({"feed", "desk"}),
    "feed": frozenset({"feed"}),
    "desk": frozenset({"desk"}),
}


class Standing(Enum):
    """Where a session stands with the bridge."""

    LIVE = auto()  # heard within LIVENESS_MS
    SILENT = auto()  # not heard; still known, comes back by being heard
    SUPERSEDED = auto()  # another session holds its slots
    GONE = auto()  # said bye


VALID: dict[Standing, frozenset[type]] = {
    Standing.LIVE: frozenset({Hello, Pull, History, Symbols, Bye}),
    Standing.SILENT: frozenset({Hello, Pull, History, Symbols, Bye}),
    Standing.SUPERSEDED: frozenset(),
    Standing.GONE: frozenset({Hello, Bye}),
}
_REFUSAL = {Standing.SUPERSEDED: ErrorCode.SUPERSEDED, Standing.GONE: ErrorCode.UNKNOWN_SESSION}
HINT_MS: Final = 5  # hints that anybody may give don't end a pull sooner, lest a flood of them becomes one of pulls
SUPERSEDED_KEPT: Final = 16  # per login; an older one is answered UNKNOWN_SESSION and learns the rest from its hello


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Token]):
    """A pull that is held."""

    token: Token
    since_ms: int
    until_ms: int  # answer with what there is at this time


class Session(Generic[Token]):
    """One terminal session as the bridge sees it."""

    def __init__(self, login: int, number: int, role: Role, now_ms: int) -> None:
        self.login = login
        self.number = number
        self.role: Role = role
        self.standing = Standing.LIVE
        self.heard_ms = now_ms
        self.waiting: Waiting[Token] | None = None

    @property
    def takes_trades(self) -> bool:
        """Say whether trade commands go to this session."""
        return self.role != "feed"

    @property
    def takes_fetches(self) -> bool:
        """Say whether fetch_ticks goes to this session."""
        return self.role != "desk"

    def park(self, token: Token, wait_ms: int, now_ms: int) -> Token | None:
        """Hold a pull.

        Returns:
            The pull that it replaces, if any: its sender has given it up, answering it is useless but harmless.
        """
        replaced = self.release()
        self.waiting = Waiting(token, now_ms, now_ms + min(wait_ms, WAIT_MS_MAX))
        return replaced

    def hurry(self) -> None:
        """End a held pull early, once it was held for HINT_MS: its terminal is said to have news."""
        if self.waiting is not None:
            until_ms = min(self.waiting.until_ms, self.waiting.since_ms + HINT_MS)
            self.waiting = Waiting(self.waiting.token, self.waiting.since_ms, until_ms)

    def release(self) -> Token | None:
        """Take the held pull out, to answer it."""
        waiting, self.waiting = self.waiting, None
        return None if waiting is None else waiting.token

    def _hear(self, now_ms: int) -> None:
        self.heard_ms = max(self.heard_ms, now_ms)
        if self.standing is Standing.SILENT:
            self.standing = Standing.LIVE


class Roster(Generic[Token]):
    """Every session of every login that this bridge serves. Times are the bridge's, ms, any steady origin."""

    def __init__(self) -> None:
        self._slots: dict[tuple[int, str], Session[Token]] = {}
        self._superseded: dict[int, list[int]] = {}

    def greet(self, hello: Hello, now_ms: int) -> tuple[Session[Token], list[Session[Token]]]:
        """Admit a hello.

        Returns:
            The session (the same object when it greets again) and those that it superseded.

        Raises:
            ProtocolViolation: UNSUPPORTED_VERSION, or SUPERSEDED by a live session of a greater number.
        """
        choose_version(hello.versions)
        holders = self._holders(hello)
        for holder in holders:
            alive = holder.standing is Standing.LIVE and not self._is_silent(holder, now_ms)
            if alive and holder.number > hello.session:
                raise _refused(ErrorCode.SUPERSEDED, f"a session above {holder.number}", hello)
        same = [holder for holder in holders if holder.number == hello.session and holder.role == hello.role]
        others = [holder for holder in holders if holder not in same]
        for other in others:
            self._supersede(other)
        session = same[0] if same else Session[Token](hello.login, hello.session, hello.role, now_ms)
        session.standing = Standing.LIVE
        session._hear(now_ms)
        for slot in SLOTS[hello.role]:
            self._slots[hello.login, slot] = session
        return session, others

    def retire(self, hello: Hello) -> list[Session[Token]]:
        """Supersede the older sessions whose slots a hello would take, without admitting it yet; return them."""
        older = [holder for holder in self._holders(hello) if holder.number < hello.session]
        for session in older:
            self._supersede(session)
        return older

    def admit(self, request: Request, now_ms: int) -> Session[Token]:
        """Find the session of a request other than hello and note that it was heard.

        Raises:
            ProtocolViolation: UNKNOWN_SESSION or SUPERSEDED.
        """
        session = self.find(request.login, request.session)
        if session is None:
            gone = request.session in self._superseded.get(request.login, ())
            raise _refused(ErrorCode.SUPERSEDED if gone else ErrorCode.UNKNOWN_SESSION, "a hello first", request)
        if type(request) not in VALID[session.standing]:
            raise _refused(_REFUSAL[session.standing], "a hello first", request)
        session._hear(now_ms)
        if type(request) is Bye:
            session.standing = Standing.GONE
        return session

    def heard(self, login: int, number: int, now_ms: int) -> Session[Token] | None:
        """Note a heartbeat or any published message; None when the session is not known here."""
        session = self.find(login, number)
        if session is None or session.standing is Standing.GONE:
            return None
        session._hear(now_ms)
        return session

    def fall_silent(self, now_ms: int) -> list[Session[Token]]:
        """Mark and give the sessions that crossed LIVENESS_MS since the last call; each is given once per silence."""
        silent = [each for each in self.sessions() if each.standing is Standing.LIVE and self._is_silent(each, now_ms)]
        for session in silent:
            session.standing = Standing.SILENT
        return silent

    def overdue(self, now_ms: int) -> list[Session[Token]]:
        """Give the sessions whose held pull must be answered now."""
        return [each for each in self.sessions() if each.waiting is not None and now_ms >= each.waiting.until_ms]

    def next_due_ms(self) -> int | None:
        """Say when `overdue` has something next; None = no pull is held."""
        return min((each.waiting.until_ms for each in self.sessions() if each.waiting is not None), default=None)

    def find(self, login: int, number: int) -> Session[Token] | None:
        """Look a session up."""
        for slot in SLOTS["both"]:
            session = self._slots.get((login, slot))
            if session is not None and session.number == number:
                return session
        return None

    def desk_of(self, login: int) -> Session[Token] | None:
        """Give the session that trades for a login, alive or not."""
        return self._slots.get((login, "desk"))

    def feed_of(self, login: int) -> Session[Token] | None:
        """Give the session that feeds ticks of a login, alive or not."""
        return self._slots.get((login, "feed"))

    def sessions(self) -> Iterator[Session[Token]]:
        """Go through every session once."""
        seen: set[int] = set()
        for session in tuple(self._slots.values()):
            if id(session) not in seen:
                seen.add(id(session))
                yield session

    def forget(self, session: Session[Token]) -> None:
        """Drop a session (its account moved to another bridge): it will be answered UNKNOWN_SESSION."""
        for slot in SLOTS["both"]:
            if self._slots.get((session.login, slot)) is session:
                del self._slots[session.login, slot]

    def _holders(self, hello: Hello) -> list[Session[Token]]:
        found: list[Session[Token]] = []
        for slot in sorted(SLOTS["both"]):
            holder = self._slots.get((hello.login, slot))
            overlaps = holder is not None and (slot in SLOTS[hello.role] or holder.number == hello.session)
            if holder is not None and overlaps and holder not in found:
                found.append(holder)
        return found

    def _supersede(self, session: Session[Token]) -> None:
        session.standing = Standing.SUPERSEDED
        self.forget(session)
        numbers = self._superseded.setdefault(session.login, [])
        numbers.append(session.number)
        del numbers[:-SUPERSEDED_KEPT]

    @staticmethod
    def _is_silent(session: Session[Token], now_ms: int) -> bool:
        return now_ms - session.heard_ms >= LIVENESS_MS


def choose_version(offered: tuple[int, ...]) -> int:
    """Choose the greatest version in common.

    Raises:
        ProtocolViolation: UNSUPPORTED_VERSION when there is none.
    """
    common = set(offered) & set(VERSIONS)
    if not common:
        raise ProtocolViolation(
            ErrorCode.UNSUPPORTED_VERSION, "versions", expected=f"one of {list(VERSIONS)}", found=str(offered[:16])
        )
    return max(common)


def _refused(code: ErrorCode, expected: str, request: Request) -> ProtocolViolation:
    return ProtocolViolation(code, f"{request.type} refused", expected=expected, found=f"session {request.session}")
