"""Signals: the way in, and what became of them.

The body is read by admission's own schema, the same that the ZeroMQ port uses, and judged by the same gate; `admitting`
says what the answers mean.
"""

from __future__ import annotations

from typing import Any

from flask import Response

from web.admitting import parsed_body, read_signal, say, source
from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.queries import LatestQuery, SignalQuery, SignalsOfSymbolQuery
from web.api.schemas import ErrorAnswer
from web.auth import current_key, needs
from web.blueprint import Blueprint
from web.errors import NotFound
from web.paging import page, to_filter
from web.parts import parts
from web.shapes.trading import Accepted, SignalWithDeals, StoredSignal
from zmq_bridge.admission.schema import SignalSchema
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.signals import Record, get_signal, list_signals

blueprint = Blueprint("signals", __name__, url_prefix="/api", description="Trading signals")

BODY = {"content": {"application/json": {"schema": SignalSchema}}, "required": True}


@blueprint.post("/signal")
@needs(Scope.SIGNAL)
@gives(Accepted, 202)
@blueprint.doc(requestBody=BODY)
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(422, schema=ErrorAnswer)
def submit() -> Response:
    """Submit a signal; the answer is final and durable."""
    return _submitted()


@blueprint.post("/signals")
@needs(Scope.SIGNAL)
@gives(Accepted, 202)
@blueprint.doc(requestBody=BODY)
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(422, schema=ErrorAnswer)
def submit_one_more() -> Response:
    """Submit a signal; the same as `POST /api/signal`."""
    return _submitted()


@blueprint.get("/signals")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives_page("signals", StoredSignal)
@blueprint.arguments(SignalQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List signals, newest first, each with its decision and its commands."""
    return answer(_page(query))


@blueprint.get("/signals/by-symbol/<path:symbol>")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives_page("signals", StoredSignal)
@blueprint.arguments(SignalsOfSymbolQuery, location="query")
def of_symbol(query: dict[str, Any], symbol: str) -> Response:
    """List the signals of one symbol, newest first."""
    return answer(_page(query | {"symbol": symbol}))


@blueprint.get("/signals/latest")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(StoredSignal)
@blueprint.arguments(LatestQuery, location="query")
def latest(query: dict[str, Any]) -> Response:
    """The newest signal, of a symbol or an account where one is named."""
    found = _page(query | {"limit": 1, "cursor": None})["signals"]
    if not found:
        raise NotFound("SIGNAL_UNKNOWN", "There is no such signal yet, or not for this key.")
    return answer(found[0])


@blueprint.get("/signals/<string:signal_id>")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(SignalWithDeals)
def one(signal_id: str) -> Response:
    """One signal with its decision, its commands and the deals that came of it."""
    return answer(visible_signal(signal_id))


def visible_signal(signal_id: str) -> Record:
    """A signal that the key may see.

    Raises:
        NotFound: there is none, or not for this key.
    """
    with parts().engine.connect() as connection:
        found = get_signal(connection, signal_id) if is_id(signal_id) else None
    key = current_key()
    if (
        found is None
        or (key.accounts is not None and found["account"] not in key.accounts)
        or (key.symbols is not None and found["symbol"] not in key.symbols)
    ):
        raise NotFound("SIGNAL_UNKNOWN", f"There is no signal {signal_id!r}, or not for this key.")
    return found


def _submitted() -> Response:
    signal = read_signal(parsed_body())
    return say(parts().gate.admit(signal, source()), login=signal.account)


def _page(query: dict[str, Any]) -> dict[str, Any]:
    with parts().engine.connect() as connection:
        found = list_signals(connection, to_filter(connection, query, str))
    return page("signals", found, query["limit"], "id")
