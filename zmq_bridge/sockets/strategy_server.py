"""The ROUTER on which strategies and tools submit signals and ask for state (port 5558).

Law: the thread that owns the socket only moves bytes; what takes time (the gate, the database) is done by a small pool
of workers, so one slow request never holds up another's; what is urgent has a lane with workers of its own. Everything
is bounded: requests that wait, the rate of each peer, the size of a frame. What is too much is answered UNAVAILABLE or
RATE_LIMITED, what is nonsense with an error that says what was expected; a peer that will not stop is ignored.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

import zmq

from zmq_bridge.protocol.dialogue import ErrorReply
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX
from zmq_bridge.protocol.messages import encode
from zmq_bridge.sockets.context import SocketLimits, bind, open_socket
from zmq_bridge.sockets.envelope import Request, close_envelope, open_envelope
from zmq_bridge.sockets.rate import Rate, RateLimiter, Verdict
from zmq_bridge.sockets.zap import AllowList, Door, guard

log = logging.getLogger(__name__)

WORKERS = 4
URGENT_WORKERS = 2
"""Beside them, for what must not wait behind orders for an account that is stuck."""
REQUESTS_MAX = 256
"""Requests that wait for a worker; more are answered UNAVAILABLE."""
READ_MAX = 128
"""Requests taken in one go before answers get their turn."""
MESSAGES_MAX = 256
"""High-water mark per peer, both ways."""
RATE = Rate(per_s=500.0, burst=1000.0)
"""Per connection."""
LINGER_MS = 500
STOP_S = 6.0
"""How long stopping waits for requests under way."""

Answer = Callable[[bytes], bytes]
"""Decides about one payload and returns the reply's; called in a worker; must not raise."""

Lane = queue.Queue[Request | None]
"""Requests that wait for the workers of this lane; None ends one of them."""


def open_strategy_socket(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, allowed: AllowList
) -> tuple[zmq.Socket[bytes], str]:
    """Open and bind the ROUTER; return it with its endpoint as bound."""
    limits = SocketLimits(
        send_messages_max=MESSAGES_MAX,
        receive_messages_max=MESSAGES_MAX,
        frame_bytes_max=2 * FRAME_BYTES_MAX,
        linger_ms=LINGER_MS,
    )
    socket = open_socket(context, zmq.ROUTER, limits)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    guard(socket, Door.STRATEGY, allowed)
    return socket, bind(socket, endpoint, authenticated=allowed.authenticated)


class StrategyServer(threading.Thread):
    """Serves a bound ROUTER, which it owns from `start` on, with a pool of workers."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], socket: zmq.Socket[bytes], answer: Answer, *,
        workers: int = WORKERS, rate: Rate = RATE, is_urgent: Callable[[bytes], bool] = lambda payload: False,
    ) -> None:  # fmt: skip
        super().__init__(name="strategy-server", daemon=True)
        self.counts: Counter[str] = Counter()
        """What happened, for `status`."""
        self._context = context
        self._socket = socket
        self._answer = answer
        self._rate = rate
        self._limiter = RateLimiter(rate)
        self._is_urgent = is_urgent
        self._waiting: Lane = queue.Queue(maxsize=REQUESTS_MAX)
        self._urgent: Lane = queue.Queue(maxsize=REQUESTS_MAX)
        self._lanes = [self._waiting] * workers + [self._urgent] * URGENT_WORKERS
        self._replies_endpoint = f"inproc://strategy-replies-{id(self)}"
        self._replies = context.socket(zmq.PULL)
        self._replies.bind(self._replies_endpoint)
        self._workers = [
            threading.Thread(target=self._work, args=(lane,), name=f"strategy-worker-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self._stop_at_s: float | None = None

    def stop(self) -> None:
        """Take nothing more in, answer what is under way, and end."""
        if not self.is_alive():
            return
        with self._context.socket(zmq.PUSH) as wake:
            wake.connect(self._replies_endpoint)
            wake.send(b"")
        self.join(STOP_S + 2.0)

    def close(self) -> None:
        """Close what a server that never started, or has ended, still holds."""
        self._replies.close(linger=0)
        self._socket.close()

    def run(self) -> None:
        """Serve until stopped."""
        for worker in self._workers:
            worker.start()
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._replies, zmq.POLLIN)
        while self._stop_at_s is None:
            ready = dict(poller.poll())
            if self._replies in ready:
                self._send_replies()
            if self._socket in ready:
                self._read()
        self._finish()

    def _read(self) -> None:
        for _ in range(READ_MAX):
            try:
                request = open_envelope(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            self._take(request)

    def _take(self, request: Request) -> None:
        verdict = self._limiter.judge(request.peer, time.monotonic())
        if verdict is not Verdict.SERVE:
            self.counts["flooded"] += 1
            if verdict is Verdict.WARN:
                self._refuse(request, ErrorCode.RATE_LIMITED, "too many requests", f"{self._rate.per_s:.0f} per second")
            return
        self.counts["requests"] += 1
        if request.payload is None:
            self._refuse(request, ErrorCode.MALFORMED, "frames", "an empty frame, then one payload")
            return
        lane = self._urgent if self._is_urgent(request.payload) else self._waiting
        try:
            lane.put_nowait(request)
        except queue.Full:
            self._refuse(request, ErrorCode.UNAVAILABLE, "too much to do", "fewer requests at once")

    def _send_replies(self) -> None:
        while True:
            try:
                frames = self._replies.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if frames == [b""]:
                self._stop_at_s = time.monotonic() + STOP_S
                return
            self._send(frames)

    def _finish(self) -> None:
        """Send the answers that are under way, then end the workers."""
        for lane in self._lanes:
            lane.put(None)
        while any(worker.is_alive() for worker in self._workers) and time.monotonic() < (self._stop_at_s or 0.0):
            if self._replies.poll(50):
                self._send_replies()
        while self._replies.poll(0):
            self._send_replies()
        self.close()

    def _work(self, lane: Lane) -> None:
        with self._context.socket(zmq.PUSH) as replies:
            replies.setsockopt(zmq.LINGER, 0)
            replies.connect(self._replies_endpoint)
            while (request := lane.get()) is not None:
                replies.send_multipart(close_envelope(request, self._answer(request.payload or b"")))

    def _refuse(self, request: Request, code: ErrorCode, message: str, expected: str) -> None:
        self.counts[code] += 1
        violation = ProtocolViolation(code, message, expected=expected)
        reply = ErrorReply.of(violation, session=0, now_ms=time.time_ns() // 1_000_000)
        self._send(close_envelope(request, encode(reply)))

    def _send(self, frames: list[bytes]) -> None:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:  # the peer is gone, or does not read
            self.counts["unreachable"] += 1
