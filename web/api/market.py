"""Live prices: what each account's own broker quotes."""

from __future__ import annotations

from decimal import Decimal
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
from zmq_bridge.storage.trading.views import symbol_digits

blueprint = Blueprint("market", __name__, url_prefix="/api/market", description="Market data")


@blueprint.get("/prices")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@blueprint.arguments(PriceQuery, location="query")
def prices(query: dict[str, Any]) -> Response:
    """Latest price of every symbol of an account, each with its age."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        digits = symbol_digits(connection, account.id)
    quotes = parts().live.quotes(account.login)
    wanted = set(query["symbols"].split(",")) if query["symbols"] else quotes.keys()
    now = now_ms()
    found = [_price(quotes[symbol], now, digits.get(symbol)) for symbol in sorted(wanted & quotes.keys())]
    return answer({"account": account.login, "prices": found, "unknown": sorted(wanted - quotes.keys())})


def _price(quote: Quote, now: int, digits: int | None) -> dict[str, Any]:
    bid, ask = (_to_digits(price, digits) for price in (quote.bid, quote.ask))
    return {
        "symbol": quote.symbol,
        "bid": bid,
        "ask": ask,
        "spread": ask - bid,
        "time_msc": quote.time_msc,
        "age_ms": quote.age_ms(now),
    }


def _to_digits(price: Decimal, digits: int | None) -> Decimal:
    """The price with the zeros that a double can't keep; as it came, where the symbol is not known or it has more."""
    if digits is None:
        return price
    shown = price.quantize(Decimal(1).scaleb(-digits))
    return shown if shown == price else price
