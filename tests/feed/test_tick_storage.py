"""COPY, cursors, gaps, repair and history on real Postgres."""

import math
import struct
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from tests.feed.conftest import LOGIN, START_MSC, SYMBOL, add_account, make_ticks
from tests.support import wait_until
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.storage.ticks.accounts import accounts_of
from zmq_bridge.storage.ticks.copy import TIME_MSC_MAX, TickRun, _rows, copy_ticks, storable
from zmq_bridge.storage.ticks.cursors import TickCursor, lock_cursors, save_cursors
from zmq_bridge.storage.ticks.gaps import gap_news
from zmq_bridge.storage.ticks.history import (
    HistoryOutOfRange,
    close_gap,
    history,
    last_ticks,
    latest,
    open_gap,
    open_gaps,
    replace_range,
)
from zmq_bridge.storage.ticks.partitions import DAY_MSC
from zmq_bridge.storage.ticks.repair import claim_or_copy, stored_ticks

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def run_of(account_id: int, ticks: list[Tick], *, seq: int = 1, session: int = 9, symbol: str = SYMBOL) -> TickRun:
    return TickRun(account_id=account_id, symbol=symbol, session=session, seq=seq, ticks=ticks, received_ms=NOW_MS)


def whole(connection, account_id, symbol=SYMBOL):
    return [row.tick for row in history(connection, account_id, symbol, 0, TIME_MSC_MAX)]


def cursor_at(connection, account_id, **changes) -> None:
    fields = {"session": 9, "seq": 1, "time_msc": START_MSC, "received_ms": NOW_MS} | changes
    save_cursors(connection, {(account_id, SYMBOL): TickCursor(**fields)})


def test_every_value_comes_back_as_it_went_in(connection, account_id):
    odd = [
        Tick(START_MSC, 1.1 + 2**-52, 5e-324, 1.7976931348623157e308, 0.1, 2**32 - 1),
        Tick(START_MSC, -0.0, 0.0, 1e-9, 3.0, 0),
        Tick(START_MSC, 0.1 + 0.2, 1 / 3, 0.0, 0.0, 134),
    ]
    copy_ticks(connection, [run_of(account_id, odd, seq=41, symbol="DAX.40é€")])
    rows = history(connection, account_id, "DAX.40é€", START_MSC, START_MSC)
    assert [row.tick for row in rows] == odd
    assert math.copysign(1, rows[1].tick.bid) == -1
    assert [(row.session, row.seq, row.received_at, row.backfilled) for row in rows] == [
        (9, 41 + number, NOW, False) for number in range(3)
    ]


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
def test_a_packed_row_has_the_length_of_its_symbol(symbol):
    [row] = _rows(run_of(1, make_ticks(1), symbol=symbol))
    size = len(symbol.encode())
    assert len(row) == 2 + 12 * 4 + size + 8 * 9 + 4 + 1
    assert struct.unpack_from(">hiqi", row) == (12, 8, 1, size)


