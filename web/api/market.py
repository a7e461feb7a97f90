"""Live prices: what each account's own broker quotes."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from web.answers import answer
from web.api.accounts import chosen_account
from web.api.schemas import PriceQuery
from web.auth import needs
from web.parts import now_ms, parts
from zmq_bridge.live.types import Quote
from zmq_bridge.storage.keys import Scope

blueprint = Blueprint("market", __name__, url_prefix="/api/market", description="Market data")


@blueprint.get("/prices")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@blueprint.arguments(PriceQuery, location="query")
def prices(query: dict[str, Any]) -> Response:
    """Latest price of every symbol of an account, each with its age."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
    quotes = parts().live.quotes(account.login)
    wanted = set(query["symbols"].split(",")) if query["symbols"] else quotes.keys()
    now = now_ms()
    found = [_price(quotes[symbol], now) for symbol in sorted(wanted & quotes.keys())]
    return answer({"account": account.login, "prices": found, "unknown": sorted(wanted - quotes.keys())})


def _price(quote: Quote, now: int) -> dict[str, Any]:
    return {
        "symbol": quote.symbol,
        "bid": quote.bid,
        "ask": quote.ask,
        "spread": quote.ask - quote.bid,
        "time_msc": quote.time_msc,
        "age_ms": quote.age_ms(now),
    }
