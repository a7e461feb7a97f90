"""The pool's history, books and terms."""

from __future__ import annotations

from web.shapes.account import PoolFigures
from web.shapes.kinds import Shape, day, exact, flag, free, many, moment, one, text, whole, word


class PoolDay(Shape):
    """The pool at the end of a day of the trade server."""

    day = day()
    nav = exact()
    units = exact()
    nav_per_unit = exact()
    flow = exact("paid in less redeemed since the day before")
    drawdown = exact("fraction, from the peak so far")


class Drawdown(Shape):
    """The deepest fall from a peak, at the prices that are kept and the one of now."""

    fraction = exact()
    peak_at = moment(none=True)
    trough_at = moment(none=True)


class MonthReturn(Shape):
    """How the price of a unit moved within a month."""

    month = day("its first day")
    ratio = exact("growth, a fraction")


class YearReturns(Shape):
    """A line of a table of returns."""

    year = whole()
    months = many(exact("growth, a fraction", none=True))
    ratio = exact("growth over the year, a fraction")


class PoolHistory(Shape):
    """The pool's own record."""

    account = whole("login")
    currency = text()
    days = many(PoolDay)
    contributed = exact()
    redeemed = exact()
    profit = exact()
    time_weighted_return = exact("fraction")
    drawdown = one(Drawdown)
    months = many(MonthReturn)
    years = many(YearReturns)


POOL_BESIDE = {"account": whole("login"), "currency": text(), "pool": one(PoolFigures)}
"""What stands beside a page of shares."""


class Break(Shape):
    """A disagreement between ledger and broker."""

    id = whole()
    account = whole("login")
    reason = text()
    expected = exact("by the ledger")
    found = exact("at the broker")
    session = whole("of the snapshot that showed it")
    event_seq = whole()
    since_transaction_id = whole("newest transaction at the last agreement", none=True)
    deals = many(free("posted since: cause, at, type, symbol, amount"))
    opened_at = moment()
    closed_at = moment(none=True)
    closed_by = text(none=True)


class DealSince(Shape):
    """A deal that was posted since ledger and broker last agreed."""

    transaction_id = whole()
    cause = text()
    at = moment()
    type = text()
    symbol = text(none=True)
    amount = exact()


class Reconciliation(Shape):
    """The ledger beside the broker's newest word."""

    account = whole("login")
    currency = text()
    agrees = flag()
    agreed_at = moment(none=True)
    ledger_balance = exact()
    broker_balance = exact(none=True)
    ledger_credit = exact()
    broker_credit = exact(none=True)
    broker_at = moment(none=True)
    difference = exact("broker's balance less the ledger's", none=True)
    in_suspense = exact()
    breaks = many(Break)
    deals_since = many(DealSince)


class BreakAccepted(Shape):
    """A break was closed on a person's word."""

    account = whole("login")
    accepted = text("the break's reason")


class SuspenseItem(Shape):
    """A balance deal that is not yet part of anybody's share."""

    ticket = whole()
    amount = exact("plus a deposit, minus a withdrawal")
    comment = text()
    time_msc = whole("server's clock")
    booked_at = moment()
    request = text("that it was matched with, as kind:id", none=True)
    reversals = whole("how often a match was taken back by hand")


class Suspense(Shape):
    """What waits for a person."""

    account = whole("login")
    currency = text()
    suspense = many(SuspenseItem)


class Unmatched(SuspenseItem):
    """A deal whose match was taken back."""

    account = whole("login")


class Booked(Shape):
    """Something was booked."""

    account = whole("login")
    cause = text("of the transaction", none=True)


class Reversed(Booked):
    """A transaction was taken back by another."""

    reverses = text("cause of the one that was taken back", none=True)


class Corrected(Reversed):
    """A deal was booked as the broker has it now."""

    adjusts = text("cause of a posting that stays, because what it settled can't be reversed", none=True)


class BookEntry(Shape):
    """One entry of a transaction."""

    book = text("kind of account of the books")
    user_id = whole(none=True)
    currency = text()
    amount = exact()


class LotChange(Shape):
    """What a transaction did to a member's lot."""

    lot = text()
    user_id = whole()
    units = exact()
    cash = exact()
    fee = exact()
    mark_nav = exact(none=True)
    mark_units = exact(none=True)


class Transaction(Shape):
    """A transaction of the books, with its link in the chain."""

    account = whole("login")
    id = whole()
    cause = text()
    kind = text()
    at = moment()
    detail = free()
    reverses = text(none=True)
    prev_hash = text()
    hash = text()
    entries = many(BookEntry)
    lots = many(LotChange)


class PoolTerms(Shape):
    """What members pay, to whom and when, and the prices that units are dealt between."""

    account = whole("login")
    management_rate = exact("a year, fraction")
    performance_rate = exact("fraction")
    manager = whole("user who earns the fees", none=True)
    period = word("month", "quarter", "year")
    price_min = exact()
    price_max = exact()
