"""What risk knows when it decides: the account, the market and the book at one moment.

Plain values only, gathered by the caller (Postgres, Redis), judged by `risk.assess`. Anything may be missing (None) or
nonsense; the check that needs it denies with a code. Money is Decimal in the account currency unless said otherwise,
prices are Decimal, times are aware UTC. Mappings are read, never written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from risk.intent import OrderType, Side


class State(StrEnum):
    """What an account may do now. Reductions and cancels pass in every one."""

    ACTIVE = "active"  # everything the limits allow
    REDUCING = "reducing"  # nothing that adds risk
    HALTED = "halted"  # nothing that adds risk; pending orders are to be cancelled


class MarginMode(StrEnum):
    """How the account holds positions (ACCOUNT_MARGIN_MODE)."""

    NETTING = "netting"
    EXCHANGE = "exchange"
    HEDGING = "hedging"


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


class Link(StrEnum):
    """How two symbols move together, as far as their bars tell."""

    SAME = "same"  # rho >= bound: same-direction tickets belong together
    OPPOSITE = "opposite"  # rho <= -bound: opposite-direction tickets belong together
    EITHER = "either"  # too few bars and a shared currency: belong together whatever the direction


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """The last account snapshot of the terminal."""

    login: int
    currency: str  # deposit currency, for example "USD"
    digits: int  # decimal places of the deposit currency, 0-8
    leverage: int  # 100 means 1:100, >= 1
    margin_mode: MarginMode
    balance: Decimal  # closed results and flows; may be negative
    equity: Decimal  # balance + credit + floating profit; may be negative
    credit: Decimal  # broker's bonus, >= 0; never counted as capital
    margin: Decimal  # margin in use, >= 0
    margin_free: Decimal  # equity - margin; may be negative
    trade_allowed: bool  # the broker and the terminal let the account and its experts trade
    as_of: datetime  # when the bridge received it


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The account's own broker's last price of a symbol."""

    bid: Decimal  # > 0, <= ask
    ask: Decimal  # > 0
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading session of a week, in trade-server time."""

    day: int  # 0 = Sunday ... 6 = Saturday, as MT5 counts
    from_s: int  # seconds after midnight, inclusive
    to_s: int  # seconds after midnight, exclusive; 86400 = the end of the day


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
    terminal_margin: Decimal | None = None  # OrderCalcMargin of one lot at market, account currency; None: not given
    terminal_profit: Decimal | None = (
        None  # OrderCalcProfit of one lot over 100 ticks, account currency; None: not given
    )
    commission: Decimal = Decimal(0)  # round trip for one lot in account currency, >= 0, as seen in the account's deals
    sessions: tuple[Session, ...]  # trade sessions; empty: never open
    as_of: datetime  # when the bridge received it


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """A position the terminal reported."""

    ticket: int
    symbol: str
    side: Side
    volume: Decimal  # lots, > 0
    price_open: Decimal  # > 0
    sl: Decimal | None  # None: no stop loss
    tp: Decimal | None  # None: no take profit
    by_hand: bool = False  # True: no command of ours opened it


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder:
    """A pending order resting at the broker."""

    ticket: int
    symbol: str
    side: Side
    order_type: OrderType  # limit, stop or stop_limit
    volume: Decimal  # lots still to fill, > 0
    price: Decimal  # entry or trigger price, > 0
    stoplimit: Decimal | None = None  # stop-limit orders only
    sl: Decimal | None
    tp: Decimal | None
    by_hand: bool = False  # True: no command of ours placed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What an approved command may still cost, until its outcome is in a snapshot. Copied from `Approved`."""

    command_id: str
    symbol: str
    side: Side
    volume: Decimal  # lots added, >= 0 (0: a modification)
    risk: Decimal  # account currency, >= 0
    margin: Decimal  # account currency, >= 0
    notional: Decimal  # account currency, >= 0
    slots: int  # positions it may open, 0 or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReference:
    """What the daily loss is measured from, fixed at the rollover of the server day. Kept by `risk.day`."""

    server_day: date  # day of the trade server's clock
    reference: Decimal  # max(balance, equity - credit) at the rollover, > 0
    net_flows: Decimal  # deposits minus withdrawals since the rollover


@dataclass(frozen=True, slots=True, kw_only=True)
class NavIndex:
    """Price of one unit of the account's NAV: deposits and withdrawals do not move it. Kept by `risk.nav_index`."""

    price: Decimal  # >= 0; starts at 1
    peak: Decimal  # highest price since the last reset, > 0, >= price
    units: Decimal  # units outstanding, >= 0
    latched: bool = False  # True: the drawdown limit was reached; only a named person resets it


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingState:
    """The state in force: the strictest of the account's and the global one."""

    state: State
    reason: str  # for people
    actor: str  # who or what set it
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentOrder:
    """An opening order of the account that was approved lately, for rates and repetition."""

    at: datetime
    source: str
    strategy: str
    symbol: str
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsWindow:
    """A blackout: nothing that touches these currencies is opened inside it."""

    starts_at: datetime  # inclusive
    ends_at: datetime  # inclusive
    currencies: frozenset[str]  # empty: all
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Which symbols move together. Computed outside the hot path by `risk.correlation.correlate`."""

    as_of: datetime  # close time of the newest bar used
    symbols: frozenset[str]  # symbols with enough bars to be judged
    links: Mapping[str, Mapping[str, Link]]  # symbol -> other symbol -> how; no entry: not related


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything one decision may read. Symbols that the decision does not touch are not looked at."""

    account_id: int
    account: AccountState | None  # None: never reported
    quotes: Mapping[str, Quote]  # by symbol: the new one, those of the book, and the converting pairs
    specs: Mapping[str, SymbolSpec]  # by symbol, likewise (a converting pair needs its currencies)
    positions: tuple[OpenPosition, ...] | None  # None: not known (never the same as no positions)
    orders: tuple[PendingOrder, ...] | None  # None: not known
    reservations: tuple[Reservation, ...] | None  # None: not known
    day: DayReference | None
    nav_index: NavIndex | None
    trading_state: TradingState | None
    heartbeat_at: datetime | None  # when the desk terminal was last heard
    clock_skew_s: Decimal | None  # terminal clock minus bridge clock; None: unknown
    server_offset_s: int | None  # trade-server time minus UTC; None: unknown
    recent_orders: tuple[RecentOrder, ...] | None  # at least the last `repeat_window_s` and 60 s; None: not known
    latched_strategies: frozenset[str] = frozenset()  # strategies stopped for repeating themselves
    correlations: Correlations | None = None  # None: every pair that shares a currency counts as related
    news_windows: tuple[NewsWindow, ...] = field(default=())
