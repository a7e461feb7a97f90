"""What the answers of the trading addresses hold, for the OpenAPI document; schemathesis compares it with what comes.

A field's kind is JSON's, with `?` where it may be null: money, prices and volumes are strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_smorest import Blueprint

V = TypeVar("V", bound=Callable[..., Any])

Kinds = Mapping[str, str]

SIGNAL: Kinds = {
    "id": "string", "account": "integer?", "source": "string", "symbol": "string", "action": "string",
    "side": "string?", "order_type": "string", "volume": "string?", "risk_percent": "string?", "price": "string?",
    "stoplimit": "string?", "sl": "string?", "tp": "string?", "magic": "integer", "comment": "string",
    "confidence": "string?", "timeframe": "string?", "reasons": "array", "status": "string", "created_at": "string",
    "expires_at": "string?", "decision_id": "string?", "verdict": "string?", "code": "string?", "context": "object?",
    "commands": "array",
}  # fmt: skip

POSITION: Kinds = {
    "account": "integer", "ticket": "integer", "symbol": "string", "side": "string", "volume": "string",
    "price_open": "string", "price_current": "string", "sl": "string?", "tp": "string?", "profit": "string",
    "swap": "string", "time_msc": "integer", "magic": "integer", "comment": "string", "updated_at": "string",
}  # fmt: skip

ORDER: Kinds = {
    "account": "integer", "ticket": "integer", "symbol": "string", "order_type": "string", "state": "string",
    "working": "boolean", "volume_initial": "string", "volume_current": "string", "price_open": "string",
    "price_stoplimit": "string?", "sl": "string?", "tp": "string?", "time_setup_msc": "integer",
    "expiration_msc": "integer?", "command_id": "string?", "signal_id": "string?",
}  # fmt: skip

DEAL: Kinds = {
    "account": "integer", "ticket": "integer", "order": "integer", "position": "integer", "symbol": "string",
    "type": "string", "entry": "string", "volume": "string", "price": "string", "profit": "string",
    "commission": "string", "swap": "string", "fee": "string", "time_msc": "integer", "command_id": "string?",
    "signal_id": "string?",
}  # fmt: skip

TRADE: Kinds = {
    "account": "integer", "position": "integer", "symbol": "string", "side": "string?", "status": "string",
    "volume_opened": "string?", "volume_closed": "string?", "price_open": "string?", "price_close": "string?",
    "profit": "string", "commission": "string", "swap": "string", "fee": "string", "net_profit": "string",
    "deals": "integer", "opened_msc": "integer", "closed_msc": "integer?", "signal_id": "string?",
}  # fmt: skip

CANDLES: Kinds = {
    "account": "integer", "symbol": "string", "timeframe": "string", "candles": "array", "gaps": "array",
}  # fmt: skip

ACCEPTED: Kinds = {
    "status": "string", "signal_id": "string?", "decision_id": "string", "command_id": "string?",
    "command_ids": "array", "duplicate": "boolean",
}  # fmt: skip


def gives(kinds: Kinds, status: int = 200) -> Callable[[V], V]:
    """Describe a view that answers one thing."""
    return _answers(status, _object(kinds))


def gives_page(name: str, kinds: Kinds) -> Callable[[V], V]:
    """Describe a view that answers a page of a list."""
    properties = {name: {"type": "array", "items": _object(kinds)}, "next_cursor": {"type": ["string", "null"]}}
    return _answers(200, {"type": "object", "required": [name, "next_cursor"], "properties": properties})


def _answers(status: int, schema: dict[str, Any]) -> Callable[[V], V]:
    content = {"application/json": {"schema": schema}}
    described: Callable[[V], V] = Blueprint.doc(responses={str(status): {"description": "Done", "content": content}})
    return described


def _object(kinds: Kinds) -> dict[str, Any]:
    properties = {name: {"type": [kind[:-1], "null"] if kind.endswith("?") else kind} for name, kind in kinds.items()}
    return {"type": "object", "required": list(kinds), "properties": properties}
