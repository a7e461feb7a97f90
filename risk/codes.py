"""Every reason the risk core can give, in one closed list.

A code is part of the public contract: clients act on it, so a code is never renamed and never given a second meaning.
`explanation` is what a person reads; the table in docs/risk.md is generated from this module (`code_table`) and a test
compares the two. The order below is the order of the documentation, not the order in which checks run.
"""

from collections.abc import Iterable
from typing import Any

from risk.explained import Explained


class Code(Explained):
    """A reason for a denial, and at the same time the name of the check that gives it."""

    # The request itself
    INTENT_MALFORMED = ("INTENT_MALFORMED", "A field of the request is missing, of the wrong type, or not usable.")
    VOLUME_AND_RISK_PERCENT = ("VOLUME_AND_RISK_PERCENT", "Neither or both of volume and risk_percent were given.")
    SIGNAL_TOO_OLD = ("SIGNAL_TOO_OLD", "The signal was created longer ago than the account allows.")
    SIGNAL_FROM_FUTURE = ("SIGNAL_FROM_FUTURE", "The signal says it was created later than now.")
    TICKET_UNKNOWN = ("TICKET_UNKNOWN", "The position or order to modify is not among those the terminal reported.")

    # Permission and state
    TRADING_REDUCING = ("TRADING_REDUCING", "The account only accepts orders that reduce risk.")
    TRADING_HALTED = ("TRADING_HALTED", "Trading is halted: only reductions and cancels pass.")
    TRADING_STATE_UNKNOWN = ("TRADING_STATE_UNKNOWN", "The trading state of the account could not be read.")
    TRADE_NOT_ALLOWED = ("TRADE_NOT_ALLOWED", "The broker or the terminal does not let this account trade.")
    DRAWDOWN_LATCHED = ("DRAWDOWN_LATCHED", "The drawdown latch is set; a named person must reset it.")
    STRATEGY_LATCHED = ("STRATEGY_LATCHED", "The strategy repeated itself too often; a named person must reset it.")
    SYMBOL_NOT_ALLOWED = ("SYMBOL_NOT_ALLOWED", "The symbol is not on the allow-list of the account.")
    SYMBOL_TRADE_MODE = ("SYMBOL_TRADE_MODE", "The broker does not accept new orders of this side on the symbol.")
    MARKET_CLOSED = ("MARKET_CLOSED", "The symbol is outside its trading sessions.")
    OUTSIDE_TRADING_HOURS = ("OUTSIDE_TRADING_HOURS", "The account does not trade at this hour.")
    NEWS_BLACKOUT = ("NEWS_BLACKOUT", "A news blackout window covers a currency of the symbol.")

    # Missing or stale data
    LIMITS_MISSING = ("LIMITS_MISSING", "No valid limits were given for the account.")
    SNAPSHOT_MISSING = ("SNAPSHOT_MISSING", "The state of the account could not be loaded.")
    ACCOUNT_UNKNOWN = ("ACCOUNT_UNKNOWN", "The account is unknown, or the snapshot belongs to another account.")
    ACCOUNT_INVALID = ("ACCOUNT_INVALID", "A figure of the account state is missing or not a usable number.")
    ACCOUNT_STALE = ("ACCOUNT_STALE", "The last account state is older than allowed.")
    TERMINAL_SILENT = ("TERMINAL_SILENT", "The terminal has not been heard for longer than allowed.")
    CLOCK_SKEWED = ("CLOCK_SKEWED", "Terminal and bridge clocks differ too much, or by an unknown amount.")
    QUOTE_MISSING = ("QUOTE_MISSING", "There is no quote for a symbol the decision needs.")
    QUOTE_INVALID = ("QUOTE_INVALID", "A quote is not a pair of positive numbers with bid <= ask.")
    QUOTE_STALE = ("QUOTE_STALE", "A quote the decision needs is older than allowed.")
    SPEC_MISSING = ("SPEC_MISSING", "There is no specification for a symbol the decision needs.")
    SPEC_INVALID = ("SPEC_INVALID", "A figure of a symbol specification is missing or not usable.")
    SPEC_STALE = ("SPEC_STALE", "A symbol specification is older than allowed.")
    CONVERSION_MISSING = ("CONVERSION_MISSING", "No pair converts a needed currency into the account currency.")
    CONVERSION_STALE = ("CONVERSION_STALE", "The quote that converts a needed currency is older than allowed.")
    BOOK_INVALID = ("BOOK_INVALID", "An open position, pending order or reservation holds an unusable figure.")
    POSITION_UNPROTECTED = ("POSITION_UNPROTECTED", "An open position or pending order has no stop loss.")
    DAY_REFERENCE_MISSING = ("DAY_REFERENCE_MISSING", "The daily reference is missing, unusable, or of another day.")
    NAV_INDEX_MISSING = ("NAV_INDEX_MISSING", "The NAV-per-unit index is missing or unusable, so drawdown is unknown.")
    HISTORY_MISSING = ("HISTORY_MISSING", "The recent orders of the account could not be read, so rates are unknown.")
    COMPUTATION_FAILED = ("COMPUTATION_FAILED", "The decision could not be computed; nothing is allowed on a guess.")

    # Prices of the order
    STOP_LOSS_MISSING = ("STOP_LOSS_MISSING", "An order without a stop loss has no bounded risk.")
    STOP_LOSS_WRONG_SIDE = ("STOP_LOSS_WRONG_SIDE", "The stop loss is not on the losing side of entry and market.")
    TAKE_PROFIT_MISSING = ("TAKE_PROFIT_MISSING", "An order without a take profit has no risk/reward ratio.")
    TAKE_PROFIT_WRONG_SIDE = ("TAKE_PROFIT_WRONG_SIDE", "The take profit is not on the winning side of the entry.")
    STOP_TOO_CLOSE = ("STOP_TOO_CLOSE", "The stop loss is nearer to the entry than the minimum stop distance.")
    STOPS_LEVEL = ("STOPS_LEVEL", "A price is nearer to the market than the broker's stops level.")
    FREEZE_LEVEL = ("FREEZE_LEVEL", "The market is inside the broker's freeze level, nothing can be modified.")
    PRICE_MISSING = ("PRICE_MISSING", "A pending order needs a price (stop-limit: also stoplimit).")
    PRICE_WRONG_SIDE = ("PRICE_WRONG_SIDE", "The price of the pending order is on the wrong side of the market.")
    PRICE_OFF_TICK = ("PRICE_OFF_TICK", "A price is not a multiple of the symbol's tick size.")
    PRICE_COLLAR = ("PRICE_COLLAR", "The price is too far from the current quote.")
    SPREAD_TOO_WIDE = ("SPREAD_TOO_WIDE", "The spread is wider than allowed.")
    DEVIATION_TOO_LARGE = ("DEVIATION_TOO_LARGE", "The permitted deviation is larger than allowed.")
    RISK_REWARD_TOO_LOW = ("RISK_REWARD_TOO_LOW", "Gain after costs over loss with costs is below the minimum ratio.")

    # Volume, margin, leverage
    VOLUME_BELOW_MINIMUM = ("VOLUME_BELOW_MINIMUM", "The volume is below the symbol's minimum; it is never rounded up.")
    VOLUME_EXCEEDS_MAXIMUM = ("VOLUME_EXCEEDS_MAXIMUM", "The volume is above the maximum of the account or the symbol.")
    VOLUME_OFF_STEP = ("VOLUME_OFF_STEP", "The volume is not a multiple of the symbol's volume step.")
    VOLUME_LIMIT = ("VOLUME_LIMIT", "Volume of the symbol in one direction would exceed the broker's limit.")
    TICK_VALUE_DISAGREES = ("TICK_VALUE_DISAGREES", "The broker's tick value differs too much from our own.")
    PROFIT_DISAGREES = ("PROFIT_DISAGREES", "The terminal's profit of an imagined trade differs too much from our own.")
    MARGIN_DISAGREES = ("MARGIN_DISAGREES", "The terminal's margin of an imagined trade differs too much from our own.")
    MARGIN_INSUFFICIENT = ("MARGIN_INSUFFICIENT", "The margin needed is more than the free margin.")
    MARGIN_LEVEL_TOO_LOW = ("MARGIN_LEVEL_TOO_LOW", "The margin level after the order would be below the minimum.")
    LEVERAGE_TOO_HIGH = ("LEVERAGE_TOO_HIGH", "Total notional over the risk base would exceed the leverage cap.")

    # Risk limits
    POSITION_RISK = ("POSITION_RISK", "Risk of the new order exceeds max_position_size_percent of the risk base.")
    TOTAL_EXPOSURE = ("TOTAL_EXPOSURE", "Total risk, the new order included, exceeds max_total_exposure_percent.")
    DAILY_LOSS = ("DAILY_LOSS", "Today's loss plus total risk would exceed max_daily_loss_percent.")
    DRAWDOWN = ("DRAWDOWN", "Drawdown of the NAV-per-unit index has reached max_drawdown_percent.")
    MAX_POSITIONS = ("MAX_POSITIONS", "Positions, pending and reserved openings would exceed max_positions.")
    CORRELATED_EXPOSURE = ("CORRELATED_EXPOSURE", "Risk of the correlated same-direction cluster exceeds its budget.")
    CURRENCY_EXPOSURE = ("CURRENCY_EXPOSURE", "Net exposure to one currency exceeds its cap.")
    RISK_BASE_NOT_POSITIVE = ("RISK_BASE_NOT_POSITIVE", "Risk base min(balance, equity - credit) is not above zero.")

    # Rates
    ORDER_RATE_ACCOUNT = ("ORDER_RATE_ACCOUNT", "The account sent too many orders in the last minute.")
    ORDER_RATE_SOURCE = ("ORDER_RATE_SOURCE", "This signal source sent too many orders in the last minute.")
    REPEATED_EXECUTION = ("REPEATED_EXECUTION", "The strategy repeated the same order too often within the window.")


