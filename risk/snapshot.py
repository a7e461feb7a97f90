"""What risk knows when it decides: the account, the market and the book at one moment.

Plain values only, gathered by the caller (Postgres, Redis), judged by `risk.assess`. Anything may be missing (None) or
nonsense; the check that needs it denies with a code. Money is Decimal in the account currency unless said otherwise,
prices are Decimal, times are aware UTC. Mappings are read, never written. Each value says of itself, when it is made,
whether its figures are `usable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from risk.instrument import CalcMode, Compared, Quote, Session, SymbolSpec, TradeMode
from risk.numbers import DIGITS_MAX, all_at_least_zero, all_finite, all_positive, is_count, is_moment
from risk.tickets import OpenPosition, PendingOrder, RecentOrder, Reservation

__all__ = [
    "AccountState", "CalcMode", "Compared", "Correlations", "DayReference", "Link", "MarginMode", "NavIndex",
    "NewsWindow", "OpenPosition", "PendingOrder", "Quote", "RecentOrder", "Reservation", "Session", "Snapshot", "State",
    "SymbolSpec", "TradeMode", "TradingState",
]  # fmt: skip

LEVERAGE_MAX = 100_000  # no account has more


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
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_account(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReference:
    """What the daily loss is measured from, fixed at the rollover of the server day. Kept by `risk.day`."""

    server_day: date  # day of the trade server's clock
    reference: Decimal  # max(balance, equity - credit) at the rollover, > 0
    net_flows: Decimal  # deposits minus withdrawals since the rollover
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_day(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class NavIndex:
    """Price of one unit of the account's NAV: deposits and withdrawals do not move it. Kept by `risk.nav_index`."""

    price: Decimal  # >= 0; starts at 1
    peak: Decimal  # highest price since the last reset, > 0, >= price
    units: Decimal  # units outstanding, >= 0
    latched: bool = False  # True: the drawdown limit was reached; only a named person resets it
    usable: bool = field(init=False, repr=False, compare=False)  # every figure can be computed with

    def __post_init__(self) -> None:
        """Judge the figures, once. Never raises."""
        object.__setattr__(self, "usable", _is_index(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingState:
    """The state in force: the strictest of the account's and the global one."""

    state: State
    reason: str  # for people
    actor: str  # who or what set it
    at: datetime


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


def _is_account(a: AccountState) -> bool:
    return (
        all_finite((a.balance, a.equity, a.margin_free))
        and all_at_least_zero((a.credit, a.margin))
        and is_count(a.leverage, LEVERAGE_MAX)
        and a.leverage > 0
        and is_count(a.digits, DIGITS_MAX)
        and isinstance(a.margin_mode, MarginMode)
        and type(a.currency) is str
        and bool(a.currency)
        and type(a.trade_allowed) is bool
        and is_moment(a.as_of)
    )


def _is_day(day: DayReference) -> bool:
    return all_positive((day.reference,)) and all_finite((day.net_flows,)) and type(day.server_day) is date


def _is_index(index: NavIndex) -> bool:
    return (
        all_positive((index.peak,))
        and all_at_least_zero((index.price, index.units))
        and index.price <= index.peak
        and type(index.latched) is bool
    )
