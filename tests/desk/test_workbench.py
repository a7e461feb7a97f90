"""What lies ready for a session: handed out once, again only when nothing was heard, trades before ticks."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk.terminal import LOGIN, deposit
from zmq_bridge.booking.commands import UnsendableCommand, to_command
from zmq_bridge.protocol.commands import (
    CancelOrder,
    ClosePosition,
    Command,
    FetchTicks,
    PlaceOrder,
    SetTradingState,
    TradingStateName,
)
from zmq_bridge.protocol.limits import ACKS_PER_WORK_MAX, COMMAND_RESEND_MS, COMMANDS_PER_WORK_MAX
from zmq_bridge.protocol.published import Event
from zmq_bridge.relay.books import BATCH_EVENTS_MAX, Ingest, Job, Stop, merge
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.workbench import ASK_AGAIN_MS, LONG_OVER_MS, Workbench
from zmq_bridge.storage.commands.outbox import OutgoingCommand


def command(number: int) -> Command:
    """A trade command."""
    return CancelOrder(command_id=f"{number:026d}", expires_at_ms=1, order=1)


def fetch(number: int) -> Command:
    """A command that asks for ticks."""
    return FetchTicks(command_id=f"{number:026d}", expires_at_ms=1, symbol="EURUSD", from_msc=1, to_msc=2)


def order(number: int) -> Command:
    """A command that would do harm twice."""
    return PlaceOrder(
        command_id=f"{number:026d}", expires_at_ms=1, symbol="EURUSD", side="buy", order_type="market",
        volume=Decimal("0.1"),
    )  # fmt: skip


def partial_close(number: int) -> Command:
    """Another one."""
    return ClosePosition(
        command_id=f"{number:026d}", expires_at_ms=1, position=1, symbol="EURUSD", volume=Decimal("0.1")
    )


def handed(bench: Workbench, now_ms: int) -> list[tuple[str, int]]:
    """Ids and attempts of the next answer."""
    return [(each.command_id, each.attempt) for each in bench.load(now_ms).commands]


def live_order(number: int) -> Command:
    """One whose time is not over."""
    return replace(order(number), expires_at_ms=2_000_000_000_000)


def switch(number: int, state: TradingStateName) -> Command:
    """A command that sets the trading state."""
    return SetTradingState(command_id=f"{number:026d}", expires_at_ms=1, state=state, reason="because")


def test_an_order_that_was_recalled_is_told_with_a_time_that_is_over() -> None:
    bench = Workbench("active")
    for number in (1, 2):
        bench.offer(live_order(number), 0)
        if number == 1:
            bench.load(0)  # handed out; its answer may have been lost
    for number in (1, 2, 3):
        bench.recall(live_order(number).command_id)
    told = [(each.attempt, each.expires_at_ms) for each in bench.load(COMMAND_RESEND_MS).commands]
    assert told == [(2, LONG_OVER_MS), (1, LONG_OVER_MS)]


def test_an_order_that_the_books_bring_again_recalled_is_recalled_here_too() -> None:
    """Also where the word of the recall itself was lost."""
    bench = Workbench("active")
    bench.offer(live_order(1), 0)
    assert not bench.offer(replace(live_order(1), expires_at_ms=LONG_OVER_MS, attempt=2), 0)
    [told] = bench.load(0).commands
    assert (told.attempt, told.expires_at_ms) == (1, LONG_OVER_MS)


def test_a_recall_outlives_the_session_it_was_said_to() -> None:
    first, second = Workbench("active"), Workbench("active")
    first.offer(live_order(1), 0)
    first.recall(live_order(1).command_id)
    second.inherit(first, knows_all=True)
    [told] = second.load(0).commands
    assert told.expires_at_ms == LONG_OVER_MS


def test_a_recall_may_be_heard_before_its_order_and_in_an_earlier_session() -> None:
    """The sweep reads the books, the order's own notice is still on its way."""
    first, second = Workbench("active"), Workbench("active")
    first.recall(live_order(1).command_id)
    second.inherit(first, knows_all=True)
    for bench in (first, second):
        assert bench.offer(live_order(1), 0)
        assert [each.expires_at_ms for each in bench.load(0).commands] == [LONG_OVER_MS]


