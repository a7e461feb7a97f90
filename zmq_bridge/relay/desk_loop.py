"""What the desk does about a request, a published message, a worker's report. Everything at once, from memory.

Law: nothing in here waits for a database or for Redis. What needs Postgres goes to a worker and comes back as a
`Report`. So a database that stands still costs acknowledgements and new commands, but no heartbeat: pulls are answered
on time and terminals stay connected. An acknowledgement is laid ready by `Committed` and by nothing else.

What arrives on PUB is taken in at once, but only of a session that said hello on the ROUTER, where it is checked who
speaks; whatever is dropped on the way comes again with a pull.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import zmq

from zmq_bridge.protocol.bridge_session import choose_version
from zmq_bridge.protocol.commands import SetTradingState
from zmq_bridge.protocol.dialogue import Bye, Hello, History, Pull, Received, Symbols, Welcome, Work
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.limits import BEAT_MS, WAIT_MS_MAX
from zmq_bridge.protocol.messages import decode_frame
from zmq_bridge.protocol.published import Beat, CommandResult, Event, Snapshot
from zmq_bridge.relay.backfill import Attend, BackfillThread, FetchRefused, KeepHistory
from zmq_bridge.relay.books import BooksThread, Ingest, KeepSymbols, Mark, Register
from zmq_bridge.relay.live_thread import Happening, Life, LiveThread, happening_of
from zmq_bridge.relay.messages import (
    Claimed,
    Committed,
    Fetch,
    HistoryKept,
    Lost,
    NotCommitted,
    Refused,
    Registered,
    Report,
    StateSet,
    SymbolsKept,
)
from zmq_bridge.relay.outbox import ClaimsThread
from zmq_bridge.relay.sessions import Desk, Sessions
from zmq_bridge.relay.workbench import Workbench
from zmq_bridge.sockets.envelope import Request
from zmq_bridge.sockets.terminal_server import TerminalServer, TerminalSession, steady_ms, unix_ms
from zmq_bridge.sockets.zap import AllowList

log = logging.getLogger(__name__)

HELLO_ANSWER_MS = 1200
"""A hello not booked by then is answered UNAVAILABLE: before the terminal takes it for lost (REPLY_GRACE_MS)."""
HELLOS_MAX = 1024
SET_STATE_TTL_MS = 60_000
LIFE_EVERY_MS = 400
"""At most so often a terminal's life is shown in Redis; below BEAT_MS, so that every beat shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The threads that do what takes time."""

    books: BooksThread
    claims: ClaimsThread
    backfill: BackfillThread
    live: LiveThread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Greeting:
    """A hello on its way to the books."""

    request: Request
    until_ms: int


