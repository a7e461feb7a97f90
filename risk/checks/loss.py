"""The limits on what may be lost: by one order, by all of them, in a day."""

from risk.case import Case
from risk.codes import Code
from risk.numbers import ZERO, percent_of
from risk.verdict import Check

DAILY_LOSS = Code.DAILY_LOSS
POSITION_RISK = Code.POSITION_RISK
RISK_BASE_NOT_POSITIVE = Code.RISK_BASE_NOT_POSITIVE
TOTAL_EXPOSURE = Code.TOTAL_EXPOSURE


def check_base(case: Case) -> Check:
    """B = min(balance, equity - credit) is above zero."""
    return Check(RISK_BASE_NOT_POSITIVE, case.base, ZERO, case.base > ZERO)


def check_position_risk(case: Case) -> Check:
    """R(new) <= max_position_size_percent of B."""
    limit = percent_of(case.ask.limits.max_position_size_percent, case.base)
    return Check(POSITION_RISK, case.risk, limit, case.risk <= limit)


def check_total_exposure(case: Case) -> Check:
    """Sum of R over open, pending, reserved and new <= max_total_exposure_percent of B."""
    total, limit = case.book.risk + case.risk, percent_of(case.ask.limits.max_total_exposure_percent, case.base)
    return Check(TOTAL_EXPOSURE, total, limit, total <= limit)


def check_daily_loss(case: Case) -> Check:
    """L + sum of R <= max_daily_loss_percent of the daily reference: the floor holds with every stop hit."""
    worst = case.loss_today + case.book.risk + case.risk
    limit = percent_of(case.ask.limits.max_daily_loss_percent, case.day.reference)
    return Check(DAILY_LOSS, worst, limit, worst <= limit)
