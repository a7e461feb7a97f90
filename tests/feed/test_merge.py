"""How stored ticks and a history become one: pure, with multiplicity."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks.merge import StoredTick, claim, key, merge, merge_millisecond


def tick(bid: float, time_msc: int = 7, flags: int = 6) -> Tick:
    return Tick(time_msc, bid, bid + 1, 0.0, 0.0, flags)


def live(bid: float, seq: int, *, session: int = 5, time_msc: int = 7) -> StoredTick:
    return StoredTick(tick=tick(bid, time_msc), session=session, seq=seq, received_ms=1, backfilled=False, id=seq)


def bids(rows: list[StoredTick]) -> list[float]:
    return [row.tick.bid for row in rows]


bid_values = st.sampled_from([1.0, 2.0, 3.0])
histories = st.lists(st.tuples(st.integers(1, 4), bid_values), max_size=14).map(
    lambda rows: [tick(bid, time_msc) for time_msc, bid in sorted(rows, key=lambda row: row[0])]
)


def test_the_history_gives_the_order_and_stored_rows_keep_their_place_in_the_stream():
    merged = merge_millisecond([live(2.0, 4), live(3.0, 5)], [tick(1.0), tick(2.0), tick(3.0)], 99)
    assert bids(merged) == [1.0, 2.0, 3.0]
    assert [(row.session, row.seq, row.backfilled) for row in merged] == [(0, 0, True), (5, 4, False), (5, 5, False)]
    assert merged[0].received_ms == 99


def test_equal_ticks_of_one_millisecond_are_counted():
    merged = merge_millisecond([live(1.0, 4)], [tick(1.0), tick(1.0), tick(1.0)], 99)
    assert bids(merged) == [1.0, 1.0, 1.0]
    assert [row.backfilled for row in merged] == [False, True, True]


def test_what_only_we_have_is_kept():
    assert bids(merge_millisecond([live(9.0, 4)], [tick(1.0)], 99)) == [1.0, 9.0]
    assert bids(merge_millisecond([live(9.0, 4)], [], 99)) == [9.0]


def test_two_sessions_that_saw_the_same_tick_stored_it_once_too_often():
    stored = [live(1.0, 4, session=5), live(1.0, 1, session=6)]
    assert [(row.session, row.seq) for row in merge_millisecond(stored, [tick(1.0)], 99)] == [(6, 1)]
    assert bids(merge_millisecond(stored, [tick(1.0), tick(1.0)], 99)) == [1.0, 1.0]


def test_a_history_that_flags_a_tick_otherwise_does_not_double_it():
    merged = merge_millisecond([live(1.0, 4)], [tick(1.0, flags=134)], 99)
    assert [(row.seq, row.tick.flags) for row in merged] == [(4, 6)]


def test_nothing_changes_where_nothing_is_missing():
    stored = [live(1.0, 1), live(2.0, 2), live(3.0, 3, time_msc=8)]
    assert merge(stored, [tick(1.0), tick(2.0), tick(3.0, 8)], 99) == {}


def test_only_the_milliseconds_that_differ_change():
    stored = [live(1.0, 1, time_msc=7), live(3.0, 3, time_msc=9)]
    assert list(merge(stored, [tick(1.0, 7), tick(2.0, 8), tick(3.0, 9)], 99)) == [8]


@given(histories, st.data())
def test_whatever_a_stream_lost_its_history_restores_exactly(history, data):
    """Any subset of the true ticks, live, merged with all of them, is all of them in order; again, nothing changes."""
    seen = data.draw(st.lists(st.booleans(), min_size=len(history), max_size=len(history)))
    stored = [
        StoredTick(tick=t, session=5, seq=n + 1, received_ms=1, backfilled=False, id=n + 1)
        for n, (t, here) in enumerate(zip(history, seen, strict=True))
        if here
    ]
    result = applied(stored, merge(stored, history, 99))
    assert [row.tick for row in result] == history
    assert merge(result, history, 100) == {}


@given(histories, histories, histories)
def test_a_merge_never_loses_a_tick_and_never_makes_more_than_the_fullest_view(stored_ticks, first, second):
    stored = [
        StoredTick(tick=t, session=5, seq=n + 1, received_ms=1, backfilled=False, id=n + 1)
        for n, t in enumerate(stored_ticks)
    ]
    once = applied(stored, merge(stored, first, 99))
    twice = applied(once, merge(once, second, 99))
    views = [Counter(map(key, view)) for view in (stored_ticks, first, second)]
    wanted = views[0] | views[1] | views[2]
    assert Counter(key(row.tick) for row in twice) == wanted
    times = [row.tick.time_msc for row in twice]
    assert times == sorted(times)


def applied(stored: list[StoredTick], changed: dict[int, list[StoredTick]]) -> list[StoredTick]:
    """What the table holds after a merge was written."""
    kept = [row for row in stored if row.tick.time_msc not in changed]
    rows = kept + [row for rows in changed.values() for row in rows]
    return sorted(rows, key=lambda row: row.tick.time_msc)


def test_a_live_tick_claims_a_row_of_the_history_once():
    stored = [StoredTick(tick=tick(1.0), session=0, seq=0, received_ms=1, backfilled=True, id=70)]
    claimed = claim(stored, [tick(1.0), tick(1.0), tick(2.0)], session=5)
    assert [row.id if row else None for row in claimed] == [70, None, None]


def test_a_live_tick_does_not_claim_what_its_own_session_stored():
    assert claim([live(1.0, 4, session=5)], [tick(1.0)], session=5) == [None]
