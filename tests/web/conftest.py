"""A healthy account now, and the application in front of it with a client that has a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.admission.world import OFFSET_S, World
from tests.conftest import _database as fresh_database
from tests.running import PATIENT
from tests.web.described import Described
from web import create_app
from web.api.health import EXTENSION as HEALTH
from web.api.health import Memory
from web.parts import EXTENSION, install
from zmq_bridge.embedded import EmbeddedPostgres
from zmq_bridge.live.connection import open_redis
from zmq_bridge.settings import Settings, load_settings
from zmq_bridge.storage.engine import create_engine, dump_json
from zmq_bridge.storage.keys import create_key


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a client reads it."""

    status_code: int
    json: Any  # the parsed body; None when it is no JSON
    text: str

    @classmethod
    def of(cls, response: TestResponse) -> Reply:
        """Read a response."""
        return cls(status_code=response.status_code, json=response.get_json(silent=True), text=response.text)


class Caller:
    """A client with one API key."""

    def __init__(self, client: FlaskClient, key: str | None) -> None:
        self.client, self.key = client, key

    def get(self, path: str, **query: Any) -> Reply:
        """GET with query parameters."""
        return Reply.of(self.client.get(path, query_string=query, headers=self._headers()))

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        """POST JSON."""
        return Reply.of(self.client.post(path, json=body, headers=self._headers() | headers))

    def _headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key} if self.key else {}


@pytest.fixture
def settings(database: str, redis_url: str) -> Settings:
    """The settings of a web process on this test's servers."""
    return web_settings(database, redis_url)


@pytest.fixture(scope="module")
def lasting_database(postgres_server: EmbeddedPostgres, postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A migrated database that all tests of a file share, for those that share a server."""
    yield from fresh_database(postgres_server, postgres_url, migrated_template)


def web_settings(database_url: str, redis_url: str) -> Settings:
    """The settings of a web process on these servers."""
    return load_settings(
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "s" * 40},
        env_file="/nonexistent",
    )


@dataclass(frozen=True, slots=True)
class Made:
    """An application that was made once, and what looks at its answers."""

    app: Flask
    described: Described


@pytest.fixture(scope="session")
def made() -> dict[Settings, Made]:
    """Applications by their settings: making one takes longer than most tests."""
    return {}


@pytest.fixture
def app(request: pytest.FixtureRequest, settings: Settings, made: dict[Settings, Made]) -> Iterator[Flask]:
    """The application as gunicorn makes it. Every answer must be as its OpenAPI document says.

    Tests with the same settings share the object and no more; one that adds an address or a hook is marked `own_app`.
    """
    alike = replace(settings, database_url="", redis_url="")
    if request.node.get_closest_marker("own_app"):
        found = make(settings)
    else:
        found = made[alike] = made.get(alike) or make(settings)
    renew(found, settings)
    yield found.app
    found.app.extensions[EXTENSION].engine.dispose()
    assert found.described.wrong == []


def make(settings: Settings) -> Made:
    """Make an application, and have its answers looked at."""
    app = create_app(settings)
    described = Described(app)
    app.after_request(described.look)
    return Made(app, described)


def renew(made: Made, settings: Settings) -> None:
    """Take away what the last test left: its servers, what is remembered of their health, and what was wrong."""
    install(made.app, settings)
    made.app.extensions[HEALTH] = Memory()
    made.described.wrong.clear()


@pytest.fixture
def patience() -> dict[str, str]:
    """Limits that let data be as old as a busy machine makes it; a test of the limits themselves wants none."""
    return PATIENT


@pytest.fixture
def world(database: str, redis_url: str, patience: dict[str, str]) -> Iterator[World]:
    """A healthy account at this very moment."""
    engine, client = create_engine(database), open_redis(redis_url)
    world = World(engine, client)
    now = datetime.now(UTC)
    world.clock.now = now
    world.run("UPDATE risk_state SET server_day = %s", (now + timedelta(seconds=OFFSET_S)).date())
    world.run("UPDATE correlations SET as_of = %s", now - timedelta(minutes=1))
    world.run("UPDATE symbols SET seen_at = %s", now - timedelta(minutes=1))
    if patience:
        world.run("INSERT INTO risk_limits (limits, actor) VALUES (%s, 'test')", dump_json(patience))
    world.snapshot()
    world.freshen()
    yield world
    client.close()
    engine.dispose()


@pytest.fixture
def caller(app: Flask, world: World) -> Callable[..., Caller]:
    """`caller("signal", "read")`: a client whose new key has these scopes; `accounts=` and `user_id=` restrict it."""

    def make(*scopes: str, **more: Any) -> Caller:
        if not scopes:
            return Caller(app.test_client(), None)
        with world.engine.begin() as connection:
            key = create_key(connection, name="test", scopes=scopes, now=datetime.now(UTC), actor="test", **more)
        return Caller(app.test_client(), key.text)

    return make
