"""What is known of a symbol: its specification and its last quote.

Values as the broker gave them. They may hold nonsense; each says of itself, when it is made, whether it is `usable`, so
a decision asks once instead of testing a dozen figures.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from risk.numbers import all_at_least_zero, all_finite, all_positive, is_count, is_moment

SYMBOL_DIGITS_MAX = 16  # decimal places of any price
DAY_S = 86_400


class CalcMode(StrEnum):
    """Which formulas value the symbol (SYMBOL_TRADE_CALC_MODE)."""

    FOREX = "forex"
    FOREX_NO_LEVERAGE = "forex_no_leverage"
    FUTURES = "futures"
    CFD = "cfd"
    CFD_INDEX = "cfd_index"
    CFD_LEVERAGE = "cfd_leverage"
    EXCH_STOCKS = "exch_stocks"
    EXCH_FUTURES = "exch_futures"


class TradeMode(StrEnum):
    """Which sides the broker takes on the symbol (SYMBOL_TRADE_MODE)."""

    DISABLED = "disabled"
    LONG_ONLY = "long_only"
    SHORT_ONLY = "short_only"
    CLOSE_ONLY = "close_only"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading session of a week, in trade-server time."""

    day: int  # 0 = Sunday ... 6 = Saturday, as MT5 counts
    from_s: int  # seconds after midnight, inclusive
    to_s: int  # seconds after midnight, exclusive; 86400 = the end of the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The account's own broker's last price of a symbol."""

    bid: Decimal  # > 0, <= ask
    ask: Decimal  # > 0
    received_at: datetime
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_quote(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure of the terminal beside ours, both of the moment when it came. Account currency."""

    given: Decimal
    low: Decimal  # ours, converted at the cheaper side, > 0
    high: Decimal  # ours, converted at the dearer side, > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """The broker's specification of a symbol."""

    symbol: str
    digits: int
    point: Decimal  # smallest displayed price change, > 0
    tick_size: Decimal  # smallest price change, > 0
    tick_value: Decimal  # broker's value of one tick for one lot in account currency, > 0
    contract_size: Decimal  # units per lot, > 0
    volume_min: Decimal  # lots, > 0
    volume_max: Decimal  # lots, >= volume_min
    volume_step: Decimal  # lots, > 0
    volume_limit: Decimal | None = None  # lots of open + pending in one direction; None: no limit
    stops_level: int = 0  # points, >= 0
    freeze_level: int = 0  # points, >= 0
    calc_mode: CalcMode
    trade_mode: TradeMode
    currency_base: str
    currency_profit: str
    currency_margin: str
    margin_initial: Decimal | None = None  # margin of one lot in margin currency, > 0; None: not set by the broker
    margin_maintenance: Decimal | None = None  # likewise, for exchange futures held
    margin_rate: Decimal = Decimal(1)  # the broker's margin rate of an opening order, > 0
    terminal_margin: Compared | None = None  # OrderCalcMargin when it was last compared; None: never compared
    terminal_profit: Compared | None = None  # OrderCalcProfit, likewise
    commission: Decimal = Decimal(0)  # round trip for one lot in account currency, >= 0, as seen in the account's deals
    sessions: tuple[Session, ...]  # trade sessions; empty: never open
    as_of: datetime  # when the bridge received it
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_spec(self))


def _is_quote(quote: Quote) -> bool:
    return all_positive((quote.bid, quote.ask)) and quote.bid <= quote.ask and is_moment(quote.received_at)


def _is_spec(spec: SymbolSpec) -> bool:
    needed = (
        spec.point,
        spec.tick_size,
        spec.tick_value,
        spec.contract_size,
        spec.volume_min,
        spec.volume_max,
        spec.volume_step,
        spec.margin_rate,
    )
    optional = (
        spec.volume_limit,
        spec.margin_initial,
        spec.margin_maintenance,
    )
    return (
        all_positive(needed)
        and all_positive([spec.point, *(value for value in optional if value is not None)])
        and all(value is None or is_compared(value) for value in (spec.terminal_margin, spec.terminal_profit))
        and all_at_least_zero((spec.commission,))
        and is_count(spec.digits, SYMBOL_DIGITS_MAX)
        and is_count(spec.stops_level)
        and is_count(spec.freeze_level)
        and isinstance(spec.calc_mode, CalcMode)
        and isinstance(spec.trade_mode, TradeMode)
        and all(type(name) is str and name for name in (spec.currency_base, spec.currency_profit, spec.currency_margin))
        and type(spec.sessions) is tuple
        and all(map(is_session, spec.sessions))
        and is_moment(spec.as_of)
    )


def is_compared(value: object) -> bool:
    """Tell whether the value is a comparison that can be judged."""
    return type(value) is Compared and all_finite((value.given,)) and all_positive((value.low, value.high))


def is_session(value: object) -> bool:
    """Tell whether the value is a session of one week day. Broker's sessions may be empty (from = to)."""
    if type(value) is not Session:
        return False
    return is_count(value.day, 6) and is_count(value.from_s, DAY_S) and is_count(value.to_s, DAY_S)
