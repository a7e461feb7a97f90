"""Ticks from a seed: a random walk per symbol with a living spread, bursts and equal milliseconds.

Deterministic: the same seed, streams and start give the same ticks, whatever the machine. Each symbol draws from its
own generator, so adding a symbol changes no other. No clock here: pacing is the feed's job.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.tick import quote_tick

BURST_SHARE = 0.12  # of the moments, a burst of several ticks comes at once
BURST_TICKS_MAX = 6
SAME_MILLISECOND_SHARE = 0.5  # of the ticks within a burst
PULL_TO_START = 0.0005  # a walk that wanders is drawn back gently, so prices stay plausible for days


@dataclass(frozen=True, slots=True, kw_only=True)
class TickStream:
    """How one symbol moves."""

    symbol: str
    price: float  # where the bid starts
    digits: int  # decimals of a price
    spread_points: int  # the usual spread; it breathes around this
    step_points: float = 4.0  # standard deviation of one move
    ticks_per_s: float = 2.0  # on average, bursts included
    walk: str = ""  # symbols with the same walk name move alike; empty: the symbol's own name


def generate(seed: int, streams: tuple[TickStream, ...], start_msc: int) -> Iterator[tuple[str, Tick]]:
    """Yield (symbol, tick) without end, in the order of time; ties go by the order of `streams`."""
    heap: list[tuple[int, int, int, str, Tick, Iterator[Tick]]] = []
    for position, stream in enumerate(streams):
        ticks = _walk(seed, stream, start_msc)
        first = next(ticks)
        heap.append((first.time_msc, position, 0, stream.symbol, first, ticks))
    heapq.heapify(heap)
    count = 0
    while heap:
        _, position, _, symbol, tick, ticks = heap[0]
        yield symbol, tick
        count += 1
        upcoming = next(ticks)
        heapq.heapreplace(heap, (upcoming.time_msc, position, count, symbol, upcoming, ticks))


def _walk(seed: int, stream: TickStream, start_msc: int) -> Iterator[Tick]:
    chance = random.Random(f"{seed}:{stream.walk or stream.symbol}")
    scale = 10**stream.digits
    start = bid = round(stream.price * scale)
    time_msc = start_msc
    pause_ms = 1000.0 / stream.ticks_per_s * (1 + BURST_SHARE * (BURST_TICKS_MAX - 1) / 2)
    while True:
        time_msc += 1 + int(chance.expovariate(1.0 / pause_ms))
        burst = chance.randint(2, BURST_TICKS_MAX) if chance.random() < BURST_SHARE else 1
        for number in range(burst):
            if number and chance.random() > SAME_MILLISECOND_SHARE:
                time_msc += chance.randint(1, 3)
            move = chance.gauss((start - bid) * PULL_TO_START, stream.step_points)
            bid = max(1, bid + round(move))
            spread = max(1, stream.spread_points + round(chance.gauss(0, stream.spread_points / 4)))
            yield quote_tick(time_msc, bid / scale, (bid + spread) / scale)
