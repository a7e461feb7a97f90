"""A browser signs in with a key, and what its cookie may do then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.admission.world import BUY, World
from tests.web.conftest import Caller, Reply
from web import create_app
from web.parts import EXTENSION
from zmq_bridge.settings import Settings
from zmq_bridge.storage.keys import revoke_key

Make = Callable[..., Caller]


def sign_in(app: Flask, key: str) -> tuple[FlaskClient, str]:
    """A browser with a session, and its CSRF token."""
    browser = app.test_client()
    response = Reply.of(browser.post("/api/session", json={"key": key}))
    assert response.status_code == 201, response.text
    return browser, response.json["csrf_token"]


def test_a_browser_signs_in_with_a_key_and_then_needs_only_its_cookie(app: Flask, caller: Make, world: World) -> None:
    browser, token = sign_in(app, caller("read").key)
    assert browser.get("/api/positions").status_code == 200
    who = Reply.of(browser.get("/api/session")).json
    assert (who["scopes"], who["csrf_token"]) == (["read"], token)


def test_scripts_can_not_read_the_cookie_and_it_holds_no_key(app: Flask, caller: Make, world: World) -> None:
    key = caller("read").key
    response = app.test_client().post("/api/session", json={"key": key}, base_url="https://bridge.example")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert "SameSite=Lax" in cookie
    assert key.split("_", 2)[2] not in cookie + response.text
    stored = world.rows("SELECT encode(hash, 'escape') FROM sessions")
    assert cookie.split("=")[1].split(";")[0] not in str(stored)


@pytest.mark.parametrize(("proxies", "secure"), [(0, False), (1, True)])
def test_a_proxy_is_believed_about_https_where_the_settings_name_one(
    settings: Settings, caller: Make, world: World, proxies: int, secure: bool
) -> None:
    behind = create_app(replace(settings, trusted_proxies=proxies))
    key, forwarded = caller("read").key, {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    response = behind.test_client().post("/api/session", json={"key": key}, headers=forwarded)
    assert ("Secure" in response.headers["Set-Cookie"]) is secure
    assert ("Strict-Transport-Security" in response.headers) is secure
    behind.extensions[EXTENSION].engine.dispose()


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ü"])
def test_a_change_without_the_sessions_csrf_token_is_refused(
    app: Flask, caller: Make, world: World, token: str | None
) -> None:
    browser, _ = sign_in(app, caller("signal").key)
    headers = {} if token is None else {"X-CSRF-Token": token}
    response = Reply.of(browser.post("/api/signal", json=BUY, headers=headers))
    assert (response.status_code, response.json["code"]) == (403, "CSRF_FAILED")
    assert world.count("signals") == 0


def test_the_csrf_token_of_another_session_does_not_fit(app: Flask, caller: Make, world: World) -> None:
    key = caller("signal").key
    (browser, own), (_, others) = sign_in(app, key), sign_in(app, key)
    assert browser.post("/api/signal", json=BUY, headers={"X-CSRF-Token": others}).status_code == 403
    world.freshen()
    assert browser.post("/api/signal", json=BUY, headers={"X-CSRF-Token": own}).status_code == 202


def test_what_the_browser_marks_as_sent_by_another_site_is_refused_even_with_the_token(
    app: Flask, caller: Make, world: World
) -> None:
    browser, token = sign_in(app, caller("signal").key)
    headers = {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"}
    assert Reply.of(browser.post("/api/signal", json=BUY, headers=headers)).json["code"] == "CSRF_FAILED"
    foreign = app.test_client().post(
        "/api/session", json={"key": caller("read").key}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403


def test_a_key_in_a_header_needs_no_csrf_token(caller: Make, world: World) -> None:
    world.freshen()
    assert caller("signal").post("/api/signal", BUY).status_code == 202


def test_signing_out_ends_the_session_also_for_who_stole_the_cookie(app: Flask, caller: Make, world: World) -> None:
    browser, token = sign_in(app, caller("read").key)
    stolen = browser.get_cookie("zb_session").value
    assert browser.delete("/api/session", headers={"X-CSRF-Token": token}).status_code == 200
    thief = app.test_client()
    thief.set_cookie("zb_session", stolen)
    assert Reply.of(thief.get("/api/positions")).json["code"] == "SESSION_ENDED"
    assert browser.get("/api/positions").status_code == 401


def test_signing_in_again_ends_the_session_that_the_browser_had(app: Flask, caller: Make, world: World) -> None:
    browser, _ = sign_in(app, caller("read").key)
    before = browser.get_cookie("zb_session").value
    assert browser.post("/api/session", json={"key": caller("admin").key}).status_code == 201
    assert browser.get_cookie("zb_session").value != before
    kept = app.test_client()
    kept.set_cookie("zb_session", before)
    assert Reply.of(kept.get("/api/positions")).json["code"] == "SESSION_ENDED"
    assert Reply.of(browser.get("/api/session")).json["scopes"] == ["admin"]
    assert world.count("sessions") == 1


def test_a_wrong_key_leaves_the_browsers_session_as_it_was(app: Flask, caller: Make, world: World) -> None:
    browser, _ = sign_in(app, caller("read").key)
    assert browser.post("/api/session", json={"key": "zb_000000000000_wrong"}).status_code == 401
    assert browser.get("/api/positions").status_code == 200


@pytest.mark.parametrize("planted", ["known-to-an-attacker", "", "ü", "x" * 200])
def test_a_cookie_that_somebody_planted_is_no_session_after_signing_in(
    app: Flask, caller: Make, world: World, planted: str
) -> None:
    browser = app.test_client()
    browser.set_cookie("zb_session", planted)
    assert browser.post("/api/session", json={"key": caller("read").key}).status_code == 201
    assert browser.get_cookie("zb_session").value != planted
    attacker = app.test_client()
    attacker.set_cookie("zb_session", planted)
    assert attacker.get("/api/positions").status_code == 401


def test_a_session_ends_when_its_key_is_rotated_and_the_old_one_is_over(
    app: Flask, caller: Make, world: World
) -> None:
    key = caller("read")
    browser, _ = sign_in(app, key.key)
    assert key.post("/api/keys/self/rotate", {"overlap_s": 0}).status_code == 201
    app.extensions[EXTENSION].sessions._known.clear()
    assert Reply.of(browser.get("/api/positions")).json["code"] == "KEY_EXPIRED"


def test_a_session_ends_with_its_key(app: Flask, caller: Make, world: World) -> None:
    browser, _ = sign_in(app, caller("read").key)
    now = datetime.now(UTC)
    with world.engine.begin() as connection:
        key_id = connection.exec_driver_sql("SELECT key_id FROM sessions").scalar_one()
        revoke_key(connection, key_id, now=now, actor="test")
    app.extensions[EXTENSION].sessions._known.clear()
    assert Reply.of(browser.get("/api/positions")).json["code"] == "KEY_REVOKED"


def test_a_session_ends_with_its_time(app: Flask, caller: Make, world: World) -> None:
    browser, _ = sign_in(app, caller("read").key)
    world.run("UPDATE sessions SET expires_at = now()")
    app.extensions[EXTENSION].sessions._known.clear()
    assert Reply.of(browser.get("/api/positions")).json["code"] == "SESSION_ENDED"


@pytest.mark.parametrize("key", ["zb_000000000000_wrong", "x", "zb__", "ü" * 50, "a\u0000b"])
def test_a_wrong_key_opens_no_session(app: Flask, world: World, key: str) -> None:
    response = app.test_client().post("/api/session", json={"key": key})
    assert (response.status_code, Reply.of(response).json["code"]) == (401, "KEY_UNKNOWN")
    assert "Set-Cookie" not in response.headers
    assert world.count("sessions") == 0


def test_signing_in_and_out_is_in_the_audit_log(app: Flask, caller: Make, world: World) -> None:
    browser, token = sign_in(app, caller("read").key)
    browser.delete("/api/session", headers={"X-CSRF-Token": token})
    lines = world.rows("SELECT action FROM audit_log WHERE action LIKE 'session.%%' ORDER BY id")
    assert [line.action for line in lines] == ["session.start", "session.end"]
