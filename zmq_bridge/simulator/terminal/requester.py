"""The terminal's REQ side: one request at a time, driven by the protocol's session table. Owns only the socket.

Every greeting opens a new socket, so that requests queued for a bridge that was away are never delivered late. Replies
that belong to an earlier request are dropped by REQ_CORRELATE.
"""

import zmq

from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX
from zmq_bridge.protocol.messages import TerminalReply, TerminalRequest, decode_terminal_reply, encode
from zmq_bridge.protocol.terminal_session import TerminalSession
from zmq_bridge.simulator.terminal.publisher import set_common
from zmq_bridge.simulator.terminal.settings import Credentials


class Requester:
    """Sends requests and takes replies."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        credentials: Credentials,
        session: TerminalSession,
        poller: zmq.Poller,
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._credentials = credentials
        self._session = session
        self._poller = poller
        self._socket: zmq.Socket[bytes] | None = None

    def reopen(self) -> None:
        """Throw the socket away with all that is queued in it, and connect a new one."""
        self.close()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        set_common(self._socket, self._credentials)
        self._socket.connect(self._endpoint)
        self._poller.register(self._socket, zmq.POLLIN)

    def send(self, request: TerminalRequest, now_ms: int) -> None:
        """Send a request and tell the session; what the socket can't take now counts as lost in time."""
        if self._socket is None:
            self.reopen()
        assert self._socket is not None
        try:
            self._socket.send(encode(request), zmq.NOBLOCK)
        except zmq.Again:
            pass
        self._session.sent(request, now_ms)

    def receive(self, now_ms: int) -> TerminalReply | None:
        """Take a reply if there is one that is good and to be acted on."""
        if self._socket is None:
            return None
        try:
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EFSM):  # nothing there; nothing was asked
                return None
            raise
        try:
            reply = decode_terminal_reply(frames[0] if len(frames) == 1 else b"")
            return reply if self._session.received(reply, now_ms) else None
        except ProtocolViolation as violation:
            self._session.garbled(violation, now_ms)
            return None

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._poller.unregister(self._socket)
            self._socket.close()
            self._socket = None
