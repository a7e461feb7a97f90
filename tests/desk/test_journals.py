"""An order that went to an earlier session: told again at once to the journal that must know of it, to no other."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from tests.desk.terminal import Refused, Terminal, deposit
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.live import keys
from zmq_bridge.protocol.commands import Command

Connect = Callable[..., Terminal]
JOURNAL = "01HF7YAT00BBBBBBBBBBBBBBBB"
LONG_S = 120.0
WATCHED_S = 1.5
SOON_S = LONG_S / 4  # long before its time is over


def sent_and_lost(connect: Connect, books: Books) -> tuple[Terminal, Command]:
    """A terminal with a journal took an order and is never heard again."""
    terminal = connect()
    terminal.hello(journal=JOURNAL)
    books.place_order(ttl_s=LONG_S)
    command = terminal.pull_command()
    terminal.close()
    return terminal, command


def comes_within(terminal: Terminal, command_id: str, seconds: float) -> Command | None:
    """Pull for a while; the command if it comes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for command in terminal.pull(wait_ms=200).commands:
            if command.command_id == command_id:
                return command
    return None


def test_an_order_lost_with_its_terminal_is_handed_to_the_same_journal_at_once(
    connect: Connect, books: Books
) -> None:
    first, command = sent_and_lost(connect, books)
    again = connect(session=first.session + 5)
    again.hello(journal=JOURNAL, journal_session=first.session)
    asked = comes_within(again, command.command_id, SOON_S)
    assert asked is not None
    assert asked.attempt > command.attempt
    again.deliver(again.result(asked))
    assert books.status(command.command_id) == "done"


def test_also_when_the_earlier_session_was_given_up_long_ago(connect: Connect, books: Books) -> None:
    first, command = sent_and_lost(connect, books)
    wait_until(lambda: books.value("SELECT state FROM terminals") == "disconnected")
    again = connect(session=first.session + 5)
    again.hello(journal=JOURNAL, journal_session=first.session)
    assert comes_within(again, command.command_id, SOON_S) is not None


@pytest.mark.parametrize(
    ("journal", "knew"),
    [("01HF7YAT00CCCCCCCCCCCCCCCC", 0), ("", 0), (JOURNAL, -7)],
    ids=["another journal", "no journal", "a copy of the journal"],
)
def test_to_another_journal_it_is_not_handed_before_its_time_is_over(
    connect: Connect, books: Books, journal: str, knew: int
) -> None:
    first, command = sent_and_lost(connect, books)
    again = connect(session=first.session + 5)
    again.hello(journal=journal, journal_session=first.session + knew)
    assert comes_within(again, command.command_id, WATCHED_S) is None
    assert books.reserved(command.command_id)
    books.rows("UPDATE commands SET status = 'unknown', expires_at = now() - interval '1 s' RETURNING 1")
    asked = comes_within(again, command.command_id, SOON_S)
    assert asked is not None
    assert asked.attempt > 1


def test_a_journal_that_comes_back_after_another_one_is_not_asked_at_once(connect: Connect, books: Books) -> None:
    first, command = sent_and_lost(connect, books)
    other = connect(session=first.session + 5)
    other.hello(journal="01HF7YAT00CCCCCCCCCCCCCCCC")
    back = connect(session=first.session + 10)
    back.hello(journal=JOURNAL, journal_session=first.session)
    assert comes_within(back, command.command_id, WATCHED_S) is None


def test_an_order_that_the_earlier_session_never_got_goes_to_any_journal(connect: Connect, books: Books) -> None:
    first = connect()
    first.hello(journal=JOURNAL)
    command_id = books.place_order(ttl_s=LONG_S)
    books.wait_for_status(command_id, "sent")
    again = connect(session=first.session + 5)
    again.hello()
    assert comes_within(again, command_id, SOON_S) is not None


def test_an_earlier_session_is_served_no_longer_once_its_successor_is_in_the_books(
    connect: Connect, books: Books
) -> None:
    """Also when the books were so slow that the successor was told to greet again: else both get the next order."""
    first = connect()
    first.hello(journal=JOURNAL)
    second = connect(session=first.session + 5)
    other = {"journal": "01HF7YAT00CCCCCCCCCCCCCCCC"}
    with books.engine.connect() as blocker:
        blocker.exec_driver_sql("LOCK TABLE symbols IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Refused, match="UNAVAILABLE"):
            second.ask(second.hello_message(**other))
        blocker.rollback()
    wait_until(lambda: books.value("SELECT journal_since < now() FROM terminals WHERE session = %s", second.session))
    command_id = books.place_order(ttl_s=LONG_S)
    with pytest.raises(Refused, match="SUPERSEDED"):
        first.pull()
    second.hello(**other)
    assert comes_within(second, command_id, SOON_S) is not None


def test_a_terminal_that_greets_anew_because_its_servers_clock_was_moved_loses_nothing(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello(journal=JOURNAL, server_offset_s=7200)
    under_way = books.place_order(ttl_s=LONG_S)
    told = terminal.pull_command()
    fill = terminal.event(deposit(1, "50"))
    terminal.pull(fill)
    behind = books.place_order(ttl_s=LONG_S)
    terminal.hello(journal=JOURNAL, server_offset_s=3600)
    assert books.rows("SELECT server_offset_s, state FROM terminals") == [(3600, "connected")]
    asked: dict[str, Command] = {}

    def has_both() -> bool:
        asked.update((each.command_id, each) for each in terminal.pull(wait_ms=1000).commands)
        return {under_way, behind} <= asked.keys()

    wait_until(has_both)
    assert asked[under_way].attempt > told.attempt, "its journal is asked, and executes nothing twice"
    terminal.deliver(fill, terminal.result(asked[under_way]), terminal.result(asked[behind]))
    assert (books.status(under_way), books.status(behind)) == ("done", "done")
    assert books.value("SELECT count(*) FROM deals") == 1
    with redis.Redis.from_url(desk.settings.redis_url, decode_responses=True) as shown:
        wait_until(lambda: shown.hget(keys.terminal(terminal.login), "both.server_offset_s") == "3600")
