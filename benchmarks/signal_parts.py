"""The parts that `signal_latency` measures between: a terminal that answers every command, and the bare baselines.

The bare application is what somebody writes in an afternoon: a Flask route, one INSERT, one ZeroMQ push. The polled
one is what the bridge replaces: the terminal asks over HTTP once a second. The same gunicorn serves both and ours.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from decimal import Decimal

import psycopg2.pool
import redis
import zmq
from flask import Flask, request

from zmq_bridge.live import keys
from zmq_bridge.protocol.dialogue import Hello, Program, Pull, Work
from zmq_bridge.protocol.messages import decode_terminal_reply, encode, encode_frame
from zmq_bridge.protocol.published import Books, CommandResult, Event, Snapshot
from zmq_bridge.protocol.values import Account, Deal, Spec

LOGIN = 123456
SERVER = "Bench"
SESSION = 1_700_000_000_000
ZERO = Decimal(0)
MONEY = Decimal(1_000_000)
POOL = 16
UPKEEP_S = 0.5

SPEC = Spec(
    symbol="EURUSD", digits=5, point=Decimal("0.00001"), tick_size=Decimal("0.00001"), tick_value=Decimal(1),
    contract_size=Decimal(100000), volume_min=Decimal("0.01"), volume_max=Decimal(100), volume_step=Decimal("0.01"),
    calc_mode="forex", currency_base="EUR", currency_profit="USD", currency_margin="EUR", filling_mode=3,
    execution_mode="market", trade_mode="full", sessions=tuple((day, 0, 86400) for day in range(7)),
)  # fmt: skip
DEPOSIT = Deal(
    ticket=1, order=0, position=0, symbol="", type="balance", entry="in", volume=ZERO, price=ZERO, profit=MONEY,
    commission=ZERO, swap=ZERO, fee=ZERO, time_msc=SESSION,
)  # fmt: skip


def account() -> Account:
    """A million, nothing open."""
    return Account(
        login=LOGIN, server=SERVER, currency="USD", currency_digits=2, leverage=100, margin_mode="hedging",
        balance=MONEY, equity=MONEY, credit=ZERO, profit=ZERO, margin=ZERO, margin_free=MONEY, trade_allowed=True,
        trade_expert=True,
    )  # fmt: skip


class Terminal(threading.Thread):
    """Waits in a pull, notes when each command arrives, and says that it expired, so that nothing stays reserved."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, publish_endpoint: str) -> None:
        super().__init__(daemon=True)
        self.arrived: dict[str, float] = {}
        self.event_seq = 0
        self._news = threading.Condition()
        self._socket = context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)
        self._publisher = context.socket(zmq.XPUB)
        self._publisher.setsockopt(zmq.LINGER, 0)
        self._publisher.bind(publish_endpoint)
        self._unacknowledged: dict[tuple[int, int], Event] = {}
        self._stopped = threading.Event()
        self._snapshot_seq = 0

    def hello(self) -> None:
        """Open the session and bring the deposit."""
        now_ms = time.time_ns() // 1_000_000
        books = Books(event_seq=0, seq=1, time_msc=SESSION, account=account())
        self._socket.send(encode(Hello(
            login=LOGIN, session=SESSION, versions=(1,), server=SERVER, role="both",
            program=Program(name="bench", version="1"), clock_ms=now_ms, server_offset_s=0, snapshot=books,
            symbols=(SPEC,),
        )))  # fmt: skip
        decode_terminal_reply(self._socket.recv())
        self._happened(DEPOSIT)

    def run(self) -> None:
        """Pull until stopped."""
        while not self._stopped.is_set():
            events = tuple(self._unacknowledged.values())[:64]
            self._socket.send(encode(Pull(login=LOGIN, session=SESSION, wait_ms=1000, events=events)))
            payload = self._socket.recv()
            arrived_s = time.perf_counter()
            work = decode_terminal_reply(payload)
            assert isinstance(work, Work), work
            self._take(work, arrived_s)
        self._socket.close()

    def wait_for(self, command_id: str, timeout_s: float = 10.0) -> float:
        """Return when a command arrived."""
        with self._news:
            if not self._news.wait_for(lambda: command_id in self.arrived, timeout_s):
                raise TimeoutError(f"{command_id} did not arrive")
        return self.arrived[command_id]

    def wait_until_quiet(self, timeout_s: float = 10.0) -> None:
        """Wait until everything said is acknowledged: the desk is at rest and the terminal waits in a pull."""
        deadline = time.monotonic() + timeout_s
        while self._unacknowledged and time.monotonic() < deadline:
            time.sleep(0.001)

    def publish_snapshot(self) -> None:
        """Say that the account is as it was."""
        while self._publisher.poll(0):
            self._publisher.recv()
        self._snapshot_seq += 1
        snapshot = Snapshot(
            login=LOGIN, session=SESSION, seq=self._snapshot_seq, event_seq=self.event_seq, time_msc=SESSION,
            account=account(),
        )  # fmt: skip
        self._publisher.send(encode_frame(snapshot))

    def stop(self) -> None:
        """End after the pull under way."""
        self._stopped.set()
        self.join()
        self._publisher.close()

    def _take(self, work: Work, arrived_s: float) -> None:
        for ack in work.acks:
            self._unacknowledged.pop(ack, None)
        for command in work.commands:
            self._happened(CommandResult(command_id=command.command_id, status="expired"))
        with self._news:
            self.arrived.update((command.command_id, arrived_s) for command in work.commands)
            self._news.notify_all()

    def _happened(self, data: Deal | CommandResult) -> None:
        self.event_seq += 1
        event = Event(login=LOGIN, session=SESSION, seq=self.event_seq, data=data)
        self._unacknowledged[event.key] = event


