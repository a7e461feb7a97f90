"""A migrated database, a webhook that listens, and a sender that a test moves step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.notify.receivers import Webhook
from zmq_bridge.notify.sender import Sender, SenderSettings
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.notifications.destinations import add_destination
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.rules import add_rule
from zmq_bridge.storage.notifications.sealing import Seal
from zmq_bridge.storage.notifications.tell import notify

SECRET_KEY = "k" * 40
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class Outbox:
    """What a test says and asks."""

    def __init__(self, engine: Engine, sender: Sender) -> None:
        self.engine, self.sender = engine, sender

    def add(self, name: str, url: str, *, event: str = "*", **more: Any) -> None:
        """A destination with one rule."""
        quiet = more.pop("quiet", None)
        with self.engine.begin() as connection:
            sealed = Seal(SECRET_KEY).seal(url)
            add_destination(connection, name, sealed=sealed, quiet=quiet, actor="ann")
            add_rule(connection, destination=name, event=event, actor="ann", **more)

    def tell(self, event: Event = Event.FILL, title: str = "something", **more: Any) -> int | None:
        """Something happened."""
        with self.engine.begin() as connection:
            return notify(connection, event, title=title, **more)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Ask the database."""
        with self.engine.begin() as connection:
            return list(connection.exec_driver_sql(query, values))

    def deliveries(self) -> list[tuple[str, int, str]]:
        """Status, tries and last error of every message, in order."""
        return [tuple(row) for row in self.rows(
            "SELECT status, attempts, last_error FROM notification_deliveries ORDER BY id"
        )]  # fmt: skip


@pytest.fixture
def sender_settings(database: str) -> SenderSettings:
    """The settings of a sender on this test's database."""
    return SenderSettings(database_url=database, secret_key=SECRET_KEY, variables={})


@pytest.fixture
def outbox(engine: Engine, sender_settings: SenderSettings) -> Outbox:
    """The outbox, empty."""
    return Outbox(engine, Sender(engine, sender_settings))


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that listens."""
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def new_account(engine: Engine) -> Callable[[int], int]:
    """`new_account(7)`: the id of an account with this login."""

    def make(login: int) -> int:
        with engine.begin() as connection:
            return ensure_account(
                connection, login=login, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging",
                leverage=100,
            ).id  # fmt: skip

    return make