def test_one_that_was_answered_is_told_of_its_recall_at_once_and_of_nothing_else_so_soon() -> None:
    """Its outcome is unknown to the terminal too, which may send a change of prices once more while it has time."""
    bench = Workbench("active")
    bench.offer(live_order(1), 0)
    bench.load(0)
    bench.answered(live_order(1).command_id, 0)
    assert not bench.offer(replace(live_order(1), attempt=2), 0)
    bench.recall(live_order(1).command_id)
    assert bench.offer(replace(live_order(1), expires_at_ms=LONG_OVER_MS, attempt=2), 0)
    assert [each.expires_at_ms for each in bench.load(0).commands] == [LONG_OVER_MS]
    bench.answered(live_order(1).command_id, 0)
    bench.recall(live_order(1).command_id)
    assert not bench.offer(replace(live_order(1), expires_at_ms=LONG_OVER_MS, attempt=2), 0)


def test_what_a_terminal_does_not_know_between_the_recall_and_its_telling_is_told_at_once() -> None:
    """Its answer crossed the recall: half a minute later the change of prices might have been sent once more."""
    bench, again = Workbench("active"), replace(live_order(1), expires_at_ms=LONG_OVER_MS, attempt=2)
    bench.offer(live_order(1), 0)
    bench.load(0)
    bench.recall(again.command_id)
    bench.answered(again.command_id, 1, is_final=False)
    assert bench.is_urgent()
    [told] = bench.load(1).commands
    assert (told.command_id, told.expires_at_ms, told.attempt) == (again.command_id, LONG_OVER_MS, 2)
    bench.answered(again.command_id, 2, is_final=False)
    assert not bench.offer(again, 2), "it knows of its recall now"
    assert not bench.load(COMMAND_RESEND_MS + 2).commands


def test_a_final_answer_that_crosses_a_recall_ends_the_matter() -> None:
    bench = Workbench("active")
    bench.offer(live_order(1), 0)
    bench.load(0)
    bench.recall(live_order(1).command_id)
    bench.answered(live_order(1).command_id, 1)
    assert not bench.is_urgent()
    assert not bench.load(COMMAND_RESEND_MS + 1).commands


def test_an_old_command_to_trade_again_does_not_undo_a_newer_halt() -> None:
    """It was lost on its way and is told again; the state it says is the one of now."""
    bench = Workbench("active")
    bench.offer(switch(1, "active"), 0)
    assert [each.state for each in bench.load(0).commands if isinstance(each, SetTradingState)] == ["active"]
    bench.trading_state = "halted"
    bench.offer(switch(2, "halted"), 1)
    load = bench.load(COMMAND_RESEND_MS)
    assert load.trading_state == "halted"
    assert [each.state for each in load.commands if isinstance(each, SetTradingState)] == ["halted", "halted"]
    bench.trading_state = "active"
    later = bench.load(2 * COMMAND_RESEND_MS)
    assert {each.state for each in later.commands if isinstance(each, SetTradingState)} == {"active"}


def test_a_command_is_handed_out_once_and_again_only_after_silence() -> None:
    bench = Workbench("active")
    bench.offer(command(1), 0)
    assert handed(bench, 0) == [(command(1).command_id, 1)]
    assert handed(bench, COMMAND_RESEND_MS - 1) == []
    assert handed(bench, COMMAND_RESEND_MS) == [(command(1).command_id, 2)]
    bench.answered(command(1).command_id, COMMAND_RESEND_MS)
    assert handed(bench, 10 * COMMAND_RESEND_MS) == []


def test_what_was_just_answered_is_not_taken_again_before_its_time() -> None:
    bench = Workbench("active")
    bench.offer(command(1), 0)
    handed(bench, 0)
    bench.answered(command(1).command_id, 0)
    assert not bench.offer(command(1), ASK_AGAIN_MS - 1)
    assert bench.offer(command(1), ASK_AGAIN_MS)


def test_trades_go_before_ticks_whatever_came_first() -> None:
    bench = Workbench("active")
    bench.offer(fetch(1), 0)
    bench.offer(command(2), 0)
    assert [each for each, _ in handed(bench, 0)] == [command(2).command_id, fetch(1).command_id]


