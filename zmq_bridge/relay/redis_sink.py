"""Ticks, heartbeats and the recorder's figures into Redis.

Policy. Live state is worth nothing late: what does not fit into the queue, or comes while Redis is away, is counted and
forgotten, and the next flush writes newer prices. So this sink waits for nobody, and nobody for it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import redis

from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.tick_writer import LiveBatch, LiveBeat, TickWriter
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.tick_queue import Beaten, Item, TickQueue

log = logging.getLogger(__name__)

FLUSH_TICKS_WANTED = 4_000
FLUSH_TICKS_MAX = 20_000
FLUSH_LINGER_S = 0.02
"""A flush 20 ms after the first tick: fifty a second at most, however fast the market."""

STATS_INTERVAL_S = 1.0

AWAY_PAUSE_S = 0.5
"""While Redis is away, one try per pause; between them everything is skipped."""


class RedisSink(threading.Thread):
    """Drains its queue into Redis until the queue is closed and empty."""

    def __init__(
        self, client: redis.Redis, queue: TickQueue, stats: FeedStats, now_ms: Callable[[], int],
        figures: Callable[[], dict[str, str | int]],
    ) -> None:  # fmt: skip
        super().__init__(name="redis-sink", daemon=True)
        self._ticks = TickWriter(client)
        self._live = LiveWriter(client)
        self._queue = queue
        self._stats = stats
        self._now_ms = now_ms
        self._figures = figures
        self._away_until_s = 0.0
        self._stats_due_s = 0.0

    def run(self) -> None:
        """Flush after flush."""
        while not self._queue.drained:
            items = self._queue.take(
                ticks_wanted=FLUSH_TICKS_WANTED,
                ticks_max=FLUSH_TICKS_MAX,
                linger_s=FLUSH_LINGER_S,
                timeout_s=STATS_INTERVAL_S,
            )
            self._flush(items)
            self._report()

    def _flush(self, items: Sequence[Item]) -> None:
        batches = [item for item in items if isinstance(item, LiveBatch)]
        beats = [_live_beat(item) for item in items if isinstance(item, Beaten)]
        ticks = sum(len(batch.ticks) for batch in batches)
        if items and self._try(lambda: self._ticks.write(batches, beats)):
            self._stats.redis_ticks += ticks
            self._stats.redis_lag_ms = self._now_ms() - items[0].received_ms
        else:
            self._stats.redis_refused += ticks

    def _report(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._stats_due_s:
            self._stats_due_s = now_s + STATS_INTERVAL_S
            self._try(lambda: self._live.write_stats("recorder", self._figures()))

    def _try(self, write: Callable[[], None]) -> bool:
        """Write unless Redis was away a moment ago; True when it was taken."""
        if time.monotonic() < self._away_until_s:
            return False
        try:
            write()
        except LiveError as error:
            self._away_until_s = time.monotonic() + AWAY_PAUSE_S
            log.warning("live state not written: %s", error)
            return False
        return True


def _live_beat(beat: Beaten) -> LiveBeat:
    return LiveBeat(
        login=beat.login, role=beat.role, session=beat.session, time_msc=beat.time_msc, received_ms=beat.received_ms
    )
