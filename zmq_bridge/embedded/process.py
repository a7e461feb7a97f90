"""Start and stop one operating-system process so that it can never outlive its parent.

Every process started here has its own session (so Ctrl-C in a terminal reaches only the parent, which then stops its
children in its own order) and, on Linux, a parent-death signal (so that even a SIGKILL of the parent stops it).
The kernel sends that signal when the starting *thread* ends: start processes from the main thread only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from zmq_bridge.embedded.server_user import ServerUser

PR_SET_PDEATHSIG = 1
KILL_WAIT_S = 5.0  # how long the kernel may take to reap a group after SIGKILL

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def start_process(
    argv: Sequence[str],
    *,
    log_path: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    user: ServerUser | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in its own session, its output appended to `log_path`.

    Args:
        death_signal: what the child gets when this process dies without stopping it.
        user: who the child runs as; None means the same user as this process.
    """
    command = list(argv) if user is None else [*user.command_prefix(death_signal), *argv]
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
            preexec_fn=_die_with(os.getpid(), death_signal),  # noqa: PLW1509  supervisors have one thread
        )


def stop_process(process: subprocess.Popen[bytes], stop_signal: signal.Signals, *, timeout_s: float) -> bool:
    """Ask a process to end, wait, then kill it and all its descendants. True when it ended by itself in time."""
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        process.wait(timeout_s)
        ended_in_time = True
    except subprocess.TimeoutExpired:
        ended_in_time = False
    kill_group(process)
    return ended_in_time


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of a process, its group and its descendants, and reap it."""
    family = descendants(process.pid)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nothing left in the group (or, on macOS, only zombies)
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    process.wait(KILL_WAIT_S)
    psutil.wait_procs(family, timeout=KILL_WAIT_S)


def descendants(pid: int) -> list[psutil.Process]:
    """Children, grandchildren and so on of a process; empty when it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _die_with(parent_pid: int, death_signal: signal.Signals) -> Callable[[], None]:
    def prepare_child() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent_pid:  # the parent died before the request: nobody would signal us
                os._exit(1)

    return prepare_child
