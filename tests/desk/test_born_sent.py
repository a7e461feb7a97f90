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


def wait_until_ready(books: Books) -> None:
    """Wait until a desk stands ready."""
    wait_until(lambda: books.value(READY) == 1)


def notify(books: Books, text: str) -> None:
    """Tell the desk something."""
    books.value("SELECT pg_notify(%s, %s)", COMMANDS_CHANNEL, text)


def trades(terminal: Terminal, wait_ms: int) -> list[tuple[str, int]]:
    """The orders that come within a time, as long as nothing is asked about again: id and attempt."""
    found: list[tuple[str, int]] = []
    until = time.monotonic() + wait_ms / 1000
    while not found and (left_ms := int((until - time.monotonic()) * 1000)) > 0:
        found = [(each.command_id, each.attempt) for each in terminal.pull(wait_ms=left_ms).commands if each.is_trade]
    return found


def test_an_order_is_born_sent_where_its_desk_stands_ready_and_goes_out_once(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
    command_id = books.place_order()
    assert books.status(command_id) == "sent"
    command = terminal.pull_command()
    assert (command.command_id, command.attempt) == (command_id, 1)
    assert trades(terminal, 300) == []


def test_orders_born_sent_leave_in_their_order(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
    admitted = [books.place_order() for _ in range(10)]
    got: list[str] = []
    while len(got) < len(admitted):
        got += [command_id for command_id, _ in trades(terminal, SOON_MS)]
    assert got == admitted


def test_without_a_desk_an_order_is_queued_and_claimed_when_one_comes(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
    desk.stop()
    command_id = books.place_order()
    assert (books.status(command_id), books.value(READY)) == ("queued", 0)
    desk.start()
    terminal = connect(session=terminal.session)
    terminal.hello()
    assert terminal.pull_command().command_id == command_id


def test_an_order_too_long_for_a_notice_is_queued_and_claimed(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
    command_id = books.place_order(note="x" * NOTICE_PAYLOAD_BYTES_MAX)  # the wire knows no note: it stays behind
    assert terminal.pull_command().command_id == command_id
    assert books.status(command_id) == "sent"


def test_a_notice_that_makes_no_sense_harms_nobody(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
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
    wait_until_ready(books)
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
    wait_until_ready(books)
    assert desk.process is not None
    assert desk.process.pid is not None
    os.kill(desk.process.pid, signal.SIGSTOP)
    try:
        command_id = books.place_order()
        assert books.status(command_id) == "sent"
        books.value(f"SELECT count(pg_terminate_backend(pid)) {BACKENDS}")
        wait_until(lambda: books.value(f"SELECT count(*) {BACKENDS}") == 0)
    finally:
        os.kill(desk.process.pid, signal.SIGCONT)
    assert [each for each, _ in trades(terminal, SOON_MS)] == [command_id]


def test_nobody_stands_ready_once_a_terminal_that_only_feeds_has_taken_the_place(
    connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    wait_until_ready(books)
    connect(session=terminal.session + 5, role="feed").hello()
    wait_until(lambda: books.value(READY) == 0)
    assert books.status(books.place_order()) == "queued"
