"""Sinks: what the recorder stores in Redis and Postgres together, against raw COPY; what a stall costs; idle CPU.

    python -m benchmarks.sinks

Raw COPY is the ceiling: rows packed beforehand, sent to the same partitioned table by one connection, a commit each
5,000 rows, nothing else. The recorder's figure is ticks published at a fixed rate by a terminal, that must all be in
Postgres, in order, and in Redis. A stall locks the recorder's cursors in Postgres for two seconds.
"""

from __future__ import annotations

import gc
import io
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import psutil
import zmq

from benchmarks.rig import (
    LOGIN,
    Bridge,
    answer,
    connect,
    median,
    percentile,
    running_bridge,
    start,
    tick_frames,
    verdict,
    wait_until,
)
from zmq_bridge.protocol.codec import split_frame
from zmq_bridge.protocol.ticks import Tick, unpack_ticks
from zmq_bridge.storage.ticks.copy import COPY, TickRun, pack_rows
from zmq_bridge.storage.ticks.partitions import ensure_days_ahead

RUNS = 9
COPY_ROWS = 5_000
COPY_SECONDS = 1.0
SUSTAINED = ((100_000, 10, 15.0), (100_000, 1, 10.0), (20_000, 1, 10.0))
"""(ticks/s, ticks in a message, seconds)"""
SYMBOLS = 10
STALL_S = 2.0
STALL_AT = ((10_000, 1), (100_000, 10))
STRATEGY_P99_MS_AIM = 10.0
IDLE_S = 20.0
IDLE_PERCENT_AIM = 0.5


