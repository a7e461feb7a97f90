"""Market history: candles and ticks as they were stored, with the gaps that are known.

Every time here is on the trade server's clock, as in MT5: `from` and `to` are written without an offset, and answers
give `time_msc` beside the same moment in words. So nothing shifts when the server's clock is put forward or back.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.prices import to_digits
from web.api.schemas import login_field
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import ApiError, NotFound
from web.paging import visible_symbols
from web.parts import parts
from web.shapes.market import Candles, Ticks
from zmq_bridge.admission.schema import SYMBOL_CHARS_MAX, text
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ticks.bars import BARS_MAX, WIDTHS_MSC, Bar, bars_between, last_bars
from zmq_bridge.storage.ticks.history import HistoryTick, history, last_ticks
from zmq_bridge.storage.trading.views import symbol_digits

blueprint = Blueprint("bars", __name__, url_prefix="/api/market", description="Market data")

COUNT_DEFAULT = 300
TICKS_MAX = 10_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a server's clock has no zone
YEAR_MAX = 2200


class ServerTime(fields.Field[int]):
    """A moment on the trade server's clock, in milliseconds: ISO 8601 without an offset, or milliseconds."""

    openapi: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": r"^(20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d|[0-9]{1,13})$",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        expected = "Expected a time of the server's clock, as 2026-03-01T12:00:00 without an offset, or milliseconds"
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 13:
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError(f"{expected}; found {str(value)[:40]!r}.") from None
        if moment.tzinfo is not None or not EPOCH.year <= moment.year < YEAR_MAX:
            raise ValidationError(f"{expected}; found {value[:40]!r}.")
        return (moment - EPOCH) // timedelta(milliseconds=1)


class HistoryQuery(Schema):
    """A symbol, and the newest so many, or a range."""

    account = login_field()
    symbol = text(SYMBOL_CHARS_MAX, required=True)
    count = fields.Integer(load_default=None, validate=validate.Range(min=1, max=BARS_MAX))
    from_msc = ServerTime(load_default=None, data_key="from")
    to_msc = ServerTime(load_default=None, data_key="to")

    @validates_schema
    def fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse a count beside a range, half a range, or one that goes back."""
        first, last = data.get("from_msc"), data.get("to_msc")
        if (first is None) != (last is None):
            raise ValidationError({"to" if last is None else "from": ["Expected both ends of the range, or `count`."]})
        if first is not None and data.get("count") is not None:
            raise ValidationError({"count": ["Expected either `count` or `from` and `to`."]})
        if first is not None and first >= last:
            raise ValidationError({"to": ["Expected an end after `from`."]})


class CandleQuery(HistoryQuery):
    """Which candles."""

    timeframe = fields.String(required=True, validate=validate.OneOf(list(WIDTHS_MSC)))


class TickQuery(HistoryQuery):
    """Which ticks."""

    count = fields.Integer(load_default=None, validate=validate.Range(min=1, max=TICKS_MAX))


@blueprint.get("/candles")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(Candles)
@blueprint.arguments(CandleQuery, location="query")
def candles(query: dict[str, Any]) -> Response:
    """Candles of the bid, oldest first. A time without ticks has none; a gap that touches one makes it incomplete."""
    symbol, timeframe = query["symbol"], query["timeframe"]
    with parts().engine.connect() as connection:
        account, digits = _series(connection, query)
        if query["from_msc"] is None:
            found = last_bars(connection, account.id, symbol, timeframe, query["count"] or COUNT_DEFAULT)
        else:
            span = _span(query, WIDTHS_MSC[timeframe])
            found = bars_between(connection, account.id, symbol, timeframe, span)
    shown = [_candle(bar, digits) for bar in found.bars]
    gaps = [asdict(gap) for gap in found.gaps]
    return answer({"account": account.login, "symbol": symbol, "timeframe": timeframe, "candles": shown, "gaps": gaps})


@blueprint.get("/ticks")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(Ticks)
@blueprint.arguments(TickQuery, location="query")
def ticks(query: dict[str, Any]) -> Response:
    """Ticks as the terminal sent them, oldest first; of a range at most 10,000, `next_from` says where to go on."""
    symbol, limit = query["symbol"], TICKS_MAX
    with parts().engine.connect() as connection:
        account, digits = _series(connection, query)
        if query["from_msc"] is None:
            found = last_ticks(connection, account.id, symbol, query["count"] or COUNT_DEFAULT)
        else:
            found = history(connection, account.id, symbol, query["from_msc"], query["to_msc"] - 1, limit + 1)
    kept, going_on = _whole_milliseconds(found, limit)
    shown = [_tick(tick, digits) for tick in kept]
    return answer({"account": account.login, "symbol": symbol, "ticks": shown, "next_from": going_on})


def _series(connection: Connection, query: dict[str, Any]) -> tuple[Account, int | None]:
    """The account, and the digits of the symbol's prices; refused where the key may not see the symbol."""
    account = chosen_account(connection, query["account"])
    digits = symbol_digits(connection, account.id)
    if query["symbol"] not in digits or visible_symbols(query["symbol"]) == []:
        raise NotFound(
            "SYMBOL_UNKNOWN", f"Account {account.login} has no symbol {query['symbol']!r}, or not for this key."
        )
    return account, digits[query["symbol"]]


def _span(query: dict[str, Any], width: int) -> tuple[int, int]:
    first, last = query["from_msc"], query["to_msc"]
    if last - first > BARS_MAX * width:
        raise ApiError("RANGE_TOO_LONG", f"Expected at most {BARS_MAX} bars between `from` and `to`.", field="from")
    return first, last


def _whole_milliseconds(found: list[HistoryTick], limit: int) -> tuple[list[HistoryTick], int | None]:
    """What fits on a page without cutting a millisecond in two, and where the next page begins."""
    if len(found) <= limit:
        return found, None
    cut = found[limit].tick.time_msc
    whole = [tick for tick in found[:limit] if tick.tick.time_msc < cut]
    return (whole, cut) if whole else (found[:limit], cut + 1)


def _candle(bar: Bar, digits: int | None) -> dict[str, Any]:
    prices = {name: _price(getattr(bar, name), digits) for name in ("open", "high", "low", "close")}
    more = {"tick_volume": bar.tick_volume, "closed": bar.closed, "complete": bar.complete}
    return {"time_msc": bar.time_msc, "time": server_time(bar.time_msc), **prices, **more}


def _tick(found: HistoryTick, digits: int | None) -> dict[str, Any]:
    tick = found.tick
    prices = {name: _price(getattr(tick, name), digits) for name in ("bid", "ask", "last")}
    more = {"volume_real": tick.volume_real, "flags": tick.flags, "backfilled": found.backfilled}
    return {"time_msc": tick.time_msc, **prices, **more, "received_at": found.received_at.astimezone(UTC)}


def _price(price: float, digits: int | None) -> Decimal:
    return to_digits(Decimal(repr(price)), digits)


def server_time(time_msc: int) -> str:
    """A moment of the server's clock in words; it has no offset, because nobody knows the one of that day."""
    return (EPOCH + timedelta(milliseconds=time_msc)).isoformat()
