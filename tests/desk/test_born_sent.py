"""Commands that are born sent: handed out by the desk that stood ready, once, and by no other."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.desk.terminal import Terminal
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.relay.claims import QUIET_S
from zmq_bridge.storage.commands.notice import COMMANDS_CHANNEL, NOTICE, NOTICE_PAYLOAD_BYTES_MAX
from zmq_bridge.storage.locks import Lock

Connect = Callable[..., Terminal]
READY = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {int(Lock.READY)} AND granted"
SOON_MS = int(QUIET_S * 500)
"""Before anything is asked about again."""
BACKENDS = "FROM pg_stat_activity WHERE application_name = 'zmq-bridge desk claims'"


def wait_until_ready(terminal: Terminal, books: Books) -> None:
    """Wait until a desk stands ready, with the terminal heard a moment ago."""
    wait_until(lambda: terminal.pull() and books.value(READY) == 1)


def notify(books: Books, text: str) -> None:
    """Tell the desk something."""
    books.value("SELECT pg_notify(%s, %s)", COMMANDS_CHANNEL, text)


def trades(terminal: Terminal, wait_ms: int) -> list[tuple[str, int]]:
    """The first orders that come within a time: id and attempt."""
    found: list[tuple[str, int]] = []
    until = time.monotonic() + wait_ms / 1000
    while not found and (left_ms := int((until - time.monotonic()) * 1000)) > 0:
        found = [(each.command_id, each.attempt) for each in terminal.pull(wait_ms=left_ms).commands if each.is_trade]
    return found


def test_an_order_is_born_sent_where_its_desk_stands_ready_and_goes_out_once(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    command_id = books.place_order()
    assert books.status(command_id) == "sent"
    command = terminal.pull_command()
    assert (command.command_id, command.attempt) == (command_id, 1)
    assert (command_id, 1) not in trades(terminal, 300), "again at most as a second attempt"


def test_orders_born_sent_leave_in_their_order(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    admitted = [books.place_order() for _ in range(10)]
    got: list[str] = []
    while not set(admitted) <= set(got):
        got += [command_id for command_id, _ in trades(terminal, SOON_MS)]
    assert list(dict.fromkeys(got)) == admitted, "a second attempt comes later than its first"


def test_without_a_desk_an_order_is_queued_and_claimed_when_one_comes(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    desk.stop()
    wait_until(lambda: books.value(READY) == 0)
    command_id = books.place_order()
    assert books.status(command_id) == "queued"
    desk.start()
    terminal = connect(session=terminal.session)
    terminal.hello()
    assert terminal.pull_command().command_id == command_id


def test_an_order_too_long_for_a_notice_is_queued_and_claimed(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    command_id = books.place_order(note="x" * NOTICE_PAYLOAD_BYTES_MAX)  # the wire knows no note: it stays behind
    assert terminal.pull_command().command_id == command_id
    assert books.status(command_id) == "sent"


def test_a_notice_that_makes_no_sense_harms_nobody(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    born = {"id": "A", "account_id": 1, "kind": "place_order", "payload": {}, "expires_at": "2026-01-01T00:00:00Z",
            "sent_at": "2100-01-01T00:00:00Z", "trading_state": "active"}  # fmt: skip
    spoilt: list[object] = [None, [], {}, "x", 1.5, "2100-01-01T00:00:00"]
    odd = [{name: value} for name in born for value in spoilt]
    texts = ["", "x", "{}", "[]", "null", "-1", "9" * 20, "1.5", *(json.dumps(born | each) for each in odd)]
    for text in texts:
        notify(books, text)
    command_id = books.place_order()
    assert trades(terminal, SOON_MS) == [(command_id, 1)]



def test_what_was_born_sent_for_an_earlier_owner_is_not_handed_out_as_new(connect: Connect, books: Books) -> None:
    """The earlier owner may have handed it out: it is brought up again as such, never as a first attempt."""
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    earlier = books.place_order()
    assert trades(terminal, SOON_MS) == [(earlier, 1)]
    moment = datetime.now(UTC) - timedelta(hours=1)
    books.rows("UPDATE commands SET sent_at = %s WHERE id = %s RETURNING id", moment, earlier)
    replayed = books.value(f"SELECT {NOTICE} FROM commands AS command WHERE id = %s", earlier)
    replayed = replayed.replace(earlier, earlier[:-2] + "ZZ")  # an id that this session has not seen
    notify(books, replayed)
    later = books.place_order()
    assert trades(terminal, SOON_MS) == [(later, 1)]


def test_an_order_whose_notice_died_with_the_connection_is_brought_up_at_once(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    pid = desk.process and desk.process.pid
    assert pid

    def is_brought_up_at_once() -> bool:
        command_id = lose_a_notice(terminal, books, pid)
        return command_id in {each for each, _ in trades(terminal, SOON_MS)}

    wait_until(is_brought_up_at_once, 60, "only asked about in its turn, however often it happened")


def lose_a_notice(terminal: Terminal, books: Books, pid: int) -> str:
    """An order is born while the desk stands still, whose connection is gone when it goes on."""
    wait_until_ready(terminal, books)
    os.kill(pid, signal.SIGSTOP)
    try:
        command_id = books.place_order()
        assert books.status(command_id) == "sent"
        books.value(f"SELECT count(pg_terminate_backend(pid)) {BACKENDS}")
        wait_until(lambda: books.value(f"SELECT count(*) {BACKENDS}") == 0)
    finally:
        os.kill(pid, signal.SIGCONT)
    return command_id


def test_nobody_stands_ready_once_a_terminal_that_only_feeds_has_taken_the_place(
    connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(terminal, books)
    connect(session=terminal.session + 5, role="feed").hello()
    wait_until(lambda: books.value(READY) == 0)
    assert books.status(books.place_order()) == "queued"
