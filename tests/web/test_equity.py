"""The account's money over time: thinned out, in order, and never another account's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.admission.world import World
from tests.web.conftest import Caller

BEGIN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
SNAPSHOT = """
INSERT INTO account_snapshots (account_id, session, seq, event_seq, time_msc, received_at, balance, equity, credit,
                               profit, margin, margin_free, margin_level)
SELECT id, 7, %s, 0, 0, %s, 1000, %s, 0, 0, 0, 1000, 0 FROM accounts ORDER BY id LIMIT 1
"""


def at(minutes: float) -> str:
    """A moment as the address has it."""
    return (BEGIN + timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def curve(caller: Callable[..., Caller], world: World) -> Caller:
    """A caller, and an equity that rises by a cent each minute for an hour."""
    for minute in range(60):
        world.run(SNAPSHOT, minute + 1, BEGIN + timedelta(minutes=minute), Decimal(1000) + Decimal(minute) / 100)
    return caller("read")


def test_each_stretch_gives_its_last_snapshot_oldest_first(curve: Caller) -> None:
    found = curve.get("/api/account/history", **{"from": at(0), "to": at(60)}, points=6).json["points"]
    assert [point["equity"] for point in found] == ["1000.09", "1000.19", "1000.29", "1000.39", "1000.49", "1000.59"]


def test_the_end_of_the_span_is_not_in_it(curve: Caller) -> None:
    found = curve.get("/api/account/history", **{"from": at(10), "to": at(12)}, points=100).json["points"]
    assert [point["equity"] for point in found] == ["1000.10", "1000.11"]


def test_stretches_without_snapshots_are_left_out_not_made_up(curve: Caller) -> None:
    found = curve.get("/api/account/history", **{"from": at(-600), "to": at(600)}, points=20).json["points"]
    assert [point["equity"] for point in found] == ["1000.59"]


@pytest.mark.parametrize(
    "query",
    [{"from": at(5), "to": at(5)}, {"from": at(5), "to": at(1)}, {"from": "2001-01-01T00:00:00Z", "to": at(0)},
     {"points": 0}, {"points": 2001}, {"from": "yesterday"}],
)  # fmt: skip
def test_a_span_that_is_none_is_refused(curve: Caller, query: dict[str, object]) -> None:
    reply = curve.get("/api/account/history", **query)
    assert (reply.status_code, reply.json["code"]) == (400, "INVALID_FIELD")


def test_a_key_for_another_account_gets_no_curve(curve: Caller, caller: Callable[..., Caller]) -> None:
    assert caller("read", accounts=[1]).get("/api/account/history").status_code == 404
