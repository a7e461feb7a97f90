"""The client's two sorts of socket, with every limit set before they connect.

Nothing here is shared between threads: a socket belongs to the thread that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import zmq

from zmq_bridge.client.values import Credentials
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX

BUFFER_FRAMES: Final = 250_000
"""Frames that wait for a slow strategy: over two seconds of 100,000 ticks/s. When it is full, libzmq drops the newest,
and the jump in the numbers is announced as a gap."""

RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 2000
HEARTBEAT_MS: Final = 1000
HEARTBEAT_TIMEOUT_MS: Final = 3000


def open_subscriber(
    context: zmq.Context[Any], endpoint: str, prefixes: Iterable[bytes], credentials: Credentials, buffer_frames: int
) -> zmq.Socket[Any]:
    """Open a SUB socket: limits first, then subscriptions, then connect."""
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, buffer_frames)
    _prepare(socket, credentials)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix)
    return _connect(socket, endpoint)


def open_requester(context: zmq.Context[Any], endpoint: str, credentials: Credentials) -> zmq.Socket[Any]:
    """Open a REQ socket that survives a lost reply and never takes an old reply for a new one."""
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.REQ_RELAXED, 1)
    socket.setsockopt(zmq.REQ_CORRELATE, 1)
    _prepare(socket, credentials)
    return _connect(socket, endpoint)


def _prepare(socket: zmq.Socket[Any], credentials: Credentials) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * FRAME_BYTES_MAX)  # above the wire's own bound, which the codec enforces
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    if credentials.username:
        socket.setsockopt_string(zmq.PLAIN_USERNAME, credentials.username)
        socket.setsockopt_string(zmq.PLAIN_PASSWORD, credentials.password)
    elif credentials.server_key:
        socket.setsockopt_string(zmq.CURVE_SERVERKEY, credentials.server_key)
        socket.setsockopt_string(zmq.CURVE_PUBLICKEY, credentials.public_key)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, credentials.secret_key)


def _connect(socket: zmq.Socket[Any], endpoint: str) -> zmq.Socket[Any]:
    try:
        socket.connect(endpoint)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket
