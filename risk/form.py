"""Is the request complete? Form only: types, presence, usable numbers. Whether it is wise is for the checks.

Everything here refuses with the field's name, what was expected and what was found.
"""

from decimal import Decimal

from risk.codes import Code
from risk.intent import Intent, Kind, OrderType, Side
from risk.numbers import all_positive, is_count
from risk.refusal import Refused

DEVIATION_MAX = 1_000_000  # points; the account's own limit is far below
TICKET_MAX = 2**64 - 1  # MT5 tickets are unsigned 64-bit
KINDS = "one of " + ", ".join(Kind)
ORDER_TYPES = "one of " + ", ".join(OrderType)
DEVIATION = f"an integer from 0 to {DEVIATION_MAX}"
ONE = Decimal(1)


def require_intent(intent: object) -> Intent:
    """Return the intent when it says which account and what kind of request it is."""
    if type(intent) is not Intent:
        raise Refused(Code.INTENT_MALFORMED, expected="an Intent", found=type(intent).__name__)
    _require(type(intent.account) is int, "account", "an account id", intent.account)
    _require(isinstance(intent.kind, Kind), "kind", KINDS, intent.kind)
    return intent


def require_opening(intent: Intent) -> None:
    """Refuse an opening order that lacks what any opening order needs."""
    if not (isinstance(intent.side, Side) and isinstance(intent.order_type, OrderType) and type(intent.symbol) is str):
        _require(type(intent.symbol) is str, "symbol", "a name", intent.symbol)
        _require(isinstance(intent.side, Side), "side", "buy or sell", intent.side)
        _require(isinstance(intent.order_type, OrderType), "order_type", ORDER_TYPES, intent.order_type)
    _require_common(intent)
    if (intent.volume is None) is (intent.risk_percent is None):
        found = "neither" if intent.volume is None else "both"
        raise Refused(Code.VOLUME_AND_RISK_PERCENT, expected="one of volume, risk_percent", found=found)
    if intent.sl is None:
        raise Refused(Code.STOP_LOSS_MISSING, symbol=intent.symbol)
    if intent.tp is None:
        raise Refused(Code.TAKE_PROFIT_MISSING, symbol=intent.symbol)
    if intent.order_type is not OrderType.MARKET:
        _require_prices(intent)


def require_modification(intent: Intent) -> int:
    """Refuse a modification that names no ticket or an unusable number; return the ticket."""
    ticket = intent.ticket
    _require(is_count(ticket, TICKET_MAX), "ticket", "a ticket", ticket)
    assert ticket is not None
    _require_common(intent)
    return ticket


def require_reduction(intent: Intent) -> None:
    """Refuse a reduction that no command could be made of. Nothing else ever stops one."""
    volume, ticket = intent.volume, intent.ticket
    _require(volume is None or all_positive((volume,)), "volume", "a positive number", volume)
    _require(ticket is None or is_count(ticket, TICKET_MAX), "ticket", "a ticket or none", ticket)
    _require(volume is None or ticket is not None, "ticket", "the ticket to take volume off", ticket)


def _require_common(intent: Intent) -> None:
    numbers = (intent.volume, intent.risk_percent, intent.price, intent.stoplimit, intent.sl, intent.tp)
    if not all_positive([value for value in numbers if value is not None] or [ONE]):
        names = ("volume", "risk_percent", "price", "stoplimit", "sl", "tp")
        for name, value in zip(names, numbers, strict=True):
            _require(value is None or all_positive((value,)), name, "a positive number", value)
    _require(is_count(intent.deviation_points, DEVIATION_MAX), "deviation_points", DEVIATION, intent.deviation_points)
    _require(type(intent.source) is str, "source", "text", intent.source)
    _require(type(intent.strategy) is str, "strategy", "text", intent.strategy)


def _require_prices(intent: Intent) -> None:
    if intent.price is None:
        raise Refused(Code.PRICE_MISSING, order_type=intent.order_type, missing="price")
    if intent.order_type is OrderType.STOP_LIMIT and intent.stoplimit is None:
        raise Refused(Code.PRICE_MISSING, order_type=intent.order_type, missing="stoplimit")


def _require(condition: bool, field: str, expected: str, found: object) -> None:
    if not condition:
        raise Refused(Code.INTENT_MALFORMED, field=field, expected=expected, found=repr(found))
