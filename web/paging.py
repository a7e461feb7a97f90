"""Pages of lists: the fields that every list takes, and the one form in which a page is answered.

    query     limit, cursor, account, symbol, from, to  (and `status`, where a list has one)
    answer    {"<name>": [...], "next_cursor": "..."}   no next page: null

A cursor is the sort values of the last row, so rows that come or go meanwhile shift nothing. Clients send it back as it
came. Times are ISO 8601 with an offset; `from` is included, `to` is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from web.api.accounts import visible_ids
from web.auth import current_key
from web.errors import ApiError
from zmq_bridge.admission.schema import BIGINT_MAX, SYMBOL_CHARS_MAX, AwareTime, text
from zmq_bridge.storage.filters import LIMIT_MAX, Filter

LIMIT_DEFAULT = 50
CURSOR = re.compile(r"[0-9A-Z]{1,26}(_[0-9]{1,19}){0,2}\Z")

Row = Mapping[str, Any]


class PageQuery(Schema):
    """Which page of a list."""

    limit = fields.Integer(load_default=LIMIT_DEFAULT, validate=validate.Range(min=1, max=LIMIT_MAX))
    cursor = fields.String(
        load_default=None,
        validate=validate.Regexp(CURSOR, error="Expected the `next_cursor` of the page before, as it came."),
        metadata={"description": "`next_cursor` of the page before"},
    )


class ListQuery(PageQuery):
    """A page of a list of things that belong to an account and a symbol, cut to some of them."""

    account = fields.Integer(load_default=None, validate=validate.Range(min=1, max=BIGINT_MAX))
    symbol = text(SYMBOL_CHARS_MAX, load_default=None)
    from_at = AwareTime(load_default=None, data_key="from")
    to_at = AwareTime(load_default=None, data_key="to")


def status_field(*words: str) -> fields.String:
    """The field `status` of a list that has these."""
    return fields.String(load_default=None, validate=validate.OneOf(words))


def to_filter(connection: Connection, query: Row, *cursor_kinds: Callable[[str], Any], **more: Any) -> Filter:
    """What the query asks for, cut to what the key of this request may see.

    Args:
        query: as `ListQuery` loads it.
        cursor_kinds: how each part of the list's cursor is read (`str`, `int`).

    Raises:
        NotFound: the account is none, or not for this key.
        ApiError: the cursor is not one of this list.
    """
    restricted = query["account"] is not None or current_key().accounts is not None
    return Filter(
        account_ids=visible_ids(connection, query["account"]) if restricted else None,
        symbols=visible_symbols(query["symbol"]),
        status=query.get("status"),
        from_at=query.get("from_at"),
        to_at=query.get("to_at"),
        after=read_cursor(query["cursor"], *cursor_kinds),
        limit=query["limit"],
        **more,
    )


def visible_symbols(wanted: str | None) -> list[str] | None:
    """The symbols to show: the one wanted, of those that the key may see; None: all."""
    allowed = current_key().symbols
    if wanted is None:
        return None if allowed is None else sorted(allowed)
    return [wanted] if allowed is None or wanted in allowed else []


def read_cursor(cursor: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """The sort values in a cursor; None: the first page.

    Raises:
        ApiError: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    parts = cursor.split("_")
    try:
        if len(parts) == len(kinds):
            values = [kind(part) for kind, part in zip(kinds, parts, strict=True)]
            if all(not isinstance(value, int) or value <= BIGINT_MAX for value in values):
                return values
    except ValueError:
        pass
    raise ApiError("INVALID_FIELD", "cursor: Expected the `next_cursor` of the page before.", field="cursor")


def page(name: str, rows: Sequence[Row], limit: int, *keys: str, shown: Callable[[Row], Any] = dict) -> dict[str, Any]:
    """The answer of a list.

    Args:
        name: what the rows are called.
        rows: up to `limit` + 1, as `Filter` asks for them.
        keys: the fields that make the cursor, in the order of sorting.
        shown: how a row is written.
    """
    kept = rows[:limit]
    more = len(rows) > limit
    cursor = "_".join(str(kept[-1][key]) for key in keys) if more else None
    return {name: [shown(row) for row in kept], "next_cursor": cursor}
