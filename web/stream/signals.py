"""Signals as a client may see them, read from Postgres. Blocking; callers use a thread."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine

from web.stream import updates
from web.stream.permits import visible_items
from web.stream.requests import Ask
from web.stream.updates import Update
from zmq_bridge.storage.accounts import list_accounts
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.keys import ApiKey
from zmq_bridge.storage.trading.signals import list_signals, signals_named


def signal_list(engine: Engine, key: ApiKey, ask: Ask) -> list[str]:
    """The newest signals of a request that the key may see, oldest first, as JSON."""
    logins = {ask.account} if ask.account is not None else key.accounts
    with engine.connect() as connection:
        ids = None
        if logins is not None:
            ids = [account.id for account in list_accounts(connection) if account.login in logins]
        symbols = ask.symbols if ask.symbols is not None else key.symbols
        wanted = Filter(account_ids=ids, symbols=None if symbols is None else sorted(symbols), limit=ask.count)
        records = list_signals(connection, wanted)[: ask.count]
    seen = [visible_items(key, updates.signal(record)) for record in reversed(records)]
    return [item.text for items in seen if items for item in items]


def signal_news(engine: Engine, ids: Collection[str], command_ids: Collection[str]) -> list[Update]:
    """How these signals, and those of these commands, stand now."""
    with engine.connect() as connection:
        records = signals_named(connection, sorted(ids), command_ids=sorted(command_ids))
    return [updates.signal(record) for record in records]
