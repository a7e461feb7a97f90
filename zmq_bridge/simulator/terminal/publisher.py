"""The terminal's PUB side: an XPUB socket, so that it knows whether anybody listens, and never drops for a slow peer.

A frame that the peer has no room for is refused (`False`), not lost: ticks then wait, events are resent by `pull`,
snapshots and beats come again anyway. What nobody subscribes to is dropped by ZeroMQ; the sequence numbers show it.
"""

import zmq

from zmq_bridge.protocol.streams import StreamCounters
from zmq_bridge.simulator.terminal.settings import Credentials

FRAMES_MAX = 1000  # waiting for the peer; beyond that frames are refused
LINGER_MS = 500  # on closing, for what is still to be sent
RECONNECT_MS = 100
RECONNECT_MS_MAX = 2000
TICK_PREFIX = b"tick."


class Publisher:
    """Sends frames and knows the subscriptions of the other side."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, credentials: Credentials) -> None:
        self.counters = StreamCounters()
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.SNDHWM, FRAMES_MAX)
        self.socket.setsockopt(zmq.XPUB_NODROP, 1)
        self.socket.setsockopt(zmq.LINGER, LINGER_MS)
        set_common(self.socket, credentials)
        self.socket.connect(endpoint)
        self._subscriptions: set[bytes] = set()

    def send(self, frame: bytes) -> bool:
        """Send a frame; False when there is no room and it was not sent."""
        try:
            self.socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def read_subscriptions(self) -> None:
        """Take note of what the other side wants."""
        while True:
            try:
                message = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if message[:1] == b"\x01":
                self._subscriptions.add(message[1:])
            elif message[:1] == b"\x00":
                self._subscriptions.discard(message[1:])

    @property
    def ticks_wanted(self) -> bool:
        """Whether anybody subscribes to ticks of any symbol."""
        return any(TICK_PREFIX.startswith(each) or each.startswith(TICK_PREFIX) for each in self._subscriptions)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def set_common(socket: "zmq.Socket[bytes]", credentials: Credentials) -> None:
    """Set what both sockets have in common: credentials, reconnecting, liveness of the TCP connection."""
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    if credentials.username:
        socket.setsockopt_string(zmq.PLAIN_USERNAME, credentials.username)
        socket.setsockopt_string(zmq.PLAIN_PASSWORD, credentials.password)
    elif credentials.server_key:
        socket.setsockopt_string(zmq.CURVE_SERVERKEY, credentials.server_key)
        socket.setsockopt_string(zmq.CURVE_PUBLICKEY, credentials.public_key)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, credentials.secret_key)
