"""One piece of news: what it is about, who may want it, and its text, written once for all clients. No I/O.

Payloads of Redis channels and rows of Postgres come in, `Update`s go out. Numbers leave as text, with no digit lost,
as on the REST side; `digits` pads prices to what the symbol has, and money to what the account's currency has.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from web.stream.words import Topic, Type
from zmq_bridge.storage.engine import dump_json

Digits = Mapping[str, int]
"""Decimals of each symbol's price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of an update's list."""

    symbol: str | None  # None: of no symbol in particular
    text: str  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """News of one key."""

    type: Type
    topics: tuple[Topic, ...]  # whoever subscribed to any of them
    login: int | None  # None: of no account; only for keys that may see all
    symbol: str | None  # None: of no symbol, or of several
    user_id: int | None = None  # the member whose it is, who alone may see it; None: nobody's own
    key: Hashable  # a newer update of the same key replaces a waiting one
    head: str  # members of the message as JSON without braces; "" where the list is all there is
    list_name: str | None  # the member that holds the items; None: there is no list
    items: tuple[Item, ...]
    is_state: bool  # whether it is how things stand, so that a new subscriber wants it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An entry of the `events` channel."""

    kind: str  # deal, result, terminal, order, ...
    login: int
    data: Mapping[str, Any]


MARKET = (Topic.PRICES, Topic.MARKET_DATA)
ACCOUNT_MONEY = ("balance", "equity", "credit", "profit", "margin", "margin_free")
POSITION_MONEY = ("profit", "swap")
DEAL_MONEY = ("profit", "commission", "swap", "fee")


class Unreadable(Exception):
    """A payload that nobody of us wrote."""


def as_payload(fields: Mapping[bytes, bytes]) -> bytes:
    """A hash as its channel carries it."""
    return dump_json({name.decode(): value.decode() for name, value in fields.items()}).encode()


