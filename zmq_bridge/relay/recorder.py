"""The recorder: every tick from one SUB into Redis and into Postgres, neither waiting for the other.

    SUB -> FeedReceiver -> TickQueue -> PostgresSink    never drops silently: what does not fit becomes a gap
                       \\-> TickQueue -> RedisSink       conflates prices, forgets what it can't write
    Postgres `tick_gaps` -> GapWatch -> BridgeVoice -> PUB    gaps and the bridge's heartbeat to the subscribers

The main thread receives and decodes; each sink is a thread (they spend their time in Postgres' and Redis' sockets,
where the interpreter lock is free). Stopping (SIGTERM, SIGINT) first stops receiving, then lets the sinks empty their
queues for FLUSH_S. A SIGKILL at any point costs what had not been committed, and the cursors turn that into gaps.
"""

import gc
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq
from sqlalchemy import Engine

from zmq_bridge.live.connection import open_redis
from zmq_bridge.relay.beginnings import open_subscription, wake_on_signals
from zmq_bridge.relay.bridge_voice import BridgeVoice
from zmq_bridge.relay.feed_receiver import PACE_S, TOPICS, FeedReceiver
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.gap_watch import GapWatch
from zmq_bridge.relay.postgres_sink import PostgresSink
from zmq_bridge.relay.redis_sink import RedisSink
from zmq_bridge.relay.thread_end import ThreadEnds
from zmq_bridge.relay.tick_queue import Item, TickQueue
from zmq_bridge.sockets.context import SocketLimits, open_socket
from zmq_bridge.sockets.zap import AllowList, introduce_bridge
from zmq_bridge.storage.engine import create_engine

log = logging.getLogger(__name__)

RECEIVE_MESSAGES_MAX = 500_000
"""Messages waiting in the SUB: 5 s at 100,000 a second in which this process is not scheduled."""

POSTGRES_QUEUE_TICKS = 500_000
"""5 s of a stalled Postgres at 100,000 ticks/s, most of an hour at ordinary rates. About 200 MB when full."""

REDIS_QUEUE_TICKS = 250_000
"""2.5 s of a stalled Redis at 100,000 ticks/s; shorter, because live state is worth nothing late."""

GARBAGE_OBJECTS = 200_000
"""New objects between two garbage collections. Ticks form no cycles, and collecting at Python's default of 700 costs
twice as much as decoding them; this is often enough for the rest."""

COMPLAINT_INTERVAL_S = 1.0

FLUSH_S = 8.0
"""How long stopping waits for the sinks; the supervisor kills after ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """What the recorder connects to."""

    subscribe_endpoint: str
    """The proxy's XPUB, to hear the ticks."""

    feed_endpoint: str
    """The proxy's XSUB, to say beats and gaps."""

    database_url: str = field(repr=False)

    redis_url: str = field(repr=False)

    allowed: AllowList = field(default_factory=AllowList)
    """The bridge's allow-list: how the recorder proves to the proxy that it is the bridge."""

    postgres_queue_ticks: int = POSTGRES_QUEUE_TICKS
    redis_queue_ticks: int = REDIS_QUEUE_TICKS


def run_recorder(settings: RecorderSettings, ready: Callable[[], None] | None = None) -> None:
    """Record until SIGTERM or SIGINT. Must run in the main thread of its own process.

    Postgres, Redis and the proxy may come later than this, and go and come back; nothing here fails because of it.

    Args:
        settings: Endpoints and URLs.
        ready: Called once when the sockets are connected and the sinks run.
    """
    recorder = _Recorder(settings)
    recorder.start()
    if ready is not None:
        ready()
    try:
        recorder.receive_until_told()
    finally:
        recorder.finish()


class _Recorder:
    """The parts, and how they start and end."""

    def __init__(self, settings: RecorderSettings) -> None:
        self.stats = FeedStats()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_subscription(
            self._context, settings.subscribe_endpoint, TOPICS, messages_max=RECEIVE_MESSAGES_MAX,
            allowed=settings.allowed,
        )  # fmt: skip
        self._receiver = FeedReceiver(self._socket, self.stats, unix_ms)
        self._engine: Engine = create_engine(settings.database_url, application_name="zmq-bridge recorder", pool_size=2)
        self._to_postgres = TickQueue(ticks_max=settings.postgres_queue_ticks)
        self._to_redis = TickQueue(ticks_max=settings.redis_queue_ticks)
        self._postgres = PostgresSink(self._engine, self._to_postgres, self.stats, unix_ms)
        self._redis = RedisSink(
            open_redis(settings.redis_url), self._to_redis, self.stats, unix_ms, self._figures
        )
        self._voice = BridgeVoice(_open_pub(self._context, settings), session=unix_ms(), now_ms=unix_ms)
        self._watch = GapWatch(self._engine, self._voice.announce)
        self._woken, self._wake = os.pipe()
        self._complained_s = -COMPLAINT_INTERVAL_S
        self._thread_ends = ThreadEnds(self._wake)

    def start(self) -> None:
        wake_on_signals(self._wake)
        self._thread_ends.watch()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        for thread in (self._postgres, self._redis, self._voice, self._watch):
            thread.start()

    def receive_until_told(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._woken in ready:
                return
            self._hand_over(self._receiver.drain())
            time.sleep(PACE_S)

    def finish(self) -> None:
        self._hand_over(self._receiver.drain())
        self._socket.close()
        self._voice.finish()
        self._watch.stop()
        self._to_postgres.close()
        self._to_redis.close()
        deadline_s = time.monotonic() + FLUSH_S
        self._postgres.join(max(0.0, deadline_s - time.monotonic()))
        self._redis.join(max(0.0, deadline_s - time.monotonic()))
        self._postgres.give_up.set()
        if len(self._to_postgres):
            log.error("stopped with %d ticks not in Postgres; they will be a gap", len(self._to_postgres))
        self._context.term()
        log.info("recorder stopped: %d ticks received, %d stored", self.stats.ticks, self.stats.postgres_ticks)
        self._thread_ends.check()

    def _hand_over(self, items: list[Item]) -> None:
        if not items:
            return
        refused = self._to_postgres.put(items)
        if refused:
            self.stats.postgres_refused += refused
            self._complain()
        self.stats.redis_refused += self._to_redis.put(items)

    def _complain(self) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            waiting, refused = len(self._to_postgres), self.stats.postgres_refused
            log.error("Postgres is %d ticks behind; %d refused so far, they become gaps", waiting, refused)

    def _figures(self) -> dict[str, str | int]:
        return {
            **self.stats.fields(),
            "postgres_queue": len(self._to_postgres),
            "postgres_queue_max": self._to_postgres.ticks_max,
            "redis_queue": len(self._to_redis),
            "redis_queue_max": self._to_redis.ticks_max,
            "updated_ms": unix_ms(),
        }


def unix_ms() -> int:
    """Our clock, Unix UTC ms."""
    return time.time_ns() // 1_000_000


def _open_pub(context: zmq.Context[zmq.Socket[bytes]], settings: RecorderSettings) -> zmq.Socket[bytes]:
    limits = SocketLimits(send_messages_max=10_000, receive_messages_max=1_000, linger_ms=100)
    socket = open_socket(context, zmq.PUB, limits)
    introduce_bridge(socket, settings.allowed)
    socket.connect(settings.feed_endpoint)
    return socket
