"""Positions, account, prices, members, health: what people read, and who may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.admission.world import LOGIN, World, position
from tests.web.conftest import Caller, Reply
from web.auth import open_to_all

Make = Callable[..., Caller]

PROTECTED = {
    "/api/signals": ("read", "signal", "trade"),
    "/api/positions": ("read", "trade"),
    "/api/account": ("read", "trade"),
    "/api/account/stats": ("read", "trade"),
    "/api/market/prices": ("read", "signal", "trade"),
    "/api/users": ("admin",),
    "/api/users/1": ("admin",),
    "/api/users/1/stats": ("admin",),
}
SCOPES = ("signal", "read", "trade", "terminal", "admin")


@pytest.mark.parametrize("path", PROTECTED)
def test_no_key_or_a_wrong_key_is_401_before_anything_else_is_looked_at(caller: Make, world: World, path: str) -> None:
    response = caller().get(path, limit="nonsense")
    assert (response.status_code, response.json["code"]) == (401, "KEY_MISSING")
    assert Caller(caller().client, "zb_000000000000_wrong").get(path).json["code"] == "KEY_UNKNOWN"


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_exactly_its_own_addresses(caller: Make, world: World, path: str, scope: str) -> None:
    allowed = scope == "admin" or scope in PROTECTED[path]
    response = caller(scope).get(path)
    assert (response.status_code != 403) == allowed
    assert allowed or response.json["code"] == "SCOPE_MISSING"


def test_a_read_key_can_not_send_a_signal_nor_make_a_user(caller: Make, world: World) -> None:
    reader = caller("read", "trade", "terminal")
    assert reader.post("/api/signal", {}).status_code == 403
    assert reader.post("/api/users", {"name": "A", "email": "a@example.org"}).status_code == 403


def test_positions_and_account_are_those_of_the_last_snapshot(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7), position(8, symbol="GBPUSD")], equity="9990.50", profit="-9.50")
    reader = caller("read")
    assert [found["ticket"] for found in reader.get("/api/positions").json["positions"]] == [7, 8]
    assert [found["ticket"] for found in reader.get("/api/positions", symbol="GBPUSD").json["positions"]] == [8]
    account = reader.get("/api/account").json
    assert (account["account"], account["equity"], account["currency"]) == (LOGIN, "9990.50", "USD")


def test_with_two_accounts_the_request_must_name_one(caller: Make, world: World) -> None:
    world.add_account(777)
    reader = caller("read")
    response = reader.get("/api/account")
    assert (response.status_code, response.json["code"], response.json["field"]) == (400, "ACCOUNT_REQUIRED", "account")
    assert reader.get("/api/account", account=777).json["account"] == 777


def test_prices_carry_their_age_and_unknown_symbols_are_named(caller: Make, world: World) -> None:
    body = caller("read").get("/api/market/prices", symbols="EURUSD,eurusd").json
    assert [(price["symbol"], price["bid"]) for price in body["prices"]] == [("EURUSD", "1.08490")]
    assert body["unknown"] == ["eurusd"]
    assert body["prices"][0]["age_ms"] >= 500


def test_a_member_is_made_once_per_address(caller: Make, world: World) -> None:
    admin = caller("admin")
    made = admin.post("/api/users", {"name": "Ada", "email": "ada@example.org"})
    again = admin.post("/api/users", {"name": "Ada", "email": "ADA@example.org"})
    assert (made.status_code, again.status_code, again.json["code"]) == (201, 409, "EMAIL_TAKEN")
    assert [user["name"] for user in admin.get("/api/users").json["users"]] == ["Ada"]


def test_an_investment_is_a_pending_request_with_a_reference_and_no_units(caller: Make, world: World) -> None:
    admin = caller("admin")
    user = admin.post("/api/users", {"name": "Ada", "email": "ada@example.org"}).json["id"]
    first = admin.post(f"/api/users/{user}/invest", {"amount": "1000.00", "idempotency_key": "i1"})
    again = admin.post(f"/api/users/{user}/invest", {"amount": "1000.00", "idempotency_key": "i1"})
    other = admin.post(f"/api/users/{user}/invest", {"amount": "1000.01", "idempotency_key": "i1"})
    assert (first.status_code, again.json["id"], other.status_code) == (202, first.json["id"], 409)
    stats = admin.get(f"/api/users/{user}/stats").json
    assert (stats["share"]["units"], stats["share"]["value"]) == ("0", "0.00")
    assert [(found["status"], found["amount"]) for found in stats["requests"]] == [("pending", "1000.00")]


@pytest.mark.parametrize("amount", ["0", "-5", "1.001", "1e3", 0.1, "NaN", None, "", "99999999999999"])
def test_an_amount_that_is_no_money_is_refused(caller: Make, world: World, amount: object) -> None:
    admin = caller("admin")
    user = admin.post("/api/users", {"name": "Ada", "email": "ada@example.org"}).json["id"]
    response = admin.post(f"/api/users/{user}/invest", {"amount": amount})
    assert (response.status_code, response.json["field"]) == (400, "amount")
    assert world.count("subscriptions") == 0


def test_a_members_key_sees_that_member_only(caller: Make, world: World) -> None:
    admin = caller("admin")
    ids = [
        admin.post("/api/users", {"name": name, "email": f"{name}@example.org"}).json["id"] for name in ("ada", "bob")
    ]
    ada = caller("member", user_id=ids[0])
    assert ada.get(f"/api/users/{ids[0]}/stats").json["user"]["name"] == "ada"
    assert ada.get(f"/api/users/{ids[1]}/stats").json["code"] == "USER_UNKNOWN"
    assert ada.post(f"/api/users/{ids[1]}/invest", {"amount": "5"}).status_code == 404
    assert ada.get("/api/users").status_code == 403
    assert ada.get("/api/positions").status_code == 403


def test_every_answer_has_security_headers_and_errors_are_json(app: Flask, world: World) -> None:
    client = app.test_client()
    for path in ("/", "/health", "/api/none", "/api/signals"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert Reply.of(client.get("/api/none")).json["code"] == "NOT_FOUND"
    assert Reply.of(client.delete("/api/signals")).json["code"] == "METHOD_NOT_ALLOWED"


def test_an_oversized_body_is_refused_by_size(app: Flask, caller: Make, world: World) -> None:
    headers = {"X-API-Key": caller("signal").key or "", "Content-Type": "application/json"}
    response = Reply.of(app.test_client().post("/api/signal", data=b" " * 70_000, headers=headers))
    assert (response.status_code, response.json["code"]) == (413, "TOO_LARGE")


@pytest.mark.own_app
def test_a_fault_of_ours_shows_an_incident_number_and_nothing_of_the_inside(
    app: Flask, caller: Make, world: World
) -> None:
    @app.get("/boom")
    @open_to_all
    def boom() -> str:
        raise RuntimeError("secret detail")

    response = Reply.of(app.test_client().get("/boom"))
    assert (response.status_code, response.json["code"]) == (500, "INTERNAL")
    assert "secret" not in response.text
    assert response.json["incident"] in response.json["message"]


def test_the_openapi_document_describes_every_address(app: Flask) -> None:
    paths = Reply.of(app.test_client().get("/api/openapi.json")).json["paths"]
    assert {"/api/signal", "/api/signals", "/api/users/{user_id}/invest", "/api/market/prices"} <= set(paths)
