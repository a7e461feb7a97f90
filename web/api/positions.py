"""Open positions as of each account's last snapshot."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from web.answers import answer, with_money
from web.api.accounts import visible_ids
from web.api.schemas import PositionQuery
from web.auth import needs
from web.parts import parts
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.views import Record, list_positions

blueprint = Blueprint("positions", __name__, url_prefix="/api", description="Open positions")


@blueprint.get("/positions")
@needs(Scope.READ, Scope.TRADE)
@blueprint.arguments(PositionQuery, location="query")
def positions(query: dict[str, Any]) -> Response:
    """List open positions, by account and ticket."""
    with parts().engine.connect() as connection:
        ids = visible_ids(connection, query["account"])
        found = list_positions(connection, account_ids=ids, symbol=query["symbol"])
    return answer({"positions": [_shown(position) for position in found]})


def _shown(position: Record) -> Record:
    digits = position["currency_digits"]
    named = {name: value for name, value in position.items() if name != "currency_digits"}
    return with_money(named, ("profit", "swap"), digits)
