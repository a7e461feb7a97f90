"""What terminals tell: events and books on their way to the books thread, and what it says of them.

Law: an event is handed over once at a time (`Desk.booking`), and acknowledged by `Committed` and by nothing else. What
the books thread has no room for is left: the terminal tells it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from zmq_bridge.protocol.published import CommandResult, Event, Snapshot
from zmq_bridge.relay.backfill import FetchRefused
from zmq_bridge.relay.books import Ingest
from zmq_bridge.relay.live_thread import happening_of
from zmq_bridge.relay.messages import Committed, NotCommitted
from zmq_bridge.relay.presence import Workers
from zmq_bridge.relay.sessions import Desk, Sessions
from zmq_bridge.sockets.terminal_server import steady_ms, unix_ms


class Intake:
    """Takes in what sessions tell, from memory; nothing waits."""

    def __init__(self, sessions: Sessions, workers: Workers, counts: Counter[str]) -> None:
        self._sessions, self._workers, self._counts = sessions, workers, counts

    def take_events(self, desk: Desk, events: Iterable[Event]) -> None:
        """Send to the books what is not on its way there already."""
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
            self._counts["events_left"] += len(fresh)

    def take_books(self, desk: Desk, snapshot: Snapshot, events: Iterable[Event] = ()) -> None:
        """Take in books, with the events that came with them: what comes together is committed together."""
        if not desk.session.takes_trades or snapshot.account.server != desk.server:
            self._counts["books_of_others"] += 1
            self.take_events(desk, events)
            return
        is_first = self._workers.books.presents.lay(desk.account_id, snapshot, datetime.now(UTC))
        self.take_events(desk, events)  # takes the books along, if there is an event to book
        if is_first:
            self._workers.books.keep_present(desk.account_id)
        self._workers.live.account(snapshot, unix_ms())

    def committed(self, report: Committed) -> Desk | None:
        """Lay acknowledgements ready; return whose they are, if it is still there."""
        self._counts["events_committed"] += len(report.fresh)
        for event in report.fresh:
            self._workers.live.happened(happening_of(event))
        desk = self._sessions.find(report.login, report.session)
        if desk is not None:
            desk.booking.difference_update(report.acks)
            desk.work.acknowledge(report.acks)
        return desk

    def not_committed(self, report: NotCommitted) -> None:
        """Let the terminal tell it again."""
        self._counts["events_not_committed"] += len(report.keys)
        desk = self._sessions.find(report.login, report.session)
        if desk is not None:
            desk.booking.difference_update(report.keys)

    def _hear_result(self, desk: Desk, result: CommandResult, now_ms: int) -> None:
        if desk.work.is_fetch(result.command_id) and result.is_final:
            message = f"{result.status}: {result.message}"
            refused = FetchRefused(account_id=desk.account_id, command_id=result.command_id, message=message)
            self._workers.backfill.put(refused)
        desk.work.answered(result.command_id, now_ms, is_final=result.is_final)
