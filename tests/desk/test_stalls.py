"""A store that stands still or is away costs what needs it, and nothing else."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from tests.desk.terminal import Terminal, deposit
from tests.desk.world import Books, DeskProcess, desk_settings
from tests.support import free_port, wait_until
from zmq_bridge.storage.engine import LOCK_TIMEOUT_MS

Connect = Callable[..., Terminal]
PATIENCE_S = LOCK_TIMEOUT_MS / 1000  # whoever waits for the books here waits so long


def test_pulls_and_orders_do_not_wait_for_fills_that_cannot_be_booked(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    wait_until(lambda: books.value("SELECT count(*) FROM terminals"))
    with books.engine.connect() as blocker:
        blocker.exec_driver_sql("LOCK TABLE terminal_events IN ACCESS EXCLUSIVE MODE")
        event = terminal.event(deposit(1))
        took_s = []
        for _ in range(5):
            asked_s = time.monotonic()
            assert event.key not in terminal.pull(event, wait_ms=100).acks
            took_s.append(time.monotonic() - asked_s)
        assert statistics.median(took_s) < PATIENCE_S / 2
        command_id = books.place_order()
        assert terminal.pull_command().command_id == command_id
        blocker.rollback()
    terminal.deliver(event)


def test_orders_and_fills_pass_while_redis_is_away(database: str, books: Books) -> None:
    desk = DeskProcess(settings=desk_settings(database, f"redis://127.0.0.1:{free_port()}/0"))
    desk.start()
    terminal = Terminal(desk.endpoint)
    try:
        terminal.hello()
        command_id = books.place_order()
        command = terminal.pull_command()
        assert command.command_id == command_id
        terminal.deliver(terminal.event(deposit(1)), terminal.result(command))
        assert books.status(command_id) == "done"
    finally:
        terminal.close()
        assert desk.stop() == 0


def test_a_burst_of_fills_is_booked_and_acknowledged_completely(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    events = [terminal.event(deposit(ticket, "1")) for ticket in range(1, 1001)]
    left = {event.key: event for event in events}
    begun_s = time.monotonic()
    while left and time.monotonic() - begun_s < 120.0:
        for ack in terminal.pull(*list(left.values())[:64], wait_ms=1000).acks:
            left.pop(ack, None)
    assert not left
    assert books.value("SELECT count(*) FROM deals") == 1000
    assert books.value("SELECT balance FROM ledger_accounts WHERE kind = 'broker'") == 1000
