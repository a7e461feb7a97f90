"""How a terminal comes in: its hello waits for the books, then its session opens, or it is told why not.

Law: a hello is answered exactly once, and in time: welcome, a refusal, or UNAVAILABLE when the books are slow. What an
earlier session of the same place had lying ready passes to its successor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from zmq_bridge.protocol.bridge_session import choose_version
from zmq_bridge.protocol.dialogue import Hello, Welcome
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import BEAT_MS, WAIT_MS_MAX
from zmq_bridge.relay.books import Register
from zmq_bridge.relay.messages import Refused, Registered
from zmq_bridge.relay.presence import Presence, Workers
from zmq_bridge.relay.sessions import Desk, Sessions
from zmq_bridge.relay.workbench import Workbench
from zmq_bridge.sockets.envelope import Request
from zmq_bridge.sockets.terminal_server import TerminalServer, TerminalSession, steady_ms, unix_ms

log = logging.getLogger(__name__)

HELLO_ANSWER_MS = 1200
"""A hello not booked by then is answered UNAVAILABLE: before the terminal takes it for lost (REPLY_GRACE_MS)."""
HELLOS_MAX = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """A hello on its way to the books."""

    hello: Hello
    request: Request
    until_ms: int


class Reception:
    """Takes hellos in."""

    def __init__(self, server: TerminalServer, sessions: Sessions, presence: Presence, workers: Workers) -> None:
        self._server = server
        self._sessions = sessions
        self._presence = presence
        self._books = workers.books
        self._greetings: dict[tuple[int, int, str], Greeting] = {}

    def greet(self, hello: Hello, request: Request) -> None:
        """Send a hello to the books; the answer follows.

        Raises:
            ProtocolViolation: no version in common.
        """
        choose_version(hello.versions)
        greeting = Greeting(hello=hello, request=request, until_ms=steady_ms() + HELLO_ANSWER_MS)
        full = len(self._greetings) >= HELLOS_MAX
        if full or not self._books.put(Register(hello=hello, received_at=datetime.now(UTC))):
            self._refuse(greeting, ErrorCode.UNAVAILABLE, "too many hellos")
        else:
            self._greetings[_key(hello)] = greeting

    def registered(self, report: Registered) -> None:
        """Open the session of a hello that is booked."""
        hello = report.hello
        greeting = self._greetings.pop(_key(hello), None)
        if greeting is None:
            self._retire(hello)
            return  # answered UNAVAILABLE already; it will greet again
        if self._sessions.conflicts(hello.login, report.account_id):
            message = "the login is served for an account of another server"
            self._refuse(greeting, ErrorCode.WRONG_LOGIN, message, "one server per login", hello.server)
            return
        try:
            session, superseded = self._server.greet(hello, greeting.request, _welcome(report))
        except ProtocolViolation as refusal:
            self._refuse(greeting, refusal.code, refusal.message, refusal.expected, refusal.found)
            return
        self._open(report, session, superseded)

    def refused(self, report: Refused) -> None:
        """Tell a terminal why the books do not take it."""
        greeting = self._greetings.pop(_key(report.hello), None)
        if greeting is not None:
            self._refuse(greeting, report.code, report.message, report.expected, report.found)

    def on_time(self, now_ms: int) -> None:
        """Answer hellos that the books leave waiting."""
        for key, greeting in list(self._greetings.items()):
            if now_ms >= greeting.until_ms:
                del self._greetings[key]
                self._refuse(greeting, ErrorCode.UNAVAILABLE, "the books did not answer in time")

    def next_due_ms(self) -> int | None:
        """Return when `on_time` has something to do; None = nothing waits."""
        return min((greeting.until_ms for greeting in self._greetings.values()), default=None)

    def _open(self, report: Registered, session: TerminalSession, superseded: Iterable[TerminalSession]) -> None:
        now_ms = steady_ms()
        desk = Desk(
            session=session,
            account_id=report.account_id,
            server=report.hello.server,
            work=Workbench(report.trading_state),
            server_offset_s=report.hello.server_offset_s,
        )
        before = self._sessions.add(desk)
        for command in report.unconfirmed:
            desk.work.offer(command, now_ms)
        if before is not None:
            desk.booking, desk.is_present = before.booking, before.is_present
            desk.work.resume(before.work)
            self._presence.greeted_anew(desk)
        for old in superseded:
            self._succeed(desk, old, knows_all=report.same_journal)
        log.info(
            "terminal connected: login=%d role=%s session=%d account_id=%d unconfirmed=%d",
            session.login, session.role, session.number, report.account_id, len(report.unconfirmed),
        )  # fmt: skip
        self._presence.alive(desk, now_ms)

    def _retire(self, hello: Hello) -> None:
        """Serve its predecessors no longer: in the books it has their place, and one order must not go to both."""
        for old in self._server.retire(hello):
            older = self._sessions.remove(old)
            if older is not None:
                self._presence.absent(older, "superseded")

    def _succeed(self, desk: Desk, old: TerminalSession, *, knows_all: bool) -> None:
        """Take over from a superseded session what the new one's role may do."""
        older = self._sessions.remove(old)
        if older is not None:
            role = desk.session
            desk.work.inherit(
                older.work, knows_all=knows_all, trades=role.takes_trades, fetches=role.takes_fetches
            )
            self._presence.replaced(older, desk)

    def _refuse(
        self, greeting: Greeting, code: ErrorCode, message: str, expected: str = "", found: str = ""
    ) -> None:
        session = greeting.hello.session
        self._server.refuse(greeting.request, code, message, session=session, expected=expected, found=found)


def _key(hello: Hello) -> tuple[int, int, str]:
    return hello.login, hello.session, hello.role


def _welcome(report: Registered) -> Welcome:
    return Welcome(
        session=report.hello.session,
        now_ms=unix_ms(),
        version=choose_version(report.hello.versions),
        login=report.hello.login,
        beat_ms=BEAT_MS,
        wait_ms_max=WAIT_MS_MAX,
        trading_state=report.trading_state,
        deals_from_msc=report.deals_from_msc,
    )