def terminal(endpoint: str, pipe: Connection) -> None:
    """Publish at a rate; orders: (prefix, ticks/s, batch, seconds), answered with (ticks, seconds it took)."""
    pub = connect(zmq.Context(), zmq.PUB, endpoint)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        prefix, rate, batch, seconds = order
        streams = [tick_frames(f"{prefix}{n}", int(rate * seconds) // SYMBOLS, batch) for n in range(SYMBOLS)]
        frames = [frame for at_once in zip(*streams, strict=True) for frame in at_once]
        pipe.send("packed")
        pipe.recv()
        stamps, begin = [], time.perf_counter()
        for number, frame in enumerate(frames):
            ahead = begin + number * batch / rate - time.perf_counter()
            if ahead > 0.001:
                time.sleep(ahead)
            stamps.append(time.perf_counter_ns())
            pub.send(frame)
        pipe.send((len(frames) * batch, time.perf_counter() - begin, stamps))


def strategy(endpoint: str, pipe: Connection) -> None:
    """Receive as a strategy does; orders: (prefix, messages), answered with when each came."""
    gc.disable()  # the list that this benchmark keeps, not the bridge, would make it pause
    sub = connect(zmq.Context(), zmq.SUB, endpoint, b"tick.")
    sub.setsockopt(zmq.RCVTIMEO, 5_000)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        prefix, messages = order
        heard: list[tuple[int, bytes]] = []
        try:
            while len(heard) < messages:
                frame = sub.recv()
                if frame.startswith(prefix):
                    heard.append((time.perf_counter_ns(), frame))
        except zmq.Again:
            pass  # what is missing is counted
        pipe.send(([at for at, _ in heard], _in_order([frame for _, frame in heard])))


def _in_order(frames: Sequence[bytes]) -> bool:
    """Whether every stream counted up without a hole."""
    expected: dict[str, int] = {}
    for frame in frames:
        topic, payload = split_frame(frame)
        batch = unpack_ticks(payload)
        if expected.get(topic, 1) != batch.seq:
            return False
        expected[topic] = batch.seq + len(batch.ticks)
    return True


class Scene:
    """A terminal and a strategy at a running bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        parts = [start(terminal, bridge.feed_endpoint), start(strategy, bridge.subscribe_endpoint)]
        self.processes = [process for process, _ in parts]
        self.terminal, self.strategy = (pipe for _, pipe in parts)
        answer(self.terminal)
        answer(self.strategy)
        time.sleep(1.0)  # subscriptions travel to the terminal

    def send(self, prefix: str, rate: int, batch: int, seconds: float) -> tuple[int, float, list[float]]:
        """Publish and hear; ticks, seconds it took to send, latency at the strategy in ms of each message."""
        self.terminal.send((prefix, rate, batch, seconds))
        answer(self.terminal)
        messages = int(rate * seconds) // SYMBOLS // batch * SYMBOLS
        self.strategy.send((f"tick.{prefix}".encode(), messages))
        self.terminal.send("go")
        ticks, took_s, stamps = answer(self.terminal)
        heard, in_order = answer(self.strategy)
        order = "in order" if in_order else "OUT OF ORDER"
        print(f"    strategy: {messages - len(heard)} of {messages} messages lost, {order}")
        return ticks, took_s, [(at - sent) / 1e6 for at, sent in zip(heard, stamps, strict=False)]

    def stored(self, prefix: str) -> int:
        """Ticks in Postgres."""
        return self.bridge.count(f"SELECT count(*) FROM ticks WHERE symbol LIKE '{prefix}%%'")

    def wait_stored(self, prefix: str, ticks: int) -> None:
        """Until Postgres has so many."""
        wait_until(lambda: self.stored(prefix) >= ticks, f"{ticks} ticks of {prefix} in Postgres")

    def out_of_order(self, prefix: str) -> int:
        """Rows whose number is not the next of their stream in the order of (time_msc, id)."""
        return self.bridge.count(
            "SELECT count(*) FROM (SELECT seq - lag(seq, 1, 0::bigint) OVER (PARTITION BY symbol ORDER BY time_msc, id)"
            f" AS step FROM ticks WHERE symbol LIKE '{prefix}%%') AS steps WHERE step <> 1"
        )

    def stop(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.terminate()


def measure_copy(bridge: Bridge) -> float:
    """Rows a second of raw COPY, median of RUNS."""
    with bridge.engine.begin() as connection:
        ensure_days_ahead(connection, datetime.now(UTC))
    now_msc = int(time.time() * 1000)
    ticks = [Tick(now_msc + at, 1.1, 1.2, 0.0, 0.0, 6) for at in range(COPY_ROWS)]
    run = TickRun(account_id=bridge.account_id, symbol="RAWCOPY", session=1, seq=1, ticks=ticks, received_ms=now_msc)
    data = pack_rows([run])
    raw = bridge.engine.raw_connection()
    try:
        rates = [_copy_for(raw, data, COPY_SECONDS) for _ in range(RUNS)]
    finally:
        raw.close()
    return median(rates)


def _copy_for(raw, data: bytes, seconds: float) -> float:  # type: ignore[no-untyped-def]  # SQLAlchemy's pool proxy
    cursor = raw.cursor()
    cursor.execute("SET synchronous_commit = off")
    rows, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        cursor.copy_expert(COPY, io.BytesIO(data), 1 << 18)
        raw.commit()
        rows += COPY_ROWS
    return rows / (time.perf_counter() - begin)


def measure_sustained(scene: Scene, copy_rate: float) -> None:
    """Print whether every tick of a rate reaches both stores."""
    bridge = scene.bridge
    for rate, batch, seconds in SUSTAINED:
        prefix = f"S{rate}B{batch}N"
        print(f"  {rate} ticks/s for {seconds:.0f} s, {batch} in a message, {SYMBOLS} symbols:")
        redis_before = bridge.figure("redis_ticks")
        used = Usage(bridge)
        ticks, took_s, delays = scene.send(prefix, rate, batch, seconds)
        busy = used.report(took_s)
        done = time.perf_counter()
        scene.wait_stored(prefix, ticks)
        behind_s = time.perf_counter() - done
        bridge.wait_figure("redis_ticks", redis_before + ticks)
        last = [bridge.live.ticks(f"{prefix}{n}", 1)[0].seq for n in range(SYMBOLS)]
        stored, disorder = scene.stored(prefix), scene.out_of_order(prefix)
        whole = stored == ticks and disorder == 0 and set(last) == {ticks // SYMBOLS} and not bridge.figure("gaps")
        taken = bridge.figure("redis_ticks") - redis_before
        at_the_last = "end at the last tick" if set(last) == {ticks // SYMBOLS} else f"END AT {sorted(set(last))}"
        print(f"    sent {ticks} in {took_s:.1f} s; Redis took {taken}, its streams {at_the_last}")
        print(f"    Postgres has {stored}, {disorder} out of order, complete {behind_s:.1f} s after the last was sent")
        print(f"    strategy p50 {percentile(delays, 50):.2f} ms, p99 {percentile(delays, 99):.2f} ms; CPU {busy}")
        print(f"    every tick in both stores: {verdict(whole)}; {ticks / took_s / copy_rate:.2f} of raw COPY's rate")


def measure_stall(scene: Scene) -> None:
    """Print what two seconds of a stalled Postgres cost."""
    for rate, batch in STALL_AT:
        prefix = f"STALL{rate}N"
        print(f"  Postgres stalled for {STALL_S:.0f} s at {rate} ticks/s:")
        staller = threading.Timer(1.5, _stall, args=(scene.bridge,))
        staller.start()
        ticks, _, delays = scene.send(prefix, rate, batch, 5.0)
        staller.join()
        scene.wait_stored(prefix, ticks)
        lost, p99 = ticks - scene.stored(prefix), percentile(delays, 99)
        print(f"    {lost} rows lost ({verdict(lost == 0 and scene.out_of_order(prefix) == 0)})")
        print(f"    strategy p99 {p99:.2f} ms (aim below {STRATEGY_P99_MS_AIM}: {verdict(p99 < STRATEGY_P99_MS_AIM)})")


def _stall(bridge: Bridge) -> None:
    with bridge.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE tick_cursors IN ACCESS EXCLUSIVE MODE")
        time.sleep(STALL_S)


class Usage:
    """Processor time of the bridge's processes and servers from now on."""

    def __init__(self, bridge: Bridge) -> None:
        names = ("proxy", "recorder", "postgres", "valkey")
        self._parts: dict[str, psutil.Process] = {name: getattr(bridge, name) for name in names}
        self._before = {name: _cpu_s(part) for name, part in self._parts.items()}

    def percent(self, seconds: float) -> dict[str, float]:
        """Of one processor, since the start."""
        return {name: (_cpu_s(part) - self._before[name]) / seconds * 100 for name, part in self._parts.items()}

    def report(self, seconds: float) -> str:
        """The same as text."""
        return ", ".join(f"{name} {percent:.0f} %" for name, percent in self.percent(seconds).items())


def _cpu_s(part: psutil.Process) -> float:
    """User and system time of a process and its children."""
    total = 0.0
    for process in (part, *part.children(recursive=True)):
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


def measure_idle(bridge: Bridge) -> None:
    """Print what the bridge costs when the market sleeps."""
    used = Usage(bridge)
    time.sleep(IDLE_S)
    percents = used.percent(IDLE_S)
    print(f"  idle for {IDLE_S:.0f} s, a terminal connected:")
    for name in ("proxy", "recorder"):
        met = verdict(percents[name] < IDLE_PERCENT_AIM)
        print(f"    {name} {percents[name]:.2f} % CPU (aim below {IDLE_PERCENT_AIM}: {met})")


def main() -> None:
    """Run everything and print it."""
    with running_bridge() as bridge:
        print(f"sinks, one recorder into embedded Postgres and Valkey (account {LOGIN})")
        copy_rate = measure_copy(bridge)
        print(f"  raw COPY of prepared rows, {COPY_ROWS} a commit, median of {RUNS}: {copy_rate / 1e3:.0f} thousand/s")
        scene = Scene(bridge)
        try:
            measure_sustained(scene, copy_rate)
            measure_stall(scene)
            measure_idle(bridge)
        finally:
            scene.stop()


if __name__ == "__main__":
    main()
