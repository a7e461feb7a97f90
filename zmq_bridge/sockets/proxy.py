"""The tick path: terminals' PUB -> XSUB | XPUB -> strategies' SUB, all of it inside libzmq.

This process does nothing else. `zmq.proxy` runs in the main thread with the GIL released, so no Python ever touches a
message on its way; the two helper threads sleep (one until a signal, one until a handshake). A slow subscriber fills
its own pipe and then loses messages there, alone: neither the terminals nor the other subscribers wait for it. It sees
the loss as a jump in sequence numbers.

Stopping: a C loop can't be interrupted by a Python signal handler (an EINTR is only seen when the loop happens to
sleep, and `zmq_proxy_steerable` is not supported by libzmq 4.3.5). So the signal's wake-up descriptor wakes a
thread that terminates the context, which makes the proxy return at once, idle or busy, at no cost to the hot path.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import zmq

from zmq_bridge.protocol.limits import FRAME_BYTES_MAX
from zmq_bridge.sockets.context import SocketLimits, bind, open_socket
from zmq_bridge.sockets.zap import AllowList, Door, ZapHandler, guard

log = logging.getLogger(__name__)

FEED_MESSAGES_MAX = 100_000
"""Waiting messages per terminal: one second at 100,000 messages/s in which this process is not scheduled."""

SUBSCRIBER_MESSAGES_MAX = 250_000
"""Waiting messages per subscriber: 2.5 s at 100,000 messages/s, at most about 60 MB for one that stands still."""

SUBSCRIBER_LINGER_MS = 500
"""At a stop, how long what was already accepted may still go out."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

SUBSCRIPTION_BYTES_MAX = 4_096
"""A subscriber sends only subscriptions: a topic prefix and a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Where the proxy binds and whom it lets in."""

    feed_endpoint: str = "tcp://127.0.0.1:5555"
    """XSUB; terminals connect their PUB here."""

    subscribe_endpoint: str = "tcp://127.0.0.1:5556"
    """XPUB; strategies connect their SUB here."""

    allowed: AllowList = field(default_factory=AllowList)
    """Who may connect, to both."""

    frame_bytes_max: int = FRAME_BYTES_MAX
    """Larger frames close the connection of the terminal that sends them; the others don't notice."""


def run_proxy(settings: ProxySettings, ready: Callable[[str, str], None] | None = None) -> None:
    """Forward until SIGTERM or SIGINT. Must run in the main thread of its own process.

    Args:
        settings: Endpoints and authentication.
        ready: Called once with the two endpoints as bound, before the first message is forwarded.

    Raises:
        SocketError: An endpoint can't be bound.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with ExitStack() as stack:
        if settings.allowed.authenticated:
            stack.enter_context(ZapHandler(context, settings.allowed))
        stack.enter_context(_TerminateOnSignal(context))
        feed = stack.enter_context(_open_feed(context, settings))
        subscribers = stack.enter_context(_open_subscribers(context, settings))
        authenticated = settings.allowed.authenticated
        feed_at = bind(feed, settings.feed_endpoint, authenticated=authenticated)
        subscribers_at = bind(subscribers, settings.subscribe_endpoint, authenticated=authenticated)
        log.info("forwarding %s to %s", feed_at, subscribers_at)
        if ready is not None:
            ready(feed_at, subscribers_at)
        _forward(feed, subscribers)
    log.info("proxy stopped")


def _open_feed(context: zmq.Context[zmq.Socket[bytes]], settings: ProxySettings) -> zmq.Socket[bytes]:
    limits = SocketLimits(
        send_messages_max=FEED_MESSAGES_MAX,
        receive_messages_max=FEED_MESSAGES_MAX,
        frame_bytes_max=settings.frame_bytes_max,
    )
    socket = open_socket(context, zmq.XSUB, limits)
    guard(socket, Door.FEED, settings.allowed)
    return socket


def _open_subscribers(context: zmq.Context[zmq.Socket[bytes]], settings: ProxySettings) -> zmq.Socket[bytes]:
    limits = SocketLimits(
        send_messages_max=SUBSCRIBER_MESSAGES_MAX,
        receive_messages_max=SUBSCRIBER_MESSAGES_MAX,
        frame_bytes_max=SUBSCRIPTION_BYTES_MAX,
        linger_ms=SUBSCRIBER_LINGER_MS,
    )
    socket = open_socket(context, zmq.XPUB, limits)
    guard(socket, Door.SUBSCRIBE, settings.allowed)
    return socket


def _forward(feed: zmq.Socket[bytes], subscribers: zmq.Socket[bytes]) -> None:
    try:
        zmq.proxy(feed, subscribers)
    except zmq.ContextTerminated:
        pass


class _TerminateOnSignal:
    """Terminate a context once, in a thread of its own: on the first signal, or on leaving the block.

    Once matters: libzmq does not survive two threads that terminate one context.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._context = context
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._thread = threading.Thread(target=self._terminate_when_woken, name="stop", daemon=True)

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, lambda *_: None) for number in STOP_SIGNALS}
        self._former_fd = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.set_wakeup_fd(self._former_fd)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.write(self._wake, b"\0")
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    def _terminate_when_woken(self) -> None:
        os.read(self._woken, 1)
        self._context.term()
