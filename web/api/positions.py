"""Open positions as of each account's last snapshot, and the ways to change them, all through the one gate."""

from __future__ import annotations

from typing import Any

from flask import Response

from web.admitting import ask
from web.answer_docs import POSITION, gives, gives_page
from web.answers import answer, with_money
from web.api.accounts import visible_ids
from web.api.asking import asks_the_gate
from web.api.queries import PositionQuery
from web.api.requests import (
    CloseAllBody,
    ClosePositionBody,
    ModifyPositionBody,
    closing,
    closing_all,
    moving_stops,
)
from web.api.schemas import AccountQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import ApiError, NotFound
from web.paging import Row, page, to_filter, visible_symbols
from web.parts import parts
from zmq_bridge.admission.schema import BIGINT_MAX
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.lists import find_positions, list_positions_page

blueprint = Blueprint("positions", __name__, url_prefix="/api/positions", description="Open positions")


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives_page("positions", POSITION)
@blueprint.arguments(PositionQuery, location="query")
def positions(query: dict[str, Any]) -> Response:
    """List open positions, by account and ticket."""
    with parts().engine.connect() as connection:
        found = list_positions_page(connection, to_filter(connection, query, int, int))
    return answer(page("positions", found, query["limit"], "account_id", "ticket", shown=_shown))


@blueprint.get("/<int:ticket>")
@needs(Scope.READ, Scope.TRADE)
@gives(POSITION)
@blueprint.arguments(AccountQuery, location="query")
def one(query: dict[str, Any], ticket: int) -> Response:
    """One open position."""
    with parts().engine.connect() as connection:
        ids = visible_ids(connection, query["account"])
        found = find_positions(connection, ids, ticket) if ticket <= BIGINT_MAX else []
    symbols = visible_symbols(None)
    seen = [position for position in found if symbols is None or position["symbol"] in symbols]
    if not seen:
        raise NotFound("TICKET_UNKNOWN", f"There is no open position {ticket}, or not for this key.")
    if len(seen) > 1:
        logins = ", ".join(str(position["account"]) for position in seen)
        raise ApiError("ACCOUNT_REQUIRED", f"Expected `account`, one of {logins}; found none.", field="account")
    return answer(_shown(seen[0]))


@asks_the_gate(blueprint, "/close", ClosePositionBody)
def close(body: dict[str, Any]) -> Response:
    """Close a position: whole, a part, or by an opposite one (`by`). Asked for more than it has, it is closed whole."""
    return ask(closing(body), body)


@asks_the_gate(blueprint, "/modify", ModifyPositionBody)
def modify(body: dict[str, Any]) -> Response:
    """Move the stops of a position; away from the market it is new risk, and judged as such."""
    return ask(moving_stops(body), body)


@asks_the_gate(blueprint, "/close-all", CloseAllBody)
def close_all(body: dict[str, Any]) -> Response:
    """Close every position, of one symbol or of all, and delete pending orders where that is asked for."""
    return ask(closing_all(body), body)


def _shown(position: Row) -> dict[str, Any]:
    """A position as people read it: 0 is how the wire says "no stop", and money has the account's digits."""
    shown = with_money(position, ("profit", "swap"), position["currency_digits"])
    del shown["currency_digits"], shown["account_id"]
    return {**shown, "sl": position["sl"] or None, "tp": position["tp"] or None}
