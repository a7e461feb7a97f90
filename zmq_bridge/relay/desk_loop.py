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

import zmq

from zmq_bridge.protocol.codec import split_frame
from zmq_bridge.protocol.dialogue import Bye, Hello, History, Pull, Symbols
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import BEAT_MS
from zmq_bridge.protocol.messages import decode_frame
from zmq_bridge.protocol.published import Beat, Event, Snapshot, snapshot_of
from zmq_bridge.protocol.topics import BEAT, BRIDGE_LOGIN, parse_topic
from zmq_bridge.relay.backfill import KeepHistory
from zmq_bridge.relay.books import KeepSymbols
from zmq_bridge.relay.handout import Handout
from zmq_bridge.relay.intake import Intake
from zmq_bridge.relay.messages import (
    Claimed,
    Committed,
    Fetch,
    HistoryKept,
    Lost,
    NotCommitted,
    Recalled,
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
from zmq_bridge.sockets.terminal_server import TerminalServer, TerminalSession, steady_ms
from zmq_bridge.sockets.zap import AllowList

log = logging.getLogger(__name__)


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
        self._intake = Intake(self.sessions, workers, self.counts)
        self._handout = Handout(self.server, self.sessions, self.counts)

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
            self._intake.take_events(desk, pull.events)
        else:
            self._intake.take_books(desk, snapshot_of(pull.snapshot, pull.login, pull.session), pull.events)
        if desk.work.is_urgent():
            self._handout.answer(desk)

    def on_pull_due(self, session: TerminalSession) -> None:
        """Answer with what there is."""
        desk = self.sessions.of(session)
        if desk is None:
            self.server.refuse_pull(session, ErrorCode.UNKNOWN_SESSION, "pull refused")
        else:
            self._handout.answer(desk)

    def on_history(self, session: TerminalSession, history: History, request: Request) -> None:
        """Send it to the backfill thread; the answer follows."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse(request, ErrorCode.UNKNOWN_SESSION, "history refused", session=session.number)
            return
        desk.work.answered(history.command_id, steady_ms())
        order = KeepHistory(account_id=desk.account_id, history=history)
        self._handout.keep_question(desk, history.command_id, request, taken=self._workers.backfill.put(order))

    def on_symbols(self, session: TerminalSession, symbols: Symbols, request: Request) -> None:
        """Send them to the books; the answer follows."""
        desk = self._heard(session)
        if desk is None:
            self.server.refuse(request, ErrorCode.UNKNOWN_SESSION, "symbols refused", session=session.number)
            return
        job = KeepSymbols(
            account_id=desk.account_id, login=session.login, session=session.number, specs=symbols.symbols
        )
        self._handout.keep_question(desk, "", request, taken=self._workers.books.put(job))

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
            self._intake.take_events(desk, (message,))
        elif isinstance(message, Snapshot):
            self._intake.take_books(desk, message)

    # reports of the workers

    def on_report(self, report: Report) -> None:
        """Act on what a worker did."""
        match report:
            case Registered():
                self._reception.registered(report)
            case Refused():
                self._reception.refused(report)
            case Committed():
                if desk := self._intake.committed(report):
                    self._handout.answer_if_waiting(desk)
            case NotCommitted():
                self._intake.not_committed(report)
            case SymbolsKept():
                self._handout.answer_question(report.login, report.session, "", committed=report.committed)
            case HistoryKept():
                name = report.command_id
                self._handout.answer_question(report.login, report.session, name, committed=report.committed)
            case Claimed():
                self._handout.claimed(report)
            case Recalled():
                self._handout.recalled(report)
            case Fetch():
                self._handout.fetch(report)
            case StateSet():
                self._handout.state_set(report)
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
        self._handout.answer_all()

    # what follows

    def _take_hint(self, frame: bytes) -> None:
        """End a held pull: the next one brings what the terminal has to say, on a connection that says whose it is."""
        topic = parse_topic(split_frame(frame)[0])
        session = None if topic.kind == BEAT else self.server.roster.desk_of(topic.login)
        if session is not None:
            self.counts["hints"] += 1
            session.hurry()

    def _lost(self, report: Lost) -> None:
        for desk in self.sessions.of_account(report.account_id):
            self.server.refuse_pull(desk.session, ErrorCode.UNKNOWN_SESSION, "this desk gave the account up")
            self.server.roster.forget(desk.session)
            self.sessions.remove(desk.session)
            self._presence.absent(desk, "the desk gave the account up")

    def _heard(self, session: TerminalSession) -> Desk | None:
        desk = self.sessions.of(session)
        if desk is not None:
            self._presence.alive(desk, steady_ms())
        return desk
