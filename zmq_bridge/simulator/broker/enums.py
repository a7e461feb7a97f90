"""The broker's closed lists of words: MT5's enumerations, as far as this broker uses them."""

from enum import StrEnum


class Side(StrEnum):
    """Direction of a deal or position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The other direction."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """MT5's ENUM_ORDER_TYPE."""

    BUY = "buy"
    SELL = "sell"
    BUY_LIMIT = "buy_limit"
    SELL_LIMIT = "sell_limit"
    BUY_STOP = "buy_stop"
    SELL_STOP = "sell_stop"
    BUY_STOP_LIMIT = "buy_stop_limit"
    SELL_STOP_LIMIT = "sell_stop_limit"
    CLOSE_BY = "close_by"

    @property
    def side(self) -> Side:
        """What it does when it fills."""
        return Side.SELL if self.value.startswith("sell") else Side.BUY

    @property
    def is_pending(self) -> bool:
        """Whether it rests at the broker until a price comes."""
        return "_" in self.value and self is not OrderType.CLOSE_BY


class OrderState(StrEnum):
    """MT5's ENUM_ORDER_STATE, as far as this broker uses it."""

    STARTED = "started"
    PLACED = "placed"
    CANCELED = "canceled"
    PARTIAL = "partial"
    FILLED = "filled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class DealType(StrEnum):
    """MT5's ENUM_DEAL_TYPE, as far as this broker books them."""

    BUY = "buy"
    SELL = "sell"
    BALANCE = "balance"
    CREDIT = "credit"
    CHARGE = "charge"
    CORRECTION = "correction"
    BONUS = "bonus"
    INTEREST = "interest"
    DIVIDEND = "dividend"


class DealEntry(StrEnum):
    """How a deal changes a position."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"
    OUT_BY = "out_by"


class Reason(StrEnum):
    """MT5's ENUM_DEAL_REASON, as far as this broker uses it."""

    CLIENT = "client"
    EXPERT = "expert"
    SL = "sl"
    TP = "tp"
    SO = "so"


class Filling(StrEnum):
    """MT5's ENUM_ORDER_TYPE_FILLING."""

    FOK = "fok"
    IOC = "ioc"
    RETURN = "return"


class Action(StrEnum):
    """MT5's ENUM_TRADE_REQUEST_ACTIONS."""

    DEAL = "deal"
    PENDING = "pending"
    SLTP = "sltp"
    MODIFY = "modify"
    REMOVE = "remove"
    CLOSE_BY = "close_by"
