"""What was once possible and must not be again: ways past a key's lists, and requests that made us fail.

Each test is an attack that worked, written down as it was found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.admission.world import BUY, LOGIN, World, position
from tests.web.conftest import Caller, Reply
from web.auth import open_to_all
from web.pages.views import _own_path
from web.stream.events import asks_of
from web.stream.requests import BadRequest

Make = Callable[..., Caller]
DEEP = "[" * 30_000
ACCOUNT = {"server": "S", "currency": "USD", "margin_mode": "hedging", "leverage": 100}


# ---- an admin's key that is for some accounts or symbols


@pytest.mark.parametrize(
    "lists", [{}, {"accounts": [777, LOGIN]}, {"accounts": [777], "symbols": None}, {"symbols": ["GBPUSD"]},
              {"accounts": [777], "symbols": ["GBPUSD", "EURUSD"]}]
)  # fmt: skip
def test_a_key_with_lists_makes_no_key_that_reaches_further(caller: Make, world: World, lists: dict[str, Any]) -> None:
    admin = caller("admin", accounts=[777], symbols=["GBPUSD"])
    answer = admin.post("/api/keys", {"name": "wider", "scopes": ["admin"], **lists})
    assert (answer.status_code, answer.json["code"]) == (403, "KEY_TOO_WIDE")
    assert world.count("api_keys") == 1


def test_a_key_with_lists_makes_and_ends_keys_within_them(caller: Make, world: World) -> None:
    admin = caller("admin", accounts=[777, 778])
    made = admin.post("/api/keys", {"name": "narrow", "scopes": ["read"], "accounts": [777]})
    assert made.status_code == 201
    assert admin.post(f"/api/keys/{made.json['id']}/revoke").status_code == 200


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_a_key_with_lists_neither_takes_over_nor_ends_nor_sees_one_without(
    caller: Make, world: World, action: str
) -> None:
    free = caller("admin")
    key_id = free.get("/api/keys").json["keys"][0]["id"]
    listed = caller("admin", accounts=[777])
    body: dict[str, Any] | None = {} if action == "rotate" else None
    assert listed.post(f"/api/keys/{key_id}/{action}", body).status_code == 404
    assert key_id not in listed.get("/api/keys").text
    assert free.get("/api/keys").status_code == 200


def test_a_key_for_some_accounts_changes_nothing_of_the_others(caller: Make, world: World) -> None:
    listed = caller("admin", accounts=[777])
    user = caller("admin").post("/api/users", {"name": "Ada", "email": "ada@example.org"}).json["id"]
    assert listed.post("/api/accounts", ACCOUNT | {"login": 9}).status_code == 404
    assert listed.post("/api/accounts", ACCOUNT | {"login": 777}).status_code == 201
    assert listed.post(f"/api/users/{user}/deactivate", {"reason": "x"}).status_code == 403
    assert listed.post("/api/accounts/credentials/reseal").status_code == 403


def test_metrics_name_no_symbol_that_the_key_may_not_see(caller: Make, world: World) -> None:
    assert 'symbol="EURUSD"' in caller("read").get("/metrics").text
    text = caller("read", symbols=["GBPUSD"]).get("/metrics").text
    assert "EURUSD" not in text
    assert 'symbol="GBPUSD"' in text


def test_neither_the_report_nor_notifications_tell_a_key_of_one_symbol_about_another(
    caller: Make, world: World
) -> None:
    world.snapshot(positions=[position(7), position(8, symbol="GBPUSD")])
    world.freshen()
    only = caller("read", symbols=["GBPUSD"])
    report = only.get("/api/risk/report")
    assert [each["symbol"] for each in report.json["symbols"]] == ["GBPUSD"]
    assert "EURUSD" not in report.text
    assert len(caller("read").get("/api/risk/report").json["symbols"]) == 2
    assert only.get("/api/notifications").status_code == 403


# ---- requests that can't be understood


@pytest.mark.parametrize(
    "path", ["/api/session", "/api/signal", "/api/users", "/api/keys", "/api/account/update", "/api/risk/assess"]
)
def test_json_that_is_nested_too_deep_is_malformed_and_no_failure_of_ours(
    app: Flask, caller: Make, world: World, path: str
) -> None:
    headers = {"X-API-Key": caller("admin").key or ""}
    answer = Reply.of(app.test_client().post(path, data=DEEP, content_type="application/json", headers=headers))
    assert answer.status_code in (400, 422), answer.text
    assert world.count("notifications") == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/keys/%00/rotate"), ("GET", "/api/signals/by-symbol/%00"), ("GET", "/api/signals/%00"),
        ("DELETE", "/api/notifications/destinations/%00"), ("POST", "/api/notifications/destinations/%00/test"),
        ("GET", "/cards/%00"), ("GET", "/static/%00"),
    ],
)  # fmt: skip
def test_a_nul_in_an_address_is_an_address_that_is_not_there(
    caller: Make, world: World, method: str, path: str
) -> None:
    admin = caller("admin")
    body: dict[str, Any] | None = {} if method == "POST" else None
    answer = admin.client.open(path, method=method, json=body, headers={"X-API-Key": admin.key or ""})
    assert answer.status_code == 404


@pytest.mark.parametrize("found", [["a"], {"a": 1}, 5, True])
def test_an_idempotency_key_that_is_no_text_is_refused_and_nothing_is_sent(
    caller: Make, world: World, found: Any
) -> None:
    answer = caller("signal").post("/api/signal", BUY | {"idempotency_key": found}, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json["field"]) == (400, "idempotency_key")
    assert world.count("signals") == 0


def test_half_of_a_character_is_no_signals_id(app: Flask, caller: Make, world: World) -> None:
    body, headers = '{"signal_id": "%s"}' % ("\\ud800" * 26), {"X-API-Key": caller("signal").key or ""}
    answer = app.test_client().post(
        "/api/signals/execute", data=body, content_type="application/json", headers=headers
    )  # fmt: skip
    assert answer.status_code == 404


def test_an_account_of_thousands_of_digits_is_refused_by_the_event_stream() -> None:
    with pytest.raises(BadRequest):
        asks_of({"positions": "", "account": "1" * 5000})


@pytest.mark.own_app
def test_recursion_of_our_own_stays_a_failure_of_ours(app: Flask) -> None:
    def endless() -> None:
        endless()

    app.add_url_rule("/endless", "endless", open_to_all(endless))
    assert Reply.of(app.test_client().get("/endless")).json["code"] == "INTERNAL"


# ---- browsers


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\t/evil.example", "/\n/evil.example", "/\\evil.example", "/\r\\evil.example",
               "https://evil.example", "javascript:alert(1)", ""]
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(wanted: str) -> None:
    assert _own_path(wanted) == "/"


def test_signing_in_leads_to_the_page_that_was_wanted() -> None:
    assert _own_path("/trading?account=7&symbol=EURUSD") == "/trading?account=7&symbol=EURUSD"


def test_signing_in_is_counted_like_any_other_request(caller: Make, world: World) -> None:
    reader = caller("read")
    answers = [reader.client.post("/api/session", json={"key": reader.key}) for _ in range(2)]
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers]
    assert left[1] == left[0] - 1