def code_table(codes: Iterable[Any] = Code) -> str:
    """Render a Markdown table of docs/risk.md: one row per code, each with its `value` and `explanation`."""
    rows = (f"| `{code.value}` | {code.explanation} |" for code in codes)
    return "\n".join(("| code | meaning |", "|---|---|", *rows))


MEASURES: dict[Code, tuple[str, str]] = {
    Code.SIGNAL_TOO_OLD: ("age_s", "max_signal_age_s"),
    Code.SIGNAL_FROM_FUTURE: ("ahead_s", "max_clock_skew_s"),
    Code.ACCOUNT_STALE: ("age_s", "max_account_age_s"),
    Code.TERMINAL_SILENT: ("silent_s", "max_heartbeat_age_s"),
    Code.CLOCK_SKEWED: ("skew_s", "max_clock_skew_s"),
    Code.STOP_TOO_CLOSE: ("distance", "distance_min"),
    Code.STOPS_LEVEL: ("distance", "distance_min"),
    Code.FREEZE_LEVEL: ("distance", "distance_min"),
    Code.PRICE_COLLAR: ("distance", "distance_max"),
    Code.SPREAD_TOO_WIDE: ("spread", "spread_max"),
    Code.DEVIATION_TOO_LARGE: ("deviation_points", "max_deviation_points"),
    Code.RISK_REWARD_TOO_LOW: ("risk_reward", "min_risk_reward"),
    Code.VOLUME_BELOW_MINIMUM: ("volume", "volume_min"),
    Code.VOLUME_EXCEEDS_MAXIMUM: ("volume", "volume_max"),
    Code.VOLUME_OFF_STEP: ("volume", "volume_step"),
    Code.VOLUME_LIMIT: ("volume_one_way", "volume_limit"),
    Code.TICK_VALUE_DISAGREES: ("tick_value", "tick_value_own"),
    Code.PROFIT_DISAGREES: ("profit", "profit_own"),
    Code.MARGIN_DISAGREES: ("margin", "margin_own"),
    Code.MARGIN_INSUFFICIENT: ("margin", "margin_free"),
    Code.MARGIN_LEVEL_TOO_LOW: ("equity", "equity_min"),
    Code.LEVERAGE_TOO_HIGH: ("notional", "notional_max"),
    Code.POSITION_RISK: ("risk", "risk_max"),
    Code.TOTAL_EXPOSURE: ("risk_total", "risk_total_max"),
    Code.DAILY_LOSS: ("loss_and_risk", "loss_max"),
    Code.DRAWDOWN: ("drawdown_percent", "max_drawdown_percent"),
    Code.MAX_POSITIONS: ("positions", "max_positions"),
    Code.CORRELATED_EXPOSURE: ("risk_cluster", "risk_cluster_max"),
    Code.CURRENCY_EXPOSURE: ("exposure", "exposure_max"),
    Code.ORDER_RATE_ACCOUNT: ("orders", "max_orders_per_minute"),
    Code.ORDER_RATE_SOURCE: ("orders", "max_orders_per_minute_source"),
    Code.REPEATED_EXECUTION: ("repeats", "max_repeats"),
}  # what a denial calls the measured value and the limit; others say found and expected
