"""Ticks into Postgres, for good.

One transaction per batch: lock the streams' cursors, plan (relay.gaps), append by COPY, open gaps, move the cursors. So
the ticks, the place in the stream and what is missing are one truth, whatever is killed when. Commits are not flushed
to disk one by one (`synchronous_commit=off`): a crash of the server takes back the last fraction of a second *with its
cursors*, and the jump that follows is a gap like any other.

Policy. Postgres slow: the queue holds. Postgres away: the same batch is tried again with growing pauses, the queue
holds, and what no longer fits is refused at its entrance, counted, and becomes a gap. A batch that Postgres won't take
for another reason is tried stream by stream, and a stream that fails alone loses its batch, counted, to a gap.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.relay.account_book import AccountBook
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.gaps import Announced, News, StreamPlan, plan_stream
from zmq_bridge.relay.tick_queue import Beaten, Item, TickQueue
from zmq_bridge.storage.ticks.accounts import Speaker, accounts_of
from zmq_bridge.storage.ticks.copy import TickRun, commit_without_waiting, copy_ticks
from zmq_bridge.storage.ticks.cursors import Stream, lock_cursors, save_cursors
from zmq_bridge.storage.ticks.gaps import open_gap
from zmq_bridge.storage.ticks.partitions import ensure_days_ahead
from zmq_bridge.storage.ticks.repair import claim_or_copy

log = logging.getLogger(__name__)

BATCH_TICKS_WANTED = 2_000
BATCH_TICKS_MAX = 10_000
BATCH_LINGER_S = 0.05
"""A transaction when 2,000 ticks wait, or 50 ms after the first: twenty commits a second at most when it is quiet."""

WAKE_S = 1.0
"""How often a sink without work looks whether a held stream's account has appeared."""

DAYS_AHEAD_INTERVAL_S = 3_600.0

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 5.0

Result = TypeVar("Result")
NewsByStream = Mapping[Stream, Sequence[News]]


