"""What a stream's numbers tell: the planner, pure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.relay.gaps import (
    FIRST_SIGHT_LOOKBACK_MS,
    SUPERSEDED_MS,
    TAIL_SLACK_MS,
    Announced,
    News,
    StreamPlan,
    plan_stream,
)
from zmq_bridge.storage.ticks.copy import TickRun
from zmq_bridge.storage.ticks.cursors import TickCursor

NOON = 1_577_880_000_000
CURSOR = TickCursor(session=5, seq=10, time_msc=NOON, received_ms=1_000_000)


def run(seq: int, count: int = 1, *, session: int = 5, at: int = NOON, received_ms: int = 1_000_100) -> TickRun:
    ticks = [Tick(at + number, 1.0, 1.1, 0.0, 0.0, 6) for number in range(count)]
    return TickRun(account_id=1, symbol="X", session=session, seq=seq, ticks=ticks, received_ms=received_ms)


def beat(seq: int, *, session: int = 5, at: int = NOON + 500, received_ms: int = 1_000_500) -> Announced:
    return Announced(session=session, seq=seq, time_msc=at, received_ms=received_ms)


def numbers(plan: StreamPlan) -> list[int]:
    return [r.seq + at for r in (*plan.overlapping, *plan.accepted) for at in range(len(r.ticks))]


def test_the_next_number_is_accepted_without_a_gap():
    plan = plan_stream(CURSOR, [run(11, 3, at=NOON + 1)])
    assert (numbers(plan), plan.gaps, plan.duplicates) == ([11, 12, 13], [], 0)
    assert plan.cursor == TickCursor(session=5, seq=13, time_msc=NOON + 3, received_ms=1_000_100)


def test_a_jump_is_a_gap_from_the_last_stored_to_the_first_new_tick():
    plan = plan_stream(CURSOR, [run(15, at=NOON + 90)])
    [gap] = plan.gaps
    assert (gap.from_msc, gap.to_msc, gap.lost, gap.session) == (NOON, NOON + 90, 4, 5)
    assert plan.cursor is not None
    assert plan.cursor.seq == 15


def test_a_number_at_or_below_the_cursor_is_a_duplicate():
    plan = plan_stream(CURSOR, [run(9, 2), run(1)])
    assert (numbers(plan), plan.duplicates, plan.cursor) == ([], 3, CURSOR)


def test_a_batch_that_is_half_known_is_cut():
    plan = plan_stream(CURSOR, [run(9, 4)])
    assert (numbers(plan), plan.duplicates, plan.gaps) == ([11, 12], 2, [])
    assert plan.accepted[0].ticks[0].time_msc == NOON + 2


def test_a_new_session_is_a_gap_of_unknown_size():
    plan = plan_stream(CURSOR, [run(1, session=6, at=NOON + 60_000)])
    [gap] = plan.gaps
    assert (gap.from_msc, gap.to_msc, gap.lost, gap.session) == (NOON, NOON + 60_000, None, 6)


def test_an_older_session_is_refused_while_the_newer_one_is_heard():
    plan = plan_stream(CURSOR, [run(3, 2, session=4, received_ms=1_000_000 + SUPERSEDED_MS - 1)])
    assert (numbers(plan), plan.superseded, plan.gaps, plan.cursor) == ([], 2, [], CURSOR)


def test_an_older_session_is_taken_when_the_newer_one_is_silent():
    plan = plan_stream(CURSOR, [run(1, session=4, at=NOON + 9_000, received_ms=1_000_000 + SUPERSEDED_MS)])
    assert numbers(plan) == [1]
    assert plan.cursor is not None
    assert plan.cursor.session == 4
    assert len(plan.gaps) == 1


def test_a_beat_that_names_a_higher_number_shows_a_lost_tail():
    plan = plan_stream(CURSOR, [beat(12)])
    [gap] = plan.gaps
    assert (gap.from_msc, gap.to_msc, gap.lost) == (NOON, NOON + 500 + TAIL_SLACK_MS, 2)
    assert plan.cursor is not None
    assert plan.cursor.seq == 12
    again = plan_stream(plan.cursor, [beat(12), run(13, at=NOON + 600)])
    assert (again.gaps, numbers(again)) == ([], [13])


@pytest.mark.parametrize("cursor", [CURSOR, None, replace(CURSOR, session=4)])
def test_a_beat_that_names_what_nobody_can_have_sent_changes_nothing(cursor):
    plan = plan_stream(cursor, [beat(2**62)])
    assert (plan.cursor, plan.gaps, plan.absurd) == (cursor, [], 1)
    assert plan_stream(cursor, [beat(2**62), run(11)]).cursor == plan_stream(cursor, [run(11)]).cursor


def test_a_beat_after_a_long_silence_may_name_a_high_number():
    an_hour_later = CURSOR.received_ms + 3_600_000
    assert plan_stream(CURSOR, [beat(10**8, received_ms=an_hour_later)]).absurd == 0
    assert plan_stream(CURSOR, [beat(10**8)]).absurd == 1


@pytest.mark.parametrize("seq", [0, 9, 10])
def test_a_beat_that_names_what_is_known_changes_nothing(seq):
    plan = plan_stream(CURSOR, [beat(seq)])
    assert (plan.gaps, plan.cursor) == ([], CURSOR)


def test_a_beat_of_a_new_session_without_ticks_changes_nothing_and_with_ticks_is_a_gap():
    assert plan_stream(CURSOR, [beat(0, session=6)]).gaps == []
    assert len(plan_stream(CURSOR, [beat(3, session=6)]).gaps) == 1
    assert plan_stream(CURSOR, [beat(99, session=4)]).gaps == []


def test_a_stream_heard_from_its_beginning_has_no_gap():
    plan = plan_stream(None, [run(1, 2)])
    assert (numbers(plan), plan.gaps) == ([1, 2], [])


def test_a_stream_first_heard_in_the_middle_is_looked_for_a_day_back():
    [gap] = plan_stream(None, [run(8)]).gaps
    assert (gap.from_msc, gap.to_msc, gap.lost) == (NOON - FIRST_SIGHT_LOOKBACK_MS, NOON, 7)
    [gap] = plan_stream(None, [beat(8)]).gaps
    assert gap.lost == 8


def test_a_replay_into_the_past_is_no_gap_but_may_be_there_already():
    plan = plan_stream(CURSOR, [run(1, 2, session=6, at=NOON - 3_600_000), run(3, session=6, at=NOON - 3_500_000)])
    assert plan.gaps == []
    assert [r.seq for r in plan.overlapping] == [1]
    assert len(plan.overlapping[0].ticks) == 3
    assert plan.cursor is not None
    assert plan.cursor.filled_msc == NOON


def test_ticks_up_to_what_a_backfill_stored_are_checked_and_later_ones_are_not():
    cursor = replace(CURSOR, filled_msc=NOON + 50)
    plan = plan_stream(cursor, [run(11, at=NOON + 50), run(12, at=NOON + 51)])
    assert [r.seq for r in plan.overlapping] == [11]
    assert [r.seq for r in plan.accepted] == [12]


@given(st.data())
def test_every_number_is_accepted_once_or_in_a_gap_or_was_known(data):
    """Whatever is lost, repeated and cut, in one session the numbers add up."""
    last = data.draw(st.integers(1, 60))
    news: list[News] = []
    at = 1
    while at <= last:
        size = data.draw(st.integers(1, 5))
        size = min(size, last - at + 1)
        fate = data.draw(st.sampled_from(["sent", "sent", "lost", "twice", "overlap"]))
        item = run(at, size, at=NOON + at)
        if fate in ("sent", "twice"):
            news += [item] * (2 if fate == "twice" else 1)
        if fate == "overlap":
            news += [item, run(max(1, at - 2), size + min(2, at - 1), at=NOON + max(1, at - 2))]
        at += size
    news.append(beat(last, at=NOON + last))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(news)), max_size=4)))
    cursor, accepted, lost = None, [], 0
    for start, end in zip([0, *cuts], [*cuts, len(news)], strict=True):
        plan = plan_stream(cursor, news[start:end])
        cursor = plan.cursor
        accepted += numbers(plan)
        lost += sum(gap.lost or 0 for gap in plan.gaps)
        assert all(gap.from_msc <= gap.to_msc for gap in plan.gaps)
    assert accepted == sorted(set(accepted))
    assert len(accepted) + lost == last
    assert cursor is not None
    assert cursor.seq == last
