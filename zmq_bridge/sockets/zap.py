"""Who may connect: the ZAP handler (ZeroMQ RFC 27) and the list it decides by.

libzmq asks once per connection, on `inproc://zeromq.zap.01` of the context; the answer names the peer (its `User-Id`),
and the ROUTER servers ask `AllowList.may_speak_for(user_id, login)` before they believe a `login`. The handler runs in
a thread of its own, so a handshake never waits for ticks, nor a tick for a handshake. What is not on the list is
refused; secrets are compared in constant time and never logged.

The doors (ZAP domains) are the four ports: `feed` 5555, `subscribe` 5556, `terminal` 5557, `strategy` 5558.
"""

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

import zmq
import zmq.utils.z85

log = logging.getLogger(__name__)

ENDPOINT = "inproc://zeromq.zap.01"
VERSION = b"1.0"
REQUEST_FRAMES_MIN = 6
"""version, request id, domain, address, identity, mechanism; then the mechanism's credentials."""

CURVE_KEY_BYTES = 32
CURVE_KEY_CHARS = 40
PLAIN_SECRET_CHARS_MIN = 32

BRIDGE = "bridge"
"""The name under which the bridge's own processes connect to its proxy."""


class Mechanism(StrEnum):
    """How peers prove who they are."""

    NONE = "none"
    PLAIN = "plain"
    CURVE = "curve"


class Door(StrEnum):
    """A port of the bridge, as a ZAP domain."""

    FEED = "feed"
    SUBSCRIBE = "subscribe"
    TERMINAL = "terminal"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One name on the allow-list."""

    name: str
    """The `User-Id` its connections carry; for PLAIN also the user name."""

    password_sha256: str = ""
    """Hex digest of its PLAIN password; empty when it has none."""

    public_key: str = ""
    """Its CURVE public key, Z85; empty when it has none."""

    logins: frozenset[int] = frozenset()
    """Accounts that it may speak for as a terminal; empty means none."""

    doors: frozenset[Door] = frozenset(Door)
    """Ports that it may connect to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Everything a door needs to decide. The default lets anyone in, and may therefore only be bound to loopback."""

    mechanism: Mechanism = Mechanism.NONE

    peers: tuple[Peer, ...] = ()

    addresses: frozenset[str] = frozenset()
    """Remote IP addresses let in; empty means any address."""

    secret_key: str = field(default="", repr=False)
    """The bridge's own secret, by which its processes know each other: for CURVE its secret key, Z85; for PLAIN any
    text of 32 characters or more."""

    def __post_init__(self) -> None:
        length = len(self.secret_key)
        if self.mechanism is Mechanism.CURVE and length != CURVE_KEY_CHARS:
            raise ValueError(f"secret_key: expected {CURVE_KEY_CHARS} Z85 characters for curve, found {length}")
        if self.mechanism is Mechanism.PLAIN and length < PLAIN_SECRET_CHARS_MIN:
            raise ValueError(f"secret_key: expected at least {PLAIN_SECRET_CHARS_MIN} characters, found {length}")
        names = [peer.name for peer in self.peers]
        if len({*names, BRIDGE}) != len(names) + 1:
            raise ValueError(f"peers: expected each name once and none called {BRIDGE!r}, found {sorted(names)}")

    @property
    def authenticated(self) -> bool:
        """True when every peer must prove who it is."""
        return self.mechanism is not Mechanism.NONE

    def may_speak_for(self, user_id: str, login: int) -> bool:
        """Tell whether the peer named `user_id` may act for `login`. Without authentication everyone may."""
        if not self.authenticated:
            return True
        return any(peer.name == user_id and login in peer.logins for peer in self.peers)

    def admit(self, door: str, address: str, mechanism: str, credentials: Sequence[bytes]) -> str | None:
        """Return the name of the peer that may come in, or None."""
        if self.addresses and address not in self.addresses:
            return None
        if mechanism.lower() != self.mechanism:
            return None
        peer = self._who(credentials, self._bridge())
        return peer.name if peer is not None and door in peer.doors else None

    def _bridge(self) -> Peer:
        """The bridge itself, as a peer of its own proxy."""
        doors = frozenset({Door.FEED, Door.SUBSCRIBE})
        if self.mechanism is Mechanism.PLAIN:
            digest = hashlib.sha256(self.secret_key.encode()).hexdigest()
            return Peer(name=BRIDGE, password_sha256=digest, doors=doors)
        return Peer(name=BRIDGE, public_key=_public_key(self.secret_key), doors=doors)

    def _who(self, credentials: Sequence[bytes], bridge: Peer) -> Peer | None:
        peers = (*self.peers, bridge)
        if self.mechanism is Mechanism.PLAIN and len(credentials) == 2:
            return _by_password(peers, *credentials)
        if self.mechanism is Mechanism.CURVE and len(credentials) == 1 and len(credentials[0]) == CURVE_KEY_BYTES:
            return _by_key(peers, zmq.utils.z85.encode(credentials[0]).decode())
        return None


def _by_password(peers: Sequence[Peer], name: bytes, password: bytes) -> Peer | None:
    found = None
    digest = hashlib.sha256(password).hexdigest()
    for peer in peers:
        same_name = hmac.compare_digest(peer.name.encode(), name)
        if hmac.compare_digest(peer.password_sha256, digest) and same_name:
            found = peer
    return found


def _by_key(peers: Sequence[Peer], key: str) -> Peer | None:
    return next((peer for peer in peers if hmac.compare_digest(peer.public_key, key)), None)


def guard(socket: zmq.Socket[bytes], door: Door, allowed: AllowList) -> None:
    """Make a server socket ask for credentials; call before bind. Does nothing without authentication."""
    if not allowed.authenticated:
        return
    socket.setsockopt_string(zmq.ZAP_DOMAIN, door.value)
    if allowed.mechanism is Mechanism.PLAIN:
        socket.setsockopt(zmq.PLAIN_SERVER, 1)
    else:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, allowed.secret_key)


def introduce_bridge(socket: zmq.Socket[bytes], allowed: AllowList) -> None:
    """Make a client socket of the bridge itself prove who it is to the bridge's proxy; call before connect."""
    if allowed.mechanism is Mechanism.PLAIN:
        socket.setsockopt_string(zmq.PLAIN_USERNAME, BRIDGE)
        socket.setsockopt_string(zmq.PLAIN_PASSWORD, allowed.secret_key)
    elif allowed.mechanism is Mechanism.CURVE:
        public_key = _public_key(allowed.secret_key)
        socket.setsockopt_string(zmq.CURVE_SERVERKEY, public_key)
        socket.setsockopt_string(zmq.CURVE_PUBLICKEY, public_key)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, allowed.secret_key)


