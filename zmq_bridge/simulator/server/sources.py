"""Where ticks come from: files, merged by time, or the generator; always one iterator of (symbol, tick) in order.

A replay keeps the times of its files. Only when that would set the server's clock back (the account has already lived
later than the file's first tick) are they moved forward, by whole weeks, so that weekdays and times of day stay true.
One that was cut off goes on where it stood (`unfinished`).
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import Broker, spec_for
from zmq_bridge.simulator.generator import TickStream, generate
from zmq_bridge.simulator.tickfiles import TickFile
from zmq_bridge.simulator.tickfiles.reader import Policy

WEEK_MS = 7 * 86_400_000

DEFAULT_STREAMS: tuple[TickStream, ...] = (
    TickStream(symbol="EURUSD", price=1.0850, digits=5, spread_points=8),
    TickStream(symbol="GBPUSD", price=1.2655, digits=5, spread_points=11),
    TickStream(symbol="USDJPY", price=151.200, digits=3, spread_points=10),
    TickStream(symbol="XAUUSD", price=2350.50, digits=2, spread_points=22, step_points=9.0),
    TickStream(symbol="EURUSD.z", price=1.0850, digits=5, spread_points=14, ticks_per_s=1.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFile:
    """A tick file to replay."""

    path: Path
    symbol: str | None = None  # None: from the name or content
    format: str | None = None  # None: detected
    policy: Policy = "strict"


def open_files(files: Sequence[ReplayFile]) -> list[TickFile]:
    """Open and recognise files; TickFileError when one cannot be used."""
    return [TickFile(f.path, format=f.format, symbol=f.symbol, policy=f.policy) for f in files]


def replay_shift_ms(files: Iterable[TickFile], not_before_msc: int) -> int:
    """Compute by how much a replay's times must move: 0, or whole weeks."""
    first = min(file.first_time_msc() for file in files)
    late_ms = not_before_msc - first
    return 0 if late_ms <= 0 else -(-late_ms // WEEK_MS) * WEEK_MS


def replay(files: Iterable[TickFile], shift_ms: int) -> Iterator[tuple[str, Tick]]:
    """Merge files by time; at equal times the earlier file goes first."""
    return heapq.merge(*(_shifted(file, shift_ms) for file in files), key=lambda item: item[1].time_msc)


def _shifted(file: TickFile, shift_ms: int) -> Iterator[tuple[str, Tick]]:
    for tick in file:
        yield file.symbol, tick._replace(time_msc=tick.time_msc + shift_ms) if shift_ms else tick


def list_symbols(broker: Broker, symbols: Iterable[str]) -> list[str]:
    """List the symbols that the broker doesn't have yet, and return those."""
    new = [symbol for symbol in dict.fromkeys(symbols) if symbol not in broker.core.market.specs]
    for symbol in new:
        broker.list_symbol(spec_for(symbol))
    return new


def generated(broker: Broker, seed: int, streams: Sequence[TickStream], start_msc: int) -> Iterator[tuple[str, Tick]]:
    """Generate from where prices stand, or from the streams' own start where there is none."""
    last = broker.core.market.last
    going_on = tuple(
        replace(stream, price=last[stream.symbol].bid) if stream.symbol in last else stream for stream in streams
    )
    return generate(seed, going_on, start_msc)
