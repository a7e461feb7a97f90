"""Gates: is what the decision rests on young enough, and are the account's figures usable?

Quotes, conversion rates and specifications are judged where they are read (`risk.market`), each symbol by its own age.
Ages are compared as time differences; they become seconds only when somebody reads the decision.
"""

from datetime import datetime
from decimal import Decimal

from risk.case import Ask
from risk.codes import Code
from risk.numbers import span
from risk.verdict import Check

ACCOUNT_INVALID = Code.ACCOUNT_INVALID
ACCOUNT_STALE = Code.ACCOUNT_STALE
CLOCK_SKEWED = Code.CLOCK_SKEWED
DAY_REFERENCE_MISSING = Code.DAY_REFERENCE_MISSING
SIGNAL_FROM_FUTURE = Code.SIGNAL_FROM_FUTURE
SIGNAL_TOO_OLD = Code.SIGNAL_TOO_OLD
TERMINAL_SILENT = Code.TERMINAL_SILENT


def check_signal_age(ask: Ask) -> Check:
    """The signal is young, and not from the future beyond the clock skew allowed."""
    created_at, limit = ask.intent.created_at, span(ask.limits.max_signal_age_s)
    if created_at is None or created_at.tzinfo is None:
        return Check(SIGNAL_TOO_OLD, None, limit, False)
    age, skew = ask.now - created_at, span(ask.limits.max_clock_skew_s)
    if age < -skew:
        return Check(SIGNAL_FROM_FUTURE, -age, skew, False)
    return Check(SIGNAL_TOO_OLD, age, limit, age <= limit)


def check_heartbeat(ask: Ask) -> Check:
    """The terminal that will execute was heard just now."""
    return _young(TERMINAL_SILENT, ask, ask.snapshot.heartbeat_at, ask.limits.max_heartbeat_age_s)


def check_account_age(ask: Ask) -> Check:
    """Balance and equity are of this moment."""
    return _young(ACCOUNT_STALE, ask, ask.account.as_of, ask.limits.max_account_age_s)


def check_clock(ask: Ask) -> Check:
    """Terminal and bridge agree on the time, within the skew allowed, and the server's zone is known."""
    skew, limit = ask.snapshot.clock_skew_s, ask.limits.max_clock_skew_s
    if ask.server_now is None or skew is None or not skew.is_finite():
        return Check(CLOCK_SKEWED, None, limit, False)
    return Check(CLOCK_SKEWED, skew, limit, -limit <= skew <= limit)


def check_account_figures(ask: Ask) -> Check:
    """Every figure of the account state can be computed with."""
    usable = ask.account.usable
    return Check(ACCOUNT_INVALID, "usable" if usable else str(ask.account), "usable", usable)


def check_day_reference(ask: Ask) -> Check:
    """The daily reference is of the server's current day."""
    day, server = ask.snapshot.day, ask.server_now
    if day is None or server is None or not day.usable:
        return Check(DAY_REFERENCE_MISSING, None if day is None else str(day), "usable", False)
    today = server.date()
    return Check(DAY_REFERENCE_MISSING, day.server_day, today, day.server_day == today)


def _young(code: Code, ask: Ask, at: datetime | None, limit_s: Decimal) -> Check:
    limit = span(limit_s)
    if at is None or at.tzinfo is None:
        return Check(code, None, limit, False)
    age = ask.now - at
    return Check(code, age, limit, -span(ask.limits.max_clock_skew_s) <= age <= limit)
