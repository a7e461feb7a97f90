"""The bodies of direct requests, and how each becomes a request of admission.

A field left out means "as it is"; `null` takes a stop or a time limit away.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema

from web.errors import ApiError
from zmq_bridge.admission.numbers import ExactNumber, WholeNumber
from zmq_bridge.admission.requests import (
    KEEP,
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    InvalidRequest,
    ModifyOrder,
    ModifyPosition,
    Request,
)
from zmq_bridge.admission.schema import (
    BIGINT_MAX,
    DEVIATION_POINTS_MAX,
    KEY_CHARS_MAX,
    SERVER_CHARS_MAX,
    SYMBOL_CHARS_MAX,
    AwareTime,
    text,
)

ZERO = Decimal(0)
REMOVES = {"description": "null takes it away; left out, it stays"}


def positive(**more: Any) -> ExactNumber:
    """A price, or a volume."""
    return ExactNumber(above=ZERO, **more)


class RequestBody(Schema):
    """What every direct request may name."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    account = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    server = text(SERVER_CHARS_MAX, load_default=None)
    idempotency_key = text(KEY_CHARS_MAX, r"[\x21-\x7e]*", load_default=None)


class TicketBody(RequestBody):
    """Which ticket."""

    ticket = WholeNumber(at_least=1, at_most=BIGINT_MAX, required=True)


class ClosePositionBody(TicketBody):
    """Close a position: whole, a part of it, or by an opposite one."""

    volume = positive(load_default=None, metadata={"description": "lots; left out: all of it"})
    by = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    symbol = text(SYMBOL_CHARS_MAX, load_default=None)
    deviation = WholeNumber(at_least=0, at_most=DEVIATION_POINTS_MAX, load_default=None)

    @validates_schema
    def fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse a volume where two positions close each other."""
        if data.get("by") is not None and (data.get("volume") or data.get("deviation")) is not None:
            raise ValidationError({"by": ["Not with volume or deviation: two positions close each other."]})


class ModifyPositionBody(TicketBody):
    """Move the stops of a position."""

    sl = positive(allow_none=True, metadata=REMOVES)
    tp = positive(allow_none=True, metadata=REMOVES)


class CloseAllBody(RequestBody):
    """Close everything, of one symbol or of all."""

    symbol = text(SYMBOL_CHARS_MAX, load_default="")
    cancel_pending = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    deviation = WholeNumber(at_least=0, at_most=DEVIATION_POINTS_MAX, load_default=None)


class ModifyOrderBody(TicketBody):
    """Change a pending order."""

    price = positive()
    stoplimit = positive()
    sl = positive(allow_none=True, metadata=REMOVES)
    tp = positive(allow_none=True, metadata=REMOVES)
    expires_at = AwareTime(allow_none=True, metadata=REMOVES)


def closing(body: dict[str, Any]) -> Request:
    """Close a position."""
    if body["by"] is not None:
        return _made(CloseBy, body, "ticket", "by")
    return _made(ClosePosition, body, "ticket", "volume", "symbol", "deviation")


def closing_all(body: dict[str, Any]) -> Request:
    """Close everything."""
    return _made(CloseAll, body, "symbol", "cancel_pending", "deviation")


def moving_stops(body: dict[str, Any]) -> Request:
    """Move the stops of a position."""
    _check_changes(body, "sl", "tp")
    return _made(ModifyPosition, body, "ticket", "sl", "tp")


def cancelling(body: dict[str, Any]) -> Request:
    """Delete a pending order."""
    return _made(CancelOrder, body, "ticket")


def changing_order(body: dict[str, Any]) -> Request:
    """Change a pending order."""
    changes = ("price", "stoplimit", "sl", "tp", "expires_at")
    _check_changes(body, *changes)
    return _made(ModifyOrder, body, "ticket", *changes)


def _made(kind: type[Any], body: dict[str, Any], *names: str) -> Request:
    try:
        request: Request = kind(**{name: body.get(name, KEEP) for name in names})
    except InvalidRequest as error:
        raise ApiError("INVALID_FIELD", str(error), field=error.field) from None
    return request


def _check_changes(body: dict[str, Any], *names: str) -> None:
    if not any(name in body for name in names):
        raise ApiError("INVALID_FIELD", f"Expected at least one of {', '.join(names)}; found none.", field=names[0])
