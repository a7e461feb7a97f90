"""A healthy account on real servers, at a fixed moment: tests change one thing and look what the gate says.

`NOW` is a Wednesday, 12:00 UTC; the trade server is two hours ahead. All markets are open around the clock. Everything
goes in the way the desk and the recorder put it in.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import redis
from sqlalchemy import Engine

from risk.states import Cause, Hold
from zmq_bridge.admission.answers import Answer
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.schema import parse_signal
from zmq_bridge.admission.source import Source
from zmq_bridge.live import keys
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.risk.holding import impose
from zmq_bridge.storage.risk.trading_state import activate_reconciled
from zmq_bridge.storage.trading.state import Place, keep_snapshot, lock_account
from zmq_bridge.storage.trading.terminals import upsert_symbols

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OFFSET_S = 7200
LOGIN = 123456
SERVER = "Demo-1"
SESSION = 1000
ALWAYS = [[day, 0, 86_400] for day in range(7)]
PRICES = {"EURUSD": ("1.08490", "1.08500"), "GBPUSD": ("1.26540", "1.26550"), "USDJPY": ("151.200", "151.210")}
BUY = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.08300", "tp": "1.08900"}
MONEY = {
    "balance": 10_000, "equity": 10_000, "credit": 0, "profit": 0, "margin": 0, "margin_free": 10_000,
    "margin_level": 0, "trade_allowed": True, "trade_expert": True,
}  # fmt: skip


class Clock:
    """The moment that a test says it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def spec(symbol: str, **changes: Any) -> dict[str, Any]:
    """A symbol's specification as the wire has it, numbers as the desk stores them."""
    jpy = symbol.endswith("JPY")
    point = "0.001" if jpy else "0.00001"
    return {
        "symbol": symbol, "description": "", "digits": 3 if jpy else 5, "point": point, "tick_size": point,
        "tick_value": "0.66138" if jpy else "1", "contract_size": "100000", "volume_min": "0.01", "volume_max": "100",
        "volume_step": "0.01", "volume_limit": "0", "stops_level": 0, "freeze_level": 0, "calc_mode": "forex",
        "currency_base": symbol[:3], "currency_profit": symbol[3:6], "currency_margin": symbol[:3], "filling_mode": 3,
        "execution_mode": "market", "trade_mode": "full", "margin_initial": "0", "margin_maintenance": "0",
        "swap_mode": "points", "swap_long": "0", "swap_short": "0", "sessions": ALWAYS,
    } | changes  # fmt: skip


def position(ticket: int, **changes: Any) -> dict[str, Any]:
    """An open buy of 0.10 EURUSD, its stop 19 pips below the bid."""
    return {
        "ticket": ticket, "symbol": "EURUSD", "side": "buy", "volume": "0.10", "price_open": "1.08500",
        "price_current": "1.08490", "sl": "1.08300", "tp": "1.08900", "profit": "-1", "swap": "0",
        "time_msc": 1_000_000 + ticket, "magic": 0, "comment": "",
    } | changes  # fmt: skip


def order(ticket: int, **changes: Any) -> dict[str, Any]:
    """A pending buy limit of 0.10 EURUSD."""
    return {
        "ticket": ticket, "symbol": "EURUSD", "order_type": "buy_limit", "state": "placed", "volume_initial": "0.10",
        "volume_current": "0.10", "price_open": "1.08200", "price_stoplimit": "0", "sl": "1.08000", "tp": "1.08700",
        "time_setup_msc": 1, "expiration_msc": 0, "magic": 0, "comment": "",
    } | changes  # fmt: skip


