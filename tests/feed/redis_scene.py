"""The moment that docs/redis.md shows, written by the bridge's own writers."""

from __future__ import annotations

from decimal import Decimal

import redis

from zmq_bridge.live.tick_writer import LiveBatch, LiveBeat, TickWriter
from zmq_bridge.live.writer import LiveWriter, Scalar
from zmq_bridge.protocol.ticks import Tick, pack_ticks

LOGIN = 123456
SESSION = 1767322800000
NOW_MS = 1767323045678
START_MSC = 1577898000065
QUOTES = ((0, 1.1212, 1.12172), (10382, 1.1212, 1.12192), (10433, 1.12117, 1.12161), (12514, 1.1212, 1.12161))

SIGNAL = {  # as the desk tells it: what has no value is left out
    "id": "01KDXN2T3B4W6V2M8K1R5Q9D7F", "login": LOGIN, "source": "key:1", "symbol": "EURUSD", "action": "BUY",
    "order_type": "market", "volume": Decimal("0.10"), "sl": Decimal("1.119"), "tp": Decimal("1.126"),
    "status": "accepted", "decision_id": "01KDXN2T3C0R7T9Z5X2E8H4J6K", "created_at": "2026-01-02T03:04:05.678000+00:00",
}  # fmt: skip


def play(client: redis.Redis) -> None:
    """Write everything the document looks at."""
    _write_ticks(TickWriter(client))
    live = LiveWriter(client)
    told = {"state": "connected", "server_offset_s": 7200}
    live.write_terminal(LOGIN, "both", session=SESSION, last_seen_ms=NOW_MS - 120, fields=told)
    _write_account(live)
    live.add_event("command_result", LOGIN, {"command_id": "01KDXN2T9WJ0M2Q6Y1V5R8E3ZC", "status": "done"})
    live.add_event("deal", LOGIN, {"ticket": 80021, "position": 70011, "price": Decimal("1.12161")})
    live.add_signal(SIGNAL)
    live.write_stats("recorder", {"ticks": 9504, "postgres_ticks": 9504, "postgres_queue": 0, "gaps": 0})


def _write_ticks(writer: TickWriter) -> None:
    ticks = [Tick(START_MSC + after, bid, ask, 0.0, 0.0, 6) for after, bid, ask in QUOTES]
    beat = LiveBeat(login=LOGIN, role="both", session=SESSION, time_msc=ticks[-1].time_msc, received_ms=NOW_MS)
    for seq, tick in enumerate(ticks, start=1):
        writer.write([_batch("EURUSD", seq, [tick])], [beat])
    busy = [Tick(START_MSC + number, 1.30, 1.3001, 0.0, 0.0, 6) for number in range(200)]
    writer.write([_batch("GBPUSD", 1, busy)])


def _batch(symbol: str, seq: int, ticks: list[Tick]) -> LiveBatch:
    return LiveBatch(symbol, LOGIN, SESSION, seq, ticks, pack_ticks(SESSION, seq, ticks), NOW_MS)


def _write_account(live: LiveWriter) -> None:
    account: dict[str, Scalar] = {
        "currency": "USD", "balance": Decimal("10000.00"), "equity": Decimal("9995.60"), "event_seq": 2,
    }  # fmt: skip
    live.write_account(LOGIN, account, received_ms=NOW_MS)
    position: dict[str, Scalar] = {
        "ticket": 70011, "symbol": "EURUSD", "side": "buy", "volume": Decimal("0.10"),
        "price_open": Decimal("1.12161"), "sl": Decimal("1.11900"), "profit": Decimal("-4.10"),
    }  # fmt: skip
    live.write_positions(LOGIN, [position], received_ms=NOW_MS)
