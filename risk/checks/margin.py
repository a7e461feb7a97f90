"""Margin and leverage: can the account carry the order? Our own computation, against the terminal's figures."""

from risk.case import Case
from risk.checks.agreement import agreed
from risk.codes import Code
from risk.numbers import percent_of
from risk.verdict import Check

LEVERAGE_TOO_HIGH = Code.LEVERAGE_TOO_HIGH
MARGIN_DISAGREES = Code.MARGIN_DISAGREES
MARGIN_INSUFFICIENT = Code.MARGIN_INSUFFICIENT
MARGIN_LEVEL_TOO_LOW = Code.MARGIN_LEVEL_TOO_LOW


def check_margin_agrees(case: Case) -> Check:
    """OrderCalcMargin of the terminal agreed with ours when it came, if it ever came."""
    return agreed(MARGIN_DISAGREES, case.order.lot.spec.terminal_margin, case.ask)


def check_margin_free(case: Case) -> Check:
    """New, pending and reserved margin fits into the free margin."""
    needed, free = case.margin + case.book.margin, case.ask.account.margin_free
    return Check(MARGIN_INSUFFICIENT, needed, free, needed <= free)


def check_margin_level(case: Case) -> Check:
    """Equity stays above the minimum margin level once everything is filled."""
    margin = case.ask.account.margin + case.book.margin + case.margin
    floor = percent_of(case.ask.limits.min_margin_level_percent, margin)
    return Check(MARGIN_LEVEL_TOO_LOW, case.ask.account.equity, floor, case.ask.account.equity >= floor)


def check_leverage(case: Case) -> Check:
    """Total value of everything, the new order included, stays within the leverage cap times B."""
    total, limit = case.book.notional + case.notional, case.ask.limits.max_leverage * case.base
    return Check(LEVERAGE_TOO_HIGH, total, limit, total <= limit)
