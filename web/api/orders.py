"""Orders at the broker, and the ways to make, change and cancel them, all through the one gate."""

from __future__ import annotations

from typing import Any

from flask import Response

from web.admitting import ask, parsed_body, read_signal, say, source
from web.answer_docs import ACCEPTED, ORDER, gives, gives_page
from web.answers import answer
from web.api.asking import asks_the_gate
from web.api.queries import OrderQuery
from web.api.requests import ModifyOrderBody, TicketBody, cancelling, changing_order
from web.api.schemas import ErrorAnswer
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import ApiError
from web.paging import Row, page, to_filter
from web.parts import parts
from zmq_bridge.admission.schema import SignalSchema
from zmq_bridge.admission.signal import Action
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.lists import list_orders

blueprint = Blueprint("orders", __name__, url_prefix="/api/orders", description="Orders at the broker")

BODY = {"content": {"application/json": {"schema": SignalSchema}}, "required": True}


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives_page("orders", ORDER)
@blueprint.arguments(OrderQuery, location="query")
def orders(query: dict[str, Any]) -> Response:
    """List orders, newest first; `status=working` lists those that rest at the broker now."""
    with parts().engine.connect() as connection:
        found = list_orders(connection, to_filter(connection, query, int, int, int))
    return answer(page("orders", found, query["limit"], "time_setup_msc", "ticket", "account_id", shown=_shown))


@blueprint.post("")
@needs(Scope.TRADE)
@gives(ACCEPTED, 202)
@blueprint.doc(requestBody=BODY)
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(422, schema=ErrorAnswer)
def create() -> Response:
    """Make an order, market or pending: the fields of a signal that opens, and the same judgement."""
    wanted = read_signal(parsed_body())
    if wanted.action is Action.CLOSE:
        raise ApiError("INVALID_FIELD", "action: Expected BUY or SELL; positions are closed at /api/positions/close.",
                       field="action")  # fmt: skip
    return say(parts().gate.admit(wanted, source()), login=wanted.account)


@asks_the_gate(blueprint, "/cancel", TicketBody)
def cancel(body: dict[str, Any]) -> Response:
    """Delete a pending order."""
    return ask(cancelling(body), body)


@asks_the_gate(blueprint, "/modify", ModifyOrderBody)
def modify(body: dict[str, Any]) -> Response:
    """Change a pending order's prices, stops or time limit."""
    return ask(changing_order(body), body)


def _shown(order: Row) -> dict[str, Any]:
    """An order as people read it: 0 is how the wire says "none"."""
    none_where_zero = ("sl", "tp", "price_stoplimit", "expiration_msc")
    shown = {**order, **{name: order[name] or None for name in none_where_zero}}
    del shown["account_id"]
    return shown
