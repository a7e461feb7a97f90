"""Signals at a steady rate over eight accounts, through gunicorn on all cores; beside it a bare route with one INSERT.

    python -m benchmarks.api_load [seconds]

The load is open: a signal is due at its moment whether or not the one before was answered, and its time counts from
that moment, so waiting in a queue is never left out. Each is accepted by the risk gate and durably committed. What a
terminal would do meanwhile (fill, quote, show that it lives) is done twice a second.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.admission import running_world
from benchmarks.rig import free_port, percentile, verdict
from benchmarks.signal_latency import start_bare, start_http
from tests.admission.world import LOGIN, OFFSET_S, World
from zmq_bridge.cli.process_table import web_argv
from zmq_bridge.settings import load_settings, settings_environment
from zmq_bridge.storage.keys import create_key

RATE = 300
SECONDS = 20
WARM_UP_S = 3
ACCOUNTS = 8
CONNECTIONS = 24
WORKERS = 2
FILL_EVERY_S = 0.5
P99_MS_MAX = 50.0
SIGNAL = {"symbol": "EURUSD", "action": "BUY", "volume": "0.01", "sl": "1.08300", "tp": "1.08900"}

FILL = """
WITH filled AS (
    UPDATE commands SET status = 'done', finished_at = now(), sent_at = coalesce(sent_at, now())
    WHERE status IN ('queued', 'sent') RETURNING id
)
UPDATE reservations SET ended_at = now(), end_reason = 'filled' FROM filled WHERE reservations.command_id = filled.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of a steady stream of requests."""

    times_ms: list[float]  # each from the moment it was due
    by_second: list[list[float]]  # the same, by the second they were due in
    cpu_ms: dict[str, float]  # each request: of the serving processes, of Postgres, of this load generator
    wrong: list[str]  # answers that were not as they should be
    seconds: float  # from the first moment to the last answer

    def line(self) -> str:
        """In words."""
        p50, p99 = percentile(self.times_ms, 50), percentile(self.times_ms, 99)
        rate = len(self.times_ms) / self.seconds
        cpu = ", ".join(f"{name} {ms:.2f}" for name, ms in self.cpu_ms.items())
        return f"p50 {p50:6.2f} ms   p99 {p99:7.2f} ms   {rate:4.0f}/s   ms of CPU each: {cpu}"

    def time_line(self) -> str:
        """The p99 of every second: a stall shows as one high figure, a cost that grows or a lack of CPU as a slope."""
        return " ".join(f"{percentile(times, 99):.0f}" for times in self.by_second if times)


def main(seconds: int) -> None:
    """Measure and print."""
    with running_world() as (world, database_url), ExitStack() as stack:
        ours, bare, api_key = prepare(world, database_url, stack)
        headers = {"Content-Type": "application/json", "X-API-Key": api_key}

        def signal(number: int) -> tuple[str, str, dict[str, str], int]:
            body = SIGNAL | {"account": LOGIN + number % ACCOUNTS, "magic": number % 97}
            return "/api/signal", json.dumps(body), headers, 202

        def insert(number: int) -> tuple[str, str, dict[str, str], int]:
            return "/polled", json.dumps(SIGNAL | {"id": f"{time.time_ns()}-{number}"}), headers, 200

        print(f"{RATE} requests a second for {seconds} s, {CONNECTIONS} connections, {WORKERS} workers")
        run(bare, insert, WARM_UP_S), run(ours, signal, WARM_UP_S)
        at_first = run(bare, insert, seconds)
        load = run(ours, signal, seconds)
        print(f"{'bare route, one INSERT':<34} {at_first.line()}")
        print(f"{f'POST /api/signal, {ACCOUNTS} accounts':<34} {load.line()}")
        print(f"p99 of each second, ms: {load.time_line()}")
        show(world, load)


def show(world: World, load: Load) -> None:
    """Print whether every signal was accepted and committed, in time."""
    committed = world.count("signals", "status = 'admitted'")
    accepted = len(load.times_ms) - len(load.wrong)
    print(f"accepted {accepted} of {len(load.times_ms)}; {committed} admitted signals are in Postgres", end="; ")
    print(f"p99 under {P99_MS_MAX:g} ms: {verdict(percentile(load.times_ms, 99) < P99_MS_MAX and not load.wrong)}")
    for answer in sorted(set(load.wrong))[:5]:
        print(f"  {load.wrong.count(answer)} x {answer}")


def run(port: int, request: Callable[[int], tuple[str, str, dict[str, str], int]], seconds: int) -> Load:
    """Send at `RATE` for so long; each request by whichever connection is free."""
    total = RATE * seconds
    numbers = iter(range(total))
    lock = threading.Lock()
    began_s = time.perf_counter() + 0.2
    timed: list[tuple[int, float]] = []  # the second it was due in, milliseconds
    wrong: list[str] = []

    def work(_connection: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due_s = began_s + number / RATE
            if (wait_s := due_s - time.perf_counter()) > 0:
                time.sleep(wait_s)
            path, body, headers, expected = request(number)
            client.request("POST", path, body, headers)
            reply = client.getresponse()
            text = reply.read()
            timed.append((number // RATE, (time.perf_counter() - due_s) * 1000))
            if reply.status != expected:
                wrong.append(f"{reply.status} {json.loads(text).get('code', '')}")

    before = cpu_used_s(port)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(CONNECTIONS)))
    seconds_taken, after = time.perf_counter() - began_s, cpu_used_s(port)
    return Load(
        times_ms=[ms for _, ms in timed], wrong=wrong, seconds=seconds_taken,
        by_second=[[ms for second, ms in timed if second == each] for each in range(seconds)],
        cpu_ms={name: (after[name] - before[name]) * 1000 / total for name in after},
    )  # fmt: skip


def cpu_used_s(port: int) -> dict[str, float]:
    """CPU time so far of the workers that serve a port, of Postgres and of ourselves; a busy machine's clock lies."""
    used = {"web": 0.0, "postgres": 0.0, "generator": time.process_time()}
    for each in psutil.Process().children(recursive=True):
        words = " ".join(each.cmdline())
        name = "web" if f"127.0.0.1:{port}" in words else "postgres" if "postgres" in words else None
        if name is not None:
            times = each.cpu_times()
            used[name] += times.user + times.system
    return used


