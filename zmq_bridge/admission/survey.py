"""Gathers a `Situation`: the stored row in hand, what is live where it matters, specifications and limits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from risk import Limits, Snapshot
from zmq_bridge.admission.limits import LimitBook
from zmq_bridge.admission.live_view import NOTHING, LiveState, LiveView, looking
from zmq_bridge.admission.news import News, no_news
from zmq_bridge.admission.situation import Situation
from zmq_bridge.admission.snapshot import Unreadable, build
from zmq_bridge.admission.source import Source
from zmq_bridge.admission.specs import SpecCache, Specs
from zmq_bridge.storage.accounts import Account


class Surveyor:
    """Gathers situations for one process, remembering what changes rarely."""

    def __init__(self, live: LiveState, news: News = no_news) -> None:
        """`live` is asked only by decisions that may add risk."""
        self._live, self._news = live, news
        self._specs, self._limits = SpecCache(), LimitBook()

    @contextmanager
    def looking(self, account: Account, *, needed: bool) -> Iterator[Callable[[], LiveView]]:
        """The account's live state, asked for now and read when called; or nothing where it is not needed."""
        if not needed:
            yield lambda: NOTHING
            return
        with looking(self._live, account.login) as read:
            yield read

    def survey(
        self, connection: Connection, account: Account, row: Row[Any], source: Source, live: LiveView, now: datetime,
        *, symbol: str, magic: int | None,
    ) -> Situation:  # fmt: skip
        """Put a situation together; what can't be understood is part of it, for the judge to refuse."""
        specs = self._specs.get(connection, account.id, row.specs_version)
        snapshot, limits, problem = self._understand(account.id, row, specs, live, now, source, symbol, magic)
        return Situation(
            account_id=account.id,
            source=source,
            row=row,
            specs=specs,
            live=live,
            snapshot=snapshot,
            limits=limits,
            problem=problem,
            now=now,
        )

    def _understand(
        self, account_id: int, row: Row[Any], specs: Specs, live: LiveView, now: datetime, source: Source, symbol: str,
        magic: int | None,
    ) -> tuple[Snapshot | None, Limits | None, str | None]:  # fmt: skip
        try:
            snapshot = build(account_id, row, specs.symbols, live, now, self._news(now))
            limits = self._limits.get(row.limits or (), source=source.id, symbol=symbol, magic=magic)
        except Unreadable as error:
            return None, None, str(error)
        return snapshot, limits, None
