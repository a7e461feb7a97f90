"""Ticks from the broker to PUB: one frame per symbol and drain, acknowledged to the broker once they have left.

A replay stands still while nobody subscribes to ticks: its pushes wait here, unacknowledged. A live market does not:
after a moment of grace at the start its ticks go out whether or not anybody listens, as the Expert Advisor's do, and
the bridge finds by number what it missed and fetches it.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from zmq_bridge.protocol.limits import TICKS_PER_FRAME_MAX
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic
from zmq_bridge.simulator.terminal.publisher import Publisher

GRACE_MS = 3000  # how long the first live ticks wait for a subscription
LIVE_TICKS_DONE_AT_ONCE = 512  # a live market waits for nobody, so it is told `done` in lots; below its window
RETRY_MS = 2  # before a frame is tried again that the peer had no room for


class TickPump:
    """Pushes in, frames out."""

    def __init__(self, publisher: Publisher, *, login: int, session: int, symbols: frozenset[str] | None) -> None:
        self._publisher = publisher
        self._login = login
        self._session = session
        self._symbols = symbols  # None: all
        self._waiting: deque[dict[str, Any]] = deque()  # pushes; the broker's window bounds them
        self._frames: Iterator[tuple[str, int, bytes]] = iter(())  # of the push at hand
        self._unsent: tuple[str, int, bytes] | None = None
        self._at_hand: dict[str, Any] | None = None  # the push that the frames are of
        self._done = 0  # `n` of the last push that the broker was told `done`
        self._open_from_ms: int | None = None
        self.sent: dict[str, int] = {}  # topic -> last number that has left
        self.skipped = 0  # ticks that left the broker's history before we could take them

    def greeted(self, now_ms: int) -> None:
        """Take note that the bridge welcomed us: live ticks wait GRACE_MS for their subscription."""
        if self._open_from_ms is None:
            self._open_from_ms = now_ms + GRACE_MS

    def take(self, push: dict[str, Any]) -> None:
        """Queue a push of the broker."""
        self._waiting.append(push)
        self.skipped += sum(push["skipped"].values())

    def forget(self) -> None:
        """Drop what waits: the connection to the broker is gone, and its numbers with it."""
        self._waiting.clear()
        self._frames, self._at_hand, self._unsent, self._done = iter(()), None, None, 0

    def run(self, now_ms: int) -> int:
        """Send what may leave; return the `n` up to which the broker can be told `done` (0: nothing new)."""
        done = 0
        while self._flush():
            if self._at_hand:
                done, self._at_hand = self._to_tell(self._at_hand) or done, None
            if not self._waiting or not self._may_send(self._waiting[0], now_ms):
                break
            push = self._waiting.popleft()
            self._frames, self._at_hand = self._framed(push), push
        return done

    def wait_ms(self, now_ms: int) -> int | None:
        """Say when to run again if nothing else happens."""
        if self._unsent:
            return RETRY_MS
        if self._waiting and self._open_from_ms is not None and now_ms < self._open_from_ms:
            return self._open_from_ms - now_ms
        return None

    def _to_tell(self, push: dict[str, Any]) -> int:
        """Which `n` to tell the broker now that a push has left; 0: not yet."""
        n: int = push["n"]
        if not push["waits"] and n - self._done < LIVE_TICKS_DONE_AT_ONCE:
            return 0
        self._done = n
        return n

    def _may_send(self, push: dict[str, Any], now_ms: int) -> bool:
        if self._publisher.ticks_wanted:
            return True
        return not push["waits"] and self._open_from_ms is not None and now_ms >= self._open_from_ms

    def _flush(self) -> bool:
        """Send the frames at hand; False when the peer has no room."""
        while True:
            if self._unsent is None:
                self._unsent = next(self._frames, None)
            if self._unsent is None:
                return True
            topic, last, frame = self._unsent
            if not self._publisher.send(frame):
                return False
            self.sent[topic] = last
            self._unsent = None

    def _framed(self, push: dict[str, Any]) -> Iterator[tuple[str, int, bytes]]:
        for symbol, rows in push["ticks"].items():
            if self._symbols is not None and symbol not in self._symbols:
                continue
            topic = tick_topic(symbol, self._login)
            if lost := push["skipped"].get(symbol, 0):
                self._publisher.counters.take(topic, lost)
            ticks = list(map(Tick._make, rows))
            for start in range(0, len(ticks), TICKS_PER_FRAME_MAX):
                batch = ticks[start : start + TICKS_PER_FRAME_MAX]
                seq = self._publisher.counters.take(topic, len(batch))
                yield topic, seq + len(batch) - 1, tick_frame(topic, self._session, seq, batch)