def test_an_answer_is_bounded_and_the_rest_follows() -> None:
    bench = Workbench("active")
    for number in range(COMMANDS_PER_WORK_MAX + 3):
        bench.offer(command(number), 0)
    bench.acknowledge((1, seq) for seq in range(1, ACKS_PER_WORK_MAX + 5))
    first = bench.load(0)
    assert (len(first.commands), len(first.acks)) == (COMMANDS_PER_WORK_MAX, ACKS_PER_WORK_MAX)
    assert bench.is_urgent()
    second = bench.load(0)
    assert (len(second.commands), len(second.acks)) == (3, 4)
    assert not bench.is_urgent()


def test_acknowledgements_that_could_not_be_sent_are_kept_in_order() -> None:
    bench = Workbench("active")
    bench.acknowledge([(1, 1), (1, 2)])
    bench.unload(bench.load(0))
    bench.acknowledge([(1, 3)])
    assert bench.load(0).acks == ((1, 1), (1, 2), (1, 3))


def test_a_successor_inherits_what_was_not_answered() -> None:
    older, newer = Workbench("active"), Workbench("active")
    for number in (1, 2, 3):
        older.offer(command(number), 0)
    handed(older, 0)
    older.answered(command(2).command_id, 0)
    newer.inherit(older, knows_all=True)
    assert handed(newer, 0) == [(command(1).command_id, 2), (command(3).command_id, 2)]


def test_a_session_that_greets_anew_goes_on_with_all_that_was_there() -> None:
    before, after = Workbench("active"), Workbench("active")
    for number in (1, 2):
        before.offer(live_order(number), 0)
    handed(before, 0)
    before.answered(live_order(1).command_id, 0)
    before.offer(fetch(3), 0)
    before.acknowledge([(5, 1), (5, 2)])
    after.resume(before)
    load = after.load(10)
    assert [(each.command_id, each.attempt) for each in load.commands] == [
        (live_order(2).command_id, 2), (fetch(3).command_id, 1),
    ]  # fmt: skip
    assert load.acks == ((5, 1), (5, 2))
    assert not after.offer(live_order(1), 10), "it was answered a moment ago"


@pytest.mark.parametrize(
    ("before", "booked", "told"),
    [("halted", "active", "halted"), ("active", "reducing", "reducing"), ("halted", "reducing", "halted")],
)
def test_a_session_that_greets_anew_is_not_let_go_on_by_books_read_before_a_stop(
    before: TradingStateName, booked: TradingStateName, told: TradingStateName
) -> None:
    after = Workbench(booked)
    after.resume(Workbench(before))
    assert after.load(0).trading_state == told


def test_a_recall_holds_for_what_the_books_brought_before_it_was_inherited() -> None:
    before, after = Workbench("active"), Workbench("active")
    before.recall(live_order(1).command_id)
    after.offer(live_order(1), 0)
    after.resume(before)
    assert [each.expires_at_ms for each in after.load(0).commands] == [LONG_OVER_MS]


def test_a_successor_with_another_journal_inherits_no_order_that_may_be_under_way() -> None:
    older, newer = Workbench("active"), Workbench("active")
    under_way = [order(1), partial_close(2), command(3), fetch(4)]
    for each in under_way:
        older.offer(each, 0)
    handed(older, 0)
    older.offer(order(5), 0)
    newer.inherit(older, knows_all=False)
    assert [number for number, _ in handed(newer, 0)] == [f"{n:026d}" for n in (3, 5, 4)]


def test_a_successor_inherits_what_its_role_may_do() -> None:
    older, feed, desk = Workbench("active"), Workbench("active"), Workbench("active")
    older.offer(order(1), 0)
    older.offer(fetch(2), 0)
    feed.inherit(older, knows_all=True, trades=False)
    desk.inherit(older, knows_all=True, fetches=False)
    assert handed(feed, 0) == [(fetch(2).command_id, 1)]
    assert handed(desk, 0) == [(order(1).command_id, 1)]


def test_a_change_of_state_is_urgent_until_it_was_told() -> None:
    bench = Workbench("active")
    bench.trading_state = "halted"
    assert bench.is_urgent()
    assert bench.load(0).trading_state == "halted"
    assert not bench.is_urgent()


