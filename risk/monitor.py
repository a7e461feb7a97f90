"""Look at an account between signals, on every snapshot, and propose what to do about it.

Pure: it proposes holds to impose and to lift, notices to send, and the NAV index with its latch; the caller persists
them and tells the terminal. What cannot be judged (an unread book, a missing reference) lifts nothing and is reported.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import localcontext

from risk.codes import Code
from risk.day import day_ends_at, loss_allowed, loss_today
from risk.limits import Limits
from risk.nav_index import drawdown_percent, latch
from risk.numbers import CONTEXT, HUNDRED, ZERO, percent_of, span
from risk.snapshot import AccountState, DayReference, NavIndex, OpenPosition, PendingOrder, Snapshot
from risk.states import Cause, Hold
from risk.verdict import plain

ACTOR = "risk monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know."""

    code: Code
    found: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a look at the account found."""

    impose: tuple[Hold, ...]  # holds whose condition is there now, new or not
    mended: tuple[Cause, ...]  # causes looked for and not found: lift them if they are in force
    notices: tuple[Notice, ...]
    nav_index: NavIndex | None  # with the latch set if the limit was reached; None: unknown


def review(snapshot: Snapshot, limits: Limits, now: datetime, rejected_at: tuple[datetime, ...] = ()) -> Review:
    """Judge the account as it stands.

    Args:
        snapshot: the account's state; anything may be missing.
        limits: the account's limits.
        now: aware UTC.
        rejected_at: when the broker rejected orders lately, at least over `reject_window_s`.
    """
    with localcontext(CONTEXT):
        found = _Findings(now)
        _tickets(found, snapshot)
        _daily_loss(found, snapshot, limits)
        index = _drawdown(found, snapshot.nav_index, limits)
        _rejects(found, limits, rejected_at)
        _terminal(found, snapshot, limits)
        _margin(found, snapshot.account, limits)
    return Review(impose=tuple(found.impose), mended=tuple(found.mended), notices=tuple(found.notices), nav_index=index)


class _Findings:
    """Collects what the looks find."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.impose: list[Hold] = []
        self.mended: list[Cause] = []
        self.notices: list[Notice] = []

    def hold(self, cause: Cause, reason: str, until: datetime | None = None) -> None:
        self.impose.append(Hold(cause=cause, reason=reason, actor=ACTOR, at=self.now, until=until))

    def warn(self, code: Code, found: object, expected: object) -> None:
        self.notices.append(Notice(code=code, found=str(found), expected=str(expected)))


def _tickets(found: _Findings, snapshot: Snapshot) -> None:
    """Positions and orders without a stop, or opened by hand."""
    if snapshot.positions is None or snapshot.orders is None:
        found.warn(Code.BOOK_INVALID, "not read", "positions and orders")
        return
    tickets: list[OpenPosition | PendingOrder] = [*snapshot.positions, *snapshot.orders]
    naked = [t.ticket for t in tickets if t.sl is None]
    manual = [t.ticket for t in tickets if t.by_hand]
    for cause, which, text in (
        (Cause.POSITION_UNPROTECTED, naked, "without a stop loss"),
        (Cause.POSITION_BY_HAND, manual, "opened by hand"),
    ):
        if which:
            found.hold(cause, f"{text}: " + ", ".join(map(str, sorted(which))))
        else:
            found.mended.append(cause)


def _daily_loss(found: _Findings, snapshot: Snapshot, limits: Limits) -> None:
    """L >= max_daily_loss_percent of Ref: halted until the next server day."""
    account, day, offset = snapshot.account, snapshot.day, snapshot.server_offset_s
    if not _known(account) or day is None or not day.usable or offset is None or not _is_today(day, found.now, offset):
        found.warn(Code.DAY_REFERENCE_MISSING, day, "account state and reference of the current server day")
        return
    assert account is not None
    loss, allowed = loss_today(day, account), loss_allowed(day, limits)
    if loss >= allowed:
        found.hold(Cause.DAILY_LOSS, f"lost {plain(loss)} of {plain(allowed)} allowed", day_ends_at(found.now, offset))


def _drawdown(found: _Findings, index: NavIndex | None, limits: Limits) -> NavIndex | None:
    """Drawdown >= max_drawdown_percent: latched."""
    if index is None or not index.usable:
        found.warn(Code.NAV_INDEX_MISSING, index, "a usable index")
        return index
    latched = latch(index, limits)
    if latched.latched:
        found.hold(
            Cause.DRAWDOWN, f"{plain(drawdown_percent(index))} % of {plain(limits.max_drawdown_percent)} % allowed"
        )
    return latched


def _rejects(found: _Findings, limits: Limits, rejected_at: tuple[datetime, ...]) -> None:
    """The broker rejects one order after the other: something is wrong that more orders will not mend."""
    since = found.now - span(limits.reject_window_s)
    count = sum(1 for at in rejected_at if at > since)
    if count >= limits.max_rejects:
        found.hold(Cause.REJECT_STORM, f"{count} orders rejected within {limits.reject_window_s} s")


def _terminal(found: _Findings, snapshot: Snapshot, limits: Limits) -> None:
    """The terminal is silent while something is at risk. An unread book may hold risk."""
    heard = snapshot.heartbeat_at
    if heard is not None and found.now - heard <= span(limits.max_heartbeat_age_s):
        return
    books = (snapshot.positions, snapshot.orders, snapshot.reservations)
    if any(book is None or len(book) > 0 for book in books):
        found.hold(Cause.TERMINAL_LOST, f"terminal not heard since {heard}, with open risk")
    else:
        found.warn(Code.TERMINAL_SILENT, heard, f"within {limits.max_heartbeat_age_s} s")


def _margin(found: _Findings, account: AccountState | None, limits: Limits) -> None:
    """Margin level below the minimum for new orders, or free margin gone."""
    if account is None or not account.usable:
        found.warn(Code.ACCOUNT_INVALID, account, "a usable account state")
        return
    low = _margin_problems(account, limits)
    if low:
        found.hold(Cause.MARGIN_LOW, "; ".join(low))
    else:
        found.mended.append(Cause.MARGIN_LOW)


def _margin_problems(account: AccountState, limits: Limits) -> list[str]:
    """What is wrong with the margin, in words."""
    problems = []
    if account.margin > ZERO and account.equity < percent_of(limits.min_margin_level_percent, account.margin):
        level = account.equity * HUNDRED / account.margin
        problems.append(f"margin level {level:.2f} %, expected {plain(limits.min_margin_level_percent)} %")
    if account.margin_free < ZERO:
        problems.append(f"free margin {plain(account.margin_free)}, expected at least 0")
    return problems


def _known(account: AccountState | None) -> bool:
    return account is not None and account.usable


def _is_today(day: DayReference, now: datetime, offset_s: int) -> bool:
    return day.server_day == (now + timedelta(seconds=offset_s)).date()
