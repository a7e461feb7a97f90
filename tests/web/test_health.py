"""Health: what strangers, monitors and readers learn, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.event import listen

from tests.admission.world import LOGIN, World
from tests.web.conftest import Caller, Reply
from web import create_app
from web.api.health import REMEMBERED_S
from web.parts import EXTENSION
from zmq_bridge.settings import Settings

Make = Callable[..., Caller]


def test_health_names_every_dependency_and_to_readers_the_age_of_the_data(caller: Make, world: World) -> None:
    reader = caller("read")
    world.freshen()
    body = reader.get("/health").json
    assert (body["status"], body["postgres"]["state"], body["redis"]["state"]) == ("ok", "ok", "ok")
    assert body["terminals"][0]["state"] == "connected"
    assert body["terminals"][0]["data"] == "fresh"
    assert body["terminals"][0]["account"] == LOGIN


@pytest.mark.parametrize("scope", ["", "member", "terminal", "signal"])
def test_health_tells_nobody_else_about_terminals(caller: Make, world: World, scope: str) -> None:
    user = world.rows("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.org') RETURNING id")[0].id
    who = caller(scope, user_id=user if scope == "member" else None) if scope else caller()
    world.freshen()
    body = who.get("/health").json
    assert (body["status"], body["terminals_connected"]) == ("ok", 1)
    assert set(body) == {"status", "postgres", "redis", "terminals_connected"}


def test_a_key_for_other_accounts_reads_no_heartbeat_of_this_one(caller: Make, world: World) -> None:
    assert caller("read", accounts=[LOGIN + 1]).get("/health").json["terminals"] == []


def test_strangers_who_ask_for_health_again_and_again_cost_the_database_one_look_a_second(
    app: Flask, caller: Make, world: World
) -> None:
    statements: list[str] = []
    listen(app.extensions[EXTENSION].engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    stranger, began = caller(), time.monotonic()
    stranger.get("/health")
    one_look = len(statements)
    for _ in range(50):
        stranger.get("/health")
        stranger.get("/health/ready")
    assert one_look > 0
    assert len(statements) <= one_look * (1 + (time.monotonic() - began) / REMEMBERED_S)
    statements.clear()
    assert stranger.get("/health/live").status_code == 200
    assert statements == []


def test_a_flood_of_wrong_keys_does_not_close_health_for_monitors(caller: Make, world: World) -> None:
    wrong = Caller(caller().client, "zb_000000000000_wrong")
    while wrong.get("/api/positions").status_code != 429:
        pass
    assert caller().get("/health/ready").status_code == 200
    assert "terminals_connected" in caller().get("/health").json  # whatever it says, it says it


def test_health_says_what_is_down_and_liveness_stays(settings: Settings, world: World) -> None:
    deaf = replace(settings, redis_url="redis://127.0.0.1:1/0", database_url="postgresql://nobody@127.0.0.1:1/none")
    client = create_app(deaf).test_client()
    response = Reply.of(client.get("/health"))
    assert response.status_code == 503
    assert (response.json["postgres"]["state"], response.json["redis"]["state"]) == ("down", "down")
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    assert Caller(client, "zb_0_0").get("/api/positions").json["code"] == "DATABASE_UNAVAILABLE"


def test_a_silent_terminal_makes_health_degraded(caller: Make, world: World) -> None:
    reader = caller("read")
    world.client.flushall()
    response = reader.get("/health")
    assert (response.status_code, response.json["terminals"][0]["state"]) == (503, "disconnected")
    assert caller().get("/health").json["terminals_connected"] == 0
    assert caller().get("/health/ready").json["status"] == "ok"
