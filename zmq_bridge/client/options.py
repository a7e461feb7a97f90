"""What a client is told at its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from zmq_bridge.client.errors import ClientMisuse
from zmq_bridge.client.sockets import BUFFER_FRAMES
from zmq_bridge.client.values import Credentials, GapNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Where the bridge is, who asks, and what holds for every subscription unless it says otherwise."""

    host: str = "127.0.0.1"
    subscribe_port: int = 5556  # ticks, gaps, heartbeats
    strategy_port: int = 5558  # signals and queries
    api_key: str = field(default="", repr=False)  # for signals and queries; ticks need none
    login: int = 0  # the account meant; 0 = the only one of the key, and ticks of every account
    credentials: Credentials = field(default_factory=Credentials)
    max_age_s: float | None = None  # oldest data allowed; None = any
    on_gap: Callable[[GapNotice], None] | None = None
    buffer_frames: int = BUFFER_FRAMES  # waiting for a slow strategy; beyond that the newest are lost and announced

    def __post_init__(self) -> None:
        for name in ("subscribe_port", "strategy_port"):
            if not 0 < getattr(self, name) < 2**16:
                raise ClientMisuse(f"expected {name} from 1 to 65535, found {getattr(self, name)}")
        if self.buffer_frames < 1:  # 0 is libzmq's word for unbounded
            raise ClientMisuse(f"expected buffer_frames of at least 1, found {self.buffer_frames}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **options: Any) -> Self:
        """Fill what `options` leaves open from the variables that the bridge itself uses."""
        known: dict[str, Any] = {
            "host": environ.get("ZMQ_BRIDGE_HOST"),
            "subscribe_port": _port(environ, "ZMQ_BRIDGE_SUBSCRIBE_PORT"),
            "strategy_port": _port(environ, "ZMQ_BRIDGE_STRATEGY_PORT"),
            "api_key": environ.get("ZMQ_BRIDGE_API_KEY"),
        }
        return cls(**{**{name: value for name, value in known.items() if value}, **options})

    @property
    def ticks_endpoint(self) -> str:
        """Endpoint of the XPUB socket."""
        return f"tcp://{self._host}:{self.subscribe_port}"

    @property
    def desk_endpoint(self) -> str:
        """Endpoint of the strategy ROUTER."""
        return f"tcp://{self._host}:{self.strategy_port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host


def _port(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    if text and not text.isdigit():
        raise ClientMisuse(f"expected {name} from 1 to 65535, found {text!r}")
    return int(text) if text else None
