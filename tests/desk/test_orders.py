"""Orders go out once, results come in once, and what is reserved stays so until the present includes it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.desk.terminal import Publisher, Terminal, deal, position
from tests.desk.test_born_sent import READY
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.protocol.commands import PlaceOrder

Connect = Callable[..., Terminal]


def test_a_command_reaches_a_waiting_terminal_and_its_result_the_books(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    command = terminal.pull_command()
    assert isinstance(command, PlaceOrder)
    assert (command.command_id, command.comment, command.attempt) == (command_id, command_id, 1)
    assert (command.symbol, command.volume, command.sl, command.magic) == (
        "EURUSD", Decimal("0.1"), Decimal("1.09"), 7,
    )  # fmt: skip
    assert books.status(command_id) == "sent"
    terminal.deliver(terminal.result(command, order=501, deal=601, volume=Decimal("0.1"), price=Decimal("1.1")))
    row = books.rows(
        "SELECT status, order_ticket, deal_ticket, filled_volume, fill_price FROM commands WHERE id = %s", command_id
    )[0]
    assert tuple(row) == ("done", 501, 601, Decimal("0.1"), Decimal("1.1"))


def test_a_reservation_ends_with_the_snapshot_that_includes_the_result_and_not_before(
    connect: Connect, books: Books, publisher: Publisher
) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    command = terminal.pull_command()
    before = terminal.snapshot()
    terminal.deliver(terminal.result(command, order=501, deal=601, volume=Decimal("0.1"), price=Decimal("1.1")))
    publisher.publish(before)
    stored = "SELECT max(seq) FROM account_snapshots"
    wait_until(lambda: books.value(stored) == before.seq)
    assert books.reserved(command_id), "the snapshot was taken before the result"
    publisher.publish(terminal.snapshot(positions=[position(501, comment=command_id)]))
    wait_until(lambda: not books.reserved(command_id))
    assert books.value("SELECT count(*) FROM positions") == 1
    assert books.value("SELECT end_reason FROM reservations WHERE command_id = %s", command_id) == "filled"


def test_a_result_that_comes_after_its_snapshot_ends_the_reservation(
    connect: Connect, books: Books, publisher: Publisher
) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    command = terminal.pull_command()
    result = terminal.result(command, order=501, deal=601, volume=Decimal("0.1"), price=Decimal("1.1"))
    publisher.publish(terminal.snapshot(positions=[position(501, comment=command_id)]))
    wait_until(lambda: books.value("SELECT count(*) FROM positions") == 1)
    assert books.reserved(command_id)
    terminal.deliver(result)
    wait_until(lambda: not books.reserved(command_id))


@pytest.mark.parametrize("status", ["rejected", "expired"])
def test_what_was_not_executed_is_reserved_no_longer(connect: Connect, books: Books, status: str) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    terminal.deliver(terminal.result(terminal.pull_command(), status))
    assert books.status(command_id) == status
    assert not books.reserved(command_id)


def test_unknown_stays_reserved_until_the_terminal_knows(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    command = terminal.pull_command()
    terminal.deliver(terminal.result(command, "unknown"))
    assert (books.status(command_id), books.reserved(command_id)) == ("unknown", True)
    terminal.deliver(terminal.result(command, "rejected"))
    assert (books.status(command_id), books.reserved(command_id)) == ("rejected", False)


def test_a_command_nobody_was_there_for_expires_and_is_never_sent(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    terminal.close()
    wait_until(lambda: books.value("SELECT state FROM terminals") == "disconnected")
    wait_until(lambda: books.value(READY) == 0)  # before, it would be born sent
    command_id = books.place_order(ttl_s=0.5)
    books.wait_for_status(command_id, "expired")
    assert not books.reserved(command_id)
    again = connect(session=terminal.session + 1)
    again.hello()
    assert all(command.command_id != command_id for command in again.pull(wait_ms=300).commands)


def test_commands_wait_for_a_silent_terminal_and_go_out_when_it_is_heard_again(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until(lambda: books.value("SELECT state FROM terminals") == "disconnected")
    command_id = books.place_order()
    assert books.status(command_id) == "queued"
    assert terminal.pull_command().command_id == command_id


def test_commands_leave_in_the_order_they_were_admitted(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until(lambda: books.value("SELECT state FROM terminals") == "disconnected")
    admitted = [books.place_order() for _ in range(10)]
    got: list[str] = []
    while not set(admitted) <= set(got):
        got += [command.command_id for command in terminal.pull(wait_ms=1000).commands if command.is_trade]
    assert list(dict.fromkeys(each for each in got if each in admitted)) == admitted


def test_a_lost_reply_is_repeated_as_a_second_attempt(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    lost = terminal.pull_command()  # and nobody acts on it
    again = terminal.pull_command()
    assert lost.command_id == again.command_id == command_id
    assert (lost.attempt, again.attempt > 1) == (1, True)


def test_redelivery_after_the_desk_was_killed_does_not_double(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    first = terminal.pull_command()
    desk.kill()
    desk.start()
    terminal.hello()
    second = terminal.pull_command()
    assert second.command_id == first.command_id == command_id
    assert second.attempt > 1
    terminal.deliver(terminal.event(deal(601, comment=command_id)), terminal.result(second, order=1601, deal=601))
    books.wait_for_status(command_id, "done")
    third = terminal.pull(wait_ms=500)
    assert all(command.command_id != command_id for command in third.commands)
    assert books.value("SELECT count(*) FROM deals") == 1


def test_a_command_sent_and_never_answered_becomes_unknown_and_is_asked_about(
    connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    terminal.pull_command()
    terminal.close()
    books.rows("UPDATE commands SET expires_at = now() RETURNING id")
    books.wait_for_status(command_id, "unknown")
    assert books.reserved(command_id)
    again = connect(session=terminal.session + 1)
    again.hello()
    asked = again.pull_command()
    assert asked.command_id == command_id
    assert asked.attempt > 1
    again.deliver(again.result(asked, "expired"))
    assert (books.status(command_id), books.reserved(command_id)) == ("expired", False)


def test_a_payload_that_the_wire_cannot_carry_is_rejected_and_blocks_nothing(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    bad = books.place_order(volume="a lot")
    good = books.place_order()
    assert terminal.pull_command().command_id == good
    books.wait_for_status(bad, "rejected")
    assert not books.reserved(bad)
    assert "volume" in books.value("SELECT message FROM commands WHERE id = %s", bad)
