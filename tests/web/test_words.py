"""What refusals say to people: the side a stop belongs on, the symbols there are, nothing that is not known."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.admission.world import World
from tests.web.conftest import Caller
from web.denials import SYMBOLS_SHOWN, denial

BUY = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10"}


@pytest.mark.parametrize(
    ("code", "context", "said"),
    [
        ("STOP_LOSS_WRONG_SIDE", {"found": "1.2", "expected": "1.08"}, "The stop loss must be below 1.08; found 1.2."),
        ("STOP_LOSS_WRONG_SIDE", {"found": "1.07", "expected": "1.08"}, "stop loss must be above 1.08; found 1.07."),
        ("TAKE_PROFIT_WRONG_SIDE", {"found": "1", "expected": "1.0"}, "must be beyond, not at, 1.0; found 1."),
        ("RISK_REWARD_TOO_LOW", {"risk_reward": "0.7121758032337789"}, "(risk_reward=0.712176)"),
        ("STOPS_LEVEL", {"distance": "0.00012345"}, "(distance=0.00012345)"),
        ("ACCOUNT_UNKNOWN", {"account": 77, "server": None}, "(account=77)"),
        ("ACCOUNT_REQUIRED", {"accounts": ["1@A", "2@B"]}, "(accounts=1@A, 2@B)"),
        ("IDEMPOTENCY_KEY_REUSED", {"changed": ["sl", "tp"]}, "(changed=sl, tp)"),
    ],
)  # fmt: skip
def test_a_denial_says_what_was_found_and_where_it_belongs(code: str, context: dict[str, object], said: str) -> None:
    message = denial(code, context)
    assert message.startswith(f"{code}: ")
    assert message.endswith(said)


@pytest.mark.parametrize("context", [{}, {"found": "None", "expected": "1"}, {"found": "1"}])
def test_a_wrong_side_without_prices_is_still_a_sentence(context: dict[str, str]) -> None:
    assert "must be" not in denial("STOP_LOSS_WRONG_SIDE", context)


def test_symbols_are_named_up_to_a_bound() -> None:
    many = [f"S{number:03}" for number in range(300)]
    said = denial("SPEC_MISSING", {"symbol": "NOPE"}, lambda: many)
    assert said.count("S0") == SYMBOLS_SHOWN
    assert "and 288 more" in said
    assert "has" not in denial("SPEC_MISSING", {"symbol": "NOPE"}, list)


def test_a_parameter_that_there_is_not_is_refused_and_not_passed_over(
    caller: Callable[..., Caller], world: World
) -> None:
    reader = caller("read")
    for path, wrong, query in (
        ("signals", "simbol", {}), ("deals", "limits", {}), ("account", "acount", {}), ("account/history", "point", {}),
        ("market/ticks", "limit", {"symbol": "EURUSD"}), ("positions", "from", {}),
    ):  # fmt: skip
        reply = reader.get(f"/api/{path}", **query, **{wrong: "1"})
        assert (reply.status_code, reply.json["code"], reply.json["field"]) == (400, "INVALID_FIELD", wrong), path
        assert reply.json["message"].startswith(f"{wrong}: There is no such field; expected ")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "accounts"), ("get", "keys"), ("get", "users/2"), ("get", "notifications/destinations"),
     ("get", "risk/codes"), ("post", "risk/kill"), ("get", "docs"), ("get", "openapi.json")],
)  # fmt: skip
def test_an_address_without_parameters_refuses_any_in_the_same_words(
    caller: Callable[..., Caller], world: World, method: str, path: str
) -> None:
    client = caller("admin", "trade")
    response = client.client.open(
        f"/api/{path}?login=9", method=method, json={"reason": "x"}, headers={"X-API-Key": client.key}
    )
    found = response.get_json()
    said = "There is no such field; expected none."
    assert (response.status_code, found["code"], found["field"]) == (400, "INVALID_FIELD", "login")
    assert (found["message"], found["errors"]) == (f"login: {said}", {"login": [said]})
    assert world.state() == "active", "what is refused is not done"


def test_who_may_not_ask_is_told_that_before_a_parameter_is_looked_at(caller: Callable[..., Caller]) -> None:
    assert caller().get("/api/keys", name="x").status_code == 401
    assert caller("read").get("/api/keys", name="x").status_code == 403


def test_addresses_that_are_not_of_the_api_pass_over_what_they_do_not_know(caller: Callable[..., Caller]) -> None:
    assert caller().get("/health", again="1").status_code == caller().get("/health").status_code


def test_an_unknown_symbol_is_answered_with_those_there_are(caller: Callable[..., Caller], world: World) -> None:
    world.freshen()
    reply = caller("signal").post("/api/signal", {**BUY, "symbol": "NOPE", "sl": "1", "tp": "2"})
    assert (reply.status_code, reply.json["code"]) == (422, "SPEC_MISSING")
    assert "The account has " in reply.json["message"]
    assert "EURUSD" in reply.json["message"]


def test_a_key_for_some_symbols_is_told_of_no_other(caller: Callable[..., Caller], world: World) -> None:
    world.freshen()
    reply = caller("signal", symbols=["NOPE"]).post("/api/signal", {**BUY, "symbol": "NOPE", "sl": "1", "tp": "2"})
    assert reply.status_code == 422
    assert "EURUSD" not in reply.json["message"]


@pytest.mark.parametrize(
    ("path", "named"),
    [("/api/signal", "idempotency_key"), ("/api/orders", "volume"), ("/api/positions/close", "ticket"),
     ("/api/users", "email"), ("/api/keys", "scopes")],
)  # fmt: skip
def test_a_field_that_there_is_not_is_answered_with_those_there_are(
    caller: Callable[..., Caller], path: str, named: str
) -> None:
    reply = caller("signal", "trade", "admin").post(path, {**BUY, "volum": "1"})
    assert reply.status_code == 400
    assert reply.json["code"] == "INVALID_FIELD"
    told = [each for each in json.dumps(reply.json["errors"]).split('"') if each.startswith("There is no such field")]
    assert told, reply.json
    assert all(named in each for each in told)


@pytest.mark.parametrize("path", ["/api/signal", "/api/orders", "/api/positions/close", "/api/users", "/api/keys"])
@pytest.mark.parametrize("body", [[], "text", 7])
def test_a_body_that_is_no_object_is_told_so(caller: Callable[..., Caller], path: str, body: object) -> None:
    reply = caller("signal", "trade", "admin").post(path, body)
    assert reply.status_code == 400
    assert reply.json["message"].startswith("Expected a")
    assert "object" in reply.json["message"]
    assert "found" in reply.json["message"]


@pytest.mark.parametrize("amount", [-5, 0, "-5", "0", 1.5, None, [], "x" * 500])
def test_an_amount_that_is_none_is_told_what_one_is(caller: Callable[..., Caller], amount: object) -> None:
    reply = caller("admin").post("/api/users/1/invest", {"amount": amount})
    assert (reply.status_code, reply.json["field"]) == (400, "amount")
    assert len(reply.json["message"]) < 150
    if amount is not None:
        assert "above zero" in reply.json["message"]


def test_a_members_key_without_a_member_is_refused_in_words(caller: Callable[..., Caller]) -> None:
    reply = caller("admin").post("/api/keys", {"name": "x", "scopes": ["member"]})
    assert reply.status_code == 400
    assert reply.json["message"].endswith("found scope member and no user.")
