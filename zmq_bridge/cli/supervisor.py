"""Start services in order, restart the ones that end, stop all in reverse order, leave nothing running.

One thread, one table. A service that ends is started again after a pause that doubles, a bounded number of times within
a window; when it keeps ending, or says that starting again is pointless, everything stops and the reason is given.
The supervisor's own death is covered by the kernel (see `zmq_bridge.embedded.process`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import psutil

from zmq_bridge.cli.services import Service, ServiceFailed, ending, log_tail
from zmq_bridge.cli.stop_signals import StopRequested, StopSignals
from zmq_bridge.embedded import EmbeddedError
from zmq_bridge.embedded.process import descendants

EXIT_POINTLESS = 78  # EX_CONFIG of sysexits.h: a child's way to say that a restart would end the same way
RESTARTS_MAX = 5  # within RESTART_WINDOW_S; one more and everything stops
RESTART_WINDOW_S = 300.0
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
WATCH_S = 0.2
LOG_BYTES_MAX = 20_000_000  # a larger log is moved to NAME.log.1, replacing the one there
LOG_CHECK_S = 60.0


class GaveUp(Exception):
    """A service could not be kept running; everything was stopped."""


@dataclass(slots=True)
class Watched:
    """A service and its recent past."""

    service: Service
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_MAX + 1))  # monotonic times of endings
    start_at: float | None = None  # monotonic time of the next start; None: it runs


class Supervisor:
    """Runs a table of services from `start` to the end of the `with` block.

    Args:
        report: called with one line for everything a person should know.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._table: list[Watched] = []
        self._signals = StopSignals(self._kill_the_rest)
        self._not_ours: set[psutil.Process] = set()
        self._logs_checked_at = 0.0

    def __enter__(self) -> Self:
        self._not_ours = set(psutil.Process().children())
        self._signals.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> bool:
        self._signals.now_stopping()
        try:
            self._stop_all()
        finally:
            self._signals.__exit__(None, None, None)
        return kind is not None and issubclass(kind, StopRequested)

    def start(self, service: Service) -> None:
        """Start one more service, after those before it.

        Raises:
            ServiceFailed, EmbeddedError: it did not start.
        """
        self._table.append(Watched(service))
        rotate_log(service)
        service.start()

    def watch(self, *chores: Callable[[], None]) -> None:
        """Keep every service running until somebody asks to stop; do small chores meanwhile, several times a second.

        Raises:
            StopRequested: somebody asked; leaving the `with` block stops everything.
            GaveUp: a service keeps ending.
        """
        while True:
            for watched in self._table:
                self._look_at(watched)
            self._rotate_logs()
            for chore in chores:
                chore()
            time.sleep(WATCH_S)

    def running(self) -> Sequence[str]:
        """Names of the services that run now."""
        return [watched.service.name for watched in self._table if watched.start_at is None]

    def _look_at(self, watched: Watched) -> None:
        if watched.start_at is not None:
            if time.monotonic() >= watched.start_at:
                self._restart(watched)
            return
        exit_code = watched.service.exit_code()
        if exit_code is not None:
            self._ended(watched, f"{watched.service.name} {ending(exit_code)}", pointless=exit_code == EXIT_POINTLESS)

    def _ended(self, watched: Watched, what: str, *, pointless: bool = False) -> None:
        watched.service.stop()  # whatever it left behind
        now = time.monotonic()
        watched.ends.append(now)
        recent = sum(1 for at in watched.ends if now - at < RESTART_WINDOW_S)
        if pointless or recent > RESTARTS_MAX:
            why = "starting it again would end the same way" if pointless else f"{recent} times in a row"
            raise GaveUp(f"{what}; {why}. {log_tail(watched.service.log_path)}")
        pause_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (recent - 1))
        watched.start_at = now + pause_s
        again = f"starting it again in {pause_s:g} s (try {recent} of {RESTARTS_MAX})"
        self._report(f"{what}; {again}. Log: {watched.service.log_path}")

    def _restart(self, watched: Watched) -> None:
        watched.start_at = None
        try:
            watched.service.start()
        except (ServiceFailed, EmbeddedError) as error:
            self._ended(watched, str(error))
        else:
            self._report(f"{watched.service.name} runs again")

    def _stop_all(self) -> None:
        for watched in reversed(self._table):
            watched.service.stop()
        self._kill_the_rest()

    def _kill_the_rest(self) -> None:
        """Kill every child that came since the start, whoever started it, with all its descendants."""
        for child in set(psutil.Process().children()) - self._not_ours:
            for process in (*descendants(child.pid), child):
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    pass

    def _rotate_logs(self) -> None:
        now = time.monotonic()
        if now - self._logs_checked_at >= LOG_CHECK_S:
            self._logs_checked_at = now
            for watched in self._table:
                rotate_log(watched.service)


def rotate_log(service: Service) -> None:
    """Keep a log bounded. Processes hold it open for appending, so it is copied and emptied, not renamed.

    Without room for the copy the log stays as it is: a full disk must not stop what still runs.
    """
    path = service.log_path
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.stat().st_size <= LOG_BYTES_MAX:
        return
    older = path.with_name(path.name + ".1")
    try:
        shutil.copyfile(path, older)
    except OSError:
        older.unlink(missing_ok=True)  # half of it, in room that is needed
    else:
        os.truncate(path, 0)
