"""From the SUB socket to decoded items: every message once, whatever comes in.

Poll, then drain without blocking, in batches: waking up for each message would cost more than the message. Between two
drains the receiver rests PACE_S, so that at high rates it wakes two hundred times a second, not a hundred thousand, and
leaves the processor to the strategies; what arrives meanwhile waits in libzmq. What can't be understood is counted and
dropped.
"""

import logging
import time
from collections.abc import Callable

import zmq

from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.protocol.codec import split_frame
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.messages import Beat, decode_frame
from zmq_bridge.protocol.ticks import unpack_ticks
from zmq_bridge.protocol.topics import BEAT, TICK, parse_topic
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.tick_queue import Beaten, Item

log = logging.getLogger(__name__)

TOPICS = (b"tick.", b"beat.")

DRAIN_MESSAGES_MAX = 5_000
"""Messages decoded before they are handed to the sinks."""

PACE_S = 0.005
"""Rest between two drains; the sinks collect for longer than that."""

COMPLAINT_INTERVAL_S = 1.0


class FeedReceiver:
    """Reads one connected SUB socket."""

    def __init__(self, socket: zmq.Socket[bytes], stats: FeedStats, now_ms: Callable[[], int]) -> None:
        self._socket = socket
        self._stats = stats
        self._now_ms = now_ms
        self._complained_s = -COMPLAINT_INTERVAL_S

    def drain(self) -> list[Item]:
        """Take what has arrived, without waiting; empty when nothing has."""
        received_ms = self._now_ms()
        items = []
        receive = self._socket.recv
        try:
            for _ in range(DRAIN_MESSAGES_MAX):
                item = self._decode(receive(zmq.NOBLOCK), received_ms)
                if item is not None:
                    items.append(item)
        except zmq.Again:
            pass
        return items

    def _decode(self, frame: bytes, received_ms: int) -> Item | None:
        self._stats.messages += 1
        try:
            topic, payload = split_frame(frame)
            kind, symbol, login = parse_topic(topic)
            if kind == TICK:
                session, seq, ticks = unpack_ticks(payload)
                self._stats.ticks += len(ticks)
                return LiveBatch(symbol, login, session, seq, ticks, payload, received_ms)
            if kind == BEAT and login:
                return self._beaten(frame, received_ms)
        except ProtocolViolation as violation:
            self._complain(violation)
        return None

    def _beaten(self, frame: bytes, received_ms: int) -> Beaten | None:
        _, beat = decode_frame(frame)
        if not isinstance(beat, Beat):
            return None
        self._stats.beats += 1
        streams = [(parse_topic(topic), seq) for topic, seq in beat.streams.items()]
        return Beaten(
            beat.login,
            beat.session,
            beat.role,
            beat.time_msc,
            [(topic.symbol, seq) for topic, seq in streams if topic.kind == TICK and topic.login == beat.login],
            received_ms,
        )

    def _complain(self, violation: ProtocolViolation) -> None:
        """Count every message that was not understood; log one a second: a flood must not fill the disk."""
        self._stats.malformed += 1
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.warning("dropped a message (%d so far): %s", self._stats.malformed, violation)