def _public_key(secret_key: str) -> str:
    return zmq.curve_public(secret_key.encode()).decode()


class ZapHandler:
    """The thread that answers libzmq's questions for one context. Start it before the first guarded bind."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], allowed: AllowList) -> None:
        self._allowed = allowed
        self._refused = 0
        self._logged_s = -1.0
        self._socket = context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(ENDPOINT)
        self._thread = threading.Thread(target=self._serve, name="zap", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for the thread: the context must be terminated first, that is what ends it."""
        self._thread.join()

    def _serve(self) -> None:
        try:
            while True:
                self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
        except zmq.ContextTerminated:
            self._socket.close()

    def _answer(self, frames: Sequence[bytes]) -> list[bytes]:
        if len(frames) < REQUEST_FRAMES_MIN or frames[0] != VERSION:
            return [VERSION, frames[1] if len(frames) > 1 else b"", b"500", b"unsupported ZAP request", b"", b""]
        _, request_id, door, address, _, mechanism, *credentials = frames
        name = self._allowed.admit(_text(door), _text(address), _text(mechanism), credentials)
        if name is None:
            self._log_refusal(_text(door), _text(address), _text(mechanism))
            return [VERSION, request_id, b"400", b"not on the allow-list", b"", b""]
        return [VERSION, request_id, b"200", b"OK", name.encode(), b""]

    def _log_refusal(self, door: str, address: str, mechanism: str) -> None:
        """Log at most one refusal a second: a stranger that reconnects in a loop must not fill the disk."""
        self._refused += 1
        now_s = time.monotonic()
        if now_s - self._logged_s < 1.0:
            return
        self._logged_s = now_s
        log.warning("refused a peer: door=%s address=%s mechanism=%s total=%d", door, address, mechanism, self._refused)


def _text(frame: bytes) -> str:
    return frame.decode("utf-8", "replace")
