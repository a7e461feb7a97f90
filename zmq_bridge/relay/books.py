"""The books thread: everything of the terminals that must be in Postgres before anybody acts on it.

Law: one thread, jobs in order, so one account's events are booked in the order they came. Its mailbox is bounded and
its sender never waits: what does not fit is not acknowledged, and comes again. When the database is away every job
fails fast into a report ("not committed", UNAVAILABLE), never into a retry that blocks the next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.booking.events import store_events
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.published import Event
from zmq_bridge.protocol.values import Spec
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Committed, NotCommitted, Refused, Registered, Report, SymbolsKept
from zmq_bridge.relay.present import Presents
from zmq_bridge.relay.registration import Adopt, register
from zmq_bridge.storage.trading import terminals

log = logging.getLogger(__name__)

JOBS_MAX = 1024
"""Waiting jobs; at 64 events a job this is more than any account says in a minute."""
BATCH_EVENTS_MAX = 256
"""Events booked in one transaction."""
WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Book a hello."""

    hello: Hello
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Book events of one account."""

    account_id: int
    login: int
    session: int
    """The session that brought them."""
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSymbols:
    """Book specifications."""

    account_id: int
    login: int
    session: int
    specs: tuple[Spec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPresent:
    """A snapshot of the account lies in `Presents`, unless events took it along."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Book that a terminal is connected or disconnected."""

    account_id: int
    role: str
    session: int
    state: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the thread after what came before."""


Job = Register | Ingest | KeepSymbols | KeepPresent | Mark | Stop


class BooksThread(threading.Thread):
    """Does jobs in order."""

    def __init__(
        self, engine: Engine, report: Callable[[Report], bool], adopt: Adopt, *, on_specs: Callable[[], None]
    ) -> None:
        """Make the thread; `on_specs` is told when specifications are committed."""
        super().__init__(name="desk-books", daemon=True)
        self.presents = Presents(engine)
        self._engine = engine
        self._report = report
        self._adopt = adopt
        self._on_specs = on_specs
        self._jobs: Mailbox[Job] = Mailbox(items_max=JOBS_MAX)
        self._stopped = False

    def put(self, job: Job) -> bool:
        """Hand a job over; False when there are too many."""
        return self._jobs.put(job)

    def keep_present(self, account_id: int) -> None:
        """Have the snapshot kept that was laid in `presents`."""
        if not self._jobs.put(KeepPresent(account_id=account_id)):
            self.presents.drop(account_id)

    def stop(self) -> None:
        """End the thread once it has done what waits."""
        while not self._jobs.put(Stop()) and self.is_alive():
            self.join(timeout=0.1)
        self.join(timeout=10.0)

    def run(self) -> None:
        """Serve until stopped."""
        while not self._stopped:
            self._jobs.wait(WAIT_S)
            for job in merge(self._jobs.drain()):
                self._do(job)

    def _do(self, job: Job) -> None:
        try:
            self._book(job)
        except SQLAlchemyError as error:
            log.warning("books: %s not booked: %s", type(job).__name__, str(error).splitlines()[0])
            self._report_failure(job)
        except Exception:  # whatever it is, it must not end the thread that books everybody's fills
            log.exception("books: %s failed", type(job).__name__)
            self._report_failure(job)

    def _book(self, job: Job) -> None:
        match job:
            case Register():
                report = register(self._engine, job.hello, self._adopt, now=job.received_at)
                if isinstance(report, Registered):
                    self.presents.forget(report.account_id)
                    self._on_specs()
                self._report(report)
            case Ingest():
                self._ingest(job)
            case KeepPresent(account_id=account_id):
                self.presents.keep(account_id)
            case KeepSymbols():
                with self._engine.begin() as connection:
                    terminals.upsert_symbols(connection, job.account_id, [asdict(spec) for spec in job.specs])
                self._on_specs()
                self._report(SymbolsKept(login=job.login, session=job.session, committed=True))
            case Mark():
                with self._engine.begin() as connection:
                    terminals.mark_terminal(
                        connection, job.account_id, job.role, job.session,
                        state=job.state, last_seen_at=job.last_seen_at,
                    )  # fmt: skip
            case Stop():
                self._stopped = True

    def _ingest(self, job: Ingest) -> None:
        with self._engine.begin() as connection:
            stored = store_events(connection, job.account_id, job.events, now=datetime.now(UTC))
            taken = self.presents.take_along(connection, job.account_id)
        self.presents.note(job.account_id, taken)
        if any(isinstance(event.data, Spec) for event in stored.fresh):
            self._on_specs()
        self._report(Committed(login=job.login, session=job.session, acks=stored.acks, fresh=stored.fresh))

    def _report_failure(self, job: Job) -> None:
        match job:
            case Register():
                refused = Refused(hello=job.hello, code=ErrorCode.UNAVAILABLE, message="the books are not open now")
                self._report(refused)
            case Ingest():
                keys = tuple(event.key for event in job.events)
                self._report(NotCommitted(login=job.login, session=job.session, keys=keys))
            case KeepSymbols():
                self._report(SymbolsKept(login=job.login, session=job.session, committed=False))


def merge(jobs: list[Job]) -> list[Job]:
    """Join neighbouring batches of one session, so that a burst costs few transactions."""
    merged: list[Job] = []
    for job in jobs:
        last = merged[-1] if merged else None
        if (
            isinstance(job, Ingest)
            and isinstance(last, Ingest)
            and (last.account_id, last.session) == (job.account_id, job.session)
            and len(last.events) + len(job.events) <= BATCH_EVENTS_MAX
        ):
            merged[-1] = Ingest(
                account_id=job.account_id, login=job.login, session=job.session, events=last.events + job.events
            )
        else:
            merged.append(job)
    return merged
