"""What was dealt: every deal as the broker booked it, and trades, which are positions from first to last deal."""

from __future__ import annotations

from typing import Any

from flask import Response

from web.answer_docs import gives_page
from web.answers import answer, with_money
from web.api.queries import DealQuery, TradeQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.paging import Row, page, to_filter
from web.parts import parts
from web.shapes.trading import Deal, Trade
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.lists import list_deals, list_trades

blueprint = Blueprint("deals", __name__, url_prefix="/api", description="Deals and trades")

DEAL_MONEY = ("profit", "commission", "swap", "fee")
PRICE_PLACES = 8


@blueprint.get("/deals")
@needs(Scope.READ, Scope.TRADE)
@gives_page("deals", Deal)
@blueprint.arguments(DealQuery, location="query")
def deals(query: dict[str, Any]) -> Response:
    """List deals, newest first, deposits and charges among them."""
    with parts().engine.connect() as connection:
        found = list_deals(connection, to_filter(connection, query, int, int, int))
    return answer(page("deals", found, query["limit"], "time_msc", "ticket", "account_id", shown=_deal))


@blueprint.get("/trades")
@needs(Scope.READ, Scope.TRADE)
@gives_page("trades", Trade)
@blueprint.arguments(TradeQuery, location="query")
def trades(query: dict[str, Any]) -> Response:
    """List round trips: what a position cost and brought from its first deal to its last.

    Newest first: by the first deal, which stays where it is while one pages; with `status=closed` by the last. `from`
    and `to` are about the last deal.
    """
    with parts().engine.connect() as connection:
        found = list_trades(connection, to_filter(connection, query, int, int, int))
    return answer(page("trades", found, query["limit"], "place_msc", "position", "account_id", shown=_trade))


def _deal(deal: Row) -> dict[str, Any]:
    shown = with_money(deal, DEAL_MONEY, deal["currency_digits"])
    del shown["currency_digits"], shown["account_id"]
    return {**shown, "sl": deal["sl"] or None, "tp": deal["tp"] or None}


def _trade(trade: Row) -> dict[str, Any]:
    shown = with_money(trade, (*DEAL_MONEY, "net_profit"), trade["currency_digits"])
    del shown["currency_digits"], shown["account_id"], shown["place_msc"]
    last = shown.pop("last_msc")
    averages = {name: _average(trade[name]) for name in ("price_open", "price_close")}
    return {**shown, **averages, "closed_msc": last if trade["status"] == "closed" else None}


def _average(price: Any) -> Any:
    """An average price without the endless digits of a division."""
    return None if price is None else round(price, PRICE_PLACES).normalize()
