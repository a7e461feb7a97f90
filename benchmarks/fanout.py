"""Fan-out: the bridge's proxy against a bare libzmq proxy, while the recorder fills both stores.

    python -m benchmarks.fanout [pairs]

Both proxies get the same messages at the same moment from the same process, in alternating order, and have the same
number of subscribers (a strategy each; the bridge's recorder has a twin at the bare one that reads and forgets).
Latency is from just before `send` in the terminal to just after `recv` in the strategy, of ordinary tick messages.
Throughput is how fast a flood passes, both flooded at once.
"""

from __future__ import annotations

import array
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import zmq

from benchmarks.rig import (
    Bridge,
    answer,
    bare_proxy,
    connect,
    median,
    percentile,
    running_bridge,
    start,
    tick_frames,
    verdict,
    wait_until,
)  # fmt: skip
from zmq_bridge.protocol.ticks import parse_tick_frame

PAIRS = 11
SECONDS_PER_PAIR = 1.5
LOADS = ((1_000, 1), (20_000, 1), (100_000, 10))
"""(ticks/s, ticks in a message)"""
P50_RATIO_AIM, P99_RATIO_AIM, THROUGHPUT_RATIO_AIM = 1.05, 1.25, 0.95

FLOOD_PAIRS = 21
"""More than for latency: two floods at once on few processors quarrel more."""

