"""Time durable admission: signal in, decision, reservation and command committed.

    python -m benchmarks.admission [signals]

Alone with ten open positions, and with eight writers on eight accounts. Beside it, in turn with it in the same run, the
least that a durable answer can cost here: one bare INSERT and commit through the same driver.
"""

import gc
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg2

from benchmarks.rig import free_port
from tests.admission.world import LOGIN, World, position
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.source import Source
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
from zmq_bridge.live.connection import open_redis
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.migrations import migrate
from zmq_bridge.storage.risk.limits import Scope, set_limits

SIGNALS = 500
WRITERS = 8
WARM_UP = 50
WARM_UP_EACH = 6  # of each writer: its connection, its plans
BEAT_S = 1.0
WIDE = {
    "max_positions": 1_000_000, "max_orders_per_minute": 1_000_000, "max_orders_per_minute_source": 1_000_000,
    "max_repeats": 1_000_000, "max_total_exposure_percent": "10000", "max_daily_loss_percent": "10000",
    "max_correlated_exposure_percent": "10000", "max_currency_exposure_percent": "10000", "max_leverage": "1000000",
    "min_margin_level_percent": "0", "max_account_age_s": "1000000", "max_quote_age_s": "1000000",
    "max_heartbeat_age_s": "1000000", "max_signal_age_s": "1000000",
}  # fmt: skip


@contextmanager
def running_world() -> Iterator[tuple[World, str]]:
    """A healthy account on durable servers of this benchmark's own, and the database's URL."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(directory / "pg", log_path=directory / "postgres.log")
    valkey = EmbeddedValkey(directory / "valkey", port=free_port(), log_path=directory / "valkey.log", keep=False)
    try:
        postgres.start()
        valkey.start()
        migrate(postgres.url())
        engine = create_engine(postgres.url(), pool_size=WRITERS, pool_overflow=2)
        world = World(engine, open_redis(valkey.url()))
        with engine.begin() as connection:
            set_limits(connection, Scope(), WIDE, actor="benchmark", now=world.clock.now)
        world.snapshot(positions=[position(ticket) for ticket in range(1, 11)])
        yield world, postgres.url()
        engine.dispose()
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def timed(action: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def admit(world: World, login: int, source: Source) -> None:
    """One signal, which must be accepted."""
    answer = world.send(source, volume="0.01", account=login)
    if not isinstance(answer, Accepted):
        raise RuntimeError(f"expected every signal to be accepted, found {answer}")


def settle(world: World) -> None:
    """Half a minute passes, and what was reserved has been filled: the next signals meet an ordinary account."""
    world.run("UPDATE reservations SET ended_at = now(), end_reason = 'filled' WHERE ended_at IS NULL")
    world.clock.now += timedelta(seconds=30)


def bare_insert(url: str) -> Callable[[], None]:
    """The baseline."""
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, body jsonb)")
    connection.commit()

    def insert() -> None:
        cursor.execute("INSERT INTO bare (body) VALUES (%s)", ('{"symbol": "EURUSD", "volume": "0.01"}',))
        connection.commit()

    return insert


def show(name: str, times: list[float], baseline: float | None = None) -> float:
    """Print percentiles; return the median."""
    times = sorted(times)
    p50, p90, p99 = (times[int(len(times) * part)] for part in (0.5, 0.9, 0.99))
    ratio = "" if baseline is None else f"   {p50 / baseline:5.1f} x the bare insert"
    print(f"{name:42s} p50 {p50:6.2f} ms   p90 {p90:6.2f} ms   p99 {p99:6.2f} ms{ratio}")
    return p50


def alone(world: World, url: str, signals: int) -> float:
    """One writer, in turn with the baseline."""
    insert, source = bare_insert(url), Source(id="key-1")
    bare: list[float] = []
    gate: list[float] = []
    world.freshen()
    for number in range(WARM_UP + signals):
        bare.append(timed(insert))
        gate.append(timed(lambda: admit(world, LOGIN, source)))
        if number % 10 == 9:
            settle(world)
            world.freshen()
    baseline = show("one bare INSERT and commit", bare[WARM_UP:])
    show("admission alone, 10 open positions", gate[WARM_UP:], baseline)
    return baseline


@contextmanager
def beating(world: World, logins: list[int]) -> Iterator[None]:
    """Terminals that show signs of life meanwhile, however long it takes."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(BEAT_S):
            for login in logins:
                world.beat(login)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def together(world: World, signals: int, baseline: float) -> None:
    """Eight writers, an account each, as fast as they can."""
    logins = [LOGIN + number for number in range(WRITERS)]
    for login in logins:
        if login != LOGIN:
            world.add_account(login)
        world.freshen(login)

    def write(login: int) -> list[float]:
        source = Source(id=f"key-{login}")
        times = [timed(lambda: admit(world, login, source)) for _ in range(WARM_UP_EACH + signals // WRITERS)]
        return times[WARM_UP_EACH:]

    began = time.perf_counter()
    with beating(world, logins), ThreadPoolExecutor(WRITERS) as pool:
        times = [value for values in pool.map(write, logins) for value in values]
    rate = (len(times) + WARM_UP_EACH * WRITERS) / (time.perf_counter() - began)
    show(f"admission, {WRITERS} writers on {WRITERS} accounts", times, baseline)
    print(f"{'':42s} {rate:.0f} signals/s, all in one Python process")


def main(signals: int) -> None:
    """Run both."""
    with running_world() as (world, url):
        gc.collect()
        gc.freeze()  # as the web's workers and the desk do
        together(world, signals, alone(world, url, signals))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SIGNALS)
