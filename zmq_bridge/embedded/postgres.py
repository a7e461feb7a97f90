"""The embedded Postgres server: one data directory, one private unix socket, one superuser for us.

Initialisation is all or nothing: the cluster is made in a sibling directory and renamed when complete, so a crash in
the middle leaves nothing that looks like data. The bridge connects as the plain role `zmq_bridge`, which owns the
database of the same name and is no superuser, so that grants and triggers mean here what they mean in production.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil

from zmq_bridge.embedded.directories import make_private, socket_directory, socket_path_candidate
from zmq_bridge.embedded.errors import ServerFailed, ServerRefused
from zmq_bridge.embedded.process import start_process, stop_process
from zmq_bridge.embedded.programs import POSTGRES_MAJOR, postgres_program
from zmq_bridge.embedded.server_user import ServerUser, server_user

ROLE = DATABASE = "zmq_bridge"
SUPERUSER = "postgres"
INIT_TIMEOUT_S = 120.0
START_TIMEOUT_S = 120.0  # crash recovery replays at most max_wal_size
STOP_TIMEOUT_S = 20.0
LEFTOVER_TIMEOUT_S = 20.0
POLL_S = 0.02
LOG_TAIL_LINES = 15

# Durable, and modest: a laptop and a small virtual machine are the usual homes.
TUNING: dict[str, str] = {
    "shared_buffers": "192MB",
    "max_connections": "120",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "wal_buffers": "16MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "2000",
    "log_lock_waits": "on",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
}
# For throw-away test servers only: a power cut loses everything.
NOT_DURABLE: dict[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A Postgres server that is a child of this process.

    Args:
        data_dir: made on the first start, kept afterwards.
        log_path: what the server says; named in every error.
        durable: False only for tests.
        options: further server settings.
    """

    def __init__(
        self, data_dir: Path, *, log_path: Path, durable: bool = True, options: dict[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = log_path
        self._durable = durable
        self._options = TUNING | ({} if durable else NOT_DURABLE) | (options or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def exit_code(self) -> int | None:
        """How the server ended by itself; None while it runs, and when it was stopped or never started."""
        return None if self._process is None else self._process.poll()

    @property
    def socket_dir(self) -> Path:
        """Where the unix socket is while the server runs."""
        return socket_path_candidate(self.data_dir)

    def url(self, database: str = DATABASE, role: str = ROLE) -> str:
        """The connection string for libpq and SQLAlchemy alike."""
        return embedded_url(self.data_dir, database, role)

    def start(self) -> None:
        """Start the server, recovering from whatever the last run left; return when it accepts connections.

        Raises:
            ServerRefused: another version's data, or another owner's directory.
            ServerFailed: the server ended or was not ready in time.
        """
        user = server_user(self.data_dir, (postgres_program("postgres"), self.data_dir))
        if not self.data_dir.exists():
            self._initialise(user)
        self._require_version()
        _stop_leftovers(self.data_dir)
        sockets = socket_directory(self.data_dir, user)
        settings = self._options | {"listen_addresses": "", "unix_socket_directories": f'"{sockets}"'}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = [str(postgres_program("postgres")), "-D", str(self.data_dir), *words]
        self._process = start_process(argv, log_path=self.log_path, death_signal=signal.SIGINT, user=user)
        self._wait_ready(self._process)

    def stop(self) -> None:
        """Stop the server: fast shutdown (open transactions roll back, everything is flushed), then by force."""
        if self._process is not None:
            stop_process(self._process, signal.SIGINT, timeout_s=STOP_TIMEOUT_S)
            self._process = None

    def _initialise(self, user: ServerUser | None) -> None:
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        make_private(fresh, user)
        sync = [] if self._durable else ["--no-sync"]
        self._run(
            ["initdb", "-D", str(fresh), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", *sync], user
        )
        statements = f"CREATE ROLE {ROLE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        self._run(["postgres", "--single", "-D", str(fresh), SUPERUSER], user, statements)
        fresh.rename(self.data_dir)

    def _run(self, words: list[str], user: ServerUser | None, text: str = "") -> None:
        prefix = user.command_prefix(signal.SIGKILL) if user else []
        argv = [*prefix, str(postgres_program(words[0])), *words[1:]]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=INIT_TIMEOUT_S, check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise ServerFailed(f"making {self.data_dir} failed, {words[0]} said: {said}{disk_hint(said)}")

    def _require_version(self) -> None:
        try:
            found = (self.data_dir / "PG_VERSION").read_text().strip()
        except PermissionError:
            raise ServerRefused(
                f"{self.data_dir} belongs to another user; expected it to be yours. "
                f"Mend it with: sudo chown -R $(id -un) {self.data_dir}"
            ) from None
        except FileNotFoundError:
            found = "no PG_VERSION file"
        if found != str(POSTGRES_MAJOR):
            raise ServerRefused(
                f"expected {self.data_dir} to hold data of Postgres {POSTGRES_MAJOR}, found: {found}. "
                "Move that directory away, or set DATABASE_URL to a server of that version"
            )

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerFailed(f"Postgres ended with {process.returncode} while starting. {self._log_tail()}")
            pid, status = read_postmaster(self.data_dir)
            if pid == process.pid and status == "ready":
                return
            time.sleep(POLL_S)
        self.stop()
        raise ServerFailed(f"Postgres was not ready after {START_TIMEOUT_S:.0f} s. {self._log_tail()}")

    def _log_tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        said = "\n".join(lines)
        return f"Its log ({self.log_path}) ends with:\n{said}{disk_hint(said)}"


def embedded_url(data_dir: Path, database: str = DATABASE, role: str = ROLE) -> str:
    """The connection string of the server of a data directory, whoever runs it."""
    return f"postgresql://{role}@/{database}?host={quote(str(socket_path_candidate(data_dir.absolute())), safe='/')}"


def read_postmaster(data_dir: Path) -> tuple[int | None, str]:
    """Process id and status line of `postmaster.pid`; (None, "") when there is none."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
    except (OSError, ValueError, IndexError):
        return None, ""


def disk_hint(said: str) -> str:
    """What to do when a server's words mean that the disk is full."""
    full = "No space left on device" in said or "Disk quota exceeded" in said
    return "\nThe disk is full: free some space (df -h), then start again; committed data is safe." if full else ""


def _stop_leftovers(data_dir: Path) -> None:
    """Stop a server that an earlier, killed run left behind; forget a pid file whose process is something else."""
    left = [process for process in psutil.process_iter() if _works_in(process, data_dir)]
    if not left:
        (data_dir / "postmaster.pid").unlink(missing_ok=True)
        return
    leader, _ = read_postmaster(data_dir)
    for process in left:
        if process.pid == leader:
            process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(left, timeout=LEFTOVER_TIMEOUT_S)
    if alive:
        raise ServerRefused(
            f"another Postgres (process {', '.join(str(process.pid) for process in alive)}) still uses {data_dir}, and "
            f"did not stop within {LEFTOVER_TIMEOUT_S:.0f} s. Stop it (kill {alive[0].pid}), then start again"
        )


def _works_in(process: psutil.Process, data_dir: Path) -> bool:
    """Every Postgres process has its data directory as working directory, whatever its title says."""
    try:
        return process.name().startswith("postgres") and os.path.samefile(process.cwd(), data_dir)
    except (psutil.Error, OSError):
        return False