class World:
    """One account, its terminal, its quotes, and the gate in front of it."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        self.engine, self.client, self.clock = engine, client, Clock()
        self.source = Source(id="key-1", name="bot")
        self.gate = Gate(engine, LiveReader(client), clock=self.clock)
        self.seq = 0
        self.account_id = self.add_account(LOGIN)

    def add_account(self, login: int, *, server: str = SERVER) -> int:
        """A healthy account: reconciled, specified, with a terminal, money, a day and an index."""
        description = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}
        with self.engine.begin() as connection:
            account_id = ensure_account(connection, login=login, server=server, **description).id
            activate_reconciled(connection, account_id, NOW)
            upsert_symbols(connection, account_id, [spec(symbol) for symbol in PRICES])
        self.run("UPDATE symbols SET seen_at = %s WHERE account_id = %s", NOW - timedelta(hours=1), account_id)
        self.run(
            "INSERT INTO terminals (account_id, role, session, server_offset_s, clock_skew_ms)"
            " VALUES (%s, 'both', %s, %s, 200)", account_id, SESSION, OFFSET_S,
        )  # fmt: skip
        self.run(
            "INSERT INTO risk_state (account_id, server_day, daily_reference, nav_units) VALUES (%s, %s, 10000, 10000)",
            account_id, date(2026, 3, 4),
        )  # fmt: skip
        self.run(
            "INSERT INTO correlations (account_id, as_of, symbols, links) VALUES (%s, %s, %s, '{}')",
            account_id, NOW - timedelta(hours=1), dump_json(list(PRICES)),
        )  # fmt: skip
        self.snapshot(account_id=account_id)
        return account_id

    def snapshot(
        self, *, positions: Any = (), orders: Any = (), account_id: int | None = None, age_s: float = 1, **money: Any
    ) -> None:
        """The terminal's word on money, positions and orders."""
        self.seq += 1
        account_id = account_id or self.account_id
        with self.engine.begin() as connection:
            lock_account(connection, account_id)
            keep_snapshot(
                connection, account_id, Place(session=SESSION, event_seq=0, seq=self.seq), account=MONEY | money,
                positions=positions, orders=orders, time_msc=1, received_at=self.clock.now - timedelta(seconds=age_s),
            )  # fmt: skip

    def beat(self, login: int = LOGIN, age_s: float = 0.4) -> None:
        """A sign of life of the terminal."""
        seen_ms = int((self.clock.now.timestamp() - age_s) * 1000)
        LiveWriter(self.client).write_terminal(login, "both", session=SESSION, last_seen_ms=seen_ms)
        self.client.persist(keys.terminal(login))  # its age is what counts here, however long a test takes

    def quote(self, symbol: str, bid: str, ask: str, *, age_s: float = 0.5, login: int = LOGIN) -> None:
        """A price of the account's broker."""
        received_ms = int((self.clock.now.timestamp() - age_s) * 1000)
        fields = {"bid": float(bid), "ask": float(ask), "time_msc": received_ms + OFFSET_S * 1000}
        self.client.hset(keys.quotes(login), symbol, json.dumps(fields | {"received_ms": received_ms}))

    def freshen(self, login: int = LOGIN) -> None:
        """Every quote and the terminal, as of now."""
        for symbol, prices in PRICES.items():
            self.quote(symbol, *prices, login=login)
        self.beat(login)

    def buy(self, source: Source | None = None, **changes: Any) -> Answer:
        """What the gate says to the usual BUY with some fields changed; None removes one. Live state is fresh."""
        self.freshen(changes.get("account") or LOGIN)
        return self.send(source, **changes)

    def send(self, source: Source | None = None, **changes: Any) -> Answer:
        """The same, with live state as it is."""
        return self.gate.admit(parse_signal(BUY | changes), source or self.source)

    def close(self, source: Source | None = None, **changes: Any) -> Answer:
        """What the gate says to a CLOSE."""
        signal = parse_signal({"symbol": "EURUSD", "action": "CLOSE"} | changes)
        return self.gate.admit(signal, source or self.source)

    def hold(self, cause: Cause = Cause.OPERATOR_HALTED, *, until: datetime | None = None) -> None:
        """Something that holds the account."""
        held = Hold(cause=cause, reason="test", actor="ann", at=self.clock.now, until=until)
        with self.engine.begin() as connection:
            impose(connection, self.account_id, held)

    def state(self) -> str:
        """What the account may do."""
        return str(self.rows("SELECT trading_state FROM trading_states WHERE account_id = %s", self.account_id)[0][0])

    def run(self, query: str, *values: Any) -> None:
        """Change the database."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(query, values)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Ask the database."""
        with self.engine.begin() as connection:
            return list(connection.exec_driver_sql(query, values))

    def count(self, table: str, condition: str = "true") -> int:
        """How many rows there are."""
        return int(self.rows(f"SELECT count(*) FROM {table} WHERE {condition}")[0][0])

    def reserved(self) -> Decimal:
        """Risk reserved and not ended."""
        return Decimal(self.rows("SELECT COALESCE(sum(risk), 0) FROM reservations WHERE ended_at IS NULL")[0][0])
