"""An engine on this test's own migrated database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from zmq_bridge.storage.engine import create_engine


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated database."""
    engine = create_engine(database, application_name="test")
    yield engine
    engine.dispose()