@given(st.lists(st.tuples(st.sampled_from("oha"), st.integers(0, 3), st.integers(0, 3000)), max_size=40))
def test_no_command_is_handed_out_twice_within_the_time_to_answer(steps: list[tuple[str, int, int]]) -> None:
    bench, now_ms, last = Workbench("active"), 0, dict[str, int]()
    for what, number, passed_ms in steps:
        now_ms += passed_ms
        if what == "o":
            bench.offer(command(number), now_ms)
        elif what == "a":
            bench.answered(command(number).command_id, now_ms)
        else:
            for command_id, _ in handed(bench, now_ms):
                assert now_ms - last.get(command_id, -COMMAND_RESEND_MS) >= COMMAND_RESEND_MS
                last[command_id] = now_ms


def outgoing(kind: str, **payload: Any) -> OutgoingCommand:
    """A row of the outbox."""
    return OutgoingCommand(
        id="01HF7YAT00AAAAAAAAAAAAAAAA", account_id=1, kind=kind, payload=payload,
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_a_stored_command_becomes_the_wires_with_its_id_for_a_comment() -> None:
    row = outgoing(
        "place_order", symbol="EURUSD", side="buy", order_type="limit", volume="0.10", price="1.08", sl=None,
        comment="what a person wrote", extra="is ignored",
    )  # fmt: skip
    assert to_command(row) == PlaceOrder(
        command_id=row.id, expires_at_ms=1_767_225_600_000, symbol="EURUSD", side="buy", order_type="limit",
        volume=Decimal("0.10"), price=Decimal("1.08"), comment=row.id,
    )  # fmt: skip
    assert to_command(outgoing("close_position", position=5, symbol="EURUSD"), attempt=2) == ClosePosition(
        command_id=row.id, expires_at_ms=1_767_225_600_000, attempt=2, position=5, symbol="EURUSD", comment=row.id
    )


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (outgoing("dance"), "dance"),
        (outgoing("cancel_order"), "order"),
        (outgoing("cancel_order", order=-1), "order"),
        (outgoing("cancel_order", order="seven"), "order"),
        (outgoing("place_order", symbol="EURUSD", side="up", order_type="market", volume="1"), "side"),
        (outgoing("place_order", symbol="EURUSD", side="buy", order_type="market", volume="much"), "volume"),
        (outgoing("place_order", symbol="EURUSD", side="buy", order_type="market", volume="NaN"), "volume"),
    ],
)
def test_a_stored_command_that_makes_no_sense_says_which_field(row: OutgoingCommand, names: str) -> None:
    with pytest.raises(UnsendableCommand, match=names):
        to_command(row)


def test_a_mailbox_refuses_what_does_not_fit_and_wakes_its_reader() -> None:
    box: Mailbox[int] = Mailbox(items_max=2)
    assert not box.wait(0.0)
    assert [box.put(number) for number in (1, 2, 3)] == [True, True, False]
    assert box.wait(0.0)
    assert box.drain(1) == [1]
    assert box.wait(0.0), "one is left"
    assert box.drain() == [2]
    assert not box.wait(0.0)
    box.close()
    assert not box.put(4)


def test_a_mailbox_loses_nothing_between_threads() -> None:
    box: Mailbox[int] = Mailbox(items_max=100_000)
    writers = [threading.Thread(target=lambda: [box.put(number) for number in range(5_000)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    got: list[int] = []
    while len(got) < 20_000:
        assert box.wait(10.0), "the reader was not woken"
        got += box.drain(100)
    for writer in writers:
        writer.join()
    assert sorted(got) == sorted(list(range(5_000)) * 4)
    box.close()


def ingest(session: int, count: int) -> Ingest:
    """A batch of events."""
    events = tuple(Event(login=LOGIN, session=session, seq=seq, data=deposit(seq)) for seq in range(1, count + 1))
    return Ingest(account_id=1, login=LOGIN, session=session, events=events)


def test_neighbouring_batches_of_one_session_are_joined_within_bounds() -> None:
    half = BATCH_EVENTS_MAX // 2
    jobs: list[Job] = [ingest(1, half), ingest(1, half), ingest(1, 1), ingest(2, 1), Stop(), ingest(2, 1)]
    sizes = [len(job.events) if isinstance(job, Ingest) else 0 for job in merge(jobs)]
    assert sizes == [2 * half, 1, 1, 0, 1]
