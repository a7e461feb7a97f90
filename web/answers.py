"""How an answer is written: JSON with exact numbers. A Decimal leaves as a string, a time as ISO 8601 UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from flask import Response

from zmq_bridge.storage.engine import dump_json


def answer(body: Any, status: int = 200) -> Response:
    """Write one JSON answer."""
    return Response(dump_json(body), status=status, mimetype="application/json")


def with_money(record: Mapping[str, Any], names: Iterable[str], digits: int) -> dict[str, Any]:
    """The record with these amounts written to the account's digits: 10000 becomes 10000.00. Nothing is rounded away.

    Raises:
        ValueError: an amount has more digits than the account's currency.
    """
    unit = Decimal(1).scaleb(-digits)
    shown = dict(record)
    for name in names:
        amount = record[name].quantize(unit)
        if amount != record[name]:
            raise ValueError(f"{name}: expected at most {digits} decimals, found {record[name]}")
        shown[name] = amount
    return shown
