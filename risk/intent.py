"""What risk is asked about: one wish to trade, already parsed, not yet judged.

Only plain values live here. Nothing in this module judges: an Intent may hold nonsense, `risk.assess` says so with a
code. Absent prices are None, never 0; a caller that reads the wire (where absent is 0.0) converts first.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """What the intent does to the book."""

    OPEN = "open"  # a new market or pending order
    REDUCE = "reduce"  # close a position, whole or in part; close_by; close_all
    CANCEL = "cancel"  # delete a pending order
    MODIFY = "modify"  # new sl / tp of a position, or new prices of a pending order


class Side(StrEnum):
    """Direction of an order or position."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an opening order reaches the market."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One wish to trade. For REDUCE and CANCEL only account and kind are needed."""

    account: int  # account id; must be the snapshot's
    kind: Kind
    created_at: datetime | None = None  # aware UTC, when the sender made the signal; needed to open or modify
    symbol: str = ""  # the broker's exact spelling and case
    side: Side | None = None  # needed to open; for a modification the ticket's own side counts
    order_type: OrderType = OrderType.MARKET
    volume: Decimal | None = None  # lots, > 0; None: size from risk_percent (OPEN), the whole position (REDUCE)
    risk_percent: Decimal | None = None  # percent of the risk base to lose at the stop, > 0; None: volume is given
    price: Decimal | None = None  # pending: entry or trigger price; market: the price the sender saw, None if unknown
    stoplimit: Decimal | None = None  # stop-limit orders: the limit price placed once `price` triggers
    sl: Decimal | None = None  # stop loss price; None: none (denied when opening)
    tp: Decimal | None = None  # take profit price; None: none (denied when opening)
    deviation_points: int = 0  # slippage allowed for a market order, in points, >= 0
    ticket: int | None = None  # position (REDUCE, MODIFY) or order (CANCEL, MODIFY) this is about
    rests_longer: bool = False  # MODIFY of an order: it may fill at a time at which it would have been gone before
    source: str = ""  # who sent it (API key id), for rate limits and overrides
    strategy: str = ""  # the strategy's name or magic, for the repeated-execution latch and overrides
