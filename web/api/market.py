"""The market now: what each account's own broker quotes, and what can be traded there."""

from __future__ import annotations

from typing import Any

from flask import Response

from web.answer_docs import gives
from web.answers import answer
from web.api.account import account_now
from web.api.accounts import chosen_account
from web.api.prices import to_digits
from web.api.schemas import AccountQuery, PriceQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.paging import visible_symbols
from web.parts import now_ms, parts
from web.shapes.account import AccountNow
from web.shapes.market import Prices, Symbols
from zmq_bridge.live.types import Quote
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.views import list_symbols, symbol_digits

blueprint = Blueprint("market", __name__, url_prefix="/api/market", description="Market data")


@blueprint.get("/prices")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(Prices)
@blueprint.arguments(PriceQuery, location="query")
def prices(query: dict[str, Any]) -> Response:
    """Latest price of every symbol of an account, each with its age."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        digits = symbol_digits(connection, account.id)
    quotes = parts().live.quotes(account.login)
    asked = query["symbols"]
    wanted = set(asked.split(",")) if asked else set(quotes)
    now = now_ms()
    seen = visible_symbols(None)
    there = quotes.keys() if seen is None else quotes.keys() & set(seen)
    found = [_price(quotes[symbol], now, digits.get(symbol)) for symbol in sorted(wanted & there)]
    return answer({"account": account.login, "prices": found, "unknown": sorted(wanted - there) if asked else []})


@blueprint.get("/symbols")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(Symbols)
@blueprint.arguments(AccountQuery, location="query")
def symbols(query: dict[str, Any]) -> Response:
    """What the account's broker offers, as its terminal described it, and which of it may be traded."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = list_symbols(connection, account.id, visible_symbols(None))
    return answer({"account": account.login, "symbols": found})


@blueprint.get("/account")
@needs(Scope.READ, Scope.TRADE)
@gives(AccountNow)
@blueprint.arguments(AccountQuery, location="query")
def account(query: dict[str, Any]) -> Response:
    """Balance, equity, margin and trading state; the same as `GET /api/account`."""
    return account_now(query["account"])


def _price(quote: Quote, now: int, digits: int | None) -> dict[str, Any]:
    bid, ask = (to_digits(price, digits) for price in (quote.bid, quote.ask))
    return {
        "symbol": quote.symbol,
        "bid": bid,
        "ask": ask,
        "spread": ask - bid,
        "time_msc": quote.time_msc,
        "age_ms": quote.age_ms(now),
    }
