"""What must hold before anything is started: free ports, room on the disk, nobody else using the var directory."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from zmq_bridge.cli.errors import CannotRun

DISK_FREE_MIN_BYTES = 500_000_000  # below it nothing is started; Postgres stops for good when the disk is full
DISK_LOOK_S = 5.0
PORT_WAIT_S = 15.0  # how long the servers of a killed run may take to close their ports
POLL_S = 0.1


class VarLock:
    """The right to run servers in a var directory; held for a `with` block, and never longer than the process lives."""

    def __init__(self, var_dir: Path) -> None:
        try:
            var_dir.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(var_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotRun(
                f"expected {var_dir} to be a directory that can be written, found: {error.strerror}. "
                "ZMQ_BRIDGE_VAR_DIR names another one"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise CannotRun(
                f"zmq-bridge already runs with {var_dir} (process {holder}). Stop that one (Ctrl-C, or kill {holder}), "
                "or set ZMQ_BRIDGE_VAR_DIR and other ports"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)


def require_disk(directory: Path) -> None:
    """Refuse to start with a nearly full disk.

    Raises:
        CannotRun: too little room.
    """
    free = shutil.disk_usage(directory).free
    if free < DISK_FREE_MIN_BYTES:
        raise CannotRun(
            f"expected {DISK_FREE_MIN_BYTES // 1_000_000} MB free on the disk of {directory}, found "
            f"{free // 1_000_000} MB. Free some space, or set ZMQ_BRIDGE_VAR_DIR to another disk"
        )


class DiskWatch:
    """Called again and again; says once that the disk is nearly full, and once that it no longer is."""

    def __init__(self, directory: Path, report: Callable[[str], None]) -> None:
        self._directory, self._report = directory, report
        self._look_at = 0.0
        self._is_low = False

    def __call__(self) -> None:
        """Look, when it is time."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + DISK_LOOK_S
        free = shutil.disk_usage(self._directory).free
        if free < DISK_FREE_MIN_BYTES and not self._is_low:
            self._report(
                f"the disk of {self._directory} has only {free // 1_000_000} MB left. Postgres stops when it is full: "
                "nothing that was committed is lost, but no order can be taken then. Free some space now"
            )
        elif free >= DISK_FREE_MIN_BYTES and self._is_low:
            self._report(f"the disk of {self._directory} has room again: {free // 1_000_000} MB")
        self._is_low = free < DISK_FREE_MIN_BYTES


def require_ports(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Wait a little for ports to become free, then refuse, naming every taken one and who has it.

    Args:
        wanted: variable that sets the port -> (host, port).

    Raises:
        CannotRun: some port is taken.
    """
    deadline = time.monotonic() + PORT_WAIT_S
    while True:
        taken = {name: place for name, place in wanted.items() if not port_is_free(*place)}
        if not taken:
            return
        if time.monotonic() > deadline or any(port_owner(port) for _, port in taken.values()):
            raise CannotRun(_taken(taken))
        time.sleep(POLL_S)


def port_is_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def port_answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError:
        return False
    return True


def port_owner(port: int) -> str:
    """Who listens on a TCP port, as `name (process N)`; "" when the system does not tell us."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port
        if listens and connection.pid:
            return _named(connection.pid)
    return ""


def _named(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except psutil.Error:
        return f"process {pid}"


def _taken(taken: Mapping[str, tuple[str, int]]) -> str:
    lines = [
        f"  port {port} on {host} is taken by {port_owner(port) or 'another program'}; {name} chooses another"
        for name, (host, port) in taken.items()
    ]
    return "\n".join(["expected these ports to be free:", *lines, "Stop what uses them, or choose other ports."])
