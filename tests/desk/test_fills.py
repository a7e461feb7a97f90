"""What a terminal says is booked once, whatever the order, and acknowledged only when it is committed."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.desk.terminal import LOGIN, START_MSC, Publisher, Refused, Terminal, deal, deposit, position, resting_order
from tests.desk.world import Books, DeskProcess
from tests.support import wait_until
from zmq_bridge.embedded import EmbeddedPostgres
from zmq_bridge.protocol.codec import pack, unpack
from zmq_bridge.protocol.messages import encode
from zmq_bridge.protocol.published import CommandResult, Event
from zmq_bridge.storage.commands.life import FINAL, RESULTS, Status, Step, step

Connect = Callable[..., Terminal]


def test_an_event_resent_any_number_of_times_is_booked_once(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    events = [terminal.event(deposit(1)), terminal.event(deal(2))]
    for _ in range(3):
        terminal.deliver(*events)
    assert books.value("SELECT count(*) FROM deals") == 2
    assert books.value("SELECT count(*) FROM ledger_transactions WHERE kind = 'deal'") == 2
    assert books.value("SELECT balance FROM ledger_accounts WHERE kind = 'broker'") == Decimal("9999.30")


def test_a_deal_told_again_by_a_later_session_is_posted_once(connect: Connect, books: Books) -> None:
    first = connect()
    first.hello()
    first.deliver(first.event(deposit(1)))
    second = connect(session=first.session + 1)
    assert second.hello().deals_from_msc == 0, "ledger and broker have not agreed yet"
    second.deliver(second.event(deposit(1)), second.event(deal(2)))
    assert books.value("SELECT count(*) FROM terminal_events") == 3
    assert books.value("SELECT balance FROM ledger_accounts WHERE kind = 'broker'") == Decimal("9999.30")


def test_a_deal_that_comes_back_changed_is_posted_once_and_opens_a_break(connect: Connect, books: Books) -> None:
    first = connect()
    first.hello()
    first.deliver(first.event(deposit(1)), first.event(deal(2)))
    second = connect(session=first.session + 1)
    second.hello()
    second.deliver(second.event(deposit(1)), second.event(deal(2, commission=Decimal("-0.90"))))
    assert books.value("SELECT balance FROM ledger_accounts WHERE kind = 'broker'") == Decimal("9999.30")
    assert books.value("SELECT reason FROM ledger_breaks WHERE closed_at IS NULL") == "DEAL_CHANGED"
    assert books.value("SELECT trading_state FROM trading_states") != "active"


def test_an_event_heard_by_publication_is_acknowledged_with_the_next_pull(
    connect: Connect, books: Books, publisher: Publisher
) -> None:
    terminal = connect()
    terminal.hello()
    event = terminal.event(deposit(1))
    terminal.send(terminal.pull_message(wait_ms=1000))
    publisher.publish(event)
    acks = list(terminal.receive_work().acks)
    while event.key not in acks:
        acks += terminal.pull(wait_ms=1000).acks
    assert books.value("SELECT count(*) FROM deals") == 1


def test_what_a_stranger_publishes_is_not_believed(connect: Connect, books: Books, publisher: Publisher) -> None:
    terminal = connect()
    terminal.hello()
    forged = Event(login=LOGIN, session=terminal.session + 7, seq=1, data=deposit(99, "1000000"))
    publisher.publish(forged)
    publisher.publish(terminal.event(deposit(1)))
    wait_until(lambda: books.value("SELECT count(*) FROM deals") == 1)
    assert books.value("SELECT count(*) FROM terminal_events WHERE session = %s", forged.session) == 0


@pytest.mark.parametrize("seed", range(3))
def test_deals_results_and_orders_in_any_order_end_in_the_same_books(
    connect: Connect, books: Books, seed: int
) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    signal = "INSERT INTO signals (id, account_id, source, idempotency_key, symbol, action, order_type, status)"
    books.rows(signal + " VALUES (%s, 1, 'test', 'k', 'EURUSD', 'BUY', 'market', 'admitted') RETURNING id", command_id)
    books.rows("UPDATE commands SET signal_id = id WHERE id = %s RETURNING id", command_id)
    command = terminal.pull_command()
    events = [
        terminal.event(deposit(1)),
        terminal.event(deal(2, order=50, position=50, comment=command_id)),
        terminal.event(deal(3, order=50, position=50, commission=Decimal("-0.30"))),  # a partial fill, comment cut
        terminal.event(
            deal(4, order=51, position=50, entry="out", type="sell", profit=Decimal("12.34"), comment="[sl 1.09]")
        ),
        terminal.event(resting_order(50, state="filled", order_type="buy", comment=command_id)),
        terminal.result(command, order=50, deal=2, position=50, volume=Decimal("0.1"), deals=(2, 3)),
    ]
    random.Random(seed).shuffle(events)
    for event in events:
        terminal.deliver(event)
    rows = books.rows("SELECT ticket, command_id, signal_id FROM deals ORDER BY ticket")
    assert [tuple(row) for row in rows] == [
        (1, None, None), (2, command_id, command_id), (3, command_id, command_id), (4, None, command_id),
    ]  # fmt: skip
    assert books.status(command_id) == "done"
    assert books.value("SELECT balance FROM ledger_accounts WHERE kind = 'broker'") == Decimal("10010.64")
    assert books.value("SELECT state FROM orders WHERE ticket = 50") == "filled"


def test_nothing_is_acknowledged_while_postgres_is_stopped(
    connect: Connect, books: Books, desk: DeskProcess, postgres_server: EmbeddedPostgres
) -> None:
    terminal = connect()
    terminal.hello()
    terminal.deliver(terminal.event(deposit(1)))
    books.engine.dispose()
    postgres_server.stop()
    try:
        event = terminal.event(deal(2))
        for _ in range(3):
            work = terminal.pull(event, wait_ms=500)  # answered on time: the terminal stays connected
            assert event.key not in work.acks
    finally:
        postgres_server.start()
    terminal.deliver(event)
    assert books.value("SELECT count(*) FROM deals WHERE ticket = 2") == 1
    command_id = books.place_order()
    assert terminal.pull_command().command_id == command_id


def test_a_hello_while_postgres_is_stopped_is_told_to_come_again(
    connect: Connect, desk: DeskProcess, postgres_server: EmbeddedPostgres
) -> None:
    terminal = connect()
    postgres_server.stop()
    try:
        with pytest.raises(Refused, match="UNAVAILABLE"):
            terminal.ask(terminal.hello_message())
    finally:
        postgres_server.start()


def test_an_event_that_cannot_be_booked_is_kept_told_and_stops_new_risk(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    terminal.deliver(terminal.event(deposit(1)))
    books.rows("UPDATE holds SET ended_at = now() WHERE ended_at IS NULL RETURNING id")
    poison = terminal.event(deal(2**63 + 5, time_msc=START_MSC, order=1, position=1))  # a ticket that no column holds
    good = terminal.event(deal(3))
    terminal.deliver(poison, good)
    assert books.value("SELECT error FROM terminal_events WHERE seq = %s", poison.seq)
    assert books.value("SELECT count(*) FROM deals WHERE ticket = 3") == 1
    assert books.value("SELECT trading_state FROM trading_states") == "reducing"
    assert books.value("SELECT count(*) FROM notifications WHERE event = 'event_not_booked'") == 1
    wait_until(lambda: terminal.pull(wait_ms=200).trading_state == "reducing")
    terminal.deliver(poison)
    assert books.value("SELECT count(*) FROM notifications WHERE event = 'event_not_booked'") == 1


def test_an_event_of_a_kind_we_do_not_know_is_kept_and_acknowledged(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    _bring_unknown(terminal, "weather", {})
    assert books.value("SELECT kind FROM terminal_events") == "weather"
    assert "weather" in books.value("SELECT error FROM terminal_events")


@pytest.mark.parametrize(
    ("kind", "data"),
    [("wea\0ther", {}), ("weather", {"wi\0nd": 1}), ("weather", {"wind": [{"fr\0om": "no\0rth"}]})],
    ids=["its kind", "a name", "a text inside"],
)
def test_an_event_with_what_no_text_of_postgres_holds_does_not_stand_before_a_fill(
    connect: Connect, books: Books, kind: str, data: dict[str, Any]
) -> None:
    terminal = connect()
    terminal.hello()
    _bring_unknown(terminal, kind, data)
    assert books.value("SELECT error FROM terminal_events")
    terminal.deliver(terminal.event(deal(3)))
    assert books.value("SELECT count(*) FROM deals WHERE ticket = 3") == 1


def test_a_result_that_contradicts_the_books_changes_nothing_and_is_told(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    command_id = books.place_order()
    command = terminal.pull_command()
    terminal.deliver(terminal.result(command, "rejected"))
    terminal.deliver(terminal.result(command, "done", order=5))
    assert books.status(command_id) == "rejected"
    assert books.value("SELECT count(*) FROM notifications WHERE event = 'event_not_booked'") == 1


def test_two_accounts_are_served_at_once_and_never_mixed(connect: Connect, books: Books) -> None:
    one, two = connect(login=111), connect(login=222)
    one.hello()
    two.hello()
    of_one, of_two = books.place_order(login=111), books.place_order(login=222)
    assert two.pull_command().command_id == of_two
    assert one.pull_command().command_id == of_one
    two.deliver(two.event(deposit(1, "5")))
    one.deliver(one.event(deposit(1, "7")))  # the same ticket at another broker's server is another deal
    rows = books.rows("SELECT login, profit FROM deals JOIN accounts ON accounts.id = account_id ORDER BY login")
    assert [tuple(row) for row in rows] == [(111, Decimal(7)), (222, Decimal(5))]


def test_the_first_agreement_of_ledger_and_broker_makes_an_account_active(
    connect: Connect, books: Books, publisher: Publisher
) -> None:
    terminal = connect()
    assert terminal.hello().trading_state == "halted"
    publisher.publish(terminal.snapshot(balance="10000"))
    wait_until(lambda: books.value("SELECT count(*) FROM account_snapshots WHERE seq = 1"))
    assert books.value("SELECT trading_state FROM trading_states") == "halted", "the deposit is not booked yet"
    terminal.deliver(terminal.event(deposit(1)))
    publisher.publish(terminal.snapshot(balance="10000"))
    wait_until(lambda: terminal.pull(wait_ms=200).trading_state == "active")
    assert books.value("SELECT trading_state FROM trading_states") == "active"
    assert 0 < connect(session=terminal.session + 1).hello().deals_from_msc <= deposit(1).time_msc


def test_a_snapshot_older_than_the_present_is_ignored(connect: Connect, books: Books, publisher: Publisher) -> None:
    terminal = connect()
    terminal.hello()
    old = terminal.snapshot(positions=[position(1)])
    new = terminal.snapshot(positions=[position(1), position(2)], orders=[resting_order(9)])
    publisher.publish(new)
    wait_until(lambda: books.value("SELECT count(*) FROM positions") == 2)
    publisher.publish(old)
    newest = terminal.snapshot(positions=[position(2)])
    publisher.publish(newest)
    wait_until(lambda: books.value("SELECT count(*) FROM positions") == 1)
    assert books.value("SELECT ticket FROM positions") == 2
    assert books.value("SELECT working FROM orders WHERE ticket = 9") is False


def _bring_unknown(terminal: Terminal, kind: str, data: dict[str, Any]) -> None:
    """Bring an event that no version of the wire knows, until it is acknowledged."""
    event = terminal.event(CommandResult(command_id="01HF7YAT00AAAAAAAAAAAAAAAA", status="done"))
    terminal.socket.send(_with_kind(terminal, event, kind, data))
    acks = list(terminal.receive_work().acks)

    def is_acknowledged() -> bool:
        acks.extend(terminal.pull(wait_ms=200).acks)
        return event.key in acks

    wait_until(is_acknowledged, message="the event was never acknowledged")


def _with_kind(terminal: Terminal, event: Event, kind: str, data: dict[str, Any]) -> bytes:
    said = unpack(encode(terminal.pull_message(event)))
    said["events"][0] |= {"kind": kind, "data": data}
    return pack(said)


@settings(max_examples=300)
@given(st.sampled_from(Status), st.lists(st.sampled_from(sorted(RESULTS)), min_size=1, max_size=6), st.booleans())
def test_a_final_status_is_never_left_but_for_a_claim_that_was_lost(
    start: Status, results: list[Status], was_sent: bool
) -> None:
    now = start
    for result in results:
        following = result if step(now, result, was_sent=was_sent) is Step.APPLY else now
        if now in FINAL and following is not now:
            assert (now, was_sent) == (Status.EXPIRED, False)
        now = following


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_final_result_told_again_changes_nothing(final: Status) -> None:
    assert step(final, final, was_sent=True) is Step.REPEAT
