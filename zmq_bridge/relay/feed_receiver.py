"""From the SUB socket to decoded items: every message once, whatever comes in.

Poll, then drain without blocking, in batches: waking up for each message would cost more than the message. Between two
drains the receiver rests PACE_S, so that at high rates it wakes two hundred times a second, not a hundred thousand, and
leaves the processor to the strategies; what arrives meanwhile waits in libzmq. Messages of one drain that follow on in
one stream become one item, because everything behind costs per item. What can't be understood is counted and dropped.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable

import zmq

from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.protocol.codec import join_frame, split_frame
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.kinds import violation
from zmq_bridge.protocol.messages import Beat, decode_frame
from zmq_bridge.protocol.topics import BEAT, BRIDGE_BEAT, TICK, parse_topic
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.tick_decode import decode_ticks
from zmq_bridge.relay.tick_queue import Beaten, Item
from zmq_bridge.storage.ticks.copy import TIME_MSC_MAX, storable

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
        """Take what has arrived, without waiting; empty when nothing has. Heartbeats come after all ticks."""
        received_ms = self._now_ms()
        items: list[Item] = []
        beats: list[Item] = []
        for topic, payloads in self._by_topic(self._receive()).items():
            try:
                kind, symbol, login = parse_topic(topic)
                if kind == TICK:
                    items += self._ticks(symbol, login, payloads, received_ms)
                elif kind == BEAT and topic != BRIDGE_BEAT:
                    beats += self._beats(topic, payloads, received_ms)
            except ProtocolViolation as problem:
                self._complain(problem, len(payloads))
        return items + beats

    def _receive(self) -> list[bytes]:
        frames: list[bytes] = []
        receive, keep = self._socket.recv, frames.append
        try:
            for _ in range(DRAIN_MESSAGES_MAX):
                keep(receive(zmq.NOBLOCK))
        except zmq.Again:
            pass
        return frames

    def _by_topic(self, frames: list[bytes]) -> dict[str, list[bytes]]:
        """Payloads by topic, each topic's in order."""
        self._stats.messages += len(frames)
        by_topic: dict[str, list[bytes]] = defaultdict(list)
        for frame in frames:
            try:
                topic, payload = split_frame(frame)
                by_topic[topic].append(payload)
            except ProtocolViolation as problem:
                self._complain(problem)
        return by_topic

    def _ticks(self, symbol: str, login: int, payloads: list[bytes], received_ms: int) -> list[Item]:
        items: list[Item] = []
        for batch, payload in decode_ticks(payloads, self._complain):
            self._stats.ticks += len(batch.ticks)
            if storable(*batch):
                items.append(LiveBatch(symbol, login, *batch, payload, received_ms))
            else:
                self._stats.unstorable += len(batch.ticks)
        return items

    def _beats(self, topic: str, payloads: list[bytes], received_ms: int) -> list[Item]:
        items: list[Item] = []
        for payload in payloads:
            try:
                _, beat = decode_frame(join_frame(topic, payload))
            except ProtocolViolation as problem:
                self._complain(problem)
                continue
            if isinstance(beat, Beat) and beat.time_msc >= TIME_MSC_MAX:
                self._complain(violation("time_msc", f"a server's clock before {TIME_MSC_MAX}", beat.time_msc))
            elif isinstance(beat, Beat):
                self._stats.beats += 1
                items.append(_beaten(beat, received_ms))
        return items

    def _complain(self, problem: ProtocolViolation, messages: int = 1) -> None:
        """Count every message that was not understood; log one a second: a flood must not fill the disk."""
        self._stats.malformed += messages
        now_s = time.monotonic()
        if now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.warning("dropped a message (%d so far): %s", self._stats.malformed, problem)


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
