"""A broker in this process with short words for what tests do to it, and clocks and ticks to go with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import Broker, BrokerConfig, FactJournal, SymbolSpec, TradeRequest, TradeResult
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderType
from zmq_bridge.simulator.broker.model import Position
from zmq_bridge.simulator.broker.symbols import DEFAULT_SYMBOLS, spec_for
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.broker_server import BrokerServer, BrokerSettings, run_broker
from zmq_bridge.simulator.tick import quote_tick

MONDAY_MSC = 1_704_110_400_000  # 2024-01-01 12:00:00 on the server's clock
HISTDATA = Path(__file__).parents[3] / "shared" / "data" / "histdata-eurusd-2020-01-01.csv"
TRUEFX = Path(__file__).parents[3] / "shared" / "data" / "truefx-usdjpy-2013-01-01.csv"


def free_of_costs(*symbols: str, **changes: Any) -> tuple[SymbolSpec, ...]:
    """The demo symbols without commission and swap, so that a test's numbers are only the ones it is about."""
    specs = [spec_for(symbol) for symbol in symbols] or list(DEFAULT_SYMBOLS)
    free = {"commission_per_lot": Decimal(0), "swap_mode": "disabled"}
    return tuple(replace(spec, **{**free, **changes}) for spec in specs)


class Desk:
    """A broker and its clock."""

    def __init__(self, journal: Path | None = None, **config: Any) -> None:
        config.setdefault("symbols", free_of_costs())
        self._journal = FactJournal(journal) if journal else None
        self.broker = Broker(BrokerConfig(**config), clock_msc=MONDAY_MSC, journal=self._journal)
        self.now_msc = MONDAY_MSC

    def quote(self, symbol: str, bid: str, ask: str, *, after_ms: int = 1000) -> None:
        """Let one tick come."""
        self.now_msc += after_ms
        self.broker.on_ticks(symbol, [quote_tick(self.now_msc, float(bid), float(ask))])

    def market(self, side: str, volume: str, symbol: str = "EURUSD", **more: Any) -> TradeResult:
        """Deal at the market."""
        return self.send(Action.DEAL, OrderType(side), symbol, volume, **more)

    def pending(self, kind: str, volume: str, price: str, symbol: str = "EURUSD", **more: Any) -> TradeResult:
        """Place a pending order."""
        return self.send(Action.PENDING, OrderType(kind), symbol, volume, price=price, **more)

    def send(self, action: Action, type: OrderType = OrderType.BUY, symbol: str = "EURUSD", volume: str = "0",
             **more: Any) -> TradeResult:  # fmt: skip
        """Send a request; amounts may be text."""
        values: dict[str, Any] = {name: Decimal(value) if isinstance(value, str) and name in AMOUNTS else value
                  for name, value in more.items()}  # fmt: skip
        request = TradeRequest(action=action, type=type, symbol=symbol, volume=Decimal(volume), **values)
        result = self.broker.send(request)
        assert result is not None, "the answer was lost"
        return result

    def close(self, ticket: int, volume: str | None = None) -> TradeResult:
        """Close a position at the market."""
        held = self.position(ticket)
        return self.market(
            held.side.opposite.value, volume or str(held.volume), held.symbol, position=ticket, filling=Filling.IOC
        )

    def position(self, ticket: int) -> Position:
        """An open position."""
        return self.broker.core.books.positions[ticket]

    def end(self) -> None:
        """Give the journal up, as the end of the process would."""
        if self._journal:
            self._journal.close()


AMOUNTS = frozenset({"price", "stoplimit", "sl", "tp"})


@contextmanager
def running_broker(**settings: Any) -> Iterator[tuple[BrokerClient, int]]:
    """A broker server in a thread of its own, on a free port, without a feed unless asked for."""
    settings.setdefault("feed", None)
    settings.setdefault("port", 0)
    settings.setdefault("account", BrokerConfig(symbols=free_of_costs()))
    ready = threading.Event()
    started: list[BrokerServer] = []
    failed: list[Exception] = []

    def is_ready(server: BrokerServer) -> None:
        started.append(server)
        ready.set()

    def serve() -> None:
        try:
            run_broker(BrokerSettings(**settings), on_ready=is_ready)
        except Exception as error:  # noqa: BLE001  # handed on, in the test's own thread
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    if failed:
        thread.join()
        raise failed[0]
    port = started[0].port
    client = BrokerClient("127.0.0.1", port, timeout_s=30.0)
    try:
        yield client, port
    finally:
        client.close()
        with BrokerClient("127.0.0.1", port, timeout_s=30.0) as last:
            last.call("shutdown")
        thread.join(30)
        assert not thread.is_alive()


def rows(*quotes: tuple[int, float, float]) -> list[Tick]:
    """Ticks of (time_msc, bid, ask)."""
    return [quote_tick(*quote) for quote in quotes]
