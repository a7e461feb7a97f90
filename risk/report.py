"""The live risk report: used and left of every limit, exposure by symbol and currency, clusters, the worst case.

Unlike a decision, a report is made of whatever can be worked out: a ticket that cannot be valued is listed as a
problem, and the sums it belongs to say so by being None. Nothing here allows anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from functools import partial

from risk.book import Book
from risk.codes import Code
from risk.correlation import Node, cluster, is_fresh
from risk.day import equity_floor, loss_allowed, loss_today
from risk.exposure import CurrencyExposure, SymbolExposure, by_currency, by_symbol
from risk.limits import Limits
from risk.market import Market
from risk.nav_index import drawdown_percent
from risk.numbers import CONTEXT, ZERO, percent_of
from risk.refusal import Refused
from risk.snapshot import AccountState, Snapshot
from risk.stops import pending_stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One limit: how much of it is used."""

    limit: str  # field name of Limits
    used: Decimal | None  # None: cannot be worked out
    allowed: Decimal | None  # in the same unit as used; None: cannot be worked out

    @property
    def left(self) -> Decimal | None:
        """What is left; negative when the limit is exceeded."""
        return None if self.used is None or self.allowed is None else self.allowed - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that could not be valued."""

    code: Code
    subject: str  # which ticket, reservation or figure
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Tickets that share one correlation budget."""

    members: tuple[Node, ...]  # (symbol, side), sorted
    risk: Decimal  # account currency


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """All stops hit at once, everything pending filled at its worst and stopped out. Account currency."""

    loss: Decimal
    equity: Decimal  # equity less credit, after that loss
    floor: Decimal | None  # what must be left today by the daily limit; None: no reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How an account stands. Money in the account currency."""

    base: Decimal | None  # B; None: account state unknown
    usages: tuple[Usage, ...]
    symbols: tuple[SymbolExposure, ...]
    currencies: tuple[CurrencyExposure, ...]
    clusters: tuple[Cluster, ...]  # riskiest first
    worst_case: WorstCase | None  # None: unbounded or unknown, see problems
    problems: tuple[Problem, ...]


def report(snapshot: Snapshot, limits: Limits, now: datetime) -> Report:
    """Report how the account stands against its limits."""
    with localcontext(CONTEXT):
        account = snapshot.account
        if account is None or not account.usable:
            problem = Problem(code=Code.ACCOUNT_INVALID, subject="account", detail=str(account))
            return Report(
                base=None, usages=(), symbols=(), currencies=(), clusters=(), worst_case=None, problems=(problem,)
            )
        return _report(snapshot, account, limits, now)


def _report(snapshot: Snapshot, account: AccountState, limits: Limits, now: datetime) -> Report:
    market = Market(snapshot, account, limits, now)
    counted, problems = _count(snapshot, market)
    book = None if problems else counted
    clusters = _clusters(snapshot, counted, limits, now) if book else ()
    return Report(
        base=min(account.balance, account.equity - account.credit),
        usages=_usages(snapshot, account, limits, book, clusters),
        symbols=by_symbol(snapshot, market),
        currencies=by_currency(snapshot, market),
        clusters=clusters,
        worst_case=None if book is None else _worst_case(snapshot, account, limits, book),
        problems=problems,
    )


def _count(snapshot: Snapshot, market: Market) -> tuple[Book, tuple[Problem, ...]]:
    """Value every ticket on its own, so that one that cannot be valued does not hide what is wrong with the others."""
    book, problems = Book(), [*_unread(snapshot)]
    stops = pending_stops(snapshot.account, snapshot.orders or ())
    steps = [
        *((f"position {p.ticket}", partial(book.add_positions, (p,), market, stops)) for p in snapshot.positions or ()),
        *((f"order {o.ticket}", partial(book.add_order, o, market)) for o in snapshot.orders or ()),
        *((f"reservation {r.command_id}", partial(book.add_reservation, r, market))
          for r in snapshot.reservations or ()),
    ]  # fmt: skip
    for subject, step in steps:
        try:
            step()
        except Refused as refused:
            problems.append(Problem(code=refused.code, subject=subject, detail=str(refused.context)))
    return book, tuple(problems)


def _unread(snapshot: Snapshot) -> Iterator[Problem]:
    for name in ("positions", "orders", "reservations"):
        if getattr(snapshot, name) is None:
            yield Problem(code=Code.BOOK_INVALID, subject=name, detail="not read")


def _usages(
    snapshot: Snapshot, account: AccountState, limits: Limits, book: Book | None, clusters: tuple[Cluster, ...]
) -> tuple[Usage, ...]:
    """Return what is used of each limit; book None: what hangs on it cannot be worked out."""
    base = min(account.balance, account.equity - account.credit)
    return (
        Usage(limit="max_total_exposure_percent", used=book.risk if book else None,
              allowed=percent_of(limits.max_total_exposure_percent, base)),
        _daily(snapshot, account, limits, book),
        _drawdown(snapshot, limits),
        Usage(limit="max_positions", used=Decimal(book.count) if book else None,
              allowed=Decimal(limits.max_positions)),
        Usage(limit="max_correlated_exposure_percent",
              used=max((c.risk for c in clusters), default=ZERO) if book else None,
              allowed=percent_of(limits.max_correlated_exposure_percent, base)),
        Usage(limit="max_currency_exposure_percent", used=_largest(book) if book else None,
              allowed=percent_of(limits.max_currency_exposure_percent, base)),
        Usage(limit="max_leverage", used=book.notional if book else None, allowed=limits.max_leverage * base),
        Usage(limit="min_margin_level_percent", used=percent_of(limits.min_margin_level_percent, account.margin),
              allowed=account.equity),
    )  # fmt: skip


def _daily(snapshot: Snapshot, account: AccountState, limits: Limits, book: Book | None) -> Usage:
    day = snapshot.day
    if day is None or not day.usable or book is None:
        return Usage(limit="max_daily_loss_percent", used=None, allowed=None)
    used = loss_today(day, account) + book.risk
    return Usage(limit="max_daily_loss_percent", used=used, allowed=loss_allowed(day, limits))


def _drawdown(snapshot: Snapshot, limits: Limits) -> Usage:
    index = snapshot.nav_index
    used = drawdown_percent(index) if index is not None and index.usable else None
    return Usage(limit="max_drawdown_percent", used=used, allowed=limits.max_drawdown_percent)


def _largest(book: Book) -> Decimal:
    return max((max(highest, -lowest) for _, highest, lowest in book.exposures()), default=ZERO)


def _clusters(snapshot: Snapshot, book: Book, limits: Limits, now: datetime) -> tuple[Cluster, ...]:
    """Part the book into clusters, riskiest first."""
    rest, found = set(book.risk_by_side), []
    fresh = is_fresh(snapshot.correlations, limits, now)
    while rest:
        start = min(rest)
        members = cluster(start, sorted(rest), snapshot.correlations, snapshot.specs, fresh)
        rest -= members
        risk = sum((book.risk_by_side[node] for node in members), ZERO)
        found.append(Cluster(members=tuple(sorted(members)), risk=risk))
    return tuple(sorted(found, key=lambda c: (-c.risk, c.members)))


def _worst_case(snapshot: Snapshot, account: AccountState, limits: Limits, book: Book) -> WorstCase:
    day = snapshot.day
    return WorstCase(
        loss=book.risk,
        equity=account.equity - account.credit - book.risk,
        floor=equity_floor(day, limits) if day is not None and day.usable else None,
    )
