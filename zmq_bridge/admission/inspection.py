"""What if, and how does it stand: the gate's own eyes and judgement, without its hand. Nothing here writes.

`assess` takes the very path of a signal (the same survey, the same plan), then rolls back. It takes no lock, so it
holds nobody up, and its answer is true of the moment it was given and promises nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from risk.monitor import Review, review
from risk.report import Report, report
from zmq_bridge.admission.application import Application, of_signal
from zmq_bridge.admission.directory import Directory
from zmq_bridge.admission.gate import utc_now
from zmq_bridge.admission.live_view import LiveState
from zmq_bridge.admission.news import News, no_news
from zmq_bridge.admission.plan import Plan
from zmq_bridge.admission.signal import Signal
from zmq_bridge.admission.situation import Situation
from zmq_bridge.admission.source import Source
from zmq_bridge.admission.survey import Surveyor
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.commands.gate import read_for_watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the gate would have said."""

    plan: Plan
    account: Account | None  # None: it is about none that we know or that its sender may use
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account stands against its limits."""

    situation: Situation
    report: Report | None  # None: what is stored can't be understood, see `situation.problem`
    review: Review | None  # what the watch would find now


class Inspector:
    """Looks and judges. One a process; any number of threads may ask."""

    def __init__(
        self, engine: Engine, live: LiveState, *, clock: Callable[[], datetime] = utc_now, news: News = no_news
    ) -> None:
        """The same parts as the gate's."""
        self._engine, self._clock = engine, clock
        self._surveyor, self._directory = Surveyor(live, news), Directory()

    def assess(self, signal: Signal, source: Source) -> Assessment:
        """Judge a signal as the gate would, now."""
        application = of_signal(signal, source, self._clock())
        with self._engine.connect() as connection:
            account = self._directory.find(connection, source, signal.account, signal.server)
            if isinstance(account, Plan):
                return Assessment(plan=account, account=None, at=self._clock())
            situation = self._survey(connection, account, source, application)
            connection.rollback()
        return Assessment(plan=application.judge(situation), account=account, at=situation.now)

    def standing(self, account: Account) -> Standing:
        """See how an account stands against its own limits."""
        with self._engine.connect() as connection:
            situation = self._survey(connection, account, Source(id=""), None)
            connection.rollback()
        snapshot, limits, now = situation.snapshot, situation.limits, situation.now
        if snapshot is None or limits is None:
            return Standing(situation=situation, report=None, review=None)
        rejected = tuple(datetime.fromisoformat(at) for at in situation.row.rejected or ())
        return Standing(
            situation=situation,
            report=report(snapshot, limits, now),
            review=review(snapshot, limits, now, rejected),
        )

    def _survey(
        self, connection: Connection, account: Account, source: Source, application: Application | None
    ) -> Situation:
        row = read_for_watch(connection, account.id, now=self._clock())
        with self._surveyor.looking(account, needed=application is None or application.needs_live) as look:
            live = look()
        symbol, magic = ("", None) if application is None else application.scope(row)
        return self._surveyor.survey(
            connection, account, row, source, live, self._clock(), symbol=symbol, magic=magic
        )
