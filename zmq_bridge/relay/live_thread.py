"""The live thread: what the desk tells Redis. Nobody waits for it, nothing depends on it but new risk.

Law: newest wins. Of each account one snapshot and of each terminal one sign of life wait, a newer one replaces it;
booked events and signals wait in a bounded queue, and what does not fit is counted and dropped (they are in Postgres).
Redis being away is counted, logged once per outage, and tried again with the next write.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from zmq_bridge.live.errors import LiveUnavailable
from zmq_bridge.live.writer import LiveWriter, Scalar
from zmq_bridge.protocol.published import Event, Snapshot, Unreadable

log = logging.getLogger(__name__)

APPENDS_MAX = 10_000
"""Booked events and signals waiting for Redis; dropped above it, counted as `live_appends_dropped`."""
PAUSE_S = 0.5
"""Between tries while Redis is away."""

Write = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A sign of life of a terminal."""

    login: int
    role: str
    session: int
    last_seen_ms: int
    """Our clock, Unix UTC ms."""
    fields: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An entry of the `events` stream."""

    kind: str
    login: int
    data: Mapping[str, Any]


class LiveThread(threading.Thread):
    """Writes what waits, as fast as Redis takes it."""

    def __init__(self, writer: LiveWriter, *, appends_max: int = APPENDS_MAX) -> None:
        super().__init__(name="desk-live", daemon=True)
        self.counts: Counter[str] = Counter()
        self._writer = writer
        self._appends_max = appends_max
        self._wake = threading.Condition()
        self._newest: dict[object, Write] = {}
        self._appends: deque[Write] = deque()
        self._stopping = threading.Event()
        self._is_away = False

    def account(self, snapshot: Snapshot, received_ms: int) -> None:
        """Show an account's newest snapshot."""
        self._replace(("account", snapshot.login), partial(write_account, self._writer, snapshot, received_ms))

    def seen(self, life: Life) -> None:
        """Show that a terminal lives."""
        self._replace(("terminal", life.login, life.role), partial(write_life, self._writer, life))

    def gone(self, login: int, role: str) -> None:
        """Show that a terminal is not there any more."""
        self._replace(("terminal", login, role), partial(self._writer.forget_terminal, login, role))

    def stats(self, fields: dict[str, Scalar]) -> None:
        """Show the desk's own figures."""
        self._replace("stats", partial(self._writer.write_stats, "desk", fields))

    def happened(self, happening: Happening) -> None:
        """Append to the stream of events."""
        self._append(partial(self._writer.add_event, happening.kind, happening.login, happening.data))

    def signal(self, fields: Mapping[str, Scalar]) -> None:
        """Append to the stream of signals."""
        self._append(partial(self._writer.add_signal, fields))

    def stop(self) -> None:
        """End the thread after what waits, if Redis takes it."""
        with self._wake:
            self._stopping.set()
            self._wake.notify()
        self.join(timeout=5.0)

    def run(self) -> None:
        """Write until stopped."""
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping.is_set() or self._newest or self._appends)
                writes = self._take()
            if not self._write(writes):
                self._stopping.wait(PAUSE_S)
            if self._stopping.is_set():
                return

    def _replace(self, key: object, write: Write) -> None:
        with self._wake:
            self._newest[key] = write
            self._wake.notify()

    def _append(self, write: Write) -> None:
        with self._wake:
            if len(self._appends) >= self._appends_max:
                self.counts["live_appends_dropped"] += 1
                return
            self._appends.append(write)
            self._wake.notify()

    def _take(self) -> list[Write]:
        writes = [*self._newest.values(), *self._appends]
        self._newest.clear()
        self._appends.clear()
        return writes

    def _write(self, writes: list[Write]) -> bool:
        for done, write in enumerate(writes):
            try:
                write()
            except LiveUnavailable as error:
                self.counts["live_writes_failed"] += len(writes) - done
                if not self._is_away:
                    log.warning("live: Redis is away: %s", error)
                self._is_away = True
                return False
        if self._is_away:
            log.info("live: Redis is back")
        self._is_away = False
        return True


def write_life(writer: LiveWriter, life: Life) -> None:
    """Write a terminal's sign of life."""
    writer.write_terminal(
        life.login, life.role, session=life.session, last_seen_ms=life.last_seen_ms, fields=life.fields
    )


def write_account(writer: LiveWriter, snapshot: Snapshot, received_ms: int) -> None:
    """Write an account's money and positions."""
    fields = {**asdict(snapshot.account), "time_msc": snapshot.time_msc, "event_seq": snapshot.event_seq}
    writer.write_account(snapshot.login, fields, received_ms=received_ms)
    writer.write_positions(
        snapshot.login, [asdict(position) for position in snapshot.positions], received_ms=received_ms
    )


def happening_of(event: Event) -> Happening:
    """Make an entry of a booked event."""
    data = event.data.raw if isinstance(event.data, Unreadable) else asdict(event.data)
    return Happening(kind=event.kind, login=event.login, data={"session": event.session, "seq": event.seq, **data})
