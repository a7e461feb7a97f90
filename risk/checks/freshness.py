"""Gates: is what the decision rests on young enough, and are the account's figures usable?

Quotes, conversion rates and specifications are judged where they are read (`risk.market`), each symbol by its own age.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from risk.case import Ask
from risk.codes import Code
from risk.numbers import ZERO, all_at_least_zero, all_finite, all_positive, is_count, is_moment, seconds
from risk.snapshot import MarginMode
from risk.verdict import Check

LEVERAGE_MAX = 100_000  # no account has more
OFFSET_MAX_S = 15 * 3600  # no time zone is further from UTC


def check_signal_age(ask: Ask) -> Check:
    """The signal is young, and not from the future beyond the clock skew allowed."""
    created_at, limits = ask.intent.created_at, ask.limits
    if not is_moment(created_at):
        return Check(Code.SIGNAL_TOO_OLD, None, limits.max_signal_age_s, False)
    age = _age(ask.now, created_at)
    if age < -limits.max_clock_skew_s:
        return Check(Code.SIGNAL_FROM_FUTURE, -age, limits.max_clock_skew_s, False)
    return Check(Code.SIGNAL_TOO_OLD, age, limits.max_signal_age_s, age <= limits.max_signal_age_s)


def check_heartbeat(ask: Ask) -> Check:
    """The terminal that will execute was heard just now."""
    return _young(Code.TERMINAL_SILENT, ask, ask.snapshot.heartbeat_at, ask.limits.max_heartbeat_age_s)


def check_account_age(ask: Ask) -> Check:
    """Balance and equity are of this moment."""
    return _young(Code.ACCOUNT_STALE, ask, ask.account.as_of, ask.limits.max_account_age_s)


def check_clock(ask: Ask) -> Check:
    """Terminal and bridge agree on the time, within the skew allowed, and the server's zone is known."""
    skew, offset, limit = ask.snapshot.clock_skew_s, ask.snapshot.server_offset_s, ask.limits.max_clock_skew_s
    if skew is None or not all_finite((skew,)) or type(offset) is not int or abs(offset) > OFFSET_MAX_S:
        return Check(Code.CLOCK_SKEWED, None, limit, False)
    return Check(Code.CLOCK_SKEWED, abs(skew), limit, abs(skew) <= limit)


def check_account_figures(ask: Ask) -> Check:
    """Every figure of the account state can be computed with."""
    a = ask.account
    usable = (
        all_finite((a.balance, a.equity, a.margin_free))
        and all_at_least_zero((a.credit, a.margin))
        and is_count(a.leverage, LEVERAGE_MAX)
        and a.leverage > 0
        and is_count(a.digits, 8)
        and isinstance(a.margin_mode, MarginMode)
        and isinstance(a.currency, str)
        and bool(a.currency)
    )
    return Check(Code.ACCOUNT_INVALID, None if usable else str(a), "usable", usable)


def check_day_reference(ask: Ask) -> Check:
    """The daily reference is of the server's current day."""
    day, offset = ask.snapshot.day, ask.snapshot.server_offset_s
    if day is None or offset is None or not all_positive((day.reference,)) or not all_finite((day.net_flows,)):
        return Check(Code.DAY_REFERENCE_MISSING, None if day is None else str(day), "usable", False)
    today = (ask.now + timedelta(seconds=offset)).date()
    return Check(Code.DAY_REFERENCE_MISSING, str(day.server_day), str(today), day.server_day == today)


def _young(code: Code, ask: Ask, at: datetime | None, limit: Decimal) -> Check:
    if at is None or not is_moment(at):
        return Check(code, None, limit, False)
    age = _age(ask.now, at)
    return Check(code, age, limit, -ask.limits.max_clock_skew_s <= age <= limit)


def _age(now: datetime, at: datetime | None) -> Decimal:
    return ZERO if at is None else seconds(now - at)
