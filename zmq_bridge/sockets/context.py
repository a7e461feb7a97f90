"""What every libzmq socket of the bridge has in common, and nothing else.

A socket gets its limits *before* it binds (libzmq fixes a pipe's high-water mark when the pipe is made), it answers
only loopback unless peers must authenticate, and a bind that fails says which port, why, and what to do.

Errors, all `SocketError`:

    SocketError
    ├── BindFailed            the operating system refused: the port is taken, not permitted, no such interface
    └── OpenBindRefused       the endpoint is reachable from outside and nobody would have to authenticate
"""

import errno
import ipaddress
from dataclasses import dataclass

import zmq

from zmq_bridge.protocol.limits import FRAME_BYTES_MAX

HANDSHAKE_MS_MAX = 5_000
"""A peer that connects and says nothing is dropped after this long."""

HEARTBEAT_INTERVAL_MS = 1_000
"""ZMTP PING interval: dead TCP peers (a laptop lid, a pulled cable) are noticed without traffic."""

HEARTBEAT_TIMEOUT_MS = 3_000
"""No PONG for this long closes the connection: the same 3 s after which a terminal is called disconnected."""

TCP_BACKLOG = 256
"""Connections that may wait for accept: a site's terminals and strategies reconnecting together."""


class SocketError(Exception):
    """A socket of the bridge can't be opened as asked."""


class BindFailed(SocketError):
    """The operating system refused to bind."""


class OpenBindRefused(SocketError):
    """A bind reachable from outside this machine without authentication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """The bounds of one socket."""

    send_messages_max: int
    """High-water mark per peer, outgoing, in messages. Never 0: that is libzmq's word for unbounded."""

    receive_messages_max: int
    """High-water mark per peer, incoming, in messages. Never 0."""

    frame_bytes_max: int = FRAME_BYTES_MAX
    """Larger frames close their sender's connection."""

    linger_ms: int = 0
    """How long closing waits for what is still to be sent."""

    def __post_init__(self) -> None:
        for name in ("send_messages_max", "receive_messages_max", "frame_bytes_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")


def open_socket(context: zmq.Context[zmq.Socket[bytes]], kind: int, limits: SocketLimits) -> zmq.Socket[bytes]:
    """Create a socket with its bounds and liveness set, not yet bound or connected."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.SNDHWM, limits.send_messages_max)
    socket.setsockopt(zmq.RCVHWM, limits.receive_messages_max)
    socket.setsockopt(zmq.MAXMSGSIZE, limits.frame_bytes_max)
    socket.setsockopt(zmq.LINGER, limits.linger_ms)
    socket.setsockopt(zmq.BACKLOG, TCP_BACKLOG)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS_MAX)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS)
    return socket


def bind(socket: zmq.Socket[bytes], endpoint: str, *, authenticated: bool) -> str:
    """Bind and return the endpoint as bound (a wildcard port resolved).

    Raises:
        OpenBindRefused: `endpoint` is not loopback and `authenticated` is false.
        BindFailed: the operating system said no.
    """
    refuse_open_bind(endpoint, authenticated=authenticated)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise BindFailed(_why_not(endpoint, error)) from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def refuse_open_bind(endpoint: str, *, authenticated: bool) -> None:
    """Raise `OpenBindRefused` when strangers could connect to `endpoint` without proving who they are."""
    if not authenticated and not is_loopback(endpoint):
        raise OpenBindRefused(
            f"{endpoint} can be reached from other machines, and no authentication is set: "
            "anyone could trade. Bind to 127.0.0.1, or set PLAIN or CURVE credentials."
        )


def is_loopback(endpoint: str) -> bool:
    """Tell whether only this machine can reach an endpoint; anything not understood counts as reachable."""
    transport, _, address = endpoint.partition("://")
    if transport in ("inproc", "ipc"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why_not(endpoint: str, error: zmq.ZMQError) -> str:
    hints = {
        errno.EADDRINUSE: "the port is taken: another bridge may be running; stop it, or choose another port",
        errno.EACCES: "not permitted: ports below 1024 need privileges; choose a higher one",
        errno.ENODEV: "no such network interface on this machine",
        errno.EADDRNOTAVAIL: "this machine does not have that address",
    }
    return f"cannot bind {endpoint}: {hints.get(error.errno or 0, error.strerror)}"
