"""From the SUB socket to decoded items: every message once, whatever comes in.

Poll, then drain without blocking, in batches: waking up for each message would cost more than the message. Between two
drains the receiver rests PACE_S, so that at high rates it wakes two hundred times a second, not a hundred thousand, and
leaves the processor to the strategies; what arrives meanwhile waits in libzmq. Messages of one drain that follow on in
one stream become one item, because everything behind costs per item. What can't be understood is counted and dropped.
"""

import logging
import time
from collections.abc import Callable

import zmq

from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.protocol.codec import split_frame
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.messages import Beat, decode_frame
from zmq_bridge.protocol.ticks import TickBatch, unpack_ticks
from zmq_bridge.protocol.topics import BEAT, BRIDGE_BEAT, TICK, parse_topic
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.tick_queue import Beaten, Item
from zmq_bridge.storage.tick_copy import storable

log = logging.getLogger(__name__)

TOPICS = (b"tick.", b"beat.")

DRAIN_MESSAGES_MAX = 5_000
"""Messages decoded before they are handed to the sinks."""

ITEM_TICKS_MAX = 1_000
"""Ticks in one item before the next one begins."""

PACE_S = 0.005
"""Rest between two drains; the sinks collect for longer than that."""

COMPLAINT_INTERVAL_S = 1.0


class _Growing:
    """Tick messages of one drain that follow on, to become one item."""

    __slots__ = ("payloads", "seq", "seq_next", "session", "ticks")

    def __init__(self, batch: TickBatch, payload: bytes) -> None:
        self.session, self.seq, self.ticks = batch
        self.seq_next = self.seq + len(self.ticks)
        self.payloads = [payload]

    def take(self, batch: TickBatch, payload: bytes) -> bool:
        """Append a message if it is the next of this stream and there is room."""
        session, seq, ticks = batch
        if seq != self.seq_next or session != self.session or len(self.ticks) >= ITEM_TICKS_MAX:
            return False
        self.seq_next += len(ticks)
        self.ticks += ticks
        self.payloads.append(payload)
        return True


class FeedReceiver:
    """Reads one connected SUB socket."""

    def __init__(self, socket: zmq.Socket[bytes], stats: FeedStats, now_ms: Callable[[], int]) -> None:
        self._socket = socket
        self._stats = stats
        self._now_ms = now_ms
        self._complained_s = -COMPLAINT_INTERVAL_S
        self._grown: list[tuple[str, _Growing]] = []
        self._growing: dict[str, _Growing] = {}
        self._beats: list[Beaten] = []

    def drain(self) -> list[Item]:
        """Take what has arrived, without waiting; empty when nothing has. Heartbeats come after all ticks."""
        received_ms = self._now_ms()
        receive = self._socket.recv
        try:
            for _ in range(DRAIN_MESSAGES_MAX):
                self._take(receive(zmq.NOBLOCK), received_ms)
        except zmq.Again:
            pass
        return self._items(received_ms)

    def _take(self, frame: bytes, received_ms: int) -> None:
        self._stats.messages += 1
        try:
            topic, payload = split_frame(frame)
            kind = parse_topic(topic).kind
            if kind == TICK:
                self._take_ticks(topic, unpack_ticks(payload), payload)
            elif kind == BEAT and topic != BRIDGE_BEAT:
                self._take_beat(frame, received_ms)
        except ProtocolViolation as violation:
            self._complain(violation)

    def _take_ticks(self, topic: str, batch: TickBatch, payload: bytes) -> None:
        self._stats.ticks += len(batch.ticks)
        if not storable(*batch):
            self._stats.unstorable += len(batch.ticks)
            return
        growing = self._growing.get(topic)
        if growing is None or not growing.take(batch, payload):
            self._growing[topic] = growing = _Growing(batch, payload)
            self._grown.append((topic, growing))

    def _take_beat(self, frame: bytes, received_ms: int) -> None:
        _, beat = decode_frame(frame)
        if isinstance(beat, Beat):
            self._stats.beats += 1
            self._beats.append(_beaten(beat, received_ms))

    def _items(self, received_ms: int) -> list[Item]:
        items: list[Item] = []
        for topic, grown in self._grown:
            _, symbol, login = parse_topic(topic)
            payload = grown.payloads[0] if len(grown.payloads) == 1 else b"".join(grown.payloads)
            items.append(LiveBatch(symbol, login, grown.session, grown.seq, grown.ticks, payload, received_ms))
        items += self._beats
        self._grown, self._growing, self._beats = [], {}, []
        return items

    def _complain(self, violation: ProtocolViolation) -> None:
        """Count every message that was not understood; log one a second: a flood must not fill the disk."""
        self._stats.malformed += 1
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.warning("dropped a message (%d so far): %s", self._stats.malformed, violation)


def _beaten(beat: Beat, received_ms: int) -> Beaten:
    streams = [(parse_topic(topic), seq) for topic, seq in beat.streams.items()]
    return Beaten(
        beat.login,
        beat.session,
        beat.role,
        beat.time_msc,
        [(topic.symbol, seq) for topic, seq in streams if topic.kind == TICK and topic.login == beat.login],
        received_ms,
    )
