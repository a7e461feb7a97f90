"""A desk of its own process, and the rows a test puts in or looks at."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy import Engine, Row

from tests.forked import FORKS
from tests.support import free_port, wait_until
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.relay.desk import DeskSettings, run_desk
from zmq_bridge.sockets.zap import AllowList
from zmq_bridge.storage.commands.lines import Lines
from zmq_bridge.storage.commands.outcome import Outcome, write

PATIENCE_S = 60.0


def serve(settings: DeskSettings, ready: Any) -> None:
    """Main of the desk's process."""
    run_desk(settings, lambda *endpoints: ready.set())


@dataclass
class DeskProcess:
    """A running desk; start again after a kill on the same ports."""

    settings: DeskSettings
    process: BaseProcess | None = None

    @property
    def endpoint(self) -> str:
        """Where terminals connect."""
        return self.settings.terminal_endpoint

    def start(self) -> None:
        """Start and wait until it serves."""
        ready = FORKS.Event()
        self.process = FORKS.Process(target=serve, args=(self.settings, ready), daemon=True)
        self.process.start()
        assert ready.wait(PATIENCE_S), "the desk did not start"

    def kill(self) -> None:
        """SIGKILL, as a power failure would."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(PATIENCE_S)

    def stop(self) -> int | None:
        """SIGTERM; return the exit code."""
        if self.process is None or self.process.pid is None:
            return None
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.join(PATIENCE_S)
        return self.process.exitcode


def desk_settings(database: str, redis_url: str, allowed: AllowList | None = None) -> DeskSettings:
    """Free ports everywhere."""
    return DeskSettings(
        terminal_endpoint=f"tcp://127.0.0.1:{free_port()}",
        strategy_endpoint=f"tcp://127.0.0.1:{free_port()}",
        subscribe_endpoint=f"tcp://127.0.0.1:{free_port()}",
        database_url=database,
        redis_url=redis_url,
        allowed=allowed or AllowList(),
    )


class Books:
    """What is in Postgres."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lines = Lines(engine)

    def rows(self, query: str, *values: Any) -> list[Row[Any]]:
        """Run a query."""
        with self.engine.begin() as connection:
            return list(connection.exec_driver_sql(query, tuple(values)))

    def value(self, query: str, *values: Any) -> Any:
        """Run a query of one value; None when it has no row."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def account_id(self, login: int = 123456) -> int:
        """Our id of an account."""
        found = wait_until(lambda: self.value("SELECT id FROM accounts WHERE login = %s", login))
        return int(found)

    def place_order(self, *, login: int = 123456, ttl_s: float = 30.0, **changes: Any) -> str:
        """Write a command and its reservation as the gate does: by its own statement, with its notice."""
        command_id = new_id(time.time_ns() // 1_000_000)
        account_id = self.account_id(login)
        payload = {
            "symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": Decimal("0.1"), "sl": Decimal("1.09"),
            "tp": Decimal("1.12"), "deviation": 10, "magic": 7, **changes,
        }  # fmt: skip
        now = datetime.now(UTC)
        command = {
            "id": command_id, "account_id": account_id, "source": "test", "kind": "place_order", "payload": payload,
            "expires_at": now + timedelta(seconds=ttl_s), "created_at": now,
        }  # fmt: skip
        reservation = {
            "command_id": command_id, "account_id": account_id, "symbol": "EURUSD", "side": "buy", "volume": "0.1",
            "risk": "100", "margin": "110", "notional": "11000", "slots": 1, "created_at": now,
        }  # fmt: skip
        outcome = Outcome(signals=[], decisions=[], commands=[command], reservations=[reservation], latches=[])
        with self._lines.lend() as line:
            line.connection.exec_driver_sql("BEGIN")
            write(line, outcome, account_id)
        return command_id

    def status(self, command_id: str) -> str:
        """Where a command stands."""
        return str(self.value("SELECT status FROM commands WHERE id = %s", command_id))

    def reserved(self, command_id: str) -> bool:
        """Whether its reservation is open."""
        query = "SELECT ended_at IS NULL FROM reservations WHERE command_id = %s"
        return bool(self.value(query, command_id))

    def wait_for_status(self, command_id: str, status: str, timeout_s: float = 30.0) -> None:
        """Wait for a command to get there."""
        wait_until(lambda: self.status(command_id) == status, timeout_s, f"{command_id} never became {status}")
