"""POST /api/signal and what people read of signals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from tests.admission.world import BUY, LOGIN, World, position
from tests.web.conftest import Caller, Reply
from web import create_app
from zmq_bridge.settings import Settings

Make = Callable[..., Caller]


def test_a_good_signal_is_accepted_and_its_command_is_queued(caller: Make, world: World) -> None:
    response = caller("signal").post("/api/signal", BUY)
    assert response.status_code == 202, response.text
    assert response.json["status"] == "accepted"
    command = world.rows("SELECT id, kind, status, signal_id FROM commands")
    assert [tuple(row) for row in command] == [
        (response.json["command_id"], "place_order", "queued", response.json["signal_id"])
    ]


def test_a_signal_without_stop_loss_is_denied_with_a_code_and_a_stored_decision(caller: Make, world: World) -> None:
    response = caller("signal").post("/api/signal", {name: BUY[name] for name in BUY if name != "sl"})
    assert response.status_code == 422
    assert response.json["code"] == "STOP_LOSS_MISSING"
    stored = world.rows("SELECT verdict, code FROM risk_decisions WHERE id = %s", response.json["decision_id"])
    assert [tuple(row) for row in stored] == [("denied", "STOP_LOSS_MISSING")]
    assert world.count("commands") == 0


def test_a_bad_field_is_named_with_what_was_expected_and_all_problems_are_listed(caller: Make, world: World) -> None:
    response = caller("signal").post("/api/signal", BUY | {"volume": -1, "colour": "red"})
    assert response.status_code == 400
    assert response.json["code"] == "INVALID_FIELD"
    assert set(response.json["errors"]) == {"volume", "colour"}
    assert world.count("signals") == 0


@pytest.mark.parametrize("volume", ["NaN", "Infinity", "-Infinity", "1e400", True, [], {}, ""])
def test_a_number_that_is_none_is_refused(caller: Make, world: World, volume: object) -> None:
    response = caller("signal").post("/api/signal", BUY | {"volume": volume})
    assert (response.status_code, response.json["field"]) == (400, "volume")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_object_is_refused(app: Flask, caller: Make, world: World, body: bytes) -> None:
    headers = {"X-API-Key": caller("signal").key or "", "Content-Type": "application/json"}
    response = Reply.of(app.test_client().post("/api/signal", data=body, headers=headers))
    assert response.status_code == 400
    assert response.json["code"] in {"MALFORMED", "INVALID_FIELD"}


def test_the_same_idempotency_key_gets_the_first_answer_and_one_command(caller: Make, world: World) -> None:
    sender = caller("signal")
    first = sender.post("/api/signal", BUY, **{"Idempotency-Key": "abc"})
    again = sender.post("/api/signal", BUY | {"idempotency_key": "abc"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json["duplicate"] is True
    assert again.json["command_id"] == first.json["command_id"]
    assert world.count("commands") == 1


def test_the_same_idempotency_key_for_another_signal_is_a_conflict(caller: Make, world: World) -> None:
    sender = caller("signal")
    sender.post("/api/signal", BUY | {"idempotency_key": "abc"})
    other = sender.post("/api/signal", BUY | {"idempotency_key": "abc", "volume": "0.11"})
    assert (other.status_code, other.json["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert world.count("commands") == 1


def test_eight_senders_with_one_key_at_once_make_one_command(caller: Make, world: World) -> None:
    sender = caller("signal")
    ids: list[str] = []
    body = BUY | {"idempotency_key": "storm"}
    threads = [
        threading.Thread(target=lambda: ids.append(sender.post("/api/signal", body).json["command_id"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert world.count("commands") == 1


def test_a_stale_quote_denies(caller: Make, world: World) -> None:
    world.quote("EURUSD", "1.08490", "1.08500", age_s=600)
    response = caller("signal").post("/api/signal", BUY)
    assert (response.status_code, response.json["code"]) == (422, "QUOTE_STALE")


def test_redis_down_denies_an_opening_and_still_lets_a_position_be_closed(
    settings: Settings, caller: Make, world: World
) -> None:
    world.snapshot(positions=[position(7)])
    blind = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    sender = Caller(blind.test_client(), caller("signal", "read").key)
    assert sender.post("/api/signal", BUY).json["code"] == "LIVE_STATE_UNAVAILABLE"
    assert sender.post("/api/signal", {"symbol": "EURUSD", "action": "CLOSE"}).status_code == 202
    assert sender.get("/api/market/prices").status_code == 503
    assert world.rows("SELECT kind FROM commands")[0].kind == "close_position"


def test_a_signal_is_listed_with_its_decision_and_its_command(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    accepted = sender.post("/api/signal", BUY).json
    world.freshen()
    denied = sender.post("/api/signal", BUY | {"volume": "9"}).json
    listed = sender.get("/api/signals").json["signals"]
    assert [found["id"] for found in listed] == [denied["signal_id"], accepted["signal_id"]]
    assert listed[1]["commands"][0]["id"] == accepted["command_id"]
    assert listed[0]["commands"] == []
    assert listed[0]["code"] == denied["code"]
    assert sender.get("/api/signals", status="denied").json["signals"] == [listed[0]]
    assert sender.get(f"/api/signals/{accepted['signal_id']}").json["deals"] == []


def test_signals_are_paged_by_id(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    sent = [sender.post("/api/signal", BUY | {"volume": "9", "magic": magic}).json["signal_id"] for magic in range(3)]
    page = sender.get("/api/signals", limit=2).json
    rest = sender.get("/api/signals", limit=2, cursor=page["next_cursor"]).json
    assert [found["id"] for found in page["signals"] + rest["signals"]] == sent[::-1]
    assert rest["next_cursor"] is None


def test_an_unknown_signal_is_not_found(caller: Make, world: World) -> None:
    response = caller("read").get("/api/signals/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (response.status_code, response.json["code"]) == (404, "SIGNAL_UNKNOWN")


def test_a_key_restricted_to_other_accounts_can_neither_trade_nor_see(caller: Make, world: World) -> None:
    signal_id = caller("signal").post("/api/signal", BUY).json["signal_id"]
    stranger = caller("signal", "read", accounts=[999])
    assert stranger.post("/api/signal", BUY | {"account": LOGIN}).json["code"] == "ACCOUNT_NOT_ALLOWED"
    assert stranger.get(f"/api/signals/{signal_id}").status_code == 404
    assert stranger.get("/api/signals").json["signals"] == []
    assert stranger.get("/api/positions").json["positions"] == []
    assert stranger.get("/api/account").status_code == 404
