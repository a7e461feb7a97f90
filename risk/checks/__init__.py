"""The checks, in the order they are made. Three tables for the three stages; docs/risk.md explains each row.

Every check is one small function that returns a Check. A stage is run to its end, so that a denial explains all that
was wrong at that stage; the first failed check gives the code. States come before computations: a halted account is
told that it is halted, not that a quote is missing. Each module looks the codes it gives up once, at its top: an enum's
member costs three times a name, and a decision gives some fifty.
"""

from collections.abc import Callable

from risk.case import Ask, Case
from risk.checks.agreement import check_terminal_profit, check_tick_value
from risk.checks.concentration import check_correlated, check_currency, check_positions
from risk.checks.freshness import (
    check_account_age,
    check_account_figures,
    check_clock,
    check_day_reference,
    check_heartbeat,
    check_signal_age,
)
from risk.checks.hours import check_account_hours, check_news, check_session, check_trade_mode
from risk.checks.loss import check_base, check_daily_loss, check_position_risk, check_total_exposure
from risk.checks.margin import check_leverage, check_margin_agrees, check_margin_free, check_margin_level
from risk.checks.price import (
    check_collar,
    check_deviation,
    check_price_side,
    check_risk_reward,
    check_spread,
    check_stop_distance,
    check_stop_side,
    check_stops_level,
    check_target_side,
    check_ticks,
)
from risk.checks.rates import check_rate_account, check_rate_source, check_repeats
from risk.checks.state import (
    check_drawdown,
    check_drawdown_latch,
    check_strategy_latch,
    check_symbol_allowed,
    check_trade_allowed,
    check_trading_state,
)
from risk.checks.volume import check_volume_limit, check_volume_maximum, check_volume_minimum, check_volume_step
from risk.order import Order
from risk.verdict import Check

GATES: tuple[Callable[[Ask], Check], ...] = (
    check_trading_state,
    check_drawdown_latch,
    check_strategy_latch,
    check_symbol_allowed,
    check_account_figures,
    check_trade_allowed,
    check_heartbeat,
    check_clock,
    check_account_age,
    check_day_reference,
    check_drawdown,
    check_account_hours,
    check_signal_age,
    check_rate_account,
    check_rate_source,
    check_repeats,
)  # read the question and the raw snapshot

ORDER_CHECKS: tuple[Callable[[Ask, Order], Check], ...] = (
    check_trade_mode,
    check_session,
    check_news,
    check_spread,
    check_deviation,
    check_price_side,
    check_collar,
    check_stop_side,
    check_target_side,
    check_ticks,
    check_stop_distance,
    check_stops_level,
    check_tick_value,
    check_terminal_profit,
    check_risk_reward,
)  # read the order's prices against the market

LIMIT_CHECKS: tuple[Callable[[Case], Check], ...] = (
    check_base,
    check_volume_minimum,
    check_volume_maximum,
    check_volume_step,
    check_volume_limit,
    check_position_risk,
    check_total_exposure,
    check_daily_loss,
    check_positions,
    check_correlated,
    check_currency,
    check_leverage,
    check_margin_agrees,
    check_margin_free,
    check_margin_level,
)  # read the volume, its risk and the whole book

WIDENING_CHECKS: tuple[Callable[[Case], Check], ...] = (
    check_base,
    check_position_risk,
    check_total_exposure,
    check_daily_loss,
    check_correlated,
)  # a stop moved away: volume, margin and value stay as they are
