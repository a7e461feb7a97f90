"""Symbols that are quoted, and one that streams right now with its price: what examples and hints are made of."""

from __future__ import annotations

import time

from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.cli.panel import LivePrice
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.types import Quote
from zmq_bridge.settings import Settings
from zmq_bridge.storage.accounts import list_accounts
from zmq_bridge.storage.engine import create_engine

FRESH_MS_MAX = 3_000
PREFERRED = ("EURUSD", "GBPUSD", "USDJPY")


def find_live_price(settings: Settings, *, picky: bool = False) -> LivePrice | None:
    """The best known symbol with a fresh quote, at an account that may trade; None when there is none.

    Args:
        picky: only the very best symbol will do, and every open position must have a fresh quote too, or a signal
            would be denied: right after a start the quotes of the last run are still there.
    """
    engine = create_engine(settings.database_url, application_name="zmq-bridge up", pool_size=1)
    try:
        with engine.connect() as connection, open_redis(settings.redis_url) as client:
            reader = LiveReader(client)
            for account in list_accounts(connection):
                quote = _best(reader, account.login, picky) if account.trading_state == "active" else None
                if quote:
                    return LivePrice(
                        login=account.login, symbol=quote.symbol, bid=quote.bid, ask=quote.ask, digits=_digits(quote)
                    )
    except (SQLAlchemyError, LiveError):
        return None
    finally:
        engine.dispose()
    return None


def quoted_symbols(settings: Settings) -> set[str]:
    """Every symbol that some account has a quote of; empty also when the servers don't answer."""
    engine = create_engine(settings.database_url, application_name="zmq-bridge ticks", pool_size=1)
    try:
        with engine.connect() as connection, open_redis(settings.redis_url) as client:
            reader = LiveReader(client)
            return {symbol for account in list_accounts(connection) for symbol in reader.quotes(account.login)}
    except (SQLAlchemyError, LiveError):
        return set()
    finally:
        engine.dispose()


def _best(reader: LiveReader, login: int, picky: bool) -> Quote | None:
    now_ms = int(time.time() * 1000)
    quotes = reader.quotes(login)
    fresh = {symbol for symbol, quote in quotes.items() if quote.age_ms(now_ms) < FRESH_MS_MAX}
    held = {position["symbol"] for position in reader.positions(login).values()}
    ranked = [symbol for symbol in (*PREFERRED, *sorted(quotes)) if symbol in (quotes if picky else fresh)]
    if not ranked or (picky and not {ranked[0], *held} <= fresh):
        return None
    return quotes[ranked[0]]


def _digits(quote: Quote) -> int:
    exponents = [price.normalize().as_tuple().exponent for price in (quote.bid, quote.ask)]
    return max(-exponent if isinstance(exponent, int) else 0 for exponent in exponents)
