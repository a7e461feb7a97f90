"""Positions, orders, deals and trades: reading them and changing them through the gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.admission.world import BUY, LOGIN, World, order, position
from tests.web.conftest import Caller
from zmq_bridge.storage.trading.events import insert_deal

Make = Callable[..., Caller]


def deal(world: World, ticket: int, **changes: Any) -> None:
    """Book a deal of the usual buy."""
    made = {
        "ticket": ticket, "order": ticket, "position": 70, "symbol": "EURUSD", "type": "buy", "entry": "in",
        "volume": "0.20", "price": "1.08", "profit": "0", "commission": "-0.7", "swap": "0", "fee": "0",
        "time_msc": 1_000_000 + ticket, "magic": 0, "comment": "", "reason": "expert", "sl": "0", "tp": "0",
    } | changes  # fmt: skip
    with world.engine.begin() as connection:
        insert_deal(connection, world.account_id, made)


def commands(world: World) -> list[tuple[str, dict[str, Any]]]:
    return [(row.kind, row.payload) for row in world.rows("SELECT kind, payload FROM commands ORDER BY id")]


def test_a_position_is_closed_whole_or_in_part(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7, volume="0.30")])
    trader = caller("trade")
    assert trader.post("/api/positions/close", {"ticket": 7}).status_code == 202
    assert trader.post("/api/positions/close", {"ticket": 7, "volume": "0.10"}).status_code == 202
    found = commands(world)
    assert [(kind, payload["position"], payload["volume"]) for kind, payload in found] == [
        ("close_position", 7, "0"), ("close_position", 7, "0.1"),
    ]  # fmt: skip


def test_two_opposite_positions_close_each_other(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7), position(8, side="sell", sl="1.09", tp="1.07")])
    trader = caller("trade")
    assert trader.post("/api/positions/close", {"ticket": 7, "by": 8}).status_code == 202
    assert trader.post("/api/positions/close", {"ticket": 7, "by": 7}).json["code"] == "NOT_NETTED"
    assert trader.post("/api/positions/close", {"ticket": 7, "by": 8, "volume": "0.1"}).json["field"] == "by"
    assert [kind for kind, _ in commands(world)] == ["close_by"]


def test_stops_are_moved_kept_and_taken_away(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7)])
    trader = caller("trade")
    world.freshen()
    assert trader.post("/api/positions/modify", {"ticket": 7, "sl": "1.08350"}).status_code == 202
    world.freshen()
    assert trader.post("/api/positions/modify", {"ticket": 7, "tp": None}).status_code == 202
    world.freshen()
    assert trader.post("/api/positions/modify", {"ticket": 7, "sl": None}).json["code"] == "STOP_LOSS_MISSING"
    assert trader.post("/api/positions/modify", {"ticket": 7}).status_code == 400
    moved = [payload for kind, payload in commands(world) if kind == "modify_position"]
    assert [(payload["sl"], payload["tp"]) for payload in moved] == [("1.0835", "1.089"), ("1.083", "0")]


def test_everything_is_closed_of_one_symbol_or_of_all(caller: Make, world: World) -> None:
    trader = caller("trade")
    assert trader.post("/api/positions/close-all", {"symbol": "EURUSD"}).status_code == 202
    assert trader.post("/api/positions/close-all", {"cancel_pending": True}).status_code == 202
    assert [(payload["symbol"], payload["cancel_pending"]) for _, payload in commands(world)] == [
        ("EURUSD", False), ("", True),
    ]  # fmt: skip


def test_an_order_is_made_changed_and_cancelled(caller: Make, world: World) -> None:
    trader = caller("trade", "read")
    limit = BUY | {"type": "limit", "price": "1.08450"}
    world.freshen()
    assert trader.post("/api/orders", limit).status_code == 202
    world.snapshot(orders=[order(55)])
    world.freshen()
    assert trader.post("/api/orders/modify", {"ticket": 55, "price": "1.08210"}).status_code == 202
    assert trader.post("/api/orders/cancel", {"ticket": 55}).status_code == 202
    assert [kind for kind, _ in commands(world)] == ["place_order", "modify_order", "cancel_order"]
    assert trader.post("/api/orders", {"symbol": "EURUSD", "action": "CLOSE"}).json["field"] == "action"


def test_orders_pass_the_same_risk_gate_as_signals(caller: Make, world: World) -> None:
    world.freshen()
    response = caller("trade").post("/api/orders", {name: BUY[name] for name in BUY if name != "sl"})
    assert (response.status_code, response.json["code"]) == (422, "STOP_LOSS_MISSING")


REQUESTS = [
    ("/api/positions/close", {"ticket": 7}),
    ("/api/positions/modify", {"ticket": 7, "sl": "1.08350"}),
    ("/api/positions/close-all", {}),
    ("/api/orders/cancel", {"ticket": 55}),
    ("/api/orders/modify", {"ticket": 55, "price": "1.08210"}),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_an_idempotency_key_makes_one_command_of_two_requests(
    caller: Make, world: World, path: str, body: dict[str, Any]
) -> None:
    world.snapshot(positions=[position(7)], orders=[order(55)])
    world.freshen()
    trader = caller("trade")
    first = trader.post(path, body, **{"Idempotency-Key": "k1"})
    again = trader.post(path, body | {"idempotency_key": "k1"})
    assert (first.status_code, again.status_code, again.json["duplicate"]) == (202, 202, True), first.text
    assert again.json["command_ids"] == first.json["command_ids"]
    other = trader.post("/api/positions/close-all", {"symbol": "USDJPY"}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert world.count("commands") == 1


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_change_is_in_the_audit_log_with_who_asked_and_how_it_stood(
    caller: Make, world: World, path: str, body: dict[str, Any]
) -> None:
    world.snapshot(positions=[position(7)], orders=[order(55)])
    world.freshen()
    assert caller("trade").post(path, body).status_code == 202
    line = world.rows("SELECT * FROM audit_log WHERE action ~ '^(position|order)' ORDER BY id DESC")[0]
    assert line.actor.startswith("test (")
    assert line.account_id == world.account_id
    assert (line.before or {}).get("symbol") == ("EURUSD" if "ticket" in body else None)
    assert line.after["request"]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_key_for_another_symbol_changes_nothing(caller: Make, world: World, path: str, body: dict[str, Any]) -> None:
    world.snapshot(positions=[position(7)], orders=[order(55)])
    world.freshen()
    response = caller("trade", symbols=["GBPUSD"]).post(path, body)
    assert (response.status_code, response.json["code"]) == (422, "SYMBOL_NOT_ALLOWED")
    assert world.count("commands") == 0


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_a_key_for_another_account_changes_nothing(caller: Make, world: World, path: str, body: dict[str, Any]) -> None:
    response = caller("trade", accounts=[999]).post(path, body | {"account": LOGIN})
    assert (response.status_code, response.json["code"]) == (422, "ACCOUNT_NOT_ALLOWED")
    assert world.count("commands") == 0


def test_a_closing_signal_also_keeps_to_the_keys_symbols(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7)])
    response = caller("signal", symbols=["GBPUSD"]).post("/api/signal", {"symbol": "EURUSD", "action": "CLOSE"})
    assert response.json["code"] == "SYMBOL_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/positions/close", {}, "ticket"),
        ("/api/positions/close", {"ticket": 0}, "ticket"),
        ("/api/positions/close", {"ticket": True}, "ticket"),
        ("/api/positions/close", {"ticket": 2**63}, "ticket"),
        ("/api/positions/close", {"ticket": 7, "volume": "NaN"}, "volume"),
        ("/api/positions/close", {"ticket": 7, "volume": 0}, "volume"),
        ("/api/positions/close", {"ticket": 7, "colour": 1}, "colour"),
        ("/api/positions/close-all", {"cancel_pending": "maybe"}, "cancel_pending"),
        ("/api/orders/modify", {"ticket": 7, "price": None}, "price"),
        ("/api/orders/modify", {"ticket": 7, "expires_at": "2026-01-01T00:00:00"}, "expires_at"),
    ],
)
def test_a_bad_field_is_named(caller: Make, world: World, path: str, body: dict[str, Any], field: str) -> None:
    response = caller("trade").post(path, body)
    assert (response.status_code, response.json["field"]) == (400, field), response.text


def test_one_position_is_read_by_its_ticket(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7)])
    reader = caller("read")
    assert reader.get("/api/positions/7").json["ticket"] == 7
    assert reader.get("/api/positions/8").json["code"] == "TICKET_UNKNOWN"
    assert reader.get(f"/api/positions/{2**70}").status_code == 404
    assert caller("read", symbols=["GBPUSD"]).get("/api/positions/7").status_code == 404


def walk(reader: Caller, path: str, name: str, **query: Any) -> list[Any]:
    """Every row of a list, page by page."""
    rows: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        body = reader.get(path, limit=2, **query, **({"cursor": cursor} if cursor else {})).json
        rows += body[name]
        cursor = body["next_cursor"]
    return rows


def test_pages_have_every_row_once_also_where_times_are_equal(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(ticket) for ticket in range(1, 6)], orders=[order(n) for n in range(50, 55)])
    for ticket in range(1, 6):
        deal(world, ticket, time_msc=1_000_000, position=100 + ticket)
    reader = caller("read")
    assert [found["ticket"] for found in walk(reader, "/api/positions", "positions")] == [1, 2, 3, 4, 5]
    assert [found["ticket"] for found in walk(reader, "/api/orders", "orders")] == [54, 53, 52, 51, 50]
    assert [found["ticket"] for found in walk(reader, "/api/deals", "deals")] == [5, 4, 3, 2, 1]
    assert [found["position"] for found in walk(reader, "/api/trades", "trades")] == [105, 104, 103, 102, 101]


def test_a_position_that_is_dealt_while_one_pages_is_neither_skipped_nor_shown_twice(
    caller: Make, world: World
) -> None:
    for ticket in range(1, 6):
        deal(world, ticket, time_msc=1_000_000 + ticket, position=100 + ticket, volume="0.20")
    reader = caller("read")
    first = reader.get("/api/trades", limit=2).json
    assert [found["position"] for found in first["trades"]] == [105, 104]
    deal(world, 6, type="sell", entry="out", volume="0.10", time_msc=1_000_900, position=102)
    rest = reader.get("/api/trades", limit=9, cursor=first["next_cursor"]).json
    assert [found["position"] for found in rest["trades"]] == [103, 102, 101]


def test_closed_trades_come_with_the_one_that_was_closed_last_first(caller: Make, world: World) -> None:
    for ticket in (1, 2, 3):
        deal(world, ticket, time_msc=1_000_000 + ticket, position=100 + ticket)
        deal(world, 10 + ticket, type="sell", entry="out", time_msc=1_000_900 - ticket, position=100 + ticket)
    found = walk(caller("read"), "/api/trades", "trades", status="closed")
    assert [trade["position"] for trade in found] == [101, 102, 103]


def test_a_trade_is_a_position_from_its_first_deal_to_its_last(caller: Make, world: World) -> None:
    deal(world, 1, volume="0.20", price="1.08000")
    deal(world, 2, type="sell", entry="out", volume="0.10", price="1.08100", profit="10", time_msc=1_000_500)
    reader = caller("read")
    still_open = reader.get("/api/trades").json["trades"][0]
    assert (still_open["status"], still_open["closed_msc"]) == ("open", None)
    deal(
        world, 3, type="sell", entry="out", volume="0.10", price="1.08300", profit="30", swap="-1.5", time_msc=1_000_900
    )
    trade = reader.get("/api/trades", status="closed").json["trades"][0]
    names = ("side", "price_open", "price_close", "profit", "net_profit", "deals")
    assert {name: trade[name] for name in names} == {
        "side": "buy", "price_open": "1.08", "price_close": "1.082", "profit": "40.00", "net_profit": "36.40",
        "deals": 3,
    }  # fmt: skip
    assert (trade["volume_opened"], trade["volume_closed"], trade["closed_msc"]) == ("0.20", "0.20", 1_000_900)
    assert reader.get("/api/trades", status="open").json["trades"] == []


def test_deals_are_cut_by_time_on_the_servers_clock(caller: Make, world: World) -> None:
    moment = datetime.now(UTC).replace(microsecond=0)
    world.run("UPDATE terminals SET server_offset_s = 7200")
    server_ms = int(moment.timestamp() * 1000) + 7_200_000
    deal(world, 1, time_msc=server_ms - 1)
    deal(world, 2, time_msc=server_ms)
    reader = caller("read")
    assert [found["ticket"] for found in reader.get("/api/deals", **{"from": moment.isoformat()}).json["deals"]] == [2]
    assert [found["ticket"] for found in reader.get("/api/deals", to=moment.isoformat()).json["deals"]] == [1]
    later = (moment + timedelta(hours=1)).isoformat()
    assert reader.get("/api/deals", **{"from": later}).json["deals"] == []


def test_lists_are_cut_by_status_symbol_and_account(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7), position(8, side="sell", symbol="GBPUSD")], orders=[order(55)])
    world.run("UPDATE orders SET working = false, state = 'canceled' WHERE ticket = 55")
    deal(world, 1)
    deal(world, 2, type="balance", symbol="", position=0, profit="100")
    reader = caller("read")
    assert [found["ticket"] for found in reader.get("/api/positions", status="sell").json["positions"]] == [8]
    assert reader.get("/api/orders", status="working").json["orders"] == []
    assert [found["ticket"] for found in reader.get("/api/orders", status="canceled").json["orders"]] == [55]
    assert [found["ticket"] for found in reader.get("/api/deals", status="in").json["deals"]] == [1]
    assert len(reader.get("/api/deals").json["deals"]) == 2
    assert reader.get("/api/deals", account=4242).status_code == 404
    only = caller("read", symbols=["GBPUSD"])
    assert [found["ticket"] for found in only.get("/api/positions").json["positions"]] == [8]
    assert only.get("/api/positions", symbol="EURUSD").json["positions"] == []
    assert only.get("/api/deals").json["deals"] == []
