"""What the broker process is told at its start. Nothing is read from the environment here."""

from dataclasses import dataclass, field
from pathlib import Path

from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.generator import TickStream
from zmq_bridge.simulator.server.sources import DEFAULT_STREAMS, ReplayFile


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateFeed:
    """Ticks from a seed, without end; the world goes on whether or not anybody listens."""

    seed: int = 1
    speed: float = 1.0  # times real time
    streams: tuple[TickStream, ...] = DEFAULT_STREAMS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFeed:
    """Ticks from files, once; the world waits for its subscribers."""

    files: tuple[ReplayFile, ...]
    speed: float | None = 1.0  # times real time; None: as fast as subscribers take them


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """One broker process."""

    account: BrokerConfig = field(default_factory=BrokerConfig)
    host: str = "127.0.0.1"
    port: int = 5559  # 0: any free one
    journal_path: Path | None = None  # the books' file; None: books are forgotten at the end
    feed: GenerateFeed | ReplayFeed | None = field(default_factory=GenerateFeed)  # None: no ticks until asked for
    is_paused: bool = False  # start with the feed paused
    server_offset_s: int = 0  # server clock minus UTC, for generated ticks
