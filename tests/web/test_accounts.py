"""MT5 accounts, what they may trade, and credentials that nobody gets to read; keys over HTTP; the audit log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.admission.world import BUY, LOGIN, SERVER, World, spec
from tests.web.conftest import Caller
from web import create_app
from zmq_bridge.settings import Settings
from zmq_bridge.storage.credentials import Vault, VaultError, read_credentials
from zmq_bridge.storage.trading.terminals import upsert_symbols

Make = Callable[..., Caller]

SECRET = "correct horse battery staple"
NEW = {"login": 777, "server": "Demo-2", "currency": "EUR", "margin_mode": "netting", "leverage": 30}


def sealing(settings: Settings, caller: Make, *keys: str, scope: str = "admin") -> Caller:
    """A client of a web process that has these keys for credentials."""
    app = create_app(replace(settings, credentials_keys=keys))
    return Caller(app.test_client(), caller(scope).key)


def put(caller: Caller, path: str, body: Any) -> Any:
    return caller.client.put(path, json=body, headers={"X-API-Key": caller.key or ""})


def test_an_account_is_made_once_and_starts_halted(caller: Make, world: World) -> None:
    admin = caller("admin")
    made = admin.post("/api/accounts", NEW)
    assert (made.status_code, made.json["trading_state"], made.json["symbols"]) == (201, "halted", None)
    assert admin.post("/api/accounts", NEW).json["code"] == "ACCOUNT_EXISTS"
    assert [found["login"] for found in admin.get("/api/accounts").json["accounts"]] == [LOGIN, 777]
    assert caller("read", accounts=[777]).get(f"/api/accounts/{LOGIN}").status_code == 404


def test_an_account_trades_only_the_symbols_of_its_list(caller: Make, world: World) -> None:
    admin, sender = caller("admin"), caller("signal")
    assert put(admin, f"/api/accounts/{LOGIN}/symbols", {"symbols": ["GBPUSD"]}).status_code == 200
    world.freshen()
    assert sender.post("/api/signal", BUY).json["code"] == "SYMBOL_NOT_ALLOWED"
    assert put(admin, f"/api/accounts/{LOGIN}/symbols", {"symbols": ["EURUSD", "XAUUSD"]}).status_code == 200
    world.freshen()
    assert sender.post("/api/signal", BUY).status_code == 202
    assert put(admin, f"/api/accounts/{LOGIN}/symbols", {"symbols": None}).json["symbols"] is None
    line = world.rows("SELECT before, after FROM audit_log WHERE action = 'account.set_symbols' ORDER BY id")[1]
    assert (line.before, line.after) == ({"symbols": ["GBPUSD"]}, {"symbols": ["EURUSD", "XAUUSD"]})


def test_a_symbol_that_a_terminal_describes_later_is_decided_by_the_same_list(caller: Make, world: World) -> None:
    put(caller("admin"), f"/api/accounts/{LOGIN}/symbols", {"symbols": ["XAUUSD"]})
    with world.engine.begin() as connection:
        upsert_symbols(connection, world.account_id, [spec("XAUUSD"), spec("NZDUSD")])
    found = {row.symbol: row.tradable for row in world.rows("SELECT symbol, tradable FROM symbols")}
    assert (found["XAUUSD"], found["NZDUSD"], found["EURUSD"]) == (True, False, False)


def test_credentials_are_sealed_at_rest_and_never_returned_nor_logged(
    settings: Settings, caller: Make, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = Fernet.generate_key().decode()
    admin = sealing(settings, caller, key)
    stored = put(admin, f"/api/accounts/{LOGIN}/credentials", {"password": SECRET, "investor_password": SECRET[::-1]})
    assert stored.status_code == 200
    assert stored.json["credentials_stored_at"]
    everything = stored.text + admin.get("/api/accounts").text + admin.get(f"/api/accounts/{LOGIN}").text
    everything += admin.get("/api/audit").text + caplog.text
    for table in ("account_credentials", "audit_log"):
        everything += str(world.rows(f"SELECT {table}::text AS line FROM {table}"))
    assert SECRET not in everything
    assert SECRET[::-1] not in everything
    with world.engine.connect() as connection:
        found = read_credentials(connection, Vault([key]), world.account_id)
    assert found is not None
    assert (found.password, found.investor_password) == (SECRET, SECRET[::-1])
    assert SECRET not in repr(found)


def test_without_a_key_nothing_is_taken_in(caller: Make, world: World) -> None:
    response = put(caller("admin"), f"/api/accounts/{LOGIN}/credentials", {"password": SECRET})
    assert (response.status_code, response.json["code"]) == (503, "CREDENTIALS_KEY_MISSING")
    assert world.count("account_credentials") == 0


def test_a_key_is_changed_without_losing_what_was_sealed(settings: Settings, caller: Make, world: World) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    put(sealing(settings, caller, old), f"/api/accounts/{LOGIN}/credentials", {"password": SECRET})
    assert (
        sealing(settings, caller, new).post("/api/accounts/credentials/reseal").json["code"] == "CREDENTIALS_UNREADABLE"
    )
    assert sealing(settings, caller, new, old).post("/api/accounts/credentials/reseal").json == {"resealed": 1}
    with world.engine.connect() as connection:
        found = read_credentials(connection, Vault([new]), world.account_id)
        assert found is not None
        assert found.password == SECRET
        with pytest.raises(VaultError):
            read_credentials(connection, Vault([old]), world.account_id)


def test_credentials_are_forgotten_when_they_are_deleted(settings: Settings, caller: Make, world: World) -> None:
    admin = sealing(settings, caller, Fernet.generate_key().decode())
    put(admin, f"/api/accounts/{LOGIN}/credentials", {"password": SECRET})
    headers = {"X-API-Key": admin.key or ""}
    assert admin.client.delete(f"/api/accounts/{LOGIN}/credentials", headers=headers).status_code == 200
    assert admin.client.delete(f"/api/accounts/{LOGIN}/credentials", headers=headers).status_code == 404
    assert world.count("account_credentials") == 0


def test_the_same_login_at_two_servers_needs_the_server(caller: Make, world: World) -> None:
    world.add_account(LOGIN, server="Demo-9")
    admin = caller("admin")
    assert admin.get(f"/api/accounts/{LOGIN}").json["code"] == "ACCOUNT_AMBIGUOUS"
    assert admin.get(f"/api/accounts/{LOGIN}", server=SERVER).json["server"] == SERVER


def test_a_key_is_made_used_rotated_and_revoked(caller: Make, world: World) -> None:
    admin = caller("admin")
    until = datetime.now(UTC) + timedelta(days=1)
    made = admin.post(
        "/api/keys", {"name": "bot", "scopes": ["read"], "accounts": [LOGIN], "expires_at": until.isoformat()}
    )
    assert made.status_code == 201, made.text
    bot = Caller(admin.client, made.json["key"])
    assert bot.get("/api/positions").status_code == 200
    assert bot.get("/api/keys").status_code == 403
    new = bot.post("/api/keys/self/rotate", {"overlap_s": 60})
    assert (new.json["rotated_from"], new.json["accounts"]) == (made.json["id"], [LOGIN])
    assert datetime.fromisoformat(new.json["expires_at"]) == until  # a key can't give itself more time
    successor = Caller(admin.client, new.json["key"])
    assert (bot.get("/api/positions").status_code, successor.get("/api/positions").status_code) == (200, 200)
    assert admin.post(f"/api/keys/{new.json['id']}/revoke").status_code == 200
    assert successor.get("/api/positions").json["code"] == "KEY_REVOKED"
    listed = {key["id"]: key for key in admin.get("/api/keys").json["keys"]}
    assert listed[made.json["id"]]["last_used_at"]
    assert listed[new.json["id"]]["revoked_at"]
    assert made.json["key"] not in admin.get("/api/keys").text
    assert made.json["key"].split("_", 2)[2] not in admin.get("/api/audit").text


def test_nobody_rotates_another_persons_key(caller: Make, world: World) -> None:
    admin = caller("admin")
    victim = admin.post("/api/keys", {"name": "victim", "scopes": ["trade"]}).json["id"]
    assert caller("read").post(f"/api/keys/{victim}/rotate", {}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": ["member"]},
        {"name": "x", "scopes": ["read"], "user_id": 1},
        {"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["read"], "accounts": [0]},
        {"name": "x", "scopes": ["read"], "colour": 1},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(caller: Make, world: World, body: dict[str, Any]) -> None:
    admin = caller("admin")
    before = world.count("api_keys")
    assert admin.post("/api/keys", body).status_code in (400, 404)
    assert world.count("api_keys") == before


def test_the_audit_log_is_paged_and_cut_by_who_what_and_when(caller: Make, world: World) -> None:
    admin = caller("admin")
    for number in range(5):
        admin.post("/api/keys", {"name": f"k{number}", "scopes": ["read"]})
    lines: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        body = admin.get("/api/audit", action="key.create", limit=2, **({"cursor": cursor} if cursor else {})).json
        lines += body["lines"]
        cursor = body["next_cursor"]
    assert [line["after"]["name"] for line in lines][:5] == ["k4", "k3", "k2", "k1", "k0"]
    mine = admin.get("/api/audit", actor=lines[0]["actor"]).json["lines"]
    assert len(mine) == 5
    assert admin.get("/api/audit", subject=lines[0]["subject"]).json["lines"] == [lines[0]]
    assert admin.get("/api/audit", **{"from": datetime.now(UTC).isoformat()}).json["lines"] == []
