"""What a simulation's options ask of the simulated broker, checked while a person still looks."""

from __future__ import annotations

from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.simulator.broker_server import GenerateFeed, ReplayFeed, ReplayFile
from zmq_bridge.simulator.generator import TickStream
from zmq_bridge.simulator.server.sources import DEFAULT_STREAMS, open_files


def require_feed(simulation: Simulation) -> None:
    """Refuse options that the broker could not feed from, before anything is started.

    Raises:
        CannotRun: symbols that there are not.
        TickFileError: a file that holds no ticks.
    """
    feed = feed_of(simulation)
    if isinstance(feed, ReplayFeed):
        for file in open_files(feed.files):
            file.first_time_msc()


def feed_of(simulation: Simulation) -> GenerateFeed | ReplayFeed:
    """Turn options into a feed.

    Raises:
        CannotRun: symbols that there are not, or not one for each file.
    """
    if not simulation.replay:
        return GenerateFeed(seed=simulation.seed, speed=simulation.speed or 1.0, streams=_streams(simulation.symbols))
    if simulation.symbols and len(simulation.symbols) != len(simulation.replay):
        raise CannotRun(
            f"--symbols: expected one symbol for each of the {len(simulation.replay)} replayed files, "
            f"found {len(simulation.symbols)}"
        )
    symbols = simulation.symbols or (None,) * len(simulation.replay)
    files = tuple(ReplayFile(path=path, symbol=symbol) for path, symbol in zip(simulation.replay, symbols, strict=True))
    return ReplayFeed(files=files, speed=simulation.speed)


def _streams(symbols: tuple[str, ...]) -> tuple[TickStream, ...]:
    known = {stream.symbol: stream for stream in DEFAULT_STREAMS}
    unknown = sorted(set(symbols) - set(known))
    if unknown:
        raise CannotRun(f"--symbols: expected some of {', '.join(known)}, found {', '.join(unknown)}")
    return tuple(known[symbol] for symbol in symbols) or DEFAULT_STREAMS
