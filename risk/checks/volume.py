"""The volume: what the symbol takes and what the account allows. Nothing is rounded here, nothing is clamped."""

from decimal import Decimal

from risk.case import Case
from risk.codes import Code
from risk.verdict import Check

VOLUME_BELOW_MINIMUM = Code.VOLUME_BELOW_MINIMUM
VOLUME_EXCEEDS_MAXIMUM = Code.VOLUME_EXCEEDS_MAXIMUM
VOLUME_LIMIT = Code.VOLUME_LIMIT
VOLUME_OFF_STEP = Code.VOLUME_OFF_STEP


def check_volume_minimum(case: Case) -> Check:
    """At least the symbol's minimum."""
    limit = case.order.lot.spec.volume_min
    return Check(VOLUME_BELOW_MINIMUM, case.volume, limit, case.volume >= limit)


def check_volume_maximum(case: Case) -> Check:
    """At most the symbol's maximum and the account's cap for one order."""
    limit = min(case.order.lot.spec.volume_max, case.ask.limits.max_lots)
    return Check(VOLUME_EXCEEDS_MAXIMUM, case.volume, limit, case.volume <= limit)


def check_volume_step(case: Case) -> Check:
    """A whole number of steps."""
    step = case.order.lot.spec.volume_step
    return Check(VOLUME_OFF_STEP, case.volume, step, not case.volume % step)


def check_volume_limit(case: Case) -> Check:
    """Open, pending, reserved and new volume of one direction stays within the broker's limit, if it has one."""
    limit = case.order.lot.spec.volume_limit
    total = case.volume + case.book.lots.get((case.order.symbol, case.order.side), Decimal(0))
    return Check(VOLUME_LIMIT, total, limit, limit is None or total <= limit)
