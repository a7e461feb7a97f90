"""The gate: one transaction an answer, under the account's lock, closed when in doubt.

    ask for what is live, where it is needed        live_view
    begin, lock the account, read what is stored    storage.commands.gate
    a key that was used before: its first answer
    read what is live                               asked anew if the lock kept us waiting
    judge                                           opening, closing, direct: pure, by risk.assess
    store decision, reservation, commands, commit   storage.commands.outcome, with NOTIFY

Whatever fails before the commit leaves nothing behind. A commit whose outcome is not known is looked up again, under
the same lock, so that "accepted" and "nothing was sent" are both said only when they are true.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zmq_bridge.admission.answers import Accepted, Answer, Code, Denied, Unavailable, first_answer, repeated
from zmq_bridge.admission.application import Application, of_request, of_signal
from zmq_bridge.admission.directory import Directory
from zmq_bridge.admission.live_view import LiveState
from zmq_bridge.admission.news import News, no_news
from zmq_bridge.admission.plan import Plan
from zmq_bridge.admission.requests import Request
from zmq_bridge.admission.rows import to_outcome
from zmq_bridge.admission.signal import Signal
from zmq_bridge.admission.source import Source
from zmq_bridge.admission.survey import Surveyor
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.commands import gate as store
from zmq_bridge.storage.commands.lines import Line, Lines
from zmq_bridge.storage.commands.outcome import KeyTaken, write
from zmq_bridge.storage.locks import Lock, hold

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The clock of a running program."""
    return datetime.now(UTC)


class DeadConnection(Exception):
    """The connection was lost, and nothing was stored on it."""


@dataclass(slots=True)
class _Progress:
    """How far an application came, for what has to be done when it breaks off."""

    account_id: int | None = None  # whose lock was taken
    committing: bool = False  # the write was sent, its commit with it: whether it stays is the database's to say


class Gate:
    """Admits signals and direct requests. One a process; any number of threads may ask."""

    def __init__(
        self,
        engine: Engine,
        live: LiveState,
        *,
        clock: Callable[[], datetime] = utc_now,
        news: News = no_news,
    ) -> None:
        """`clock` is asked under the account's lock: a request that had to wait is judged at the time of its turn."""
        self._engine, self._clock = engine, clock
        self._lines = Lines(engine)
        self._surveyor = Surveyor(live, news)
        self._directory = Directory()

    def close(self) -> None:
        """Give back the connections that are kept for the next request."""
        self._lines.close()

    def admit(self, signal: Signal, source: Source) -> Answer:
        """Judge a signal; when it is accepted, its commands are on their way."""
        return self._answer(of_signal(signal, source, self._clock()))

    def request(
        self,
        request: Request,
        source: Source,
        *,
        account: int | None = None,
        server: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Judge a direct request.

        Args:
            request: one of `admission.requests`.
            source: who asks.
            account: login; None: the only one that the source may use.
            server: only needed where two servers use the same login.
            idempotency_key: unique per source; None: the request can't be repeated safely.

        Raises:
            InvalidRequest: account, server or key can't be what they say.
        """
        return self._answer(of_request(request, source, account, server, idempotency_key, self._clock()))

    def _answer(self, application: Application) -> Answer:
        """Answer; once more where the first connection was an old, dead one, and so nothing was committed."""
        try:
            return self._attempt(application)
        except DeadConnection:
            log.info("the database's connection was dead; trying another: source=%s", application.source.id)
        try:
            return self._attempt(application)
        except DeadConnection as dead:
            return Unavailable(code=Code.DATABASE_UNAVAILABLE, context={"found": type(dead.__cause__).__name__})

    def _attempt(self, application: Application) -> Answer:
        progress = _Progress()
        try:
            with self._lines.lend() as line:
                return self._decide(line, application, progress)
        except KeyTaken:
            progress.committing = False
            return self._look_up(application, progress)
        except SQLAlchemyError as error:
            log.warning("admission broke off: source=%s: %s", application.source.id, error)
            return self._look_up(application, progress, error) if progress.committing else _not_stored(error)

    def _decide(self, line: Line, application: Application, progress: _Progress) -> Accepted | Denied:
        account = self._directory.find(line.connection, application.source, application.login, application.server)
        if isinstance(account, Plan):
            return self._refuse_unaddressed(line, application, account, progress)
        progress.account_id = account.id
        with self._surveyor.looking(account, needed=application.needs_live) as look:
            row = self._read(line, application, account)
            if row.first is not None:
                return repeated(row.first, application.ticketed.request)
            live = look()
        now = self._clock()
        symbol, magic = application.scope(row)
        situation = self._surveyor.survey(
            line.connection, account, row, application.source, live, now, symbol=symbol, magic=magic
        )
        plan = application.judge(situation)
        if plan.approved and application.effect is not None:
            application.effect(line.connection, account.id, now)
        progress.committing = True
        return _store(line, application, plan, account.id, situation.inputs(plan.intent), now)

    def _read(self, line: Line, application: Application, account: Account) -> store.Stored:
        source, key, now = application.ticketed.source, application.ticketed.key, self._clock()
        if application.alike is None:
            return store.read_for_request(line, account.id, source=source, key=key, now=now)
        return store.read_for_signal(line, account.id, application.alike, source=source, key=key, now=now)

    def _refuse_unaddressed(
        self, line: Line, application: Application, refusal: Plan, progress: _Progress
    ) -> Accepted | Denied:
        """Store the refusal of a request that is about no account that we know or that its sender may use."""
        line.connection.exec_driver_sql("BEGIN")
        first = _first(line.connection, application)
        if first is not None:
            return repeated(first, application.ticketed.request)
        progress.committing = True
        return _store(line, application, refusal, None, {}, self._clock())

    def _look_up(
        self, application: Application, progress: _Progress, error: SQLAlchemyError | None = None
    ) -> Answer:
        """Say what became of a request that may or may not be stored."""
        ticketed = application.ticketed
        try:
            with self._engine.begin() as connection:
                if progress.account_id is not None:
                    hold(connection, Lock.ADMISSION, progress.account_id)  # the lost transaction has ended for sure
                first = _first(connection, application)
        except SQLAlchemyError as failure:
            code = Code.OUTCOME_UNKNOWN if progress.committing else Code.DATABASE_UNAVAILABLE
            return Unavailable(code=code, context={"found": type(failure).__name__}, signal_id=ticketed.signal_id)
        if first is None:
            return _not_stored(error)
        ours = progress.committing and first["signal_id"] == ticketed.signal_id
        return first_answer(first) if ours else repeated(first, ticketed.request)


def _first(connection: Connection, application: Application) -> dict[str, Any] | None:
    ticketed = application.ticketed
    return store.first_answer(connection, source=ticketed.source, key=ticketed.key, direct=application.direct)


def _store(
    line: Line,
    application: Application,
    plan: Plan,
    account_id: int | None,
    inputs: dict[str, Any],
    now: datetime,
) -> Accepted | Denied:
    outcome, answer = to_outcome(application.ticketed, plan, account_id, inputs, now)
    write(line, outcome, account_id)
    return answer


def _not_stored(error: SQLAlchemyError | None) -> Unavailable:
    """Say that nothing was stored.

    Raises:
        DeadConnection: the connection was dead; another may do.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        raise DeadConnection from error
    found = "the transaction was lost" if error is None else type(error).__name__
    return Unavailable(code=Code.DATABASE_UNAVAILABLE, context={"found": found})
