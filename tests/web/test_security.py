"""The security promises of the API, a test or two for each. What a promise is tested by elsewhere is named here.

keys hashed, scoped, rotating, last used        here; tests/storage/test_keys.py, tests/web/test_accounts.py
every address x every scope                     tests/web/test_permissions.py
allow-lists of accounts and symbols             here; tests/web/test_trading.py, tests/web/test_signal_actions.py
a member's key sees only that member            here
sessions with CSRF                              tests/web/test_sessions.py
rate limits, safe when Redis is down            tests/web/test_rates.py
credentials sealed, never returned nor logged   tests/web/test_accounts.py
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.admission.world import BUY, LOGIN, World, position
from tests.support import free_port, wait_until
from tests.web.conftest import Caller, Reply, web_settings
from web.auth import open_to_all
from zmq_bridge.cli.gunicorn_worker import REQUEST_S
from zmq_bridge.cli.process_table import web_argv
from zmq_bridge.embedded import EmbeddedValkey
from zmq_bridge.settings import Settings, settings_environment
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keys import create_key

Make = Callable[..., Caller]


# ---- keys


def test_a_key_is_stored_only_as_its_hash(caller: Make, world: World) -> None:
    text = caller("read").key
    assert text is not None
    tables = [row.tablename for row in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    everything = "".join(str(world.rows(f'SELECT t::text FROM "{table}" t')) for table in tables)
    assert text not in everything
    assert text.split("_", 2)[2] not in everything
    assert bytes(world.rows("SELECT hash FROM api_keys")[0].hash) == hashlib.sha256(text.encode()).digest()


def test_the_last_use_of_a_key_is_noted(caller: Make, world: World) -> None:
    reader = caller("read")
    assert world.rows("SELECT last_used_at FROM api_keys")[0].last_used_at is None
    reader.get("/api/positions")
    used = world.rows("SELECT last_used_at FROM api_keys")[0].last_used_at
    assert abs((datetime.now(UTC) - used).total_seconds()) < 90


@pytest.mark.parametrize("way", ["query", "body", "cookie", "basic"])
def test_a_key_counts_only_where_it_does_not_end_up_in_logs(app: Flask, caller: Make, world: World, way: str) -> None:
    key, client = caller("read").key or "", app.test_client()
    if way == "cookie":
        client.set_cookie("zb_session", key)
    headers = {"Authorization": f"Basic {key}"} if way == "basic" else {}
    response = client.get(
        "/api/positions", query_string={"api_key": key} if way == "query" else {}, headers=headers,
        json={"key": key} if way == "body" else None,
    )  # fmt: skip
    assert response.status_code == 401


# ---- allow-lists


LISTS = ["/api/positions", "/api/orders", "/api/deals", "/api/trades", "/api/signals", "/api/accounts"]


@pytest.mark.parametrize("path", LISTS)
def test_a_key_of_one_account_finds_nothing_of_another_in_any_list(caller: Make, world: World, path: str) -> None:
    world.snapshot(positions=[position(7)])
    caller("signal").post("/api/signal", BUY | {"account": LOGIN})
    stranger = caller("read", accounts=[777])
    world.add_account(777)
    text = stranger.get(path).text
    assert str(LOGIN) not in text
    assert stranger.get(path, account=LOGIN).status_code in ((400,) if path == "/api/accounts" else (200, 404))
    assert str(LOGIN) not in stranger.get(path, account=LOGIN).text.replace(f"account {LOGIN}", "")


def test_a_key_of_one_symbol_neither_trades_nor_sees_another(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7), position(8, symbol="GBPUSD")])
    world.freshen()
    only = caller("signal", "read", "trade", symbols=["GBPUSD"])
    assert only.post("/api/signal", BUY).json["code"] == "SYMBOL_NOT_ALLOWED"
    assert only.post("/api/positions/close", {"ticket": 7}).json["code"] == "SYMBOL_NOT_ALLOWED"
    assert only.post("/api/positions/close-all", {}).json["code"] == "SYMBOL_NOT_ALLOWED"
    assert only.post("/api/positions/close", {"ticket": 8}).status_code == 202
    assert "EURUSD" not in only.get("/api/positions").text + only.get("/api/market/prices").text


# ---- members


def test_a_members_key_sees_that_member_and_no_other_address(app: Flask, caller: Make, world: World) -> None:
    ids = [
        world.rows("INSERT INTO users (name, email) VALUES (%s, %s) RETURNING id", name, f"{name}@example.org")[0].id
        for name in ("ada", "bob")
    ]
    ada = caller("member", user_id=ids[0])
    paths = [
        rule.rule for rule in app.url_map.iter_rules() if "<int:user_id>" in rule.rule and "GET" in (rule.methods or ())
    ]
    assert len(paths) >= 2
    for path in paths:
        of_bob = path.replace("<int:user_id>", str(ids[1])).replace("<string:figure>", "value")
        assert ada.get(of_bob).status_code == 404, path
    assert ada.get(f"/api/users/{ids[0]}").status_code == 200
    assert "bob" not in ada.get(f"/api/users/{ids[0]}").text


# ---- headers, errors, logs


def test_every_answer_carries_headers_that_keep_browsers_safe(app: Flask, caller: Make, world: World) -> None:
    reader = caller("read")
    for path in ("/", "/sign-in", "/health", "/api/docs", "/api/positions", "/api/nothing", "/api/openapi.json"):
        headers = app.test_client().get(path, headers={"X-API-Key": reader.key or ""}).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy or "default-src 'self'" in policy, path
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_browser_that_came_by_https_is_told_to_stay_with_it(app: Flask) -> None:
    client = app.test_client()
    assert "max-age=" in client.get("/health/live", base_url="https://x").headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in client.get("/health/live").headers


TRACES = re.compile(r"Traceback|File \"|psycopg2|sqlalchemy|SELECT |/usr/|site-packages|\.py", re.IGNORECASE)
HOSTILE = [
    "'",
    '"; DROP TABLE signals; --',
    "\x00",
    "%00",
    "../../etc/passwd",
    "\ud800",
    "🙂" * 40,
    "${7*7}",
    "{{7*7}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_an_error_or_nothing_and_shows_nothing_of_the_inside(
    caller: Make, world: World, text: str
) -> None:
    admin = caller("admin")
    answers = [
        admin.get(
            "/api/signals", symbol=text.encode("utf-8", "replace").decode(), cursor=text.encode("utf-8", "replace")
        ),
        admin.get("/api/audit", actor=text.encode("utf-8", "replace").decode()),
        admin.post("/api/signal", BUY | {"symbol": text, "comment": text, "reason": [text]}),
        admin.post("/api/orders/cancel", {"ticket": text}),
        admin.post("/api/keys", {"name": text, "scopes": [text]}),
        admin.post("/api/session", {"key": text}),
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert not TRACES.search(answer.text.replace(repr(text)[1:-1], "").replace(text, "")), answer.text
    assert world.count("signals", "status = 'admitted'") == 0


@pytest.mark.own_app
def test_a_fault_of_ours_shows_an_incident_and_is_logged_without_the_key(
    app: Flask, caller: Make, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/api/boom")
    @open_to_all
    def boom() -> str:
        raise RuntimeError("inner words")

    key = caller("read").key or ""
    response = Reply.of(app.test_client().get("/api/boom", headers={"X-API-Key": key}))
    assert (response.status_code, response.json["code"]) == (500, "INTERNAL")
    assert "inner words" not in response.text
    assert response.json["incident"] in caplog.text
    assert "inner words" in caplog.text
    assert key not in caplog.text


def test_no_secret_is_in_the_logs_of_a_busy_day(
    settings: Settings, caller: Make, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    admin = caller("admin")
    made = admin.post("/api/keys", {"name": "bot", "scopes": ["signal", "read"]}).json["key"]
    browser = admin.client.application.test_client()
    session = Reply.of(browser.post("/api/session", json={"key": made})).json
    world.freshen()
    browser.post("/api/signal", json=BUY, headers={"X-CSRF-Token": session["csrf_token"]})
    admin.post("/api/keys/self/rotate", {"overlap_s": 60})
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    cookie = browser.get_cookie("zb_session")
    assert cookie is not None
    own = made.split("_", 2)[2]
    for secret in (admin.key or "", made, own, cookie.value, session["csrf_token"], settings.secret_key):
        assert secret not in caplog.text
    assert settings.secret_key not in repr(settings)


def test_the_web_says_nothing_of_passwords_in_its_settings(settings: Settings) -> None:
    telling = replace(settings, database_url="postgresql://u:hunter2@h/d", credentials_keys=("k" * 44,))
    assert "hunter2" not in repr(telling)
    assert "k" * 44 not in repr(telling)


# ---- the audit log


@pytest.mark.parametrize("table", ["audit_log", "signals", "risk_decisions"])
def test_nobody_changes_or_removes_what_was_asked_decided_or_done(caller: Make, world: World, table: str) -> None:
    caller("admin").post("/api/keys", {"name": "bot", "scopes": ["read"]})
    assert caller("signal").post("/api/signal", BUY).status_code == 202
    for query in ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(DBAPIError, match="APPEND_ONLY"):
            world.run(query.format(table))


def test_every_change_through_the_api_leaves_a_line_with_actor_before_and_after(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7)])
    world.freshen()
    admin = caller("admin")
    headers = {"X-API-Key": admin.key or ""}
    changes = [
        lambda: admin.post("/api/positions/modify", {"ticket": 7, "sl": "1.08350"}),
        lambda: admin.post("/api/positions/close", {"ticket": 7}),
        lambda: admin.post("/api/keys", {"name": "bot", "scopes": ["read"]}),
        lambda: admin.post("/api/users", {"name": "Ada", "email": "ada@example.org"}),
        lambda: admin.post("/api/risk/state", {"state": "reducing", "reason": "test"}),
        lambda: Reply.of(admin.client.put(f"/api/accounts/{LOGIN}/symbols", json={"symbols": []}, headers=headers)),
        lambda: admin.post("/api/accounts", {
            "login": 9, "server": "S", "currency": "USD", "margin_mode": "hedging", "leverage": 100,
        }),
    ]  # fmt: skip
    for number, change in enumerate(changes):
        before = world.count("audit_log")
        answer = change()
        assert answer.status_code < 300, (number, answer.text)
        lines = world.rows("SELECT * FROM audit_log ORDER BY id OFFSET %s", before)
        assert lines, number
        assert all(line.actor and line.after is not None for line in lines), number
    modified = world.rows("SELECT before FROM audit_log WHERE action = 'position.modify'")[0]
    assert modified.before["sl"] in ("1.083", "1.08300")


def test_what_members_ask_for_leaves_a_line_once(caller: Make, world: World) -> None:
    admin = caller("admin")
    user = admin.post("/api/users", {"name": "Ada", "email": "ada@example.org"}).json["id"]
    ada = caller("member", user_id=user)
    body = {"amount": "100.00", "account": LOGIN, "idempotency_key": "once"}
    asked = [ada.post(f"/api/users/{user}/invest", body).json["id"] for _ in range(2)]
    ada.post(f"/api/requests/invest/{asked[0]}/cancel")
    lines = world.rows("SELECT * FROM audit_log WHERE subject LIKE %s ORDER BY id", f"%{asked[0]}")
    assert [line.action for line in lines] == ["request.create", "ledger.cancel"]
    assert (lines[0].after["user"], lines[0].after["amount"]) == (user, "100.00")
    keys = [row.id for row in world.rows("SELECT id FROM api_keys WHERE user_id = %s", user)]
    assert [line.actor.endswith(f"{keys[0]})") or line.actor == keys[0] for line in lines] == [True, True]
    assert (lines[1].before, lines[1].after) == ({"status": "pending"}, {"status": "cancelled"})


def test_a_destination_that_is_switched_off_leaves_what_it_was(caller: Make, world: World) -> None:
    admin = caller("admin")
    admin.post("/api/notifications/destinations", {"name": "desk", "url": "json://127.0.0.1:9/"})
    path, headers = "/api/notifications/destinations/desk", {"X-API-Key": admin.key or ""}
    assert admin.client.patch(path, json={"enabled": False}, headers=headers).status_code == 200
    line = world.rows("SELECT before, after FROM audit_log ORDER BY id DESC LIMIT 1")[0]
    assert (line.before, line.after) == ({"enabled": True}, {"enabled": False})


# ---- size and time, against a real server


@pytest.fixture(scope="module")
def server(
    lasting_database: str, redis_server: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Our gunicorn on a free port, two threads only; the tests of this file share it."""
    port, directory = free_port(), tmp_path_factory.mktemp("server")
    own = replace(web_settings(lasting_database, redis_server.url()), web_port=port, web_threads=2, var_dir=directory)
    with (directory / "web.log").open("w") as log:
        process = subprocess.Popen(
            web_argv(own), env={**settings_environment(own), "PATH": os.environ["PATH"]}, stdout=log, stderr=log
        )  # fmt: skip
        try:
            wait_until(lambda: _status(port, "/health/live") == 200, 180, "gunicorn did not answer")
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert "Traceback" not in (directory / "web.log").read_text()


