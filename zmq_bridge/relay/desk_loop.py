"""What the desk does about a request, a published message, a worker's report. Everything at once, from memory.

Law: nothing in here waits for a database or for Redis. What needs Postgres goes to a worker and comes back as a
`Report`. So a database that stands still costs acknowledgements and new commands, but no heartbeat: pulls are answered
on time and terminals stay connected. An acknowledgement is laid ready by `Committed` and by nothing else.

What arrives on PUB is taken in at once, but only of a session that said hello on the ROUTER, where it is checked who
speaks; whatever is dropped on the way comes again with a pull. Where peers must prove who they are, PUB cannot say
which of them spoke: there whatever is published is only a hint, neither believed nor a sign of life, and a held pull is
ended early so that the terminal brings what it has to say.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import zmq

from zmq_bridge.protocol.codec import split_frame
from zmq_bridge.protocol.commands import SetTradingState
from zmq_bridge.protocol.dialogue import Bye, Hello, History, Pull, Received, Symbols, Work
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.limits import BEAT_MS
from zmq_bridge.protocol.messages import decode_frame
from zmq_bridge.protocol.published import Beat, CommandResult, Event, Snapshot, snapshot_of
from zmq_bridge.protocol.topics import BEAT, BRIDGE_LOGIN, parse_topic
from zmq_bridge.relay.backfill import FetchRefused, KeepHistory
from zmq_bridge.relay.books import Ingest, KeepSymbols
from zmq_bridge.relay.live_thread import happening_of
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
from zmq_bridge.relay.presence import Presence, Workers
from zmq_bridge.relay.reception import Reception
from zmq_bridge.relay.sessions import Desk, Sessions
from zmq_bridge.sockets.envelope import Request
from zmq_bridge.sockets.terminal_server import TerminalServer, TerminalSession, steady_ms, unix_ms
from zmq_bridge.sockets.zap import AllowList

log = logging.getLogger(__name__)

SET_STATE_TTL_MS = 60_000


class DeskLoop:
    """Decides. Implements `sockets.terminal_server.Desk`."""

    def __init__(self, socket: zmq.Socket[bytes], allowed: AllowList, workers: Workers) -> None:
        self.server = TerminalServer(socket, allowed=allowed, desk=self)
        self.counts: Counter[str] = Counter()
        """What happened, for `status`."""
        self.sessions = Sessions()
        self._believes_news = not allowed.authenticated
        self._workers = workers
        self._presence = Presence(workers)
        self._reception = Reception(self.server, self.sessions, self._presence, workers)

    # requests

    def on_hello(self, hello: Hello, request: Request) -> None:
        """Take it to the reception."""
        self._reception.greet(hello, request)

    def on_pull(self, session: TerminalSession, pull: Pull) -> None:
        """Take its events and books in; answer at once if there is work."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse_pull(session, ErrorCode.UNKNOWN_SESSION, "pull refused")
            return
        if pull.snapshot is None:
            self._take_events(desk, pull.events)
        else:
            self._take_books(desk, snapshot_of(pull.snapshot, pull.login, pull.session), pull.events)
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
        self._ask(desk, history.command_id, request, self._workers.backfill.put(order))

    def on_symbols(self, session: TerminalSession, symbols: Symbols, request: Request) -> None:
        """Send them to the books; the answer follows."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse(request, ErrorCode.UNKNOWN_SESSION, "symbols refused", session=session.number)
            return
        job = KeepSymbols(
            account_id=desk.account_id, login=session.login, session=session.number, specs=symbols.symbols
        )
        self._ask(desk, "", request, self._workers.books.put(job))

    def on_bye(self, session: TerminalSession, bye: Bye) -> None:
        """Serve the session no longer."""
        desk = self.sessions.remove(session)
        if desk is not None:
            log.info("terminal said bye: login=%d session=%d: %s", session.login, session.number, bye.reason)
            self._presence.absent(desk, "bye", gone=True)

    def on_silent(self, session: TerminalSession) -> None:
        """Leave its commands queued until it is heard again."""
        desk = self.sessions.of(session)
        if desk is not None:
            log.warning("terminal is silent: login=%d session=%d", session.login, session.number)
            self._presence.absent(desk, "silent")

    # published messages

    def on_news(self, frame: bytes) -> None:
        """Take in a frame of the SUB socket."""
        try:
            if not self._believes_news:
                self._take_hint(frame)
                return
            _, message = decode_frame(frame)
        except ProtocolViolation as violation:
            self.counts["news_malformed"] += 1
            log.info("published message dropped: %s", violation)
            return
        if not isinstance(message, Event | Snapshot | Beat) or message.login == BRIDGE_LOGIN:
            return
        now_ms = steady_ms()
        desk = self.sessions.of(self.server.roster.heard(message.login, message.session, now_ms))
        if desk is None:
            self.counts["news_of_strangers"] += 1
            return
        self._presence.alive(desk, now_ms)
        if isinstance(message, Event):
            self._take_events(desk, (message,))
        elif isinstance(message, Snapshot):
            self._take_books(desk, message)

    # reports of the workers

    def on_report(self, report: Report) -> None:
        """Act on what a worker did."""
        match report:
            case Registered():
                self._reception.registered(report)
            case Refused():
                self._reception.refused(report)
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
        self._reception.on_time(steady_ms())
        self.server.on_time()

    def next_due_ms(self) -> int | None:
        """Return when `on_time` has something to do; None = not before something comes."""
        heartbeat_ms = steady_ms() + BEAT_MS if len(self.sessions) else None
        due_ms = (self._reception.next_due_ms(), self.server.roster.next_due_ms(), heartbeat_ms)
        return min((each for each in due_ms if each is not None), default=None)

    def answer_all(self) -> None:
        """Answer every held pull: the desk is going."""
        for desk in self.sessions:
            if desk.session.waiting is not None:
                self._answer(desk)

    # what follows

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

    def _take_hint(self, frame: bytes) -> None:
        """End a held pull: the next one brings what the terminal has to say, on a connection that says whose it is."""
        topic = parse_topic(split_frame(frame)[0])
        session = None if topic.kind == BEAT else self.server.roster.desk_of(topic.login)
        if session is not None:
            self.counts["hints"] += 1
            session.hurry()

    def _hear_result(self, desk: Desk, result: CommandResult, now_ms: int) -> None:
        if desk.work.is_fetch(result.command_id) and result.is_final:
            message = f"{result.status}: {result.message}"
            refused = FetchRefused(account_id=desk.account_id, command_id=result.command_id, message=message)
            self._workers.backfill.put(refused)
        desk.work.answered(result.command_id, now_ms)

    def _take_books(self, desk: Desk, snapshot: Snapshot, events: Iterable[Event] = ()) -> None:
        """Take in books, with the events that came with them: what comes together is committed together."""
        if not desk.session.takes_trades or snapshot.account.server != desk.server:
            self.counts["books_of_others"] += 1
            self._take_events(desk, events)
            return
        is_first = self._workers.books.presents.lay(desk.account_id, snapshot, datetime.now(UTC))
        self._take_events(desk, events)  # takes the books along, if there is an event to book
        if is_first:
            self._workers.books.keep_present(desk.account_id)
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
            self.server.refuse_pull(desk.session, ErrorCode.UNKNOWN_SESSION, "this desk gave the account up")
            self.server.roster.forget(desk.session)
            self.sessions.remove(desk.session)
            self._presence.absent(desk, "the desk gave the account up")

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

    def _ask(self, desk: Desk, name: str, request: Request, taken: bool) -> None:
        if taken:
            desk.question = (name, request)
        else:
            self.server.refuse(request, ErrorCode.UNAVAILABLE, "too much to do", session=desk.session.number)

    def _answer_question(self, login: int, number: int, command_id: str, committed: bool) -> None:
        desk = self.sessions.find(login, number)
        if desk is None or desk.question is None or desk.question[0] != command_id:
            return  # its terminal has given it up
        (_, request), desk.question = desk.question, None
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
            self._presence.alive(desk, steady_ms())
        return desk


def _set_state(report: StateSet) -> SetTradingState:
    now_ms = unix_ms()
    return SetTradingState(
        command_id=new_id(now_ms),
        expires_at_ms=now_ms + SET_STATE_TTL_MS,
        state=report.state,
        reason="set at the bridge",
    )
