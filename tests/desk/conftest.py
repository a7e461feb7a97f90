"""A desk on this test's own database and ports, and somebody in the proxy's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.desk.terminal import Publisher, Terminal
from tests.desk.world import Books, DeskProcess, desk_settings
from zmq_bridge.storage.engine import create_engine


@pytest.fixture
def books(database: str) -> Iterator[Books]:
    """The database, for looking and for writing what the gate writes."""
    engine = create_engine(database, application_name="test")
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def desk(database: str, redis_url: str) -> Iterator[DeskProcess]:
    """A running desk."""
    process = DeskProcess(settings=desk_settings(database, redis_url))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def publisher(desk: DeskProcess) -> Iterator[Publisher]:
    """The proxy's XPUB, with the desk subscribed."""
    publisher = Publisher(desk.settings.subscribe_endpoint)
    publisher.wait_for_subscriber()
    yield publisher
    publisher.close()


@pytest.fixture
def connect(desk: DeskProcess) -> Iterator[Callable[..., Terminal]]:
    """Make terminals that are closed at the end: `connect(login=..., session=..., role=...)`."""
    made: list[Terminal] = []

    def make(**said: object) -> Terminal:
        made.append(Terminal(desk.endpoint, **said))  # type: ignore[arg-type]  # a terminal's own keywords
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()
