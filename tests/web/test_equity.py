"""The account's money over time: thinned out alike whenever it is asked for, with both ends, and only one's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admission.world import World
from tests.web.conftest import Caller
from zmq_bridge.storage.trading.equity import ORIGIN, STEPS_S, step_s

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


def money(points: list[dict[str, str]]) -> list[str]:
    """The equity of each point."""
    return [point["equity"] for point in points]


def asked(curve: Caller, begin: float, end: float, points: int) -> list[dict[str, str]]:
    """The points of a stretch of minutes."""
    found: list[dict[str, str]] = curve.get(
        "/api/account/history", **{"from": at(begin), "to": at(end)}, points=points
    ).json["points"]
    return found


def test_the_first_snapshot_and_the_last_of_each_stretch_come_oldest_first(curve: Caller) -> None:
    assert money(asked(curve, 0, 60, 8)) == ["1000.00", "1000.14", "1000.29", "1000.44", "1000.59"]


def test_the_end_of_the_span_is_not_in_it(curve: Caller) -> None:
    assert money(asked(curve, 10, 12, 100)) == ["1000.10", "1000.11"]


def test_a_short_record_in_a_long_span_is_drawn_as_finely_as_it_is(curve: Caller) -> None:
    whole = [f"1000.{minute:02}" for minute in range(60)]
    assert money(asked(curve, -600, 6000, 400)) == whole


@pytest.mark.parametrize("points", [1, 2, 3, 5, 7, 20, 63, 300])
def test_a_curve_has_both_its_ends_and_no_more_points_than_were_asked_for(curve: Caller, points: int) -> None:
    found = money(asked(curve, 0, 60, points))
    assert len(found) <= points
    assert found[-1] == "1000.59"
    assert found[0] == "1000.00" or points == 1
    assert found == sorted(set(found))


def test_a_curve_that_is_asked_for_again_later_keeps_its_points(curve: Caller) -> None:
    before, after = (asked(curve, begin, 60, 8)[1:] for begin in (0, 0.5))
    assert before == after
    slid = asked(curve, 7, 60, 8)[1:]
    assert slid == [point for point in before if point in slid]


@given(st.timedeltas(timedelta(0), timedelta(days=3660)), st.integers(5, 2000), st.datetimes())
def test_stretches_fit_wherever_a_span_begins(span: timedelta, points: int, begin: datetime) -> None:
    step = step_s(span, points)
    offset = (begin - ORIGIN.replace(tzinfo=None)).total_seconds() % step
    touched = int((offset + span.total_seconds()) // step) + 1
    assert touched + 1 <= points or step == STEPS_S[-1]


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
