"""The server day and what the daily loss is measured from.

Ref = max(balance, equity - credit) at the rollover of the trade server's day, kept until the next one. Deposits and
withdrawals since then are counted apart (`net_flows`), so that money coming in never hides a loss:

    L = Ref + net flows - (equity - credit)

L >= max_daily_loss_percent of Ref halts the account until the next server day. The caller persists the DayReference.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from risk.limits import Limits
from risk.numbers import ZERO, percent_of
from risk.snapshot import AccountState, DayReference


def server_day(now: datetime, server_offset_s: int) -> date:
    """Return the day on the trade server's calendar."""
    return (now + timedelta(seconds=server_offset_s)).date()


def day_ends_at(now: datetime, server_offset_s: int) -> datetime:
    """Return the next rollover as aware UTC."""
    tomorrow = server_day(now.astimezone(UTC), server_offset_s) + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, UTC) - timedelta(seconds=server_offset_s)


def roll_over(day: DayReference | None, account: AccountState, now: datetime, server_offset_s: int) -> DayReference:
    """Return the reference in force: the same one, or a new one when the server day has changed.

    Args:
        day: the stored reference; None: there was none yet.
        account: the first account state of the new day, as fresh as can be had.
        now: aware UTC.
        server_offset_s: trade-server time minus UTC.

    A clock that steps back never reopens a day that is over.
    """
    today = server_day(now, server_offset_s)
    if day is not None and day.server_day >= today:
        return day
    return DayReference(
        server_day=today, reference=max(account.balance, account.equity - account.credit), net_flows=ZERO
    )


def add_flow(day: DayReference, amount: Decimal) -> DayReference:
    """Count a deposit (positive) or withdrawal (negative) of today."""
    return replace(day, net_flows=day.net_flows + amount)


def loss_today(day: DayReference, account: AccountState) -> Decimal:
    """Return L; negative means a gain."""
    return day.reference + day.net_flows - (account.equity - account.credit)


def loss_allowed(day: DayReference, limits: Limits) -> Decimal:
    """Return the loss that halts the account."""
    return percent_of(limits.max_daily_loss_percent, day.reference)


def equity_floor(day: DayReference, limits: Limits) -> Decimal:
    """Return the equity less credit that the account must not reach today."""
    return day.reference + day.net_flows - loss_allowed(day, limits)