class Upkeep(threading.Thread):
    """Keeps snapshots and quotes fresh, as a market would."""

    def __init__(self, terminal: Terminal, client: redis.Redis) -> None:
        super().__init__(daemon=True)
        self._terminal, self._client = terminal, client
        self._stopped = threading.Event()

    def run(self) -> None:
        """Freshen until stopped."""
        while not self._stopped.wait(UPKEEP_S):
            self.freshen()

    def freshen(self) -> None:
        """Quote and snapshot, now."""
        now_ms = time.time_ns() // 1_000_000
        quote = {"bid": 1.0849, "ask": 1.0850, "time_msc": now_ms, "received_ms": now_ms}
        self._client.hset(keys.quotes(LOGIN), "EURUSD", json.dumps(quote))
        self._terminal.publish_snapshot()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self.join()


class Poller(threading.Thread):
    """The terminal of the method we replace: asks for signals over HTTP once a second."""

    def __init__(self, url: str, every_s: float = 1.0) -> None:
        super().__init__(daemon=True)
        self.arrived: dict[str, float] = {}
        self._url, self._every_s = url, every_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._stopped.wait(self._every_s):
            with urllib.request.urlopen(self._url) as reply:
                found = json.load(reply)
            now_s = time.perf_counter()
            self.arrived.update((each, now_s) for each in found)

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self.join()


def bare_application() -> Flask:
    """A route with one INSERT and a push; and the same without push, to be polled."""
    app = Flask("bare")
    pool = psycopg2.pool.ThreadedConnectionPool(1, POOL, os.environ["BARE_DATABASE_URL"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    pushes = threading.local()
    waiting: list[str] = []

    def push() -> zmq.Socket[bytes]:
        if not hasattr(pushes, "socket"):
            pushes.socket = context.socket(zmq.PUSH)
            pushes.socket.connect(os.environ["BARE_PUSH_ENDPOINT"])
        found: zmq.Socket[bytes] = pushes.socket
        return found

    @app.post("/signal")
    def signal() -> dict[str, str]:
        body = request.get_json()
        insert(pool, body)
        push().send(json.dumps(body).encode())
        return {"id": body["id"]}

    @app.post("/polled")
    def polled() -> dict[str, str]:
        body = request.get_json()
        insert(pool, body)
        waiting.append(body["id"])
        return {"id": body["id"]}

    @app.get("/poll")
    def poll() -> list[str]:
        found = waiting[:]
        del waiting[: len(found)]
        return found

    return app


def insert(pool: psycopg2.pool.ThreadedConnectionPool, body: dict[str, object]) -> None:
    """One row, committed."""
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO bare_signals (id, body) VALUES (%s, %s)", (body["id"], json.dumps(body)))
    finally:
        pool.putconn(connection)