def _status(port: int, path: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("GET", path)
        return client.getresponse().status
    except OSError:
        return 0
    finally:
        client.close()


def test_clients_that_send_slowly_lose_their_connection_and_nobody_waits_for_them(server: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", server)) for _ in range(4)]
    for each in slow:
        each.sendall(b"POST /api/signal HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-API-Key: x")
    began = time.monotonic()
    wait_until(lambda: _status(server, "/health/live") == 200, 6 * REQUEST_S, "the server stayed held")
    for each in slow:
        each.settimeout(6 * REQUEST_S)
        assert each.recv(1000)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 408")
        each.close()
    assert time.monotonic() - began < 8 * REQUEST_S


@pytest.mark.parametrize("said", [b"", b"POST /api/signal HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-API-Key: x"])
def test_many_slow_or_silent_clients_hold_others_up_for_seconds_only(server: int, said: bytes) -> None:
    slow = [socket.create_connection(("127.0.0.1", server)) for _ in range(12)]
    for each in slow:
        each.sendall(said)
    began = time.monotonic()
    wait_until(lambda: _status(server, "/health/live") == 200, 6 * REQUEST_S, "the server stayed held")
    assert time.monotonic() - began < 3 * REQUEST_S  # 12 clients at 2 threads for all their time would be six times it
    for each in slow:
        each.close()


def test_a_body_that_is_too_large_or_a_header_that_is_too_long_is_refused(server: int, lasting_database: str) -> None:
    engine = create_engine(lasting_database, application_name="test")
    with engine.begin() as connection:
        key = create_key(connection, name="x", scopes=["signal"], now=datetime.now(UTC), actor="test").text
    engine.dispose()
    for headers, body, expected in (
        ({"X-API-Key": key, "Content-Type": "application/json"}, b" " * 100_000, {413}),
        ({"X-API-Key": "x" * 20_000}, b"", {400, 431}),
    ):
        client = http.client.HTTPConnection("127.0.0.1", server, timeout=60)
        client.request("POST", "/api/signal", body, headers)
        assert client.getresponse().status in expected
        client.close()


def test_prometheus_adds_up_what_all_workers_counted(settings: Settings, world: World, tmp_path: Path) -> None:
    port, counts = free_port(), tmp_path / "counts"
    counts.mkdir()
    own = replace(settings, web_port=port, web_workers=2, web_threads=2, var_dir=tmp_path)
    with world.engine.begin() as connection:
        key = create_key(connection, name="x", scopes=["read"], now=datetime.now(UTC), actor="test").text
    environment: dict[str, Any] = {**settings_environment(own), "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    with (tmp_path / "web.log").open("w") as log:
        process = subprocess.Popen(web_argv(own), env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: _status(port, "/health/live") == 200, 180, "gunicorn did not answer")
            for _ in range(20):
                assert _status(port, "/health/live") == 200
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            client.request("GET", "/metrics", headers={"X-API-Key": key})
            text = client.getresponse().read().decode()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    found = re.search(r'http_requests_total\{endpoint="health.liveness",method="GET",status="200"\} ([0-9.]+)', text)
    assert found is not None, text[:2000]
    assert float(found[1]) >= 21
