"""From a percentage of risk to a number of lots.

lots = floor(budget / loss per lot, to the volume step). Never rounded up: what is below the symbol's minimum is too
small to trade, and the volume check says so. Never clamped to a maximum either: a size nobody asked for is no answer.
"""

from decimal import Decimal

from risk.numbers import ZERO, percent_of


def size(
    risk_percent: Decimal, base: Decimal, loss_per_lot: Decimal, volume_step: Decimal, spent: Decimal = ZERO
) -> Decimal:
    """Return the largest multiple of the step that loses at most `risk_percent` of `base` at the stop.

    Args:
        risk_percent: percent of the base to lose, > 0.
        base: the risk base B, account currency.
        loss_per_lot: R of one lot with costs, account currency, > 0.
        volume_step: lots, > 0.
        spent: what the order costs of the budget whatever its size, account currency.

    Returns:
        Lots, 0 when not even one step fits. The remainder of the budget stays unused.
    """
    budget = percent_of(risk_percent, base) - spent
    if budget <= 0:
        return Decimal(0)
    return budget // (loss_per_lot * volume_step) * volume_step
