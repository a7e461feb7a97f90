"""The nouns of the broker, as values. Names are MT5's; money and prices are Decimals; times are the server's clock.

Absent prices are 0, as in MT5. A position or order is never mutated: its next version replaces it in the books.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from zmq_bridge.simulator.broker.enums import (
    Action,
    DealEntry,
    DealType,
    Filling,
    OrderState,
    OrderType,
    Reason,
    Side,
)
from zmq_bridge.simulator.broker.money import ZERO

COMMENT_CHARS_MAX = 31  # the server cuts a comment here, as MT5 does
U64_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """What the broker says of a symbol."""

    symbol: str  # the broker's exact spelling
    description: str = ""
    digits: int  # decimals of a price
    contract_size: Decimal  # units of the base currency in one lot
    currency_base: str
    currency_profit: str
    currency_margin: str
    calc_mode: str = "forex"  # see formulas.MARGIN
    tick_size: Decimal = ZERO  # 0: one point
    tick_value_fixed: Decimal = ZERO  # money in currency_profit per tick and lot; only futures and cfd_index use it
    volume_min: Decimal = Decimal("0.01")
    volume_max: Decimal = Decimal("100")
    volume_step: Decimal = Decimal("0.01")
    volume_limit: Decimal = ZERO  # lots of positions and orders in one direction; 0: no limit
    stops_level: int = 0  # points that a stop or a pending price keeps from the market
    freeze_level: int = 0  # points within which nothing may be changed
    filling_modes: tuple[str, ...] = ("fok", "ioc")  # SYMBOL_FILLING_MODE
    execution_mode: str = "market"  # request, instant, market, exchange
    trade_mode: str = "full"  # disabled, long_only, short_only, close_only, full
    margin_initial: Decimal = ZERO  # per lot, in currency_margin; 0: by formula
    margin_maintenance: Decimal = ZERO  # told, not used: open positions keep the initial margin
    swap_mode: str = "points"  # disabled, points, currency_deposit
    swap_long: Decimal = ZERO  # per lot and night, in the mode's unit
    swap_short: Decimal = ZERO
    swap_triple_day: int = 3  # 0 Sunday .. 6 Saturday: the day whose night counts three times
    commission_per_lot: Decimal = Decimal("3.50")  # a side, account currency
    fee_per_deal: Decimal = ZERO  # account currency
    sessions: tuple[tuple[int, int, int], ...] = tuple((day, 0, 86400) for day in range(7))  # day, from_s, to_s

    @property
    def point(self) -> Decimal:
        """The smallest step of a price."""
        return Decimal(1).scaleb(-self.digits)

    @property
    def tick(self) -> Decimal:
        """The step in which the price moves."""
        return self.tick_size or self.point


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order, resting or historical."""

    ticket: int
    symbol: str
    type: OrderType
    state: OrderState
    volume_initial: Decimal
    volume_current: Decimal  # what is not filled yet
    price_open: Decimal
    price_stoplimit: Decimal = ZERO
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    time_setup_msc: int
    time_done_msc: int = 0  # 0 while it rests
    expiration_msc: int = 0  # 0: good till cancelled
    filling: Filling = Filling.RETURN
    position: int = 0  # the position it closes; 0: it opens one
    position_by: int = 0
    magic: int = 0
    comment: str = ""
    reason: Reason = Reason.EXPERT


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Something that happened to the money: never changed, never removed."""

    ticket: int
    order: int  # 0 for deals without an order (balance, credit)
    position: int  # 0 likewise
    symbol: str  # "" likewise
    type: DealType
    entry: DealEntry
    volume: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal
    fee: Decimal
    time_msc: int
    magic: int = 0
    comment: str = ""
    reason: Reason = Reason.CLIENT
    sl: Decimal = ZERO
    tp: Decimal = ZERO

    @property
    def money(self) -> Decimal:
        """What the deal adds to the balance (or, for a credit deal, to the credit)."""
        return self.profit + self.commission + self.swap + self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position."""

    ticket: int
    symbol: str
    side: Side
    volume: Decimal
    price_open: Decimal
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    swap: Decimal = ZERO  # accrued, account currency, rounded
    margin_rate: Decimal  # margin currency to account currency at the opening: margin doesn't float
    time_msc: int
    magic: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRequest:
    """MT5's MqlTradeRequest."""

    action: Action
    symbol: str = ""
    type: OrderType = OrderType.BUY
    volume: Decimal = ZERO
    price: Decimal = ZERO
    stoplimit: Decimal = ZERO
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    deviation: int = 0  # points; only instant execution looks at it
    filling: Filling = Filling.FOK
    expiration_msc: int = 0
    order: int = 0
    position: int = 0
    position_by: int = 0
    magic: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeResult:
    """MT5's MqlTradeResult."""

    retcode: int
    order: int = 0
    deal: int = 0  # the last one, when there were several
    volume: Decimal = ZERO  # filled
    price: Decimal = ZERO
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    message: str = ""
    deals: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """MT5's MqlTradeTransaction: what OnTradeTransaction is told."""

    type: str  # order_add order_update order_delete history_add deal_add position
    order: int = 0
    deal: int = 0
    symbol: str = ""
    order_type: str = ""
    order_state: str = ""
    deal_type: str = ""
    price: Decimal = ZERO
    price_trigger: Decimal = ZERO
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    volume: Decimal = ZERO
    position: int = 0
    position_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account as of now; MT5's ACCOUNT_ properties."""

    balance: Decimal
    credit: Decimal
    profit: Decimal  # floating, swap included: equity = balance + credit + profit
    equity: Decimal
    margin: Decimal
    margin_free: Decimal
    margin_level: Decimal  # percent; 0 without margin, as MT5 has it
    floating: dict[int, Decimal] = field(default_factory=dict)  # position ticket -> profit without swap
