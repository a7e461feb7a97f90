"""An order on its way when trading is stopped: it never runs later, and nobody guesses what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from risk.states import Cause, Hold
from tests.desk.terminal import Terminal
from tests.desk.test_born_sent import wait_until_ready
from tests.desk.test_journals import JOURNAL, comes_within
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.protocol.commands import Command, PlaceOrder
from zmq_bridge.protocol.journal import Act, CommandJournal
from zmq_bridge.relay.workbench import LONG_OVER_MS
from zmq_bridge.storage.risk.holding import announce
from zmq_bridge.storage.risk.kill import Killed, kill
from zmq_bridge.storage.risk.trading_state import activate_reconciled, set_account_state

Connect = Callable[..., Terminal]
LONG_S = 120.0
STORM = Hold(cause=Cause.KILL_SWITCH, reason="storm", actor="ann", at=datetime.now(UTC))
HELD_UP = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'deals'::regclass"


@pytest.fixture
def terminal(connect: Connect, books: Books) -> Terminal:
    """A terminal of an active account, with a desk that stands ready for it."""
    terminal = connect()
    terminal.hello(journal=JOURNAL)
    account_id = books.account_id()
    with books.engine.begin() as connection:
        activate_reconciled(connection, account_id, datetime.now(UTC))
    wait_until(lambda: terminal.pull(wait_ms=500).trading_state == "active")
    wait_until_ready(terminal, books)
    return terminal


def stop(books: Books) -> Killed:
    """Use the kill switch."""
    (done,) = kill(
        books.engine, books.account_id(), close_positions=False, reason="storm", actor="ann", now=datetime.now(UTC)
    )  # fmt: skip
    return done


def go_on(books: Books) -> None:
    """Let the account trade again."""
    with books.engine.begin() as connection:
        set_account_state(
            connection, books.account_id(), "active", reason="over", actor="ben", now=datetime.now(UTC)
        )  # fmt: skip


def order_of(terminal: Terminal, command_id: str) -> tuple[str, Command]:
    """Pull until the order comes; with it the state that the terminal is told to enforce."""
    for _ in range(40):
        work = terminal.pull(wait_ms=500)
        for command in work.commands:
            if command.command_id == command_id:
                return work.trading_state, command
    raise AssertionError(f"{command_id} never came")


def test_an_order_born_sent_and_never_delivered_does_not_run_when_trading_goes_on(
    terminal: Terminal, books: Books
) -> None:
    """The terminal was busy or away; the switch was used and lifted within the order's time to live."""
    command_id = books.place_order(ttl_s=LONG_S)
    assert books.status(command_id) == "sent"
    done = stop(books)
    assert (done.stopped, done.recalled) == ((), (command_id,))
    go_on(books)
    state, command = order_of(terminal, command_id)
    assert state in ("halted", "active")
    verdict = CommandJournal().receive(command, is_expired=command.expires_at_ms <= 2, trading_state="active")
    assert (verdict.act, verdict.result and verdict.result.status) == (Act.ANSWER, "expired")
    assert books.reserved(command_id), "unknown until the terminal has spoken"
    terminal.deliver(terminal.result(command, "expired"))
    assert books.status(command_id) == "expired"
    assert not books.reserved(command_id)


def test_an_order_delivered_whose_answer_was_lost_is_asked_about_and_not_run_again(
    terminal: Terminal, books: Books
) -> None:
    command_id = books.place_order(ttl_s=LONG_S)
    _, first = order_of(terminal, command_id)
    assert first.expires_at_ms > LONG_OVER_MS
    stop(books)
    go_on(books)
    _, asked = order_of(terminal, command_id)
    while asked.expires_at_ms > LONG_OVER_MS:  # handed out again before the desk had heard of the switch
        _, asked = order_of(terminal, command_id)
    assert asked.attempt > first.attempt
    assert books.reserved(command_id)
    terminal.deliver(terminal.result(asked, "done", volume=first.volume if isinstance(first, PlaceOrder) else 0))
    assert books.status(command_id) == "done", "it had been executed: that is the truth, whoever used the switch"
    assert books.reserved(command_id), "until a snapshot shows it"


def test_a_recalled_order_is_not_asked_of_another_journal_before_its_own_time_is_over(
    terminal: Terminal, connect: Connect, books: Books
) -> None:
    """The earlier session may be at it still; an answer `expired` of somebody else would free what it holds."""
    command_id = books.place_order(ttl_s=LONG_S)
    order_of(terminal, command_id)
    terminal.close()
    stop(books)
    go_on(books)
    other = connect(session=terminal.session + 5)
    other.hello(journal="01HF7YAT00CCCCCCCCCCCCCCCC")
    assert comes_within(other, command_id, 1.5) is None
    assert books.reserved(command_id)
    books.rows("UPDATE commands SET status = 'unknown', expires_at = now() - interval '1 s' RETURNING 1")
    asked = comes_within(other, command_id, 20.0)
    assert asked is not None
    assert asked.expires_at_ms == LONG_OVER_MS


def test_an_order_admitted_after_trading_goes_on_is_delivered_as_ever(terminal: Terminal, books: Books) -> None:
    recalled = books.place_order(ttl_s=LONG_S)
    stop(books)
    go_on(books)
    fresh = books.place_order(ttl_s=LONG_S)
    found: dict[str, Command] = {}
    for _ in range(40):
        work = terminal.pull(wait_ms=500)
        found |= {each.command_id: each for each in work.commands}
        if fresh in found and found[recalled].expires_at_ms == LONG_OVER_MS:
            break  # the other may have been handed out before the desk had heard of the switch
    assert found[recalled].expires_at_ms == LONG_OVER_MS
    assert found[fresh].expires_at_ms > LONG_OVER_MS
    assert work.trading_state == "active"


def test_a_desk_that_dies_in_between_hands_the_recall_on(
    desk: DeskProcess, terminal: Terminal, connect: Connect, books: Books
) -> None:
    command_id = books.place_order(ttl_s=LONG_S)
    desk.kill()
    stop(books)
    go_on(books)
    desk.start()
    again = connect(session=terminal.session)
    again.hello(journal=JOURNAL)
    _, command = order_of(again, command_id)
    assert command.expires_at_ms == LONG_OVER_MS
    assert command.attempt > 1


def test_a_stop_that_comes_while_its_terminal_greets_anew_reaches_it(terminal: Terminal, books: Books) -> None:
    """The greeting was booked before the stop and is taken over by the session after it."""
    greeted = threading.Thread(target=terminal.hello, kwargs={"journal": JOURNAL, "server_offset_s": 3600})
    with books.engine.connect() as busy:
        busy.exec_driver_sql("LOCK TABLE deals IN ACCESS EXCLUSIVE MODE")
        greeted.start()
        wait_until(lambda: books.value(HELD_UP) == 1)
        with books.engine.begin() as connection:
            announce(connection, books.account_id(), STORM, tells=True)
        wait_until(lambda: books.value("SELECT trading_state FROM trading_states") == "halted")
    greeted.join()
    wait_until(lambda: terminal.pull(wait_ms=500).trading_state == "halted")