class PostgresSink(threading.Thread):
    """Drains its queue into Postgres until the queue is closed and empty, or `give_up` is set."""

    def __init__(self, engine: Engine, queue: TickQueue, stats: FeedStats, now_ms: Callable[[], int]) -> None:
        super().__init__(name="postgres-sink", daemon=True)
        self.give_up = threading.Event()
        self._engine = engine
        self._queue = queue
        self._stats = stats
        self._now_ms = now_ms
        self._accounts = AccountBook(self._look_up, stats)
        self._logins: dict[int, int] = {}
        self._known_days: set[int] = set()
        self._days_due_s = 0.0
        commit_without_waiting(engine)

    def run(self) -> None:
        """Store batch after batch."""
        while not self._queue.drained and not self.give_up.is_set():
            self._make_days_ahead()
            items = self._queue.take(
                ticks_wanted=BATCH_TICKS_WANTED, ticks_max=BATCH_TICKS_MAX, linger_s=BATCH_LINGER_S, timeout_s=WAKE_S
            )
            if items or self._accounts.waiting:
                self._store_whatever_it_takes(items)

    def _make_days_ahead(self) -> None:
        """Make the partitions of the coming days while nobody waits for them."""
        if time.monotonic() < self._days_due_s:
            return
        self._days_due_s = time.monotonic() + DAYS_AHEAD_INTERVAL_S
        try:
            with self._engine.begin() as connection:
                ensure_days_ahead(connection, datetime.fromtimestamp(self._now_ms() / 1000, UTC))
        except DBAPIError as error:
            self._failed(error)  # a batch that needs one makes it

    def _store_whatever_it_takes(self, items: Sequence[Item]) -> None:
        news = self._until_answered(lambda: self._sort(items))
        try:
            self._until_answered(lambda: self._store(news or {}))
        except DBAPIError as error:
            self._failed(error)
            self._store_one_by_one(news or {})
        if items:
            self._stats.postgres_lag_ms = self._now_ms() - items[0].received_ms

    def _until_answered(self, step: Callable[[], Result]) -> Result | None:
        """Repeat a step while Postgres is away; None when told to give up."""
        pause_s = RETRY_FIRST_S
        while not self.give_up.is_set():
            try:
                return step()
            except DBAPIError as error:
                if not _is_away(error):
                    raise
                self._failed(error)
                self.give_up.wait(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)
        return None

    def _look_up(self, speakers: Collection[Speaker]) -> Mapping[Speaker, int]:
        with self._engine.connect() as connection:
            found = accounts_of(connection, speakers)
        self._logins.update((account_id, login) for (login, _), account_id in found.items())
        return found

    def _sort(self, items: Sequence[Item]) -> NewsByStream:
        """Group news by stream, each in order; what has no account yet is held."""
        news: dict[Stream, list[News]] = defaultdict(list)
        for account_id, item in self._accounts.resolve(items):
            if isinstance(item, LiveBatch):
                news[account_id, item.symbol].append(_run(account_id, item))
            else:
                for symbol, seq in item.streams:
                    news[account_id, symbol].append(_announced(item, seq))
        return news

    def _store(self, news: NewsByStream) -> None:
        """One transaction; the figures move only after its commit."""
        if not news:
            return
        try:
            with self._engine.begin() as connection:
                cursors = lock_cursors(connection, news.keys())
                plans = {stream: plan_stream(cursors.get(stream), items) for stream, items in news.items()}
                repeated, stored = self._write(connection, plans)
                save_cursors(
                    connection,
                    {s: plan.cursor for s, plan in plans.items() if plan.cursor and plan.cursor != cursors.get(s)},
                )
        except BaseException:
            self._known_days.clear()  # partitions made in this transaction are gone
            raise
        self._stats.postgres_commits += 1
        self._stats.postgres_ticks += stored
        self._stats.duplicates += repeated
        for (account_id, symbol), plan in plans.items():
            self._count(f"{symbol}.{self._logins[account_id]}", plan)

    def _write(self, connection: Connection, plans: Mapping[Stream, StreamPlan]) -> tuple[int, int]:
        """Append what is new and open what is missing; return how many ticks were there already, and how many not."""
        repeated = overlapping = 0
        for (account_id, symbol), plan in plans.items():
            for run in plan.overlapping:
                overlapping += len(run.ticks)
                repeated += claim_or_copy(connection, run)
            for gap in plan.gaps:
                open_gap(
                    connection, account_id, symbol, session=gap.session, from_msc=gap.from_msc, to_msc=gap.to_msc,
                    lost=gap.lost, reason=gap.reason, seq_last=gap.seq_last,
                )  # fmt: skip
        appended = copy_ticks(connection, [run for plan in plans.values() for run in plan.accepted], self._known_days)
        return repeated, appended + overlapping - repeated

    def _count(self, stream: str, plan: StreamPlan) -> None:
        self._stats.duplicates += plan.duplicates
        self._stats.superseded += plan.superseded
        if plan.absurd:
            self._stats.absurd += plan.absurd
            log.warning("heartbeat of %s not believed: it names a number that nobody can have sent", stream)
        for gap in plan.gaps:
            self._stats.gaps[stream] += 1
            self._stats.gap_ticks += gap.lost or 0
            log.warning("gap in %s, %d to %d, lost=%s: %s", stream, gap.from_msc, gap.to_msc, gap.lost, gap.reason)

    def _store_one_by_one(self, news: NewsByStream) -> None:
        for stream, items in news.items():
            try:
                self._store({stream: items})
            except DBAPIError as error:
                lost = sum(len(item.ticks) for item in items if isinstance(item, TickRun))
                self._stats.unstorable += lost
                log.error("Postgres won't take %d ticks of %s: %s", lost, stream[1], error.orig)

    def _failed(self, error: DBAPIError) -> None:
        self._stats.postgres_failures += 1
        log.warning("ticks not stored yet: %s", str(error.orig or error).strip())


def _run(account_id: int, batch: LiveBatch) -> TickRun:
    return TickRun(
        account_id=account_id,
        symbol=batch.symbol,
        session=batch.session,
        seq=batch.seq,
        ticks=batch.ticks,
        received_ms=batch.received_ms,
    )


def _announced(beat: Beaten, seq: int) -> Announced:
    return Announced(session=beat.session, seq=seq, time_msc=beat.time_msc, received_ms=beat.received_ms)


def _is_away(error: DBAPIError) -> bool:
    """Tell trouble with the server, which passes, from trouble with the data, which does not."""
    no_answer = getattr(error.orig, "pgcode", None) is None
    return no_answer or isinstance(error, (OperationalError, InterfaceError))
