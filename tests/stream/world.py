"""Accounts whose present goes into Redis and Postgres the way the desk and the recorder put it there."""

from __future__ import annotations

import json
import time
from typing import Any

import redis
from sqlalchemy import Engine

from tests.admission.world import spec
from zmq_bridge.live import keys
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.trading.terminals import upsert_symbols

LOGIN, OTHER = 123456, 654321
SERVER = "Demo-1"
SYMBOLS = ("EURUSD", "GBPUSD")
MONEY = {"balance": "10000", "equity": "10000.0", "margin": "0", "trade_allowed": True}


class World:
    """Two accounts with prices, money and one position each."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        self.engine, self.client, self.live = engine, client, LiveWriter(client)
        self.ids = {login: self._add(login) for login in (LOGIN, OTHER)}

    def _add(self, login: int) -> int:
        with self.engine.begin() as connection:
            account = ensure_account(
                connection, login=login, server=SERVER, currency="USD", currency_digits=2, margin_mode="hedging",
                leverage=100,
            )  # fmt: skip
            upsert_symbols(connection, account.id, [spec(symbol) for symbol in SYMBOLS])
        for symbol in SYMBOLS:
            self.quote(symbol, 1.1, 1.2, login=login)
        self.money(login=login)
        self.positions([(1, "EURUSD"), (2, "GBPUSD")], login=login)
        return account.id

    def quote(self, symbol: str, bid: float, ask: float, *, login: int = LOGIN) -> None:
        """A price, as the recorder writes it: the hash, and what changed on the channel."""
        quote = {"bid": bid, "ask": ask, "time_msc": 1_000, "received_ms": int(time.time() * 1000)}
        self.client.hset(keys.quotes(login), symbol, json.dumps(quote))
        self.client.publish(keys.quotes(login), json.dumps({symbol: quote}))

    def money(self, *, login: int = LOGIN, **changes: Any) -> None:
        """A snapshot of the account."""
        self.live.write_account(login, MONEY | changes, received_ms=int(time.time() * 1000))

    def positions(self, held: list[tuple[int, str]], *, login: int = LOGIN) -> None:
        """The open positions: ticket and symbol of each."""
        money = {"profit": "-1.5", "swap": "0"}
        book = [{"ticket": ticket, "symbol": symbol, "volume": "0.10", **money} for ticket, symbol in held]
        self.live.write_positions(login, book, received_ms=int(time.time() * 1000))

    def happened(self, kind: str, *, login: int = LOGIN, **data: Any) -> None:
        """An event of the desk."""
        self.live.add_event(kind, login, data)
