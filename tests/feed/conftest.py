"""A whole feed for tests: proxy and recorder as processes of their own, a terminal's PUB that counts, an account."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
import redis
import sqlalchemy
import zmq
from sqlalchemy import Connection, Engine

from tests.support import wait_until
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.protocol.messages import Beat, encode_frame
from zmq_bridge.protocol.published import Role
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic
from zmq_bridge.relay.recorder import RecorderSettings, run_recorder
from zmq_bridge.sockets.proxy import ProxySettings, run_proxy
from zmq_bridge.storage.engine import create_engine

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 60.0
PATIENCE_MS = 60_000
LOGIN = 5_000_001
SYMBOL = "EURUSD"
START_MSC = 1_577_898_000_000  # 2020-01-01 17:00:00 on the server's clock


def make_ticks(count: int, start_msc: int = START_MSC, step_msc: int = 7) -> list[Tick]:
    """Ticks that are all different, three of them in each millisecond."""
    return [
        Tick(start_msc + number // 3 * step_msc, 1.1 + number / 1e6, 1.1002 + number / 1e6, 0.0, float(number), 6)
        for number in range(count)
    ]


def add_account(engine: Engine, login: int = LOGIN, server: str = "Demo") -> int:
    """What the desk does at a terminal's hello."""
    with engine.begin() as connection:
        made: int = connection.exec_driver_sql(
            "INSERT INTO accounts (login, server, currency, margin_mode, leverage)"
            " VALUES (%s, %s, 'USD', 'hedging', 100) RETURNING id",
            (login, server),
        ).scalar_one()
    return made


@dataclass
class Feeder:
    """A terminal's PUB: numbers ticks and beats as the wire says."""

    socket: zmq.Socket[bytes]
    login: int = LOGIN
    session: int = 1_700_000_000_000
    sent: dict[str, int] = field(default_factory=dict)
    beats: int = 0

    def send(self, ticks: Sequence[Tick], symbol: str = SYMBOL, batch: int = 10) -> None:
        """Send ticks in messages of `batch`."""
        for at in range(0, len(ticks), batch):
            part = ticks[at : at + batch]
            self.socket.send(self.frame(part, symbol))

    def frame(self, ticks: Sequence[Tick], symbol: str = SYMBOL) -> bytes:
        """Number ticks and pack them."""
        seq = self.sent.get(symbol, 0) + 1
        self.sent[symbol] = seq + len(ticks) - 1
        return tick_frame(tick_topic(symbol, self.login), self.session, seq, ticks)

    def lose(self, ticks: Sequence[Tick], symbol: str = SYMBOL) -> None:
        """Number ticks but don't send them."""
        self.frame(ticks, symbol)

    def beat(self, time_msc: int, role: Role = "both") -> None:
        """Send a heartbeat that names every stream's last number."""
        self.beats += 1
        streams = {tick_topic(symbol, self.login): seq for symbol, seq in self.sent.items()}
        beat = Beat(
            login=self.login, session=self.session, seq=self.beats, role=role, time_msc=time_msc, streams=streams
        )
        self.socket.send(encode_frame(beat))

    def restart(self) -> None:
        """Begin a new session."""
        self.session += 1_000
        self.sent.clear()
        self.beats = 0


def proxy_main(settings: ProxySettings, pipe: Any) -> None:
    """The proxy's process: says where it bound."""
    run_proxy(settings, lambda feed, subscribers: pipe.send((feed, subscribers)))


def _recorder_main(settings: RecorderSettings, pipe: Any) -> None:
    run_recorder(settings, lambda: pipe.send("ready"))


