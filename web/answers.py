"""How an answer is written: JSON with exact numbers. A Decimal leaves as a string, a time as ISO 8601 UTC."""

from __future__ import annotations

from typing import Any

from flask import Response

from zmq_bridge.storage.engine import dump_json


def answer(body: Any, status: int = 200) -> Response:
    """Write one JSON answer."""
    return Response(dump_json(body), status=status, mimetype="application/json")
