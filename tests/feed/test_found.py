"""How many ticks of a gap came back: by the stream's numbers, whatever the terminal's history has more or less."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from tests.feed.conftest import SYMBOL
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.relay.gaps import Announced, News, plan_stream
from zmq_bridge.storage.ticks.copy import TickRun, copy_ticks
from zmq_bridge.storage.ticks.found import ticks_found
from zmq_bridge.storage.ticks.gaps import TickGap, close_gap, open_gap, open_gaps
from zmq_bridge.storage.ticks.repair import claim_or_copy, replace_range

SESSION = 1_700_000_000_000
NOON = 1_577_880_000_000
NOW = datetime(2020, 1, 1, 12, tzinfo=UTC)


def tick(number: int, at: int | None = None) -> Tick:
    return Tick(NOON + (number if at is None else at), 1.0 + number / 1e5, 1.5, 0.0, 0.0, 6)


def run(account_id: int, seq: int, ticks: Sequence[Tick]) -> TickRun:
    return TickRun(account_id=account_id, symbol=SYMBOL, session=SESSION, seq=seq, ticks=ticks, received_ms=1)


def record(connection: Connection, account_id: int, news: Sequence[News]) -> list[TickGap]:
    """What the recorder does; the gaps that it opened."""
    plan = plan_stream(None, news)
    for gap in plan.gaps:
        open_gap(
            connection, account_id, SYMBOL, session=gap.session, from_msc=gap.from_msc, to_msc=gap.to_msc,
            lost=gap.lost, reason=gap.reason, seq_last=gap.seq_last,
        )  # fmt: skip
    copy_ticks(connection, plan.accepted)
    for overlapping in plan.overlapping:
        claim_or_copy(connection, overlapping)
    return open_gaps(connection, account_id)


def repair(connection: Connection, gap: TickGap, history: Sequence[Tick]) -> int:
    """What the desk does; how many of the gap's ticks it finds."""
    of_range = [each for each in history if gap.from_msc <= each.time_msc <= gap.to_msc]
    replace_range(connection, gap.account_id, gap.symbol, gap.from_msc, gap.to_msc, of_range, now=NOW)
    return ticks_found(connection, gap)


@pytest.mark.parametrize("kept", [{3, 4, 5}, {3, 5}, {4}, set()])
def test_a_jump_finds_as_many_as_the_history_kept(engine: Engine, kept: set[int]) -> None:
    with engine.connect() as connection:
        account_id = add_account_here(connection)
        ticks = {number: tick(number) for number in range(1, 9)}
        news = [run(account_id, 1, [ticks[1], ticks[2]]), run(account_id, 6, [ticks[6], ticks[7], ticks[8]])]
        [gap] = record(connection, account_id, news)
        assert (gap.lost, gap.seq_last) == (3, 5)
        history = [each for number, each in ticks.items() if number in kept or number not in (3, 4, 5)]
        assert repair(connection, gap, history) == len(kept)
        assert repair(connection, gap, history) == len(kept), "a desk that was killed counts the same again"


def test_more_ticks_than_were_published_are_no_more_than_were_lost(engine: Engine) -> None:
    with engine.connect() as connection:
        account_id = add_account_here(connection)
        [gap] = record(connection, account_id, [run(account_id, 1, [tick(1)]), run(account_id, 4, [tick(90)])])
        assert repair(connection, gap, [tick(number) for number in range(1, 91)]) == 2


def test_of_a_gap_without_numbers_what_the_history_alone_has_is_counted(engine: Engine) -> None:
    with engine.connect() as connection:
        account_id = add_account_here(connection)
        record(connection, account_id, [run(account_id, 1, [tick(1), tick(9)])])
        open_gap(
            connection, account_id, SYMBOL, session=SESSION + 5, from_msc=NOON + 1, to_msc=NOON + 9, lost=None,
            reason="the terminal started anew",
        )  # fmt: skip
        [gap] = open_gaps(connection, account_id)
        assert repair(connection, gap, [tick(number) for number in (1, 4, 5, 9)]) == 2


def test_what_one_gap_found_is_not_counted_for_another_of_the_same_stretch(engine: Engine) -> None:
    """A beat shows the first, a jump the next; the first one's history brings ticks of both."""
    with engine.connect() as connection:
        account_id = add_account_here(connection)
        beat = Announced(session=SESSION, seq=20, time_msc=NOON + 20, received_ms=1)
        first_ticks = [tick(number) for number in range(1, 11)]
        tail, jump = record(
            connection, account_id, [run(account_id, 1, first_ticks), beat, run(account_id, 26, [tick(26)])]
        )
        assert (tail.lost, jump.lost) == (10, 5)
        history = [tick(number) for number in range(1, 27) if number not in (12, 13, 24)]
        found = repair(connection, tail, history)
        close_gap(connection, tail.id, "filled" if found == 10 else "lost", found)
        assert found + repair(connection, jump, history) == 12


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], list[str], list[bool], list[int]]:
    """Of each tick: its millisecond, what became of it, whether the history has it; and an order to close gaps in."""
    count = draw(st.integers(2, 24))
    times = sorted(draw(st.lists(st.integers(0, 12), min_size=count, max_size=count)))
    fate = st.sampled_from(["sent", "lost", "beaten"])
    fates = ["sent", *draw(st.lists(fate, min_size=count - 1, max_size=count - 1))]
    kept = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return times, fates, kept, draw(st.permutations(range(count)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams())
def test_whatever_was_lost_and_kept_the_numbers_add_up(
    engine: Engine, stream: tuple[list[int], list[str], list[bool], list[int]]
) -> None:
    times, fates, kept, order = stream
    ticks = [tick(number, at) for number, at in enumerate(times)]
    with engine.connect() as connection:
        account_id = add_account_here(connection)
        news: list[News] = []
        for number, fate in enumerate(fates):
            if fate == "sent":
                news.append(run(account_id, number + 1, [ticks[number]]))
            elif fate == "beaten":  # lost, and the next beat says so
                at = ticks[number].time_msc
                news.append(Announced(session=SESSION, seq=number + 1, time_msc=at, received_ms=1))
        news.append(Announced(session=SESSION, seq=len(ticks), time_msc=NOON + times[-1], received_ms=1))
        gaps = record(connection, account_id, news)
        history = [each for each, fate, has in zip(ticks, fates, kept, strict=True) if has or fate == "sent"]
        found = 0
        for gap in sorted(gaps, key=lambda each: order[gaps.index(each)]):
            of_this = repair(connection, gap, history)
            close_gap(connection, gap.id, "filled" if of_this == gap.lost else "lost", of_this)
            found += of_this
        lost = [has for fate, has in zip(fates, kept, strict=True) if fate != "sent"]
        assert sum(gap.lost or 0 for gap in gaps) == len(lost)
        assert found == sum(lost)


def add_account_here(connection: Connection) -> int:
    """An account of this transaction, which is never committed."""
    made: int = connection.exec_driver_sql(
        "INSERT INTO accounts (login, server, currency, margin_mode, leverage)"
        " VALUES (7, 'Demo', 'USD', 'hedging', 100) RETURNING id"
    ).scalar_one()
    return made
