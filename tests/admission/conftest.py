"""The world in which the gate is tested."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.admission.world import World
from zmq_bridge.live.connection import open_redis


@pytest.fixture
def world(engine: Engine, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    client = open_redis(redis_url)
    yield World(engine, client)
    client.close()
