"""What a gap cost comes back from the terminal's history: complete, in order, over restarts, behind trade commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.desk.terminal import Terminal
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.protocol.commands import FetchTicks
from zmq_bridge.protocol.dialogue import History
from zmq_bridge.protocol.published import CommandResult
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.relay import history_walk
from zmq_bridge.relay.history_walk import BadHistory, HistoryWalk
from zmq_bridge.storage.ticks.gaps import open_gap

Connect = Callable[..., Terminal]
FROM_MSC = 1_700_000_000_000
FETCH_ID = "01HF7YAT00AAAAAAAAAAAAAAAA"


def make_ticks(count: int) -> list[Tick]:
    """Three ticks in each millisecond, all different."""
    return [Tick(FROM_MSC + number // 3, 1.1 + number / 1e6, 1.2, 0.0, 0.0, 6) for number in range(count)]


def answer(terminal: Terminal, command: FetchTicks, ticks: Sequence[Tick], oldest_msc: int = 1) -> History:
    """What a terminal with this history says."""
    of_range = [tick for tick in ticks if command.from_msc <= tick.time_msc <= command.to_msc]
    chunk = of_range[command.skip : command.skip + command.limit]
    return History(
        login=terminal.login, session=terminal.session, command_id=command.command_id, symbol=command.symbol,
        from_msc=command.from_msc, to_msc=command.to_msc, skip=command.skip, ticks=tuple(chunk),
        complete=command.skip + len(chunk) >= len(of_range), oldest_msc=oldest_msc,
    )  # fmt: skip


def open_a_gap(books: Books, ticks: Sequence[Tick], lost: int | None = None) -> int:
    """What the recorder does."""
    with books.engine.begin() as connection:
        return open_gap(
            connection, books.account_id(), "EURUSD", session=1, from_msc=ticks[0].time_msc,
            to_msc=ticks[-1].time_msc, lost=lost, reason="a test",
        )  # fmt: skip


def fetch(terminal: Terminal) -> FetchTicks:
    """Pull until ticks are asked for."""
    command = terminal.pull_command("fetch_ticks")
    assert isinstance(command, FetchTicks)
    return command


def state_of(books: Books, gap_id: int) -> str:
    """open, filled or lost."""
    return str(books.value("SELECT state FROM tick_gaps WHERE id = %s", gap_id))


def stored(books: Books) -> list[tuple[int, float]]:
    """Every tick in Postgres, in order."""
    return [tuple(row) for row in books.rows("SELECT time_msc, bid FROM ticks ORDER BY time_msc, id")]


def test_a_gap_larger_than_a_chunk_is_filled_completely_and_in_order(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    ticks = make_ticks(5_001)
    gap_id = open_a_gap(books, ticks, lost=5_001)
    asked = 0
    while state_of(books, gap_id) == "open":
        command = fetch(terminal)
        assert command.limit <= 2_000
        terminal.ask(answer(terminal, command, ticks))
        asked += 1
    assert state_of(books, gap_id) == "filled"
    assert stored(books) == [(tick.time_msc, tick.bid) for tick in ticks]
    assert asked == 3
    assert books.value("SELECT bool_and(backfilled) FROM ticks") is True


def test_a_gap_survives_the_death_of_the_desk_and_of_the_terminal(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    ticks = make_ticks(3_000)
    gap_id = open_a_gap(books, ticks, lost=3_000)
    terminal.ask(answer(terminal, fetch(terminal), ticks))
    desk.kill()
    desk.start()
    terminal.close()
    again = connect(session=terminal.session + 1)
    again.hello()
    while state_of(books, gap_id) == "open":
        again.ask(answer(again, fetch(again), ticks))
    assert stored(books) == [(tick.time_msc, tick.bid) for tick in ticks]


def test_a_gap_that_opened_while_nobody_was_connected_is_asked_for_at_the_hello(
    connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    terminal.close()
    wait_until(lambda: books.value("SELECT state FROM terminals") == "disconnected")
    ticks = make_ticks(10)
    gap_id = open_a_gap(books, ticks)
    again = connect(session=terminal.session + 1)
    again.hello()
    again.ask(answer(again, fetch(again), ticks))
    assert state_of(books, gap_id) == "filled"


def test_gaps_are_asked_for_after_the_database_ended_every_connection(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    ticks = make_ticks(10)
    for _ in range(3):
        books.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'zmq-bridge%%' AND datname = current_database()"
        )
        open_a_gap(books, ticks)
        terminal.ask(answer(terminal, fetch(terminal), ticks))
        wait_until(lambda: books.value("SELECT bool_and(state = 'filled') FROM tick_gaps"))


def test_what_the_terminal_has_no_more_is_lost_and_says_why(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    ticks = make_ticks(30)
    gap_id = open_a_gap(books, ticks, lost=30)
    kept = ticks[15:]
    terminal.ask(answer(terminal, fetch(terminal), kept, oldest_msc=kept[0].time_msc))
    assert state_of(books, gap_id) == "lost"
    assert str(kept[0].time_msc) in books.value("SELECT reason FROM tick_gaps")
    assert stored(books) == [(tick.time_msc, tick.bid) for tick in kept]


@pytest.mark.parametrize(("lost", "state", "found"), [(30, "filled", 30), (33, "lost", 30), (None, "filled", 30)])
def test_a_gap_is_filled_when_as_many_came_back_as_were_lost(
    connect: Connect, books: Books, lost: int | None, state: str, found: int
) -> None:
    terminal = connect()
    terminal.hello()
    ticks = make_ticks(30)
    gap_id = open_a_gap(books, ticks, lost=lost)
    terminal.ask(answer(terminal, fetch(terminal), ticks))
    assert books.rows("SELECT state, found FROM tick_gaps WHERE id = %s", gap_id) == [(state, found)]
    assert ("30 of 33" in books.value("SELECT reason FROM tick_gaps")) is (state == "lost")
    assert stored(books) == [(tick.time_msc, tick.bid) for tick in ticks]


def test_a_terminal_that_will_not_answer_ends_the_gap_and_the_next_one_is_asked_for(
    connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    first = open_a_gap(books, make_ticks(3))
    second = open_a_gap(books, make_ticks(3))
    while state_of(books, first) == "open":
        refused = CommandResult(command_id=fetch(terminal).command_id, status="rejected", message="no such symbol")
        terminal.deliver(terminal.event(refused))
    assert "no such symbol" in books.value("SELECT reason FROM tick_gaps WHERE id = %s", first)
    terminal.ask(answer(terminal, fetch(terminal), make_ticks(3)))
    assert state_of(books, second) == "filled"


def test_an_order_does_not_wait_for_ticks(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    open_a_gap(books, make_ticks(3))
    fetch(terminal)  # under way, and never answered
    command_id = books.place_order()
    assert terminal.pull_command().command_id == command_id


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=120).map(sorted),
    st.integers(1, 7),
)
def test_a_walk_hands_out_every_tick_once_in_whole_milliseconds(times: list[int], chunk: int) -> None:
    ticks = [Tick(time, float(number), 1.0, 0.0, 0.0, 6) for number, time in enumerate(times)]
    walk = HistoryWalk(0, 30)
    got: list[Tick] = []
    end_msc = -1
    while not walk.is_done:
        wanted = walk.wanted()
        of_range = [tick for tick in ticks if wanted.from_msc <= tick.time_msc <= wanted.to_msc]
        part = of_range[wanted.skip : wanted.skip + chunk]
        piece = walk.take(
            History(
                login=1, session=1, command_id=FETCH_ID, symbol="EURUSD", from_msc=wanted.from_msc,
                to_msc=wanted.to_msc, skip=wanted.skip, ticks=tuple(part),
                complete=wanted.skip + len(part) >= len(of_range), oldest_msc=1,
            )
        )
        if piece is not None:
            assert piece.from_msc == end_msc + 1, "pieces touch"
            end_msc = piece.to_msc
            got += piece.ticks
    assert got == ticks
    assert end_msc == 30


@pytest.mark.parametrize(
    "changes",
    [{"from_msc": 5}, {"skip": 3}, {"ticks": (Tick(31, 1.0, 1.0, 0.0, 0.0, 6),)}, {"ticks": (), "complete": False}],
)
def test_an_answer_to_another_question_is_refused(changes: dict[str, object]) -> None:
    said: dict[str, object] = {
        "login": 1, "session": 1, "command_id": FETCH_ID, "symbol": "EURUSD", "from_msc": 0, "to_msc": 30, "skip": 0,
        "ticks": (), "complete": True, "oldest_msc": 1,
    }  # fmt: skip
    with pytest.raises(BadHistory):
        HistoryWalk(0, 30).take(History(**{**said, **changes}))  # type: ignore[arg-type]  # a history's own fields
    assert history_walk.CHUNK_TICKS <= 2_000
