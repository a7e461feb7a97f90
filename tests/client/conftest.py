"""A context and a publisher per test; hypothesis without a deadline, on a machine that many share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from hypothesis import settings

from tests.client.bridge_parts import Publisher

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    """A context that the client does not share, as on the other side of a network."""
    with zmq.Context() as context:
        yield context
        context.destroy(linger=0)


@pytest.fixture
def publisher(context: zmq.Context[Any]) -> Publisher:
    """The bridge's side of the ticks."""
    return Publisher(context)