def happening(payload: bytes) -> Happening:
    """What the desk tells of an account, from the `events` channel."""
    found = _parsed(payload)
    try:
        return Happening(kind=found["kind"], login=int(found["login"]), data=_parsed(found["data"].encode()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"an event: {type(error).__name__}: {error}") from error


def prices(login: int, payload: bytes, digits: Digits) -> list[Update]:
    """The quotes of one account that changed, from its `quotes:{login}` channel.

    Raises:
        Unreadable: the payload is not what the bridge writes.
    """
    found = _parsed(payload)
    return [_price(login, symbol, quote, digits.get(symbol)) for symbol, quote in found.items()]


def _price(login: int, symbol: str, quote: Any, digits: int | None) -> Update:
    if isinstance(quote, str):  # as it stands in the hash
        quote = _parsed(quote.encode())
    try:
        fields = {
            "account": login,
            "symbol": symbol,
            "bid": padded(quote["bid"], digits),
            "ask": padded(quote["ask"], digits),
            "time_msc": int(quote["time_msc"]),
            "received_ms": int(quote["received_ms"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"a quote of {symbol!r}: {type(error).__name__}: {error}") from error
    return Update(
        type=Type.PRICE_UPDATE, topics=MARKET, login=login, symbol=symbol, key=(Type.PRICE_UPDATE, login, symbol),
        head="", list_name="prices", items=(Item(symbol=symbol, text=dump_json(fields)),), is_state=True,
    )  # fmt: skip


def positions(login: int, payload: bytes, digits: int | None) -> Update:
    """All open positions of an account, from its `positions:{login}` channel; `digits` are the currency's."""
    found = sorted(_parsed(payload).items())
    return Update(
        type=Type.POSITION_UPDATE, topics=(Topic.POSITIONS,), login=login, symbol=None,
        key=(Type.POSITION_UPDATE, login), head=_members({"account": login}), list_name="positions",
        items=tuple(_position(text, digits) for _, text in found), is_state=True,
    )  # fmt: skip


def _position(text: Any, digits: int | None) -> Item:
    position = _with_money(_parsed(text.encode() if isinstance(text, str) else b""), POSITION_MONEY, digits)
    position.pop("received_ms", None)  # a book that did not change is the same book
    return Item(symbol=position.get("symbol"), text=dump_json(position))


def account(login: int, payload: bytes, digits: int | None) -> Update:
    """The money of an account, from its `account:{login}` channel; `digits` are the currency's."""
    found = _with_money(_parsed(payload), ACCOUNT_MONEY, digits)
    figures = {name: found[name] for name in (*ACCOUNT_MONEY, "margin_level") if found.get(name) not in (None, "")}
    times = {name: _whole(found.get(name)) for name in ("time_msc", "received_ms")}
    body = {**figures, "trade_allowed": found.get("trade_allowed") == "true", **times}
    return _one(Type.ACCOUNT_UPDATE, Topic.POSITIONS, login, body, key="account")


def terminal(login: int, data: Mapping[str, Any]) -> Update:
    """A terminal that came or went."""
    body = {"terminal": {name: data.get(name) for name in ("role", "state", "reason")}}
    return _one(Type.ACCOUNT_UPDATE, Topic.POSITIONS, login, body, key=("terminal", data.get("role")))


def risk(
    login: int, trading_state: str, holds: Iterable[Mapping[str, Any]], limits: Iterable[Mapping[str, Any]]
) -> Update:
    """What holds an account, and what is used and left of its limits."""
    body = {"trading_state": trading_state, "holds": list(holds), "limits": list(limits)}
    return _one(Type.RISK_UPDATE, Topic.POSITIONS, login, body, key="risk")


def deal(login: int, data: Mapping[str, Any], digits: int | None) -> Update:
    """A deal that was booked; `digits` are the currency's."""
    text = dump_json({"account": login, **_with_money(data, DEAL_MONEY, digits)})
    item = Item(symbol=data.get("symbol") or None, text=text)
    return Update(
        type=Type.POSITION_UPDATE, topics=(Topic.POSITIONS,), login=login, symbol=item.symbol,
        key=("deal", login, data.get("ticket")), head="", list_name="deals", items=(item,), is_state=False,
    )  # fmt: skip


def signal(record: Mapping[str, Any]) -> Update:
    """A signal with its decision and its commands, as the REST side shows it."""
    item = Item(symbol=record["symbol"], text=dump_json(dict(record)))
    return Update(
        type=Type.SIGNAL_UPDATE, topics=(Topic.SIGNALS,), login=record["account"], symbol=record["symbol"],
        key=(Type.SIGNAL_UPDATE, record["id"]), head="", list_name="signals", items=(item,), is_state=False,
    )  # fmt: skip


def share(login: int, server: str, user_id: int, record: Mapping[str, Any]) -> Update:
    """What a member owns of an account's pool, and how far the requests are; two servers may use the same login."""
    item = Item(symbol=None, text=dump_json({"account": login, "server": server, "user_id": user_id, **record}))
    return Update(
        type=Type.SHARE_UPDATE, topics=(Topic.SHARE,), login=login, symbol=None, user_id=user_id,
        key=(Type.SHARE_UPDATE, login, server, user_id), head="", list_name="shares", items=(item,), is_state=True,
    )  # fmt: skip


def tick_gap(login: int, symbol: str, gap_id: int, fields: Mapping[str, Any]) -> Update:
    """Ticks that are missing, or not any more."""
    body = {"of": "ticks", "account": login, "symbol": symbol, **fields}
    return Update(
        type=Type.GAP, topics=MARKET, login=login, symbol=symbol, key=(Type.GAP, gap_id), head=_members(body),
        list_name=None, items=(), is_state=False,
    )  # fmt: skip


def padded(figure: Any, digits: int | None) -> str:
    """A price or an amount as text, with the zeros that a double can't keep; as it came where it has more decimals.

    Raises:
        ValueError: it is no finite number.
    """
    try:
        exact = Decimal(str(figure))
        full = exact if digits is None else exact.quantize(Decimal(1).scaleb(-digits))
    except InvalidOperation as error:
        raise ValueError(f"expected a number, found {figure!r}") from error
    if not exact.is_finite():
        raise ValueError(f"expected a finite number, found {figure!r}")
    return f"{full:f}" if full == exact else f"{exact:f}"


def _with_money(record: Mapping[str, Any], names: Iterable[str], digits: int | None) -> dict[str, Any]:
    """The record with its amounts padded; what is not told stays so."""
    told = {name: record[name] for name in names if record.get(name) not in (None, "")}
    try:
        return {**record, **{name: padded(amount, digits) for name, amount in told.items()}}
    except ValueError as error:
        raise Unreadable(f"an amount among {', '.join(told)}: {error}") from error


def _one(type_: Type, topic: Topic, login: int, body: Mapping[str, Any], *, key: Hashable) -> Update:
    return Update(
        type=type_, topics=(topic,), login=login, symbol=None, key=(type_, key, login),
        head=_members({"account": login, **body}), list_name=None, items=(), is_state=True,
    )  # fmt: skip


def _members(body: Mapping[str, Any]) -> str:
    return dump_json(body)[1:-1]


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str | int) and str(text).lstrip("-").isdigit() else None


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload, parse_float=Decimal)
    except ValueError as error:
        raise Unreadable(f"expected JSON, found {payload[:60]!r}: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable(f"expected an object, found {payload[:60]!r}")
    return found
