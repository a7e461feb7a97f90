"""The embedded Valkey server (it speaks the Redis protocol): loopback only, one data directory.

It holds live state only, so its disk is a convenience: a snapshot at stop and now and then, so that a second run starts
with the streams of the first. A failed snapshot must not stop live quotes, and a damaged one is put aside, not obeyed.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from zmq_bridge.embedded.directories import make_private
from zmq_bridge.embedded.errors import ServerFailed, ServerRefused
from zmq_bridge.embedded.postgres import disk_hint
from zmq_bridge.embedded.process import start_process, stop_process
from zmq_bridge.embedded.programs import valkey_program

HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
PING_TIMEOUT_S = 1.0
POLL_S = 0.02
LOG_TAIL_LINES = 10
DAMAGED = ("Fatal error loading the DB", "Wrong signature", "RDB ERROR DETECTED", "rdb file reading failure")
SNAPSHOT = "live.rdb"

SETTINGS: dict[str, str] = {
    "maxmemory": "1gb",  # streams are capped far below this; past it writes fail, they never evict
    "maxmemory-policy": "noeviction",
    "stop-writes-on-bgsave-error": "no",
    "dbfilename": SNAPSHOT,
    "save": "900 1",
    "appendonly": "no",
    "tcp-keepalive": "60",
    "protected-mode": "yes",
}


class EmbeddedValkey:
    """A Valkey server that is a child of this process.

    Args:
        data_dir: made on the first start, kept afterwards.
        port: TCP port on loopback.
        keep: False for tests: nothing is written to disk.
    """

    def __init__(self, data_dir: Path, *, port: int, log_path: Path, keep: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.log_path = log_path
        self._settings = SETTINGS if keep else SETTINGS | {"save": ""}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def exit_code(self) -> int | None:
        """How the server ended by itself; None while it runs, and when it was stopped or never started."""
        return None if self._process is None else self._process.poll()

    def url(self) -> str:
        """The connection string for Redis clients."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start the server; return when it answers.

        Raises:
            ServerRefused: the port is taken.
            ServerFailed: the server ended or did not answer in time.
        """
        require_free(self.port)
        make_private(self.data_dir, None)
        try:
            self._start_once()
        except ServerFailed:
            if not self._put_damaged_snapshot_aside():
                raise
            self._start_once()

    def stop(self) -> None:
        """Stop the server; it writes its snapshot first."""
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
            self._process = None

    def _start_once(self) -> None:
        settings = self._settings | {"bind": HOST, "port": str(self.port), "dir": str(self.data_dir)}
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = start_process([str(valkey_program()), *words], log_path=self.log_path)
        self._wait_ready(self._process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerFailed(f"Valkey ended with {process.returncode} while starting. {self._log_tail()}")
            if answers_ping(self.port):
                return
            time.sleep(POLL_S)
        self.stop()
        raise ServerFailed(f"Valkey did not answer after {START_TIMEOUT_S:.0f} s. {self._log_tail()}")

    def _put_damaged_snapshot_aside(self) -> bool:
        snapshot = self.data_dir / SNAPSHOT
        said = self._log_tail()
        if any(words in said for words in DAMAGED) and snapshot.exists():
            snapshot.rename(snapshot.with_suffix(".damaged"))
            return True
        return False

    def _log_tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        said = "\n".join(lines)
        return f"Its log ({self.log_path}) ends with:\n{said}{disk_hint(said)}"


def require_free(port: int) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        ServerRefused: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServerRefused(
                f"expected TCP port {port} on {HOST} to be free for Valkey, found: {error.strerror}. "
                "Stop what uses it, or choose another port"
            ) from None


def answers_ping(port: int, host: str = HOST) -> bool:
    """Whether a Redis-protocol server on this port has loaded its data and answers."""
    try:
        with socket.create_connection((host, port), timeout=PING_TIMEOUT_S) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
