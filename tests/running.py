"""A whole `zmq-bridge up` for tests: on free ports, in a directory of its own, watched from outside."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.support import free_port, wait_until
from zmq_bridge.embedded.postgres import embedded_url
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.risk.limits import Scope, set_limits

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
RUN_TIMEOUT_S = 110.0
PATIENT = {"max_quote_age_s": "120", "max_account_age_s": "60", "max_heartbeat_age_s": "60"}
"""Limits for what is not about old data: a busy machine may take longer over two steps than the usual limits allow."""
PORTS = ("REDIS", "FEED", "SUBSCRIBE", "TERMINAL", "STRATEGY", "BROKER", "WEB", "STREAM")


class RunningBridge:
    """One run after the other on the same directory and ports."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.ports = {name: free_port() for name in PORTS}
        self.variables: dict[str, str] = {}  # further settings of this installation
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The variables of this installation, for `up` and every other command."""
        ours = ("ZMQ_BRIDGE_", "DATABASE_URL", "REDIS_URL")
        others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        ports = {f"ZMQ_BRIDGE_{name}_PORT": str(port) for name, port in self.ports.items()}
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        fixed = {"ZMQ_BRIDGE_VAR_DIR": str(self.var_dir), "COLUMNS": "200", "PATH": path}
        return others | ports | fixed | self.variables

    def begin(self, *options: str, command: str = "up") -> subprocess.Popen[str]:
        """Start `up`, or another command that runs on, and return at once."""
        self.output = []
        self.var_dir.parent.mkdir(exist_ok=True)
        argv = [sys.executable, "-m", "zmq_bridge.cli", command, *options]
        self._process = subprocess.Popen(
            argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.var_dir.parent
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        return self._process

    def start(self, *options: str) -> None:
        """Start `up` and wait for its panel."""
        process = self.begin(*options)
        wait_until(
            lambda: process.poll() is not None or "Ctrl-C stops everything" in self.text, START_TIMEOUT_S, self.text
        )
        assert process.poll() is None, self.text

    def be_patient(self) -> None:
        """Allow data to be older than usual, for tests of other things than old data."""
        database_url = self.variables.get("DATABASE_URL") or embedded_url(self.var_dir / "postgres")
        engine = create_engine(database_url, application_name="test")
        with engine.begin() as connection:
            set_limits(connection, Scope(), PATIENT, actor="test", now=datetime.now(UTC))
        engine.dispose()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop; return its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_TIMEOUT_S)

    def abandon(self) -> None:
        """Whatever the test did: leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def text(self) -> str:
        """Everything it has said."""
        return "".join(self.output)

    def processes(self) -> list[psutil.Process]:
        """`up` itself and everything below it."""
        assert self._process is not None
        leader = psutil.Process(self._process.pid)
        return [leader, *leader.children(recursive=True)]

    def pid_of(self, *words: str) -> int:
        """The process of this run whose command line has all these words."""
        for process in self.processes()[1:]:
            try:
                command = process.cmdline()
            except psutil.Error:  # it is just ending
                continue
            if all(any(word in part for part in command) for word in words):
                return process.pid
        raise AssertionError(f"no process with {words} runs")

    def run(self, *words: str, timeout_s: float = RUN_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run another command of the program against this installation."""
        argv = [sys.executable, "-m", "zmq_bridge.cli", *words]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False, timeout=timeout_s)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run another command that goes on until the block ends."""
        argv = [sys.executable, "-m", "zmq_bridge.cli", *words]
        with subprocess.Popen(argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def shell(self, line: str, timeout_s: float = RUN_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a pasted line."""
        return subprocess.run(
            ["/bin/sh", "-c", line], env=self.env, capture_output=True, text=True, check=False, timeout=timeout_s
        )

    def told(self, name: str) -> str:
        """The value that the panel gives for a name."""
        found = re.search(rf"^  {re.escape(name)} +(\S+)", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found.group(1)

    def curl_line(self) -> str:
        """The line that posts a signal."""
        return next(line for line in self.text.splitlines() if line.startswith("curl "))

    def api_key(self) -> str:
        """The key in that line."""
        return next(word for word in shlex.split(self.curl_line()) if word.startswith("X-API-Key")).split(": ")[1]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
        process.stdout.close()


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of these runs any more."""
    return not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
