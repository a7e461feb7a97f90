"""Swap: what holding a position over the server's midnight costs or earns. Pure but for the market's rate.

A jump of the clock over more than `ROLLOVER_DAYS_MAX` days is a pause of the simulated world (a replayed file after
a live session, say): the nights between count as not lived through and cost nothing.
"""

from decimal import Decimal

from zmq_bridge.simulator.broker.enums import Side
from zmq_bridge.simulator.broker.market import Market
from zmq_bridge.simulator.broker.model import Position, SymbolSpec
from zmq_bridge.simulator.broker.money import ZERO

DAY_MS = 86_400_000
ROLLOVER_DAYS_MAX = 7
_EPOCH_WEEKDAY = 4  # 1970-01-01 was a Thursday; 0 is Sunday


def nights(day_before: int, day_now: int) -> list[int]:
    """Return the days that ended at a midnight since `day_before`, as days since 1970."""
    if not 0 < day_now - day_before <= ROLLOVER_DAYS_MAX:
        return []
    return list(range(day_before, day_now))


def night_swap(spec: SymbolSpec, position: Position, day: int, market: Market, currency: str) -> Decimal | None:
    """Compute one night's swap in account currency, unrounded; None when it cannot be converted."""
    per_lot = spec.swap_long if position.side is Side.BUY else spec.swap_short
    times = _times(spec, day)
    if spec.swap_mode == "disabled" or not per_lot or not times:
        return ZERO
    amount = per_lot * position.volume * times
    if spec.swap_mode == "currency_deposit":
        return amount
    return market.convert(amount * spec.point * spec.contract_size, spec.currency_profit, currency)


def _times(spec: SymbolSpec, day: int) -> int:
    weekday = (day + _EPOCH_WEEKDAY) % 7
    if weekday in (0, 6):
        return 0  # the triple night pays for the weekend
    return 3 if weekday == spec.swap_triple_day else 1
