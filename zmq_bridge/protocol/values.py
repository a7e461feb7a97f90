"""What a terminal reports about an account: the account itself, positions, orders, deals and symbols.

MT5's names and meanings; MT5 doubles became Decimals here (see numbers.py), tickets are whole 64-bit integers, `*_msc`
is the trade server's clock in milliseconds, raw. No behaviour: the books are kept elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from zmq_bridge.protocol.kinds import U31, U64, Comment, Digits, Money, Ordinal, Positive, Symbol, Text, TimeMs

Side = Literal["buy", "sell"]
MarginMode = Literal["netting", "exchange", "hedging"]
OrderKind = Literal[
    "buy", "sell", "buy_limit", "sell_limit", "buy_stop", "sell_stop", "buy_stop_limit", "sell_stop_limit"
]  # fmt: skip
OrderState = Literal["started", "placed", "canceled", "partial", "filled", "rejected", "expired"]
DealType = Literal[
    "buy", "sell", "balance", "credit", "charge", "correction", "bonus", "commission", "commission_daily",
    "commission_monthly", "commission_agent_daily", "commission_agent_monthly", "interest", "buy_canceled",
    "sell_canceled", "dividend", "dividend_franked", "tax",
]  # fmt: skip
DealEntry = Literal["in", "out", "inout", "out_by"]
CalcMode = Literal[
    "forex", "forex_no_leverage", "futures", "cfd", "cfd_index", "cfd_leverage", "exch_stocks", "exch_futures"
]  # fmt: skip
ExecutionMode = Literal["request", "instant", "market", "exchange"]
TradeMode = Literal["disabled", "long_only", "short_only", "close_only", "full"]

FILLING_FOK, FILLING_IOC, FILLING_BOC = 1, 2, 4
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account's state at one moment."""

    login: Ordinal
    server: Text  # trade server's name; with `login` it identifies the account
    name: Text = ""  # the holder's
    company: Text = ""  # the broker's
    currency: Text  # deposit currency, ISO code as the broker spells it
    currency_digits: Digits  # decimal places of the currency
    leverage: U31  # 100 means 1:100
    margin_mode: MarginMode
    balance: Money
    equity: Money
    credit: Money
    profit: Money  # floating, of the open positions
    margin: Money  # in use
    margin_free: Money
    margin_level: Money = _ZERO  # percent; 0 while no margin is in use
    trade_allowed: bool  # by the broker, for the account
    trade_expert: bool  # by the broker, for Expert Advisors
    limit_orders: U31 = 0  # most pending orders; 0 = no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position."""

    ticket: Positive
    symbol: Symbol
    side: Side
    volume: Money  # lots
    price_open: Money
    price_current: Money  # closing side
    sl: Money = _ZERO  # 0 = none
    tp: Money = _ZERO  # 0 = none
    profit: Money  # floating, account currency
    swap: Money = _ZERO  # accumulated, account currency
    time_msc: TimeMs  # of opening
    magic: U64 = 0
    comment: Comment = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that rests or changed state; as event data, the kind `order`."""

    kind: ClassVar[str] = "order"

    ticket: Positive
    symbol: Symbol
    order_type: OrderKind
    state: OrderState
    volume_initial: Money  # lots
    volume_current: Money  # lots not yet filled
    price_open: Money  # 0 for a market order
    price_stoplimit: Money = _ZERO  # 0 unless a stop-limit
    sl: Money = _ZERO  # 0 = none
    tp: Money = _ZERO  # 0 = none
    time_setup_msc: TimeMs
    expiration_msc: TimeMs = 0  # 0 = good till cancelled
    magic: U64 = 0
    comment: Comment = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A booked deal: the only thing that changes a balance. As event data, the kind `deal`."""

    kind: ClassVar[str] = "deal"

    ticket: Positive  # unique per server and login
    order: U64  # 0 for a deal without an order (balance)
    position: U64  # 0 for a deal without a position
    symbol: SymbolOrNone  # "" for a deal without a symbol
    type: DealType
    entry: DealEntry  # "in" where it has no meaning
    volume: Money  # lots; 0 where it has no meaning
    price: Money  # 0 where it has no meaning
    profit: Money  # account currency, as are the next three; signed as MT5 signs them
    commission: Money
    swap: Money
    fee: Money
    time_msc: TimeMs
    magic: U64 = 0
    comment: Comment = ""
    reason: Text = ""  # MT5's, in lower case: client, mobile, web, expert, sl, tp, so, rollover, ...
    sl: Money = _ZERO
    tp: Money = _ZERO


SymbolOrNone = Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the terminal's own functions make of an imagined trade, to be compared with ours. Account currency."""

    volume: Money  # lots
    price_open: Money
    price_close: Money  # above price_open
    margin_buy: Money  # OrderCalcMargin at price_open
    margin_sell: Money
    profit_buy: Money  # OrderCalcProfit from price_open to price_close; a gain
    profit_sell: Money  # a loss, below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A symbol's contract specification; as event data, the kind `symbol`."""

    kind: ClassVar[str] = "symbol"

    symbol: Symbol
    description: Text = ""
    digits: Digits  # decimal places of a price
    point: Money  # 10 ** -digits
    tick_size: Money  # least price change
    tick_value: Money  # of one tick_size and one lot, account currency
    contract_size: Money  # units of the base in one lot
    volume_min: Money  # lots
    volume_max: Money  # lots
    volume_step: Money  # lots
    volume_limit: Money = _ZERO  # lots of position and orders in one direction; 0 = no limit
    stops_level: U31 = 0  # points; least distance of SL, TP and pending prices
    freeze_level: U31 = 0  # points
    calc_mode: CalcMode
    currency_base: Text
    currency_profit: Text
    currency_margin: Text
    filling_mode: U31 = 0  # bits: 1 FOK, 2 IOC, 4 BOC
    execution_mode: ExecutionMode
    trade_mode: TradeMode
    margin_initial: Money = _ZERO  # per lot, margin currency; 0 = by calc_mode
    margin_maintenance: Money = _ZERO
    margin_rate: Money = Decimal(1)  # the greater of the broker's initial margin rates for buying and selling
    swap_mode: Text = ""  # MT5's, in lower case: disabled, points, currency_deposit, ...
    swap_long: Money = _ZERO
    swap_short: Money = _ZERO
    sessions: tuple[TradeSession, ...] = ()  # when it trades, server time
    probe: Probe | None = None  # None = the terminal can't say now


TradeSession = tuple[U31, U31, U31]  # day 0 = Sunday to 6, from and to in seconds of the day