class DeskLoop:
    """Decides. Implements `sockets.terminal_server.Desk`."""

    def __init__(self, socket: zmq.Socket[bytes], allowed: AllowList, workers: Workers) -> None:
        self.server = TerminalServer(socket, allowed=allowed, desk=self)
        self.counts: Counter[str] = Counter()
        """What happened, for `status`."""
        self.sessions = Sessions()
        self._workers = workers
        self._greetings: dict[tuple[int, int, str], _Greeting] = {}

    # requests

    def on_hello(self, hello: Hello, request: Request) -> None:
        """Send it to the books; the answer follows."""
        choose_version(hello.versions)
        job = Register(hello=hello, received_at=datetime.now(UTC))
        if len(self._greetings) >= HELLOS_MAX or not self._workers.books.put(job):
            self._refuse_hello(hello, request, ErrorCode.UNAVAILABLE, "too many hellos")
            return
        greeting = _Greeting(request=request, until_ms=steady_ms() + HELLO_ANSWER_MS)
        self._greetings[hello.login, hello.session, hello.role] = greeting

    def on_pull(self, session: TerminalSession, pull: Pull) -> None:
        """Take its events in; answer at once if there is work."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse_pull(session, ErrorCode.UNKNOWN_SESSION, "pull refused")
            return
        self._take_events(desk, pull.events)
        if desk.work.is_urgent():
            self._answer(desk)

    def on_pull_due(self, session: TerminalSession) -> None:
        """Answer with what there is."""
        desk = self.sessions.of(session)
        if desk is None:
            self.server.refuse_pull(session, ErrorCode.UNKNOWN_SESSION, "pull refused")
        else:
            self._answer(desk)

    def on_history(self, session: TerminalSession, history: History, request: Request) -> None:
        """Send it to the backfill thread; the answer follows."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse(request, ErrorCode.UNKNOWN_SESSION, "history refused", session=session.number)
            return
        desk.work.answered(history.command_id, steady_ms())
        order = KeepHistory(account_id=desk.account_id, history=history)
        self._ask(desk, request, self._workers.backfill.put(order))

    def on_symbols(self, session: TerminalSession, symbols: Symbols, request: Request) -> None:
        """Send them to the books; the answer follows."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse(request, ErrorCode.UNKNOWN_SESSION, "symbols refused", session=session.number)
            return
        job = KeepSymbols(
            account_id=desk.account_id, login=session.login, session=session.number, specs=symbols.symbols
        )
        self._ask(desk, request, self._workers.books.put(job))

    def on_bye(self, session: TerminalSession, bye: Bye) -> None:
        """Serve the session no longer."""
        desk = self.sessions.remove(session)
        if desk is not None:
            log.info("terminal said bye: login=%d session=%d: %s", session.login, session.number, bye.reason)
            self._absent(desk, "bye")

    def on_silent(self, session: TerminalSession) -> None:
        """Leave its commands queued until it is heard again."""
        desk = self.sessions.of(session)
        if desk is not None:
            log.warning("terminal is silent: login=%d session=%d", session.login, session.number)
            self._absent(desk, "silent")

    # published messages

    def on_news(self, frame: bytes) -> None:
        """Take in a frame of the SUB socket."""
        try:
            _, message = decode_frame(frame)
        except ProtocolViolation as violation:
            self.counts["news_malformed"] += 1
            log.info("published message dropped: %s", violation)
            return
        if not isinstance(message, Event | Snapshot | Beat):
            return
        now_ms = steady_ms()
        desk = self.sessions.of(self.server.roster.heard(message.login, message.session, now_ms))
        if desk is None:
            self.counts["news_of_strangers"] += 1
            return
        self._alive(desk, now_ms)
        if isinstance(message, Event):
            self._take_events(desk, (message,))
        elif isinstance(message, Snapshot):
            self._take_snapshot(desk, message)

    # reports of the workers

    def on_report(self, report: Report) -> None:
        """Act on what a worker did."""
        match report:
            case Registered():
                self._registered(report)
            case Refused(hello=hello):
                greeting = self._greetings.pop((hello.login, hello.session, hello.role), None)
                if greeting is not None:
                    self._refuse_hello(
                        hello, greeting.request, report.code, report.message, report.expected, report.found
                    )
            case Committed():
                self._committed(report)
            case NotCommitted():
                self.counts["events_not_committed"] += len(report.keys)
                desk = self.sessions.find(report.login, report.session)
                if desk is not None:
                    desk.booking.difference_update(report.keys)
            case SymbolsKept():
                self._answer_question(report.login, report.session, "", report.committed)
            case HistoryKept():
                self._answer_question(report.login, report.session, report.command_id, report.committed)
            case Claimed():
                self._claimed(report)
            case Fetch():
                self._fetch(report)
            case StateSet():
                self._state_set(report)
            case Lost():
                self._lost(report)

    def on_time(self) -> None:
        """Answer what was held long enough; notice silence."""
        now_ms = steady_ms()
        for key, greeting in list(self._greetings.items()):
            if now_ms >= greeting.until_ms:
                del self._greetings[key]
                self.server.refuse(
                    greeting.request, ErrorCode.UNAVAILABLE, "the books did not answer in time", session=key[1]
                )
        self.server.on_time()

    def next_due_ms(self) -> int | None:
        """Return when `on_time` has something to do; None = not before something comes."""
        due_ms = [greeting.until_ms for greeting in self._greetings.values()]
        pull_due_ms = self.server.roster.next_due_ms()
        if pull_due_ms is not None:
            due_ms.append(pull_due_ms)
        if len(self.sessions):
            due_ms.append(steady_ms() + BEAT_MS)
        return min(due_ms, default=None)

    def answer_all(self) -> None:
        """Answer every held pull: the desk is going."""
        for desk in self.sessions:
            if desk.session.waiting is not None:
                self._answer(desk)

    # what follows

    def _registered(self, report: Registered) -> None:
        hello = report.hello
        greeting = self._greetings.pop((hello.login, hello.session, hello.role), None)
        if greeting is None:
            return  # answered UNAVAILABLE already; it will greet again
        if self.sessions.conflicts(hello.login, report.account_id):
            self._refuse_hello(
                hello, greeting.request, ErrorCode.WRONG_LOGIN, "the login is served for another server",
                "one server per login", hello.server,
            )  # fmt: skip
            return
        try:
            session, superseded = self.server.greet(hello, greeting.request, _welcome(report))
        except ProtocolViolation as refusal:
            self._refuse_hello(
                hello, greeting.request, refusal.code, refusal.message, refusal.expected, refusal.found
            )
            return
        self._open(report, session, superseded)

    def _open(self, report: Registered, session: TerminalSession, superseded: Iterable[TerminalSession]) -> None:
        now_ms = steady_ms()
        desk = Desk(
            session=session, account_id=report.account_id, work=Workbench(report.trading_state),
            server_offset_s=report.hello.server_offset_s,
        )  # fmt: skip
        before = self.sessions.add(desk)
        for command in report.unconfirmed:
            desk.work.offer(command, now_ms)
        if before is not None:
            desk.booking, desk.is_present = before.booking, before.is_present
            desk.work.inherit(before.work)
        for old in superseded:
            self._succeed(desk, old)
        log.info(
            "terminal connected: login=%d role=%s session=%d account_id=%d unconfirmed=%d",
            session.login, session.role, session.number, report.account_id, len(report.unconfirmed),
        )  # fmt: skip
        self._alive(desk, now_ms)

    def _succeed(self, desk: Desk, old: TerminalSession) -> None:
        """Take over the commands of a superseded session."""
        older = self.sessions.remove(old)
        if older is None:
            return
        desk.work.inherit(older.work)
        if old.role != desk.session.role:
            self._workers.live.gone(old.login, old.role)

    def _refuse_hello(
        self, hello: Hello, request: Request, code: ErrorCode, message: str, expected: str = "", found: str = ""
    ) -> None:
        self.server.refuse(request, code, message, session=hello.session, expected=expected, found=found)

    def _take_events(self, desk: Desk, events: Iterable[Event]) -> None:
        now_ms = steady_ms()
        fresh = desk.unseen(events)
        for event in fresh:
            if isinstance(event.data, CommandResult):
                self._hear_result(desk, event.data, now_ms)
        if not fresh:
            return
        session = desk.session
        job = Ingest(account_id=desk.account_id, login=session.login, session=session.number, events=fresh)
        if self._workers.books.put(job):
            desk.booking.update(event.key for event in fresh)
        else:
            self.counts["events_left"] += len(fresh)

    def _hear_result(self, desk: Desk, result: CommandResult, now_ms: int) -> None:
        if desk.work.is_fetch(result.command_id) and result.is_final:
            message = f"{result.status}: {result.message}"
            refused = FetchRefused(account_id=desk.account_id, command_id=result.command_id, message=message)
            self._workers.backfill.put(refused)
        desk.work.answered(result.command_id, now_ms)

    def _take_snapshot(self, desk: Desk, snapshot: Snapshot) -> None:
        if not desk.session.takes_trades:
            self.counts["news_out_of_role"] += 1
            return
        self._workers.books.keep_present(desk.account_id, snapshot, datetime.now(UTC))
        self._workers.live.account(snapshot, unix_ms())

    def _committed(self, report: Committed) -> None:
        self.counts["events_committed"] += len(report.fresh)
        for event in report.fresh:
            self._workers.live.happened(happening_of(event))
        desk = self.sessions.find(report.login, report.session)
        if desk is None:
            return
        desk.booking.difference_update(report.acks)
        desk.work.acknowledge(report.acks)
        self._answer_if_waiting(desk)

    def _claimed(self, report: Claimed) -> None:
        desk = self._trading_desk(report.account_id)
        if desk is None:
            self.counts["commands_without_terminal"] += len(report.commands)
            return  # they are marked sent: handed out at the next hello, or by the sweep
        now_ms = steady_ms()
        for command in report.commands:
            desk.work.offer(command, now_ms)
        self._answer_if_waiting(desk)

    def _fetch(self, report: Fetch) -> None:
        for desk in self.sessions.of_account(report.account_id):
            if desk.session.takes_fetches and desk.is_present:
                desk.work.offer(report.command, steady_ms())
                self._answer_if_waiting(desk)

    def _state_set(self, report: StateSet) -> None:
        for desk in self.sessions.of_account(report.account_id):
            if desk.work.trading_state == report.state:
                continue
            desk.work.trading_state = report.state
            if desk.session.takes_trades:
                desk.work.offer(_set_state(report), steady_ms())
            self._answer_if_waiting(desk)

    def _lost(self, report: Lost) -> None:
        for desk in self.sessions.of_account(report.account_id):
            self.server.refuse_pull(desk.session, ErrorCode.OWNED_ELSEWHERE, "another desk serves this account")
            self.server.roster.forget(desk.session)
            self.sessions.remove(desk.session)
            self._absent(desk, "owned elsewhere")

    def _answer(self, desk: Desk) -> None:
        load = desk.work.load(steady_ms())
        work = Work(
            session=desk.session.number, now_ms=unix_ms(), trading_state=load.trading_state, commands=load.commands,
            acks=load.acks,
        )  # fmt: skip
        if self.server.answer_pull(desk.session, work):
            self.counts["commands_handed_out"] += len(load.commands)
        else:
            desk.work.unload(load)

    def _answer_if_waiting(self, desk: Desk) -> None:
        if desk.session.waiting is not None and desk.work.is_urgent():
            self._answer(desk)

    def _ask(self, desk: Desk, request: Request, taken: bool) -> None:
        if taken:
            desk.question = request
        else:
            self.server.refuse(request, ErrorCode.UNAVAILABLE, "too much to do", session=desk.session.number)

    def _answer_question(self, login: int, number: int, command_id: str, committed: bool) -> None:
        desk = self.sessions.find(login, number)
        if desk is None or desk.question is None:
            return
        request, desk.question = desk.question, None
        if committed:
            self.server.reply(request, Received(session=number, now_ms=unix_ms(), command_id=command_id))
        else:
            self.server.refuse(request, ErrorCode.UNAVAILABLE, "the books are not open now", session=number)

    # who is there

    def _trading_desk(self, account_id: int) -> Desk | None:
        trading = (desk for desk in self.sessions.of_account(account_id) if desk.session.takes_trades)
        return next(trading, None)

    def _heard(self, session: TerminalSession) -> Desk | None:
        desk = self.sessions.of(session)
        if desk is not None:
            self._alive(desk, steady_ms())
        return desk

    def _alive(self, desk: Desk, now_ms: int) -> None:
        if now_ms - desk.life_ms >= LIFE_EVERY_MS:
            desk.life_ms = now_ms
            self._workers.live.seen(_life(desk))
        if desk.is_present:
            return
        desk.is_present = True
        if desk.session.takes_trades:
            self._workers.claims.attend(desk.account_id, True)
        if desk.session.takes_fetches:
            self._workers.backfill.put(Attend(account_id=desk.account_id, present=True))
        self._show(desk, "connected", "")

    def _absent(self, desk: Desk, reason: str) -> None:
        if not desk.is_present:
            return
        desk.is_present = False
        desk.life_ms = -(10**9)
        if desk.session.takes_trades:
            self._workers.claims.attend(desk.account_id, False)
        if desk.session.takes_fetches:
            self._workers.backfill.put(Attend(account_id=desk.account_id, present=False))
        self._workers.live.gone(desk.session.login, desk.session.role)
        self._show(desk, "disconnected", reason)

    def _show(self, desk: Desk, state: str, reason: str) -> None:
        session = desk.session
        data = {"role": session.role, "session": session.number, "state": state, "reason": reason}
        self._workers.live.happened(Happening(kind="terminal", login=session.login, data=data))
        mark = Mark(
            account_id=desk.account_id, role=session.role, session=session.number, state=state,
            last_seen_at=datetime.now(UTC),
        )  # fmt: skip
        self._workers.books.put(mark)


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


def _set_state(report: StateSet) -> SetTradingState:
    now_ms = unix_ms()
    return SetTradingState(
        command_id=new_id(now_ms),
        expires_at_ms=now_ms + SET_STATE_TTL_MS,
        state=report.state,
        reason="set at the bridge",
    )


def _life(desk: Desk) -> Life:
    return Life(
        login=desk.session.login,
        role=desk.session.role,
        session=desk.session.number,
        last_seen_ms=unix_ms(),
        fields={"state": "connected", "server_offset_s": desk.server_offset_s},
    )