FLOOD_MESSAGES = 300_000
FLOOD_BYTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measurement of both sides at once; microseconds."""

    ours: tuple[float, float]
    """p50, p99"""

    bare: tuple[float, float]


def terminal(endpoints: list[str], pipe: Connection) -> None:
    """Send each message to both proxies; orders: (symbol, ticks/s, batch, first seq)."""
    context = zmq.Context()
    pubs = [connect(context, zmq.PUB, endpoint) for endpoint in endpoints]
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        symbol, rate, batch, first_seq = order
        frames = tick_frames(symbol, int(rate * SECONDS_PER_PAIR), batch, first_seq=first_seq)
        sent = array.array("q")
        begin = time.perf_counter()
        for number, frame in enumerate(frames):
            ahead = begin + number * batch / rate - time.perf_counter()
            if ahead > 0.001:
                time.sleep(ahead)
            for side in (0, 1) if number % 2 else (1, 0):
                sent.append(time.perf_counter_ns())
                pubs[side].send(frame)
        pipe.send(sent.tobytes())


def strategy(endpoint: str, pipe: Connection) -> None:
    """Receive as a strategy does; orders: (symbol, messages), answered with (seq, when) of each."""
    gc.disable()  # the list that this benchmark keeps, not the bridge, would make it pause
    context = zmq.Context()
    sub = connect(context, zmq.SUB, endpoint, b"tick.")
    sub.setsockopt(zmq.RCVTIMEO, 3_000)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        symbol, messages = order
        prefix = f"tick.{symbol}.".encode()
        heard: list[tuple[bytes, int]] = []
        try:
            while len(heard) < messages:
                frame = sub.recv()
                at = time.perf_counter_ns()
                if frame.startswith(prefix):
                    heard.append((frame, at))
        except zmq.Again:
            pass  # what is missing is counted
        pipe.send([(parse_tick_frame(frame)[2].seq, at) for frame, at in heard])


def twin(endpoint: str, pipe: Connection) -> None:
    """Subscribe as the recorder does, read in its rhythm, forget."""
    context = zmq.Context()
    sub = connect(context, zmq.SUB, endpoint, b"tick.", b"beat.")
    time.sleep(0.2)  # until it is connected
    pipe.send("ready")
    while True:
        sub.poll()
        try:
            while True:
                sub.recv(zmq.NOBLOCK)
        except zmq.Again:
            time.sleep(0.005)


def flood(endpoint: str, pipe: Connection) -> None:
    """Send as fast as possible when told."""
    context = zmq.Context()
    pub = connect(context, zmq.PUB, endpoint)
    frame = b"load.X\0".ljust(FLOOD_BYTES, b"x")
    pipe.send("ready")
    while pipe.recv() is not None:
        for _ in range(FLOOD_MESSAGES):
            pub.send(frame)


def flooded(endpoint: str, pipe: Connection) -> None:
    """Count a flood; answers messages/s and how many were missing."""
    context = zmq.Context()
    sub = connect(context, zmq.SUB, endpoint, b"load.")
    pipe.send("ready")
    while pipe.recv() is not None:
        received, first, last = 0, 0.0, 0.0
        while received < FLOOD_MESSAGES and sub.poll(2_000):
            first = first or time.perf_counter()
            try:
                while True:
                    sub.recv(zmq.NOBLOCK)
                    received += 1
            except zmq.Again:
                last = time.perf_counter()
        last = time.perf_counter() if received == FLOOD_MESSAGES else last
        pipe.send((received / max(last - first, 1e-9), FLOOD_MESSAGES - received))


class Latency:
    """The processes of the latency measurement."""

    def __init__(self, ours: tuple[str, str], bare: tuple[str, str]) -> None:
        self.processes: list[BaseProcess] = []
        self.twin = self._start(twin, bare[1])  # first, as the recorder is: a proxy serves in the order of connecting
        self.ours, self.bare = self._start(strategy, ours[1]), self._start(strategy, bare[1])
        self.terminal = self._start(terminal, [ours[0], bare[0]])
        time.sleep(1.0)  # subscriptions travel to the terminal

    def _start(self, main: Callable[..., None], where: object) -> Connection:
        process, pipe = start(main, where)
        self.processes.append(process)
        answer(pipe)
        return pipe

    def pair(self, symbol: str, rate: int, batch: int, first_seq: int) -> Pair:
        """Measure both sides once."""
        messages = len(range(0, int(rate * SECONDS_PER_PAIR), batch))
        for side in (self.ours, self.bare):
            side.send((symbol, messages))
        self.terminal.send((symbol, rate, batch, first_seq))
        sent = array.array("q", answer(self.terminal))
        ours = self._delays(self.ours, sent, 0, batch, first_seq)
        bare = self._delays(self.bare, sent, 1, batch, first_seq)
        return Pair(ours=_percentiles(ours), bare=_percentiles(bare))

    def _delays(self, pipe: Connection, sent: array.array[int], which: int, batch: int, first_seq: int) -> list[float]:
        heard = answer(pipe)
        if len(heard) != len(sent) // 2:
            print(f"    {len(sent) // 2 - len(heard)} messages missing at {'ours' if which == 0 else 'the bare one'}")
        delays = []
        for seq, at in heard:
            number = (seq - first_seq) // batch
            place = which if number % 2 else 1 - which
            delays.append((at - sent[2 * number + place]) / 1000)
        return delays

    def stop(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.terminate()


def _percentiles(delays: list[float]) -> tuple[float, float]:
    return percentile(delays, 50), percentile(delays, 99)


def measure_latency(bridge: Bridge, bare: tuple[str, str], pairs: int) -> None:
    """Print latencies and their ratios at each load."""
    latency = Latency((bridge.feed_endpoint, bridge.subscribe_endpoint), bare)
    try:
        for rate, batch in LOADS:
            symbol, per_pair = f"LAT{rate}", int(rate * SECONDS_PER_PAIR)
            latency.pair(symbol, rate, batch, 1)  # warm up
            found = [latency.pair(symbol, rate, batch, 1 + per_pair * number) for number in range(1, pairs + 1)]
            _print_latency(rate, batch, found)
            expected = per_pair * (pairs + 1)
            _wait_stored(bridge, symbol, expected)
            print(f"    both stores meanwhile: {expected} ticks in Postgres, {bridge.figure('gaps')} gaps")
    finally:
        latency.stop()


def _wait_stored(bridge: Bridge, symbol: str, ticks: int) -> None:
    query = f"SELECT count(*) FROM ticks WHERE symbol = '{symbol}'"
    wait_until(lambda: bridge.count(query) == ticks, f"{symbol}: {ticks} ticks in Postgres")


def _print_latency(rate: int, batch: int, found: list[Pair]) -> None:
    print(f"  tick to strategy at {rate} ticks/s, {batch} in a message, {len(found)} pairs, medians:")
    for place, (name, aim) in enumerate((("p50", P50_RATIO_AIM), ("p99", P99_RATIO_AIM))):
        ours, bare = median([pair.ours[place] for pair in found]), median([pair.bare[place] for pair in found])
        ratio = median([pair.ours[place] / pair.bare[place] for pair in found])
        aimed = f"aim at most {aim}: {verdict(ratio <= aim)}"
        print(f"    {name}: ours {ours:.0f} us, bare {bare:.0f} us, ratio {ratio:.2f} ({aimed})")


def measure_throughput(bridge: Bridge, bare: tuple[str, str], pairs: int) -> None:
    """Print how fast floods pass, both at once."""
    ours = (bridge.feed_endpoint, bridge.subscribe_endpoint)
    parts = [start(flood, side[0]) for side in (ours, bare)] + [start(flooded, side[1]) for side in (ours, bare)]
    pipes = [pipe for _, pipe in parts]
    for pipe in pipes:
        answer(pipe)
    time.sleep(1.0)
    found = [_flood_both(pipes, number) for number in range(pairs + 1)][1:]
    for process, _ in parts:
        process.terminate()
    ratio = median([ours_rate / bare_rate for (ours_rate, _), (bare_rate, _) in found])
    print(f"  throughput of {FLOOD_BYTES} B messages, both flooded at once, {pairs} pairs, medians:")
    for name, side in (("ours", 0), ("bare", 1)):
        rate, missing = median([pair[side][0] for pair in found]), sum(pair[side][1] for pair in found)
        print(f"    {name} {rate / 1e3:.0f} thousand/s, {missing} missing")
    print(f"    ratio {ratio:.2f} (aim at least {THROUGHPUT_RATIO_AIM}: {verdict(ratio >= THROUGHPUT_RATIO_AIM)})")


def _flood_both(pipes: list[Connection], number: int) -> tuple[tuple[float, int], ...]:
    order = pipes if number % 2 else [pipes[1], pipes[0], pipes[3], pipes[2]]
    for pipe in (*order[2:], *order[:2]):
        pipe.send("go")
    return answer(pipes[2]), answer(pipes[3])


def main(pairs: int = PAIRS) -> None:
    """Run everything and print it."""
    with running_bridge() as bridge, bare_proxy() as (feed, subscribe, name):
        print(f"fan-out, the bridge's proxy with both sinks running, against {name}")
        measure_latency(bridge, (feed, subscribe), pairs)
        measure_throughput(bridge, (feed, subscribe), pairs * FLOOD_PAIRS // PAIRS)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
