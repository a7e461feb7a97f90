"""How the recorder and the desk begin: subscribed to the proxy, and woken by signals instead of interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from types import FrameType

import zmq

from zmq_bridge.sockets.context import SocketLimits, open_socket
from zmq_bridge.sockets.zap import AllowList, introduce_bridge


def open_subscription(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, topics: Iterable[bytes], *, messages_max: int,
    allowed: AllowList,
) -> zmq.Socket[bytes]:  # fmt: skip
    """Subscribe to topics of the proxy; at most `messages_max` messages wait here."""
    socket = open_socket(context, zmq.SUB, SocketLimits(send_messages_max=1_000, receive_messages_max=messages_max))
    introduce_bridge(socket, allowed)
    for topic in topics:
        socket.subscribe(topic)
    socket.connect(endpoint)
    return socket


def wake_on_signals(wake: int) -> None:
    """Let SIGTERM and SIGINT do nothing but make a descriptor readable at its other end."""
    os.set_blocking(wake, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _only_wake)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)


def _only_wake(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor does the rest."""
