"""Finding stored signals, executing one again, taking one back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.admission.world import BUY, World, order
from tests.web.conftest import Caller
from zmq_bridge.storage.commands.outbox import claim

Make = Callable[..., Caller]


def denied_signal(sender: Caller, world: World, **changes: object) -> str:
    """A signal that was denied because the terminal's prices were old."""
    world.quote("EURUSD", "1.08490", "1.08500", age_s=600)
    answer = sender.post("/api/signal", BUY | changes)
    assert answer.json["code"] == "QUOTE_STALE"
    world.freshen()
    return str(answer.json["signal_id"])


def test_both_spellings_of_the_address_take_a_signal(caller: Make, world: World) -> None:
    sender = caller("signal")
    assert sender.post("/api/signals", BUY | {"idempotency_key": "one"}).status_code == 202
    assert sender.post("/api/signal", BUY | {"idempotency_key": "one"}).json["duplicate"] is True


def test_every_field_of_a_signal_comes_back_as_it_was_sent(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    sent = {
        "symbol": "EURUSD", "action": "BUY", "type": "stop-limit", "risk_percent": "0.5", "price": "1.08700",
        "stoplimit": "1.08650", "sl": "1.08400", "tp": "1.09400", "confidence": "72.5", "timeframe": "H1",
        "reason": ["breakout", "trend"], "magic": 77, "comment": "from a test", "expires_at": until,
    }  # fmt: skip
    answer = sender.post("/api/signal", sent)
    found = sender.get(f"/api/signals/{answer.json['signal_id']}").json
    assert found["order_type"] == "stop_limit"
    assert found["reasons"] == sent["reason"]
    for name in ("symbol", "action", "timeframe", "magic", "comment", "risk_percent", "price", "stoplimit", "sl", "tp"):
        assert found[name] == sent[name], name
    assert (found["confidence"], found["expires_at"]) == ("72.5", until)


def test_signals_are_found_by_symbol_status_and_time(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    first = sender.post("/api/signal", BUY).json["signal_id"]
    moment = datetime.now(UTC).isoformat()
    world.freshen()
    second = sender.post("/api/signal", BUY | {"symbol": "GBPUSD", "volume": "9", "sl": "1.264", "tp": "1.27"}).json[
        "signal_id"
    ]

    def ids(path: str, **query: object) -> list[str]:
        return [found["id"] for found in sender.get(path, **query).json["signals"]]

    assert ids("/api/signals/by-symbol/GBPUSD") == [second]
    assert ids("/api/signals/by-symbol/gbpusd") == []
    assert ids("/api/signals", **{"from": moment}) == [second]
    assert ids("/api/signals", to=moment) == [first]
    assert ids("/api/signals", status="queued") == [first]
    assert ids("/api/signals", status="denied") == [second]
    assert sender.get("/api/signals/latest").json["id"] == second
    assert sender.get("/api/signals/latest", symbol="EURUSD").json["id"] == first
    assert sender.get("/api/signals/latest", symbol="USDJPY").status_code == 404


@pytest.mark.parametrize(
    "query", [{"from": "2026-01-01"}, {"cursor": "1_2"}, {"cursor": "'"}, {"status": "x"}, {"limit": 0}]
)
def test_a_list_can_not_be_cut_by_nonsense(caller: Make, world: World, query: dict[str, object]) -> None:
    response = caller("read").get("/api/signals", **query)
    assert (response.status_code, response.json["field"]) == (400, next(iter(query)))


def test_a_denied_signal_is_executed_and_judged_anew(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    stored = denied_signal(sender, world)
    answer = sender.post("/api/signals/execute", {"signal_id": stored})
    assert (answer.status_code, answer.json["executes"]) == (202, stored)
    assert world.rows("SELECT signal_id FROM commands")[0].signal_id == answer.json["signal_id"]
    assert world.count("audit_log", f"action = 'signal.execute' AND subject = 'signal:{stored}'") == 1


def test_executing_twice_makes_one_order(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    stored = denied_signal(sender, world)
    first = sender.post("/api/signals/execute", {"signal_id": stored})
    again = sender.post("/api/signals/execute", {"signal_id": stored})
    assert (again.status_code, again.json["duplicate"]) == (202, True)
    assert again.json["command_ids"] == first.json["command_ids"]
    other = caller("signal", "read").post("/api/signals/execute", {"signal_id": stored})
    assert (other.status_code, other.json["code"]) == (409, "ALREADY_EXECUTED")
    assert world.count("commands") == 1


def test_many_people_who_execute_at_once_make_one_order(caller: Make, world: World) -> None:
    stored = denied_signal(caller("signal"), world)
    people = [caller("signal", "read") for _ in range(6)]
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda who=who: answers.append(who.post("/api/signals/execute", {"signal_id": stored}).status_code)
        )
        for who in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409, 409, 409, 409, 409]
    assert world.count("commands") == 1


def test_a_signal_that_was_executed_is_not_executed_again_but_one_that_expired_is(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    signal = sender.post("/api/signal", BUY).json
    assert sender.post("/api/signals/execute", {"signal_id": signal["signal_id"]}).json["code"] == "ALREADY_EXECUTED"
    world.run("UPDATE commands SET status = 'unknown'")
    assert sender.post("/api/signals/execute", {"signal_id": signal["signal_id"]}).status_code == 409
    world.run("UPDATE commands SET status = 'expired', finished_at = now()")
    world.run("UPDATE reservations SET ended_at = now(), end_reason = 'expired'")
    world.freshen()
    assert sender.post("/api/signals/execute", {"signal_id": signal["signal_id"]}).status_code == 202
    assert world.count("commands") == 2


def test_a_refused_execution_may_be_tried_again(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    stored = denied_signal(sender, world)
    world.quote("EURUSD", "1.08490", "1.08500", age_s=600)
    assert sender.post("/api/signals/execute", {"signal_id": stored}).status_code == 422
    world.freshen()
    assert sender.post("/api/signals/execute", {"signal_id": stored}).status_code == 202


def test_nobody_may_use_the_keys_that_executions_have(caller: Make, world: World) -> None:
    response = caller("signal").post("/api/signal", BUY | {"idempotency_key": "execute:x:1"})
    assert (response.status_code, response.json["field"]) == (400, "idempotency_key")


def test_a_signal_that_waits_is_taken_back_and_its_risk_is_free_again(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    signal = sender.post("/api/signal", BUY).json
    assert world.reserved() > 0
    answer = sender.post(f"/api/signals/{signal['signal_id']}/cancel")
    assert (answer.status_code, answer.json["cancelled"]) == (202, signal["command_ids"])
    assert world.reserved() == 0
    with world.engine.begin() as connection:
        assert claim(connection, [world.account_id], 10) == []
    assert sender.post(f"/api/signals/{signal['signal_id']}/cancel").json["code"] == "NOTHING_TO_CANCEL"
    assert world.count("audit_log", "action = 'signal.cancel'") == 1


def test_a_signal_that_was_handed_over_can_not_be_taken_back(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    signal = sender.post("/api/signal", BUY).json
    with world.engine.begin() as connection:
        assert len(claim(connection, [world.account_id], 10)) == 1
    answer = sender.post(f"/api/signals/{signal['signal_id']}/cancel")
    assert (answer.status_code, answer.json["code"]) == (409, "NOTHING_TO_CANCEL")
    assert world.reserved() > 0


def test_the_pending_order_of_a_signal_is_cancelled_through_the_gate(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    signal = sender.post("/api/signal", BUY | {"type": "limit", "price": "1.08450"}).json
    world.run("UPDATE commands SET status = 'done', finished_at = now(), order_ticket = 55")
    world.snapshot(orders=[order(55)])
    first = sender.post(f"/api/signals/{signal['signal_id']}/cancel")
    again = sender.post(f"/api/signals/{signal['signal_id']}/cancel")
    assert [found["ticket"] for found in first.json["orders"]] == [55]
    assert first.json["orders"] == again.json["orders"]
    assert [row.kind for row in world.rows("SELECT kind FROM commands ORDER BY id")] == ["place_order", "cancel_order"]


def test_a_signal_of_somebody_elses_account_or_symbol_is_not_there(caller: Make, world: World) -> None:
    signal = caller("signal").post("/api/signal", BUY).json["signal_id"]
    for stranger in (caller("signal", "read", accounts=[999]), caller("signal", "read", symbols=["GBPUSD"])):
        assert stranger.get(f"/api/signals/{signal}").status_code == 404
        assert stranger.post("/api/signals/execute", {"signal_id": signal}).status_code == 404
        assert stranger.post(f"/api/signals/{signal}/cancel").status_code == 404
        assert stranger.get("/api/signals").json["signals"] == []
        assert stranger.get("/api/signals/latest").status_code == 404