def prepare(world: World, database_url: str, stack: ExitStack) -> tuple[int, int, str]:
    """Eight healthy accounts now, both servers, a key; return the two ports and the key."""
    now = datetime.now(UTC)
    world.clock.now = now
    world.snapshot()
    for number in range(1, ACCOUNTS):
        world.add_account(LOGIN + number)
    world.run("UPDATE risk_state SET server_day = %s", (now + timedelta(seconds=OFFSET_S)).date())
    world.run("UPDATE correlations SET as_of = %s", now)
    world.run("UPDATE symbols SET updated_at = %s, seen_at = %s", now, now)
    for number in range(ACCOUNTS):
        world.freshen(LOGIN + number)
    world.run("CREATE TABLE bare_signals (id text PRIMARY KEY, body jsonb NOT NULL)")
    with world.engine.begin() as connection:
        api_key = create_key(connection, name="bench", scopes=["signal"], now=now, actor="bench").text
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-web-")))
    bare_port = free_port()
    start_bare(stack, home, database_url, free_port(), bare_port)
    stack.enter_context(filling(world))
    return start_web(stack, home, database_url, world), bare_port, api_key


def start_web(stack: ExitStack, home: Path, database_url: str, world: World) -> int:
    """Our gunicorn, as `zmq-bridge web` runs it; return its port."""
    redis_port = world.client.connection_pool.connection_kwargs["port"]
    variables = {
        "DATABASE_URL": database_url, "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "ZMQ_BRIDGE_SECRET_KEY": "s" * 40, "ZMQ_BRIDGE_VAR_DIR": str(home / "var"),
        "ZMQ_BRIDGE_WEB_PORT": str(free_port()), "ZMQ_BRIDGE_WEB_WORKERS": str(WORKERS),
        "ZMQ_BRIDGE_WEB_THREADS": "8",
    }  # fmt: skip
    settings = load_settings(variables, env_file="/dev/null")
    counts = home / "counts"
    counts.mkdir()
    environment = {**settings_environment(settings), "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    start_http(stack, home / "web.log", web_argv(settings), environment, settings.web_port)
    return settings.web_port


@contextmanager
def filling(world: World) -> Iterator[None]:
    """Fill what was admitted, as terminals do, so that the books stay those of ordinary accounts."""
    stopped = threading.Event()

    def fill() -> None:
        while not stopped.wait(FILL_EVERY_S):
            world.run(FILL)
            world.clock.now = datetime.now(UTC)
            for number in range(ACCOUNTS):
                world.freshen(LOGIN + number)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