def test_a_batch_over_midnight_and_years_apart_makes_only_the_days_it_needs(connection, account_id):
    days = [0, START_MSC // DAY_MSC, START_MSC // DAY_MSC + 1, 20_000]
    ticks = [Tick(day * DAY_MSC + 1, 1.0, 1.1, 0.0, 0.0, 6) for day in days]
    copy_ticks(connection, [run_of(account_id, ticks)])
    made = connection.exec_driver_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'ticks'::regclass").scalar()
    assert made == 4
    assert whole(connection, account_id) == ticks


def test_a_number_too_large_for_postgres_is_not_storable():
    ticks = make_ticks(1)
    assert storable(9, 1, ticks)
    assert not storable(2**63, 1, ticks)
    assert not storable(9, 2**63 - 1, ticks)
    assert not storable(9, 1, [*ticks, Tick(TIME_MSC_MAX, 1.0, 1.0, 0.0, 0.0, 6)])
    assert not storable(9, 1, [Tick(0, 1.0, 1.0, 0.0, 0.0, 6)])


def test_a_failed_copy_raises_what_sqlalchemy_would_and_keeps_nothing(engine, account_id):
    good, bad = (run_of(account_id, make_ticks(3), symbol=symbol) for symbol in (SYMBOL, "nul\0"))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        copy_ticks(connection, [good, bad])
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT to_regclass('ticks_20200101')").scalar() is None


def test_cursors_come_back_and_are_moved(connection, account_id):
    stream, other = (account_id, SYMBOL), (account_id, "GBPUSD")
    first = TickCursor(session=9, seq=3, time_msc=START_MSC, received_ms=NOW_MS, filled_msc=50)
    save_cursors(connection, {stream: first, other: first})
    moved = TickCursor(session=10, seq=1, time_msc=START_MSC - 5, received_ms=NOW_MS + 1, filled_msc=20)
    save_cursors(connection, {stream: moved})
    found = lock_cursors(connection, [stream, other, (account_id, "nobody")])
    assert found[other] == first
    assert found[stream] == TickCursor(
        session=10, seq=1, time_msc=START_MSC - 5, received_ms=NOW_MS + 1, filled_msc=50
    ), "what was filled stays filled"
    assert len(found) == 2


def test_a_history_fills_what_was_lost_and_marks_it(connection, account_id):
    ticks = make_ticks(60)
    copy_ticks(connection, [run_of(account_id, ticks[:20]), run_of(account_id, ticks[40:], seq=41)])
    cursor_at(connection, account_id, seq=60, time_msc=ticks[-1].time_msc)
    from_msc, to_msc = ticks[19].time_msc, ticks[40].time_msc
    part = [tick for tick in ticks if from_msc <= tick.time_msc <= to_msc]
    filled = replace_range(connection, account_id, SYMBOL, from_msc, to_msc, part, now=NOW)
    assert filled == 20
    rows = history(connection, account_id, SYMBOL, 0, TIME_MSC_MAX)
    assert [row.tick for row in rows] == ticks
    assert [row.seq for row in rows] == [*range(1, 21), *[0] * 20, *range(41, 61)]
    assert [row.backfilled for row in rows] == [False] * 20 + [True] * 20 + [False] * 20
    assert replace_range(connection, account_id, SYMBOL, from_msc, to_msc, part, now=NOW) == 0
    assert whole(connection, account_id) == ticks


def test_a_replacement_touches_no_other_stream(connection, engine, account_id):
    other = add_account(engine, LOGIN + 1)
    ticks = make_ticks(9)
    copy_ticks(connection, [run_of(other, ticks), run_of(account_id, ticks, symbol="EURUSD.z")])
    replace_range(connection, account_id, SYMBOL, 0, TIME_MSC_MAX, ticks[:3], now=NOW)
    assert whole(connection, other) == ticks
    assert whole(connection, account_id, "EURUSD.z") == ticks
    assert whole(connection, account_id) == ticks[:3]


@pytest.mark.parametrize("wrong", ["before", "after", "back"])
def test_a_history_that_does_not_fit_the_range_is_refused(connection, account_id, wrong):
    ticks = make_ticks(9)
    first, last = ticks[0].time_msc, ticks[-1].time_msc
    if wrong == "back":
        ticks = ticks[::-1]
    span = {"before": (first + 1, last), "after": (first, last - 1), "back": (first, last)}[wrong]
    with pytest.raises(HistoryOutOfRange, match="expected ticks"):
        replace_range(connection, account_id, SYMBOL, *span, ticks, now=NOW)


def test_a_live_tick_that_the_history_brought_first_is_stored_once(connection, account_id):
    """The history is read while the tick still waits in the recorder's queue; two equal ones make it harder."""
    twin = Tick(START_MSC, 1.5, 1.6, 0.0, 0.0, 6)
    later = Tick(START_MSC, 1.7, 1.8, 0.0, 0.0, 6)
    cursor_at(connection, account_id, time_msc=START_MSC - 9)
    replace_range(connection, account_id, SYMBOL, START_MSC - 9, START_MSC, [twin, twin], now=NOW)
    assert lock_cursors(connection, [(account_id, SYMBOL)])[account_id, SYMBOL].filled_msc == START_MSC
    assert claim_or_copy(connection, run_of(account_id, [twin, later], seq=8)) == 1
    rows = history(connection, account_id, SYMBOL, 0, TIME_MSC_MAX)
    assert sorted(row.tick.bid for row in rows) == [1.5, 1.5, 1.7]
    assert rows[-1].tick == later
    assert sorted((row.session, row.seq) for row in rows) == [(0, 0), (9, 8), (9, 9)]


def test_a_replay_of_known_ticks_doubles_none(connection, account_id):
    ticks = make_ticks(30)
    copy_ticks(connection, [run_of(account_id, ticks)])
    assert claim_or_copy(connection, run_of(account_id, ticks[10:20], session=10)) == 10
    assert whole(connection, account_id) == ticks


def test_a_repair_waits_for_the_recorders_transaction(engine, account_id):
    """Both lock the cursor, so the repair sees the tick that was being stored, and does not add it again."""
    ticks = make_ticks(6)
    with engine.begin() as connection:
        cursor_at(connection, account_id, seq=3, time_msc=ticks[2].time_msc)
        copy_ticks(connection, [run_of(account_id, ticks[:3])])
    filled: list[int] = []

    def repair() -> None:
        with engine.begin() as connection:
            filled.append(replace_range(connection, account_id, SYMBOL, 0, TIME_MSC_MAX - 1, ticks, now=NOW))

    with engine.begin() as recorder:
        lock_cursors(recorder, [(account_id, SYMBOL)])
        thread = threading.Thread(target=repair)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "the repair did not wait"
        copy_ticks(recorder, [run_of(account_id, ticks[3:], seq=4)])
    thread.join(10)
    assert filled == [0]
    with engine.connect() as connection:
        assert whole(connection, account_id) == ticks


def test_gaps_open_notify_close_once_and_are_news(engine, account_id):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listener:
        listener.exec_driver_sql("LISTEN gaps")
        with engine.begin() as connection:
            gap_id = open_gap(
                connection, account_id, SYMBOL, session=9, from_msc=1, to_msc=2, lost=None, reason="a test"
            )
            [gap] = open_gaps(connection, account_id)
            assert (gap.id, gap.login, gap.state, gap.lost) == (gap_id, LOGIN, "open", None)
        with engine.begin() as connection:
            assert close_gap(connection, gap_id, "filled")
            assert not close_gap(connection, gap_id, "lost")
            assert open_gaps(connection, account_id) == []
            assert [gap.state for gap in gap_news(connection, gap_id, [gap_id])] == ["filled"]
            assert gap_news(connection, gap_id, []) == []
        raw = listener.connection.dbapi_connection
        wait_until(lambda: raw.poll() or len(raw.notifies) == 2)
        assert [(note.channel, note.payload) for note in raw.notifies] == [("gaps", str(account_id))] * 2


def test_the_last_ticks_are_found_across_a_quiet_month(connection, account_id):
    old, new = make_ticks(10), make_ticks(4, START_MSC + 30 * DAY_MSC)
    copy_ticks(connection, [run_of(account_id, old), run_of(account_id, new, seq=11)])
    cursor_at(connection, account_id, seq=14, time_msc=new[-1].time_msc)
    assert [row.tick for row in last_ticks(connection, account_id, SYMBOL, 7)] == [*old[-3:], *new]
    assert [row.tick for row in last_ticks(connection, account_id, SYMBOL, 100)] == [*old, *new]
    newest = latest(connection, account_id, SYMBOL)
    assert newest is not None
    assert newest.tick == new[-1]
    assert latest(connection, account_id, "nobody") is None


def test_a_range_is_inclusive_and_limited(connection, account_id):
    ticks = make_ticks(30)
    copy_ticks(connection, [run_of(account_id, ticks)])
    found = history(connection, account_id, SYMBOL, ticks[3].time_msc, ticks[8].time_msc)
    assert [row.tick for row in found] == ticks[3:9]
    assert len(history(connection, account_id, SYMBOL, 0, TIME_MSC_MAX, limit=5)) == 5
    with pytest.raises(ValueError, match="limit"):
        history(connection, account_id, SYMBOL, 0, 1, limit=0)


def test_stored_ticks_carry_unsigned_flags(connection, account_id):
    copy_ticks(connection, [run_of(account_id, [Tick(START_MSC, 1.0, 1.0, 0.0, 0.0, 2**31)])])
    assert stored_ticks(connection, account_id, SYMBOL, START_MSC, START_MSC)[0].tick.flags == 2**31


def test_a_login_at_two_servers_is_told_apart_by_its_session(engine, account_id):
    with engine.connect() as connection:
        assert accounts_of(connection, [(LOGIN, 77), (LOGIN, 78), (LOGIN + 1, 77), (2**64 - 1, 77)]) == {
            (LOGIN, 77): account_id, (LOGIN, 78): account_id,
        }  # fmt: skip
    other = add_account(engine, server="Live")
    with engine.begin() as connection:
        assert accounts_of(connection, [(LOGIN, 77)]) == {}
        connection.exec_driver_sql(
            "INSERT INTO terminals (account_id, role, session) VALUES (%s, 'feed', 77)", (other,)
        )
        assert accounts_of(connection, [(LOGIN, 77), (LOGIN, 78)]) == {(LOGIN, 77): other}
