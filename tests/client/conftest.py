"""A context and a publisher per test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from tests.client.bridge_parts import Publisher


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
