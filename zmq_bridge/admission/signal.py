"""A signal as it was understood: what somebody wishes, before anybody judged it."""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from risk import OrderType


class Action(StrEnum):
    """What the sender wishes."""

    BUY = "BUY"
    SELL = "SELL"
    CLOSE = "CLOSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A validated signal. Absent is None, never 0."""

    symbol: str  # the broker's exact spelling and case
    action: Action
    type: OrderType = OrderType.MARKET
    volume: Decimal | None = None  # lots, > 0; CLOSE: None closes all that matches
    risk_percent: Decimal | None = None  # size the order so that the stop loses this much of the risk base
    price: Decimal | None = None  # pending: entry or trigger; market: what the sender saw
    stoplimit: Decimal | None = None  # stop-limit only
    sl: Decimal | None = None
    tp: Decimal | None = None
    deviation: int | None = None  # points of slippage permitted; None: our default
    ticket: int | None = None  # CLOSE: this position and no other
    confidence: Decimal | None = None  # 0-100; kept for people, never read by risk
    timeframe: str | None = None
    reason: tuple[str, ...] = ()
    magic: int | None = None  # the strategy; CLOSE: only its positions
    comment: str = ""
    created_at: datetime | None = None  # when the sender made it; None: now
    expires_at: datetime | None = None  # not executed later; a pending order is deleted then
    account: int | None = None  # login; None: the only one the sender may use
    server: str | None = None  # only needed where two servers use the same login
    idempotency_key: str | None = None  # unique per source; None: the signal can't be repeated safely


def as_request(signal: Signal) -> dict[str, Any]:
    """The signal as plain JSON values: what two requests with one key must have in common.

    Equal numbers are written alike (1.10 and 1.1), what is absent is left out.
    """
    values = {field.name: getattr(signal, field.name) for field in fields(signal) if field.name != "idempotency_key"}
    return {name: _plain(value) for name, value in values.items() if value not in (None, (), "")}


def plain_number(number: Decimal) -> str:
    """A number without exponent and without trailing zeros: 0.10 is 0.1, 1E+2 is 100."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
