"""Do the broker's own figures agree with ours? A tick value that is wrong makes every size wrong."""

from decimal import Decimal

from risk.case import Ask
from risk.codes import Code
from risk.instrument import Compared
from risk.numbers import ONE_PERCENT
from risk.order import Order
from risk.valuation import BY_TICK_VALUE
from risk.verdict import Check

PROFIT_DISAGREES = Code.PROFIT_DISAGREES
TICK_VALUE_DISAGREES = Code.TICK_VALUE_DISAGREES


def check_tick_value(ask: Ask, order: Order) -> Check:
    """The broker's tick value lies within the allowed share of ours, between the two conversion sides.

    Where the tick value is the formula's own input (futures) there is nothing to compare it with.
    """
    spec, lot = order.lot.spec, order.lot
    if spec.calc_mode in BY_TICK_VALUE:
        return Check(TICK_VALUE_DISAGREES, spec.tick_value, None, True)
    low, high = spec.tick_size * lot.gain_per_price, spec.tick_size * lot.loss_per_price
    return Check(TICK_VALUE_DISAGREES, spec.tick_value, high, near(spec.tick_value, low, high, ask))


def check_terminal_profit(ask: Ask, order: Order) -> Check:
    """OrderCalcProfit of the terminal agreed with ours when it came, if it ever came."""
    return agreed(PROFIT_DISAGREES, order.lot.spec.terminal_profit, ask)


def agreed(code: Code, figures: Compared | None, ask: Ask) -> Check:
    """The terminal's figure lies within the allowed share of ours of the same moment; without one, nothing is said."""
    if figures is None:
        return Check(code, None, None, True)
    return Check(code, figures.given, figures.high, near(figures.given, figures.low, figures.high, ask))


def near(value: Decimal, low: Decimal, high: Decimal, ask: Ask) -> bool:
    """Tell whether the broker's figure lies within the allowed share of ours, which is a range."""
    share = ask.limits.max_disagreement_percent * ONE_PERCENT
    return low - share * low <= value <= high + share * high
