"""What the benchmarks of the feed share: real servers in a temporary directory, the bridge's processes, figures.

Every part is a process of its own, as in production. Absolute figures of a shared machine swing by two, so a
comparison feeds both sides at the same time and takes the median of the ratios of many pairs.
"""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import redis
import zmq
from sqlalchemy import Engine

from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic
from zmq_bridge.relay.recorder import RecorderSettings, run_recorder
from zmq_bridge.sockets.proxy import FEED_MESSAGES_MAX, SUBSCRIBER_MESSAGES_MAX, ProxySettings, run_proxy
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.migrations import migrate

SPAWN = multiprocessing.get_context("spawn")
LOGIN = 123456
SESSION = 1_700_000_000_000
PATIENCE_S = 60.0
HWM = 1_000_000
"""Of the benchmark's own sockets, so that losses are the bridge's and not theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A running feed and its stores."""

    feed_endpoint: str
    subscribe_endpoint: str
    proxy: psutil.Process
    recorder: psutil.Process
    postgres: psutil.Process
    valkey: psutil.Process
    engine: Engine
    live: LiveReader
    account_id: int
    database_url: str
    redis_url: str

    def figure(self, name: str) -> int:
        """One of the recorder's figures; up to a second old."""
        return int(self.live.stats().get(f"recorder.{name}", 0))

    def wait_figure(self, name: str, value: int) -> None:
        """Until a figure has grown to a value."""
        wait_until(lambda: self.figure(name) >= value, f"{name} of {value}")

    def count(self, query: str) -> int:
        """The one number that a query returns."""
        with self.engine.connect() as connection:
            found: int = connection.exec_driver_sql(query).scalar_one()
        return found


@contextmanager
def running_bridge() -> Iterator[Bridge]:
    """Embedded durable Postgres, Valkey, proxy and recorder; everything stopped and removed afterwards."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="bench-"))
        directory.chmod(0o755)
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres = EmbeddedPostgres(directory / "pg", log_path=directory / "postgres.log")
        postgres.start()
        stack.callback(postgres.stop)
        valkey = EmbeddedValkey(directory / "valkey", port=free_port(), log_path=directory / "valkey.log", keep=False)
        valkey.start()
        stack.callback(valkey.stop)
        migrate(postgres.url())
        engine = create_engine(postgres.url())
        stack.callback(engine.dispose)
        proxy, (feed, subscribe) = _part(stack, _proxy_main, ())
        recorder, _ = _part(stack, _recorder_main, (feed, subscribe, postgres.url(), valkey.url()))
        yield Bridge(
            feed_endpoint=feed, subscribe_endpoint=subscribe, proxy=psutil.Process(proxy.pid),
            recorder=psutil.Process(recorder.pid), postgres=psutil.Process(postgres.pid),
            valkey=psutil.Process(valkey.pid), engine=engine, account_id=_account(engine),
            live=LiveReader(redis.Redis.from_url(valkey.url())),
            database_url=postgres.url(), redis_url=valkey.url(),
        )  # fmt: skip


def start(main: Callable[..., None], *arguments: object) -> tuple[BaseProcess, Connection]:
    """Start a process whose last argument is a pipe to us."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=main, args=(*arguments, theirs), daemon=True)
    process.start()
    return process, ours


def answer(pipe: Connection) -> Any:
    """The next thing a process says."""
    if not pipe.poll(PATIENCE_S):
        raise TimeoutError("a part of the benchmark did not answer")
    return pipe.recv()


def _part(stack: ExitStack, main: Callable[..., None], arguments: Sequence[object]) -> tuple[BaseProcess, Any]:
    process, pipe = start(main, *arguments)
    stack.callback(process.join, 15)
    stack.callback(process.terminate)
    return process, answer(pipe)


def _proxy_main(pipe: Connection) -> None:
    endpoints = ProxySettings(feed_endpoint="tcp://127.0.0.1:*", subscribe_endpoint="tcp://127.0.0.1:*")
    run_proxy(endpoints, lambda feed, subscribe: pipe.send((feed, subscribe)))


