"""Which snapshots are kept: one in a while, at once when something came or went, and over a clock that is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.desk.terminal import LOGIN, account
from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.relay.present import FOLLOW_S, KEEP_S, Kept, Presents, Waiting, is_over

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SNAPSHOT = Snapshot(
    login=LOGIN, session=5, seq=7, event_seq=1, time_msc=1_700_000_000_000,
    account=account(LOGIN, balance=Decimal(100), equity=Decimal(100), margin_free=Decimal(100)),
    positions=(), orders=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "is_kept"),
    [
        (timedelta(seconds=KEEP_S / 2), False),
        (timedelta(seconds=KEEP_S), True),
        (timedelta(hours=-1), True),  # our clock was set back: else nothing would be kept for an hour
    ],
)
def test_books_that_only_changed_in_price_are_kept_once_in_a_while(
    engine: Engine, after: timedelta, is_kept: bool
) -> None:
    presents = Presents(engine)
    presents.note(1, Kept(waiting=Waiting(snapshot=SNAPSHOT, received_at=NOON), agreed=True))
    assert presents.lay(1, replace(SNAPSHOT, seq=8), NOON + after) is is_kept


def test_an_event_in_the_books_is_kept_at_once(engine: Engine) -> None:
    presents = Presents(engine)
    presents.note(1, Kept(waiting=Waiting(snapshot=SNAPSHOT, received_at=NOON), agreed=True))
    assert presents.lay(1, replace(SNAPSHOT, seq=8, event_seq=2), NOON)


def test_a_span_is_over_when_the_clock_was_set_back() -> None:
    assert is_over(FOLLOW_S, NOON, NOON - timedelta(milliseconds=1))
    assert not is_over(FOLLOW_S, NOON, NOON)
