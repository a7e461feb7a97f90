"""A healthy account on real servers and the stream in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.stream.running import RunningStream
from tests.stream.world import World
from tests.support import wait_until
from zmq_bridge.live.connection import open_redis
from zmq_bridge.storage.keys import create_key


@pytest.fixture
def world(engine: Engine, redis_url: str) -> Iterator[World]:
    """Two accounts, their prices, money and positions, as desk and recorder write them."""
    with open_redis(redis_url) as client:
        yield World(engine, client)


@pytest.fixture
def stream(database: str, redis_url: str, world: World) -> Iterator[RunningStream]:
    """The stream, once it knows the world."""
    with RunningStream(database, redis_url) as running:
        wait_until(lambda: running.health()["status"] == "ok", message="the stream does not reach Redis")
        yield running


@pytest.fixture
def new_key(engine: Engine) -> Callable[..., Any]:
    """`new_key("read", accounts=[1])`: a key with these scopes."""

    def make(*scopes: str, **more: Any) -> Any:
        with engine.begin() as connection:
            return create_key(connection, name="test", scopes=scopes, now=datetime.now(UTC), actor="test", **more)

    return make