def _recorder_main(feed: str, subscribe: str, database_url: str, redis_url: str, pipe: Connection) -> None:
    settings = RecorderSettings(
        feed_endpoint=feed, subscribe_endpoint=subscribe, database_url=database_url, redis_url=redis_url
    )
    run_recorder(settings, lambda: pipe.send("ready"))


def _account(engine: Engine) -> int:
    with engine.begin() as connection:
        made: int = connection.exec_driver_sql(
            "INSERT INTO accounts (login, server, currency, margin_mode, leverage)"
            f" VALUES ({LOGIN}, 'Bench', 'USD', 'hedging', 100) RETURNING id"
        ).scalar_one()
    return made


@contextmanager
def bare_proxy() -> Iterator[tuple[str, str, str]]:
    """The baseline: (feed endpoint, subscribe endpoint, what it is)."""
    with tempfile.TemporaryDirectory() as directory:
        program = _compile(Path(directory))
        ports = [str(free_port()), str(free_port())]
        if program is None:
            process, pipe = start(_bare_python_proxy, *ports)
            answer(pipe)
            stop: Callable[[], object] = process.terminate
        else:
            words = [str(program), *ports, str(FEED_MESSAGES_MAX), str(SUBSCRIBER_MESSAGES_MAX)]
            child = subprocess.Popen(words, stdout=subprocess.PIPE)
            assert child.stdout is not None
            child.stdout.readline()
            stop = child.kill
        name = "zmq.proxy alone in a Python process (no C compiler here)" if program is None else "a C program"
        try:
            yield f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[1]}", name
        finally:
            stop()


def _compile(directory: Path) -> Path | None:
    """Build the C baseline against pyzmq's own libzmq; None where that can't be done."""
    libraries = sorted((Path(zmq.__file__).parents[1] / "pyzmq.libs").glob("libzmq*.so*"))
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not libraries or compiler is None:
        return None
    program = directory / "bare_proxy"
    source = Path(__file__).with_name("bare_proxy.c")
    words = [compiler, "-O2", str(source), str(libraries[0]), f"-Wl,-rpath,{libraries[0].parent}", "-o", str(program)]
    return program if subprocess.run(words, check=False).returncode == 0 else None


def _bare_python_proxy(feed_port: str, subscribe_port: str, pipe: Connection) -> None:
    context = zmq.Context()
    feed = _bound(context.socket(zmq.XSUB), feed_port, FEED_MESSAGES_MAX)
    subscribers = _bound(context.socket(zmq.XPUB), subscribe_port, SUBSCRIBER_MESSAGES_MAX)
    pipe.send("ready")
    zmq.proxy(feed, subscribers)


def _bound(made: zmq.Socket[bytes], port: str, messages_max: int) -> zmq.Socket[bytes]:
    made.setsockopt(zmq.SNDHWM, messages_max)
    made.setsockopt(zmq.RCVHWM, messages_max)
    made.bind(f"tcp://127.0.0.1:{port}")
    return made


def connect(context: zmq.Context[zmq.Socket[bytes]], kind: int, endpoint: str, *topics: bytes) -> zmq.Socket[bytes]:
    """A PUB or SUB with room for everything."""
    made = context.socket(kind)
    made.setsockopt(zmq.SNDHWM, HWM)
    made.setsockopt(zmq.RCVHWM, HWM)
    made.setsockopt(zmq.LINGER, 5_000)
    for topic in topics:
        made.subscribe(topic)
    made.connect(endpoint)
    return made


def tick_frames(symbol: str, count: int, batch: int, *, first_seq: int = 1, volume: float = 0.0) -> list[bytes]:
    """Packed tick messages of one stream; the ticks go on a millisecond each."""
    topic = tick_topic(symbol, LOGIN)
    now_msc = int(time.time() * 1000) - 3_600_000
    return [
        tick_frame(
            topic, SESSION, seq,
            [Tick(now_msc + seq + at, 1.1 + (seq + at) % 1000 / 1e5, 1.2, 0.0, volume, 6) for at in range(batch)],
        )
        for seq in range(first_seq, first_seq + count, batch)
    ]  # fmt: skip


def free_port() -> int:
    """A TCP port on loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def verdict(ok: bool) -> str:
    """Whether an aim was met."""
    return "met" if ok else "MISSED"