class Process:
    """A part of the bridge in a process of its own."""

    def __init__(self, main: Callable[..., None], settings: object) -> None:
        ours, theirs = SPAWN.Pipe()
        self.process: BaseProcess = SPAWN.Process(target=main, args=(settings, theirs))
        self.process.start()
        assert ours.poll(PATIENCE_S), "the process did not come up"
        self.said = ours.recv()

    def stop(self) -> int | None:
        """SIGTERM and wait; its exit code."""
        self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        """SIGKILL and wait."""
        self.process.kill()
        self._ended()

    def pause(self) -> None:
        """SIGSTOP."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self._pid, signal.SIGCONT)

    @property
    def _pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def _ended(self) -> int | None:
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError("the process did not end")
        return self.process.exitcode


class Feed:
    """Proxy, recorder, stores and a terminal."""

    def __init__(self, proxy: Process, database_url: str, redis_url: str, **changes: Any) -> None:
        self.engine = create_engine(database_url)
        self.client = redis.Redis.from_url(redis_url)
        self.live = LiveReader(self.client)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.feed_endpoint, self.subscribe_endpoint = proxy.said
        self.settings = RecorderSettings(
            subscribe_endpoint=self.subscribe_endpoint,
            feed_endpoint=self.feed_endpoint,
            database_url=database_url,
            redis_url=redis_url,
            **changes,
        )
        self.recorder = Process(_recorder_main, self.settings)

    def close(self) -> None:
        """Stop what still runs."""
        if self.recorder.process.is_alive():
            self.recorder.kill()
        self.context.destroy(linger=0)
        self.engine.dispose()
        self.client.close()

    def restart_recorder(self) -> None:
        """A new recorder for the same feed."""
        self.recorder = Process(_recorder_main, self.settings)

    def socket(self, kind: int) -> zmq.Socket[bytes]:
        """A PUB towards the bridge or a SUB from it."""
        socket = self.context.socket(kind)
        socket.setsockopt(zmq.SNDHWM, 1_000_000)
        socket.setsockopt(zmq.RCVHWM, 1_000_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.feed_endpoint if kind == zmq.PUB else self.subscribe_endpoint)
        return socket

    def subscribe(self, *prefixes: bytes) -> zmq.Socket[bytes]:
        """A strategy's SUB."""
        socket = self.socket(zmq.SUB)
        for prefix in prefixes:
            socket.subscribe(prefix)
        return socket

    def terminal(self, login: int = LOGIN) -> Feeder:
        """A terminal's PUB, returned once the recorder hears it."""
        feeder = Feeder(socket=self.socket(zmq.PUB), login=login)
        heard_before = self.stat("beats")

        def heard() -> bool:
            feeder.beat(0)
            return self.stat("beats") > heard_before

        wait_until(heard, PATIENCE_S, "the recorder does not hear the terminal")
        return feeder

    def stat(self, name: str) -> int:
        """One of the recorder's figures."""
        return int(self.live.stats().get(f"recorder.{name}", "0"))

    def stored(self, account_id: int, symbol: str = SYMBOL) -> list[Tick]:
        """What Postgres has of a stream, in order."""
        query = "SELECT * FROM ticks WHERE account_id = %s AND symbol = %s ORDER BY time_msc, id"
        rows = self.rows(query, account_id, symbol)
        return [Tick(r.time_msc, r.bid, r.ask, r.last, r.volume_real, r.flags) for r in rows]

    def gaps(self) -> list[Any]:
        """Every gap row."""
        return self.rows("SELECT * FROM tick_gaps ORDER BY id")

    def rows(self, query: str, *values: object) -> list[Any]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(query, values or None))

    def wait_stored(self, account_id: int, ticks: Sequence[Tick], symbol: str = SYMBOL) -> None:
        """Until Postgres has exactly these, in order."""
        wait_until(lambda: len(self.stored(account_id, symbol)) >= len(ticks), PATIENCE_S)
        assert self.stored(account_id, symbol) == list(ticks)


@pytest.fixture(scope="session")
def proxy() -> Iterator[Process]:
    """One proxy for all tests; none of them stops it."""
    endpoints = ProxySettings(feed_endpoint="tcp://127.0.0.1:*", subscribe_endpoint="tcp://127.0.0.1:*")
    running = Process(proxy_main, endpoints)
    yield running
    assert running.stop() == 0


@pytest.fixture
def start_feed(proxy: Process) -> Iterator[Callable[..., Feed]]:
    """Make feeds on stores of one's own choice: `start_feed(database_url, redis_url)`."""
    running: list[Feed] = []

    def start(*urls: str, **changes: Any) -> Feed:
        running.append(Feed(proxy, *urls, **changes))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def feed(start_feed: Callable[..., Feed], database: str, redis_url: str) -> Feed:
    """A running feed."""
    return start_feed(database, redis_url)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction is never committed."""
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def account_id(database: str) -> int:
    """An account of LOGIN."""
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(database).set(drivername="postgresql+psycopg2"))
    made = add_account(engine)
    engine.dispose()
    return made
