"""What the supervisor watches: things that start, may end by themselves, and can be stopped.

A service's `start` returns when the service is ready, and raises `ServiceFailed` (or an embedded server's own error)
when it is not. Nothing is decided here about restarts; `supervisor` does that.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from zmq_bridge.embedded.postgres import EmbeddedPostgres, disk_hint
from zmq_bridge.embedded.process import start_process, stop_process
from zmq_bridge.embedded.valkey import EmbeddedValkey

LOG_TAIL_LINES = 12
POLL_S = 0.05
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


class ServiceFailed(Exception):
    """A service ended while starting, or was not ready in time. The message ends with what its log says."""


class Service(Protocol):
    """One line of the supervisor's table."""

    @property
    def name(self) -> str:
        """Short, as in `proxy`; also the name of its log file."""

    @property
    def log_path(self) -> Path:
        """Where it says what it does."""

    def start(self) -> None:
        """Start and wait until ready."""

    def stop(self) -> None:
        """Stop, by force when it takes too long. Harmless when it does not run."""

    def exit_code(self) -> int | None:
        """None while it runs or was never started; negative: ended by that signal."""


@dataclass(slots=True, kw_only=True)
class ChildService:
    """A command of ours in a process of its own."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path
    ready: Callable[[], bool] = lambda: True  # asked while starting
    ready_timeout_s: float = READY_TIMEOUT_S
    stop_timeout_s: float = STOP_TIMEOUT_S  # time to flush before it is killed
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the command and wait until `ready` says so."""
        # so that nobody takes an earlier run's last words for this one's; on a full disk it starts without
        with suppress(OSError), self.log_path.open("a") as log:
            log.write(f"--- {self.name} starts, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        self._process = start_process(self.argv, log_path=self.log_path, env=self.env)
        deadline = time.monotonic() + self.ready_timeout_s
        while not self.ready():
            if self._process.poll() is not None:
                raise ServiceFailed(f"{self.name} {ending(self._process.returncode)}. {log_tail(self.log_path)}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServiceFailed(
                    f"{self.name} was not ready after {self.ready_timeout_s:.0f} s. {log_tail(self.log_path)}"
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), wait, then kill it and everything it started."""
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM, timeout_s=self.stop_timeout_s)
            self._process = None

    def exit_code(self) -> int | None:
        """How it ended by itself."""
        return None if self._process is None else self._process.poll()


@dataclass(slots=True, kw_only=True)
class ServerService:
    """An embedded server."""

    name: str
    server: EmbeddedPostgres | EmbeddedValkey
    _started: bool = field(default=False, init=False)

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self.server.log_path

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.server.start()
        self._started = True

    def stop(self) -> None:
        """Stop the server; it flushes first."""
        self._started = False
        self.server.stop()

    def exit_code(self) -> int | None:
        """How the server ended by itself."""
        return self.server.exit_code() if self._started else None


def ending(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def log_tail(log_path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The end of a log, introduced by where the rest is."""
    try:
        text = log_path.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        text = []
    said = "\n".join(f"  | {line}" for line in text) or "  | (nothing)"
    return f"Its log, {log_path}, ends with:\n{said}{disk_hint(said)}"
