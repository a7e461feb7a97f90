"""What Postgres knows of all accounts: logins, decimals, what holds them, gaps in their ticks, and what of their limits
is used. Loading blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine

from risk.report import Report
from risk.verdict import plain
from web.stream import updates
from web.stream.updates import Update
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.risk.holds import effective_state, holds
from zmq_bridge.storage.ticks.gaps import TickGap, gap_news, last_gap_id
from zmq_bridge.storage.trading.views import symbol_digits

Standing = tuple[str, tuple[dict[str, Any], ...]]
Limits = Mapping[int, tuple[dict[str, Any], ...]]
"""By login, every limit as `GET /api/risk/report` shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One reading."""

    digits: dict[int, dict[str, int]]  # login -> symbol -> decimals of a price
    currency_digits: dict[int, int]  # login -> decimals of an amount
    standing: dict[int, Standing]  # login -> trading state, holds
    accounts: tuple[Account, ...]
    last_gap: int | None  # id of the newest gap known; None: not read yet
    open_gaps: frozenset[int]  # ids
    gaps: tuple[TickGap, ...]  # opened or closed since the reading before

    @classmethod
    def empty(cls) -> Books:
        """Before the first reading."""
        return cls(
            digits={}, currency_digits={}, standing={}, accounts=(), last_gap=None, open_gaps=frozenset(), gaps=()
        )

    def news(self, limits: Limits) -> list[Update]:
        """What there is to be told; what was told before is no news to the hub."""
        return self.risk(limits) + [_gap(gap) for gap in self.gaps]

    def risk(self, limits: Limits) -> list[Update]:
        """What holds each account, and what of its limits is used."""
        return [
            updates.risk(login, state, found, limits.get(login, ())) for login, (state, found) in self.standing.items()
        ]


def load_books(engine: Engine, before: Books) -> Books:
    """Read anew."""
    with engine.connect() as connection:
        accounts = list_accounts(connection)
        last, gaps = _gaps(connection, before)
        closed = {gap.id for gap in gaps if gap.state != "open"}
        opened = {gap.id for gap in gaps if gap.state == "open"}
        return Books(
            digits={account.login: symbol_digits(connection, account.id) for account in accounts},
            currency_digits={account.login: account.currency_digits for account in accounts},
            standing={account.login: _standing(connection, account.id) for account in accounts},
            accounts=tuple(accounts),
            last_gap=last,
            open_gaps=(before.open_gaps | opened) - closed,
            gaps=tuple(gaps),
        )


def load_limits(inspector: Inspector, accounts: Iterable[Account]) -> Limits:
    """See what is used and left of every limit of these accounts; nothing where the account can't be judged."""
    return {account.login: _limits(inspector.standing(account).report) for account in accounts}


def _limits(found: Report | None) -> tuple[dict[str, Any], ...]:
    if found is None:
        return ()
    return tuple(
        {"limit": usage.limit, "used": _text(usage.used), "allowed": _text(usage.allowed), "left": _text(usage.left)}
        for usage in found.usages
    )


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else plain(figure)


def _gaps(connection: Connection, before: Books) -> tuple[int, list[TickGap]]:
    if before.last_gap is None:
        return last_gap_id(connection), []
    found = gap_news(connection, before.last_gap, before.open_gaps)
    return max([before.last_gap, *(gap.id for gap in found)]), found


def _standing(connection: Connection, account_id: int) -> Standing:
    found = holds(connection, account_id)
    return effective_state(found), tuple(asdict(hold) for hold in found)


def _gap(gap: TickGap) -> Update:
    fields = {
        "gap": gap.id, "state": gap.state, "from_msc": gap.from_msc, "to_msc": gap.to_msc, "lost": gap.lost,
        "found": gap.found, "reason": gap.reason,
    }  # fmt: skip
    return updates.tick_gap(gap.login, gap.symbol, gap.id, fields)
