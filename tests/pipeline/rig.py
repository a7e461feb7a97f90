"""The whole product in processes of its own, on free ports and real servers: what a user runs, under a test's hands.

Every part is started with the very command line that `zmq-bridge up` uses. A test may kill -9 any of them and start it
again. The simulated broker's own books are the oracle; `settle` waits until the bridge has caught up with them.
"""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import psutil
from sqlalchemy import Engine

from tests.support import free_port, wait_until
from zmq_bridge.cli import process_table
from zmq_bridge.cli.services import ChildService, ServerService
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.settings import Settings, load_settings
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.migrations import migrate
from zmq_bridge.storage.risk.limits import Scope, set_limits

LOGIN = 123456
PORTS = ("FEED", "SUBSCRIBE", "TERMINAL", "STRATEGY", "BROKER", "WEB", "REDIS")
HTTP_TIMEOUT_S = 30.0
SETTLE_TIMEOUT_S = 60.0
START_TIMEOUT_S = 180.0  # of everything: a machine with forty busy processes on two cores takes more than one minute


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: Any


class Rig:
    """Every process of the product, by name: proxy, recorder, desk, web, broker, terminal."""

    made: ClassVar[list[Path]] = []
    """Where the files and logs of each rig of this run are, in order."""

    def __init__(self, settings: Settings, simulation: Simulation) -> None:
        self.settings = settings
        self.made.append(settings.log_dir.parent)
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        parts = [
            *process_table.bridge_services(settings),
            process_table.web_service(settings),
            *process_table.simulation_services(settings, simulation),
        ]
        self.servers: dict[str, ServerService] = {}
        if settings.embedded:
            self._start_servers()
        self.services: dict[str, ChildService | ServerService] = {**self.servers, **{part.name: part for part in parts}}
        self.engine: Engine = create_engine(settings.database_url, application_name="test")
        self.key = self._make_key("signal", "read", "trade", "admin")
        self._ids = itertools.count(1)

    def start(self, *names: str) -> None:
        """Start parts (all of them by default) and wait until each is ready."""
        for name in names or [name for name in self.services if name not in self.servers]:
            self.services[name].start()

    def kill(self, name: str) -> None:
        """kill -9 a part with all its processes, as a crash would."""
        process = psutil.Process(self._pid(name))
        victims = [process, *process.children(recursive=True)]
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        wait_until(lambda: self.services[name].exit_code() is not None, 60, f"{name} outlived kill -9")

    def stop(self) -> None:
        """Stop everything, last started first."""
        for service in reversed(self.services.values()):
            service.stop()
        self.engine.dispose()

    # ---- the broker's side

    @contextmanager
    def broker(self) -> Iterator[BrokerClient]:
        """A connection to the simulated broker."""
        with BrokerClient("127.0.0.1", self.settings.broker_port, timeout_s=30.0) as client:
            yield client

    def call(self, op: str, **arguments: Any) -> Any:
        """One request to the simulated broker."""
        with self.broker() as client:
            return client.call(op, **arguments)

    def books(self) -> dict[str, Any]:
        """The broker's own books."""
        found: dict[str, Any] = self.call("books")
        return found

    # ---- the bridge's side

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Ask the database."""
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(query, values))

    def value(self, query: str, *values: Any) -> Any:
        """The one value that a query gives."""
        return self.rows(query, *values)[0][0]

    def http(self, method: str, path: str, body: Any = None) -> Reply:
        """One HTTP request with the rig's key."""
        request = urllib.request.Request(
            f"{self.settings.web_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-API-Key": self.key, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as response:
                return Reply(response.status, json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Reply(error.code, json.loads(error.read()))

    def signal(self, **fields: Any) -> Reply:
        """POST a signal with an idempotency key of its own."""
        return self.http("POST", "/api/signal", {"idempotency_key": f"rig-{next(self._ids)}"} | fields)

    def accepted(self, order: Callable[[], dict[str, Any]]) -> str:
        """Send what `order` makes until one is accepted: data may be late for a moment. Returns its command's id."""
        reply = wait_until(lambda: _if_accepted(self.signal(**order())), SETTLE_TIMEOUT_S, "no order was accepted")
        return str(reply.body["command_id"])

    def set_limits(self, limits: dict[str, Any]) -> None:
        """Put limits in force for everybody, in place of those before."""
        with self.engine.begin() as connection:
            set_limits(connection, Scope(), limits, actor="test", now=datetime.now(UTC))

    def deposit(self, amount: str, comment: str = "") -> None:
        """Money arrives at the broker."""
        self.call("cash", amount=amount, comment=comment)

    # ---- waiting

    def wait_for_terminal(self) -> None:
        """Until an account is connected, reconciled and may trade."""
        try:
            wait_until(self._may_trade, START_TIMEOUT_S)
        except AssertionError:
            holds = self.rows("SELECT account_id, cause, reason FROM holds WHERE ended_at IS NULL")
            raise AssertionError(f"the account never became active: {self._health()}, holds {holds}") from None

    def wait_for_command(self, command_id: str, *statuses: str) -> Any:
        """Until a command has come to one of the statuses (an end, by default)."""
        wanted = statuses or ("done", "rejected", "expired", "unknown")
        query = "SELECT * FROM commands WHERE id = %s AND status = ANY(%s)"
        found = wait_until(
            lambda: self.rows(query, command_id, list(wanted)), SETTLE_TIMEOUT_S, f"{command_id} never was {wanted}"
        )
        return found[0]

    def settle(self) -> dict[str, Any]:
        """Wait until the bridge has every deal of the broker and agrees on the balance; return the broker's books."""
        return wait_until(self._agreed_books, SETTLE_TIMEOUT_S, "bridge and broker never agreed")

    def _agreed_books(self) -> dict[str, Any] | None:
        books = self.books()
        ours = [row[0] for row in self.rows("SELECT ticket FROM deals ORDER BY ticket")]
        theirs = sorted(deal["ticket"] for deal in books["deals"])
        if ours != theirs:
            return None
        balance = self.rows("SELECT balance FROM account_snapshots ORDER BY id DESC LIMIT 1")
        return books if balance and balance[0][0] == Decimal(str(books["balance"])) else None

    def _may_trade(self) -> bool:
        health = self._health()
        terminals = health.get("terminals", ())
        return any(found["state"] == "connected" and found["trading_state"] == "active" for found in terminals)

    def _health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.http("GET", "/health").body
        except OSError:
            return {}
        return found

    def _pid(self, name: str) -> int:
        service = self.services[name]
        process = service.server if isinstance(service, ServerService) else service._process
        pid = None if process is None else process.pid
        assert pid is not None, f"{name} does not run"
        return pid

    def _start_servers(self) -> None:
        """The embedded servers, as `up` starts them, and the schema."""
        for server in (process_table.postgres_service(self.settings), process_table.redis_service(self.settings)):
            self.servers[server.name] = server
            server.start()
        migrate(self.settings.database_url)

    def _make_key(self, *scopes: str) -> str:
        with self.engine.begin() as connection:
            return create_key(connection, name="rig", scopes=scopes, now=datetime.now(UTC), actor="test").text


def _if_accepted(reply: Reply) -> Reply | None:
    return reply if reply.status == 202 else None


def rig_settings(var_dir: Path, database_url: str | None = None, redis_url: str | None = None) -> Settings:
    """Settings on free ports; without URLs, on embedded servers of the rig's own."""
    ports = {f"ZMQ_BRIDGE_{name}_PORT": str(free_port()) for name in PORTS}
    servers = {"ZMQ_BRIDGE_SECRET_KEY": "s" * 40}
    if database_url is not None and redis_url is not None:
        servers |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return load_settings({"ZMQ_BRIDGE_VAR_DIR": str(var_dir), **servers, **ports}, env_file=str(var_dir / "no.env"))
