"""The bridge's own voice on the feed: a beat every BEAT_MS, and gaps as they open and close.

It is a PUB like a terminal's, connected to the proxy's feed port, so a subscriber hears the bridge where it hears the
ticks. One thread owns the socket; others hand it what to say through a bounded queue. The beat depends on nothing but
this thread: when Postgres or Redis are away, the bridge still says that it lives.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable

import zmq

from zmq_bridge.protocol.limits import BEAT_MS
from zmq_bridge.protocol.messages import Beat, Gap, encode_frame
from zmq_bridge.storage.ticks.gaps import TickGap

log = logging.getLogger(__name__)

ANNOUNCEMENTS_MAX = 10_000
"""Gaps waiting to be said. Past that they go unsaid, logged: `tick_gaps` has them all."""


class BridgeVoice(threading.Thread):
    """Says beats and gaps on a connected PUB socket, which it owns from `start` on, until `stop` is set."""

    def __init__(self, socket: zmq.Socket[bytes], session: int, now_ms: Callable[[], int]) -> None:
        super().__init__(name="voice", daemon=True)
        self.stop = threading.Event()
        self._socket = socket
        self._session = session
        self._now_ms = now_ms
        self._beats = 0
        self._gaps = 0
        self._to_say: queue.Queue[TickGap | None] = queue.Queue(maxsize=ANNOUNCEMENTS_MAX)

    def announce(self, gap: TickGap) -> None:
        """Hand over a gap to be said; never waits."""
        try:
            self._to_say.put_nowait(gap)
        except queue.Full:
            log.error("gap %d of %s not announced: %d are waiting", gap.id, gap.symbol, ANNOUNCEMENTS_MAX)

    def finish(self) -> None:
        """Stop at once and close the socket."""
        self.stop.set()
        self._to_say.put(None)
        self.join()

    def run(self) -> None:
        """Beat on time, say gaps between."""
        due_s = time.monotonic()
        while not self.stop.is_set():
            now_s = time.monotonic()
            if now_s >= due_s:
                self._beat()
                due_s = max(due_s + BEAT_MS / 1000, now_s)
            try:
                gap = self._to_say.get(timeout=max(0.0, due_s - time.monotonic()))
            except queue.Empty:
                continue
            if gap is not None:
                self._say(gap)
        self._socket.close()

    def _beat(self) -> None:
        self._beats += 1
        beat = Beat(
            login=0, session=self._session, seq=self._beats, role="bridge", time_msc=self._now_ms(), streams={}
        )
        self._send(encode_frame(beat))

    def _say(self, gap: TickGap) -> None:
        self._gaps += 1
        message = Gap(
            session=self._session, seq=self._gaps, symbol=gap.symbol, login=gap.login, state=gap.state,
            lost=gap.lost or 0, from_msc=gap.from_msc, to_msc=gap.to_msc, found=gap.found or 0,
        )  # fmt: skip
        self._send(encode_frame(message))

    def _send(self, frame: bytes) -> None:
        self._socket.send(frame, zmq.NOBLOCK)
