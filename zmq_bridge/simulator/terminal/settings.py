"""What the terminal's process is told at its start."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from zmq_bridge.protocol.limits import SPECS_MS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How the terminal proves who it is: PLAIN when a user name is given, CURVE when keys are; else nothing."""

    username: str = ""
    password: str = field(default="", repr=False)
    server_key: str = ""  # the bridge's public key, Z85
    public_key: str = ""  # the terminal's own, Z85
    secret_key: str = field(default="", repr=False)  # Z85

    @property
    def are_given(self) -> bool:
        """Whether the bridge can know who speaks."""
        return bool(self.username or self.server_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """One terminal process."""

    memory_dir: Path  # holds its journal; the same directory over restarts
    publish_endpoint: str = "tcp://127.0.0.1:5555"
    request_endpoint: str = "tcp://127.0.0.1:5557"
    broker_host: str = "127.0.0.1"
    broker_port: int = 5559
    role: Literal["both", "feed", "desk"] = "both"
    symbols: tuple[str, ...] | None = None  # whose ticks are published; None: all that the broker lists
    credentials: Credentials = field(default_factory=Credentials)
    broker_timeout_s: float = 2.0  # an order without an answer for so long is `unknown`
    unknown_settles_s: float | None = 10.0  # not at the broker so long after: it never arrived; None: stays unknown
    specs_every_s: float = SPECS_MS_MAX / 1000  # every specification is told again so often, changed or not
