"""Candles and ticks over HTTP, against the same ticks counted by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.admission.world import LOGIN, World
from tests.web.conftest import Caller
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks import hourly_bars
from zmq_bridge.storage.ticks.bars import WIDTHS_MSC
from zmq_bridge.storage.ticks.copy import TickRun, copy_ticks
from zmq_bridge.storage.ticks.cursors import TickCursor, save_cursors
from zmq_bridge.storage.ticks.history import open_gap, replace_range

Make = Callable[..., Caller]

MONDAY = 1_772_409_600_000  # 2026-03-02T00:00:00 on the server's clock
HOUR = 3_600_000
DAY = 24 * HOUR


def store(world: World, ticks: Sequence[Tick]) -> None:
    """Store ticks as the recorder does, with the cursor behind them."""
    run = TickRun(account_id=world.account_id, symbol="EURUSD", session=1, seq=1, ticks=ticks, received_ms=1)
    cursor = TickCursor(session=1, seq=len(ticks), time_msc=ticks[-1].time_msc, received_ms=1)
    with world.engine.begin() as connection:
        copy_ticks(connection, [run])
        save_cursors(connection, {(world.account_id, "EURUSD"): cursor})


def walk_of_prices(count: int, span_msc: int, *, start: int = MONDAY, seed: int = 1) -> list[Tick]:
    """Ticks at uneven times, several of them within one millisecond."""
    chance = random.Random(seed)
    times = sorted(start + chance.randrange(span_msc) for _ in range(count - count // 10))
    times = sorted(times + times[: count // 10])
    prices = [round(1.08 + chance.randrange(-500, 500) / 100_000, 5) for _ in times]
    return [Tick(time, bid, bid + 0.0001, 0.0, 0.0, 6) for time, bid in zip(times, prices, strict=True)]


def by_hand(ticks: Sequence[Tick], width: int) -> list[tuple[Any, ...]]:
    """What the candles of ticks are."""
    bars: dict[int, list[float]] = {}
    for tick in ticks:
        bars.setdefault(tick.time_msc // width * width, []).append(tick.bid)
    return [
        (time, *(f"{price:.5f}" for price in (bids[0], max(bids), min(bids), bids[-1])), len(bids))
        for time, bids in sorted(bars.items())
    ]


def shown(candles: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("time_msc", "open", "high", "low", "close", "tick_volume")
    return [tuple(candle[name] for name in names) for candle in candles]


@pytest.fixture
def three_days(world: World) -> list[Tick]:
    """Three days of ticks with a hole of a day in the middle."""
    ticks = walk_of_prices(1500, DAY) + walk_of_prices(1500, DAY, start=MONDAY + 2 * DAY, seed=2)
    store(world, ticks)
    return ticks


def test_candles_are_what_the_ticks_say_in_every_timeframe(caller: Make, world: World, three_days: list[Tick]) -> None:
    reader = caller("read")
    for timeframe, width in WIDTHS_MSC.items():
        answer = reader.get("/api/market/candles", symbol="EURUSD", timeframe=timeframe, count=5000)
        assert shown(answer.json["candles"]) == by_hand(three_days, width), timeframe
        assert [candle["closed"] for candle in answer.json["candles"]] == [True] * (len(answer.json["candles"]) - 1) + [
            False
        ]


def test_stored_hours_change_no_candle(caller: Make, world: World, three_days: list[Tick]) -> None:
    with world.engine.begin() as connection:
        for span in hourly_bars.unmade(connection, world.account_id):
            hourly_bars.make(connection, world.account_id, *span)
        world_hours = connection.exec_driver_sql("SELECT count(*) FROM candles").scalar_one()
        connection.exec_driver_sql("DELETE FROM candles WHERE time_msc / 3600000 %% 3 = 0")
    assert world_hours > 20
    reader = caller("read")
    for timeframe in ("H1", "H4", "D1"):
        candles = reader.get("/api/market/candles", symbol="EURUSD", timeframe=timeframe, count=100).json["candles"]
        assert shown(candles) == by_hand(three_days, WIDTHS_MSC[timeframe]), timeframe


def test_a_backfill_changes_the_stored_hours_it_touches(caller: Make, world: World, three_days: list[Tick]) -> None:
    late = Tick(three_days[40].time_msc + 1, 1.5, 1.6, 0.0, 0.0, 6)
    with world.engine.begin() as connection:
        for span in hourly_bars.unmade(connection, world.account_id):
            hourly_bars.make(connection, world.account_id, *span)
        replace_range(
            connection, world.account_id, "EURUSD", late.time_msc, late.time_msc, [late], now=datetime.now(UTC)
        )
    day = caller("read").get("/api/market/candles", symbol="EURUSD", timeframe="D1", count=10).json["candles"][0]
    assert day["high"] == "1.50000"


def test_a_range_has_the_candles_that_open_in_it(caller: Make, world: World, three_days: list[Tick]) -> None:
    query = {"symbol": "EURUSD", "timeframe": "H1", "from": "2026-03-02T03:00:00", "to": str(MONDAY + 7 * HOUR)}
    candles = caller("read").get("/api/market/candles", **query).json["candles"]
    assert [candle["time"] for candle in candles] == [f"2026-03-02T0{hour}:00:00" for hour in (3, 4, 5, 6)]


def test_days_are_the_servers_whatever_its_offset_is_and_was(caller: Make, world: World) -> None:
    """A server two hours ahead of UTC in winter and three in summer: its midnight is the boundary on both sides."""
    friday = 1_774_569_600_000  # 2026-03-27T00:00:00 of the server; clocks change on the 29th
    ticks = [
        Tick(friday + day * DAY + hour * HOUR, 1.0 + day / 10, 1.2, 0, 0, 6) for day in range(5) for hour in (0, 23)
    ]
    store(world, ticks)
    reader = caller("read")
    answers = []
    for offset_s in (7200, 10800):
        world.run("UPDATE terminals SET server_offset_s = %s", offset_s)
        answers.append(reader.get("/api/market/candles", symbol="EURUSD", timeframe="D1", count=10).json["candles"])
    assert answers[0] == answers[1]
    assert [candle["time"][:10] for candle in answers[0]] == [
        "2026-03-27",
        "2026-03-28",
        "2026-03-29",
        "2026-03-30",
        "2026-03-31",
    ]
    assert {candle["tick_volume"] for candle in answers[0]} == {2}


def test_a_gap_is_shown_and_its_candles_are_not_called_complete(
    caller: Make, world: World, three_days: list[Tick]
) -> None:
    with world.engine.begin() as connection:
        open_gap(
            connection, account_id=world.account_id, symbol="EURUSD", session=1, from_msc=MONDAY + HOUR,
            to_msc=MONDAY + 2 * HOUR, lost=9, reason="test",
        )  # fmt: skip
    answer = caller("read").get("/api/market/candles", symbol="EURUSD", timeframe="H1", count=5000).json
    assert [(gap["from_msc"], gap["to_msc"], gap["state"], gap["lost"]) for gap in answer["gaps"]] == [
        (MONDAY + HOUR, MONDAY + 2 * HOUR, "open", 9)
    ]
    incomplete = [candle["time_msc"] for candle in answer["candles"] if candle["closed"] and not candle["complete"]]
    assert incomplete == [MONDAY + HOUR, MONDAY + 2 * HOUR]


def test_the_newest_are_found_behind_a_hole(caller: Make, world: World, three_days: list[Tick]) -> None:
    candles = caller("read").get("/api/market/candles", symbol="EURUSD", timeframe="M1", count=1000).json["candles"]
    assert shown(candles) == by_hand(three_days, 60_000)[-1000:]
    ticks = caller("read").get("/api/market/ticks", symbol="EURUSD", count=3).json["ticks"]
    assert [tick["time_msc"] for tick in ticks] == [tick.time_msc for tick in three_days[-3:]]


def test_ticks_of_a_range_are_paged_without_losing_one(caller: Make, world: World) -> None:
    ticks = walk_of_prices(25_000, HOUR)
    store(world, ticks)
    reader = caller("read")
    found: list[int] = []
    start: int | None = MONDAY
    while start is not None:
        query = {"symbol": "EURUSD", "from": str(start), "to": str(MONDAY + HOUR)}
        answer = reader.get("/api/market/ticks", **query).json
        found += [tick["time_msc"] for tick in answer["ticks"]]
        start = answer["next_from"]
    assert found == [tick.time_msc for tick in ticks]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"timeframe": "M7"}, "timeframe"),
        ({"count": 0}, "count"),
        ({"count": 5001}, "count"),
        ({"from": "2026-03-02T00:00:00"}, "to"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00"}, "from"),
        ({"from": "2026-03-03T00:00:00", "to": "2026-03-02T00:00:00"}, "to"),
        ({"from": "1", "to": "2", "count": 5}, "count"),
        ({"from": "0", "to": "9999999999999"}, "from"),
        ({"symbol": ""}, "symbol"),
    ],
)
def test_a_bad_question_is_answered_with_what_was_expected(
    caller: Make, world: World, query: dict[str, Any], field: str
) -> None:
    response = caller("read").get("/api/market/candles", **({"symbol": "EURUSD", "timeframe": "M1"} | query))
    assert (response.status_code, response.json["field"]) == (400, field)


def test_an_unknown_symbol_is_not_found_and_neither_is_one_of_another_key(caller: Make, world: World) -> None:
    for key, symbol in ((caller("read"), "eurusd"), (caller("read", symbols=["GBPUSD"]), "EURUSD")):
        for path in ("/api/market/candles", "/api/market/ticks"):
            response = key.get(path, symbol=symbol, **({"timeframe": "M1"} if "candles" in path else {}))
            assert (response.status_code, response.json["code"]) == (404, "SYMBOL_UNKNOWN")


def test_symbols_and_account_are_described(caller: Make, world: World) -> None:
    reader = caller("read")
    found = reader.get("/api/market/symbols").json["symbols"]
    assert [symbol["symbol"] for symbol in found] == ["EURUSD", "GBPUSD", "USDJPY"]
    assert (found[0]["digits"], found[0]["volume_step"], found[0]["tradable"]) == (5, "0.01", True)
    account, other = reader.get("/api/market/account").json, reader.get("/api/account").json
    assert (account["account"], account["equity"]) == (LOGIN, other["equity"])
    only = caller("read", symbols=["GBPUSD"])
    assert [symbol["symbol"] for symbol in only.get("/api/market/symbols").json["symbols"]] == ["GBPUSD"]
    assert [price["symbol"] for price in only.get("/api/market/prices").json["prices"]] == ["GBPUSD"]
