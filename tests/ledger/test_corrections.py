"""Mistakes are answered by transactions that take them back, never by a change."""

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pytest

from ledger.journal import Transaction
from ledger.refusals import RefusalCode, Refused
from tests.ledger.conftest import Broker
from tests.ledger.stories import (
    asks_to_pay_in,
    asks_to_take_out,
    assert_sound,
    breaks,
    pays_in,
    read,
    shares_of,
    takes_out,
    values,
)
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break
from zmq_bridge.storage.ledger.corrections import adopt_nav, release_deal, reverse_transaction
from zmq_bridge.storage.ledger.deal_corrections import TOLD, correct_deal, told_deal
from zmq_bridge.storage.ledger.history import find
from zmq_bridge.storage.ledger.matching import match_by_hand, suspense
from zmq_bridge.storage.ledger.posting import AlreadyPosted
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken
from zmq_bridge.storage.ledger.requests import cancel_request
from zmq_bridge.storage.ledger.settlement import Settled, price_redemption
from zmq_bridge.storage.locks import Lock
from zmq_bridge.storage.trading.events import insert_deal, insert_event

EVE = {"actor": "eve", "reason": "a mistake"}


def reverses(broker: Broker, cause: str) -> Transaction | Refused:
    with broker.engine.begin() as connection:
        return reverse_transaction(connection, broker.account_id, cause, **EVE)


def code(outcome: object) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def test_a_reversed_subscription_is_money_in_suspense_again_and_stays_there(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    wrong = pays_in(broker, bob, "500.00")
    assert isinstance(reverses(broker, f"subscription:{wrong.id}"), Transaction)
    broker.agrees()
    assert values(broker) == {ann: Decimal("1000.00")}
    assert read(broker, wrong).status == "cancelled"
    with broker.engine.connect() as connection:
        (item,) = suspense(connection, broker.account_id)
    assert (item.amount, item.request) == (Decimal("500.00"), None)
    assert_sound(broker)


def test_money_that_a_reversal_freed_can_be_given_to_whom_it_belongs(broker, members):
    ann, bob, _ = members
    wrong = pays_in(broker, ann, "500.00")
    reverses(broker, f"subscription:{wrong.id}")
    right = asks_to_pay_in(broker, bob, "500.00")
    with broker.engine.begin() as connection:
        match_by_hand(connection, broker.account_id, ticket=1, kind="subscription", request_id=right.id, actor="eve")
    broker.agrees()
    assert values(broker) == {bob: Decimal("500.00")}
    assert_sound(broker)


def test_a_transaction_is_reversed_once(broker, members):
    ann, *_ = members
    request = pays_in(broker, ann, "500.00")
    cause = f"subscription:{request.id}"
    reverses(broker, cause)
    assert code(reverses(broker, cause)) == RefusalCode.NOT_REVERSIBLE


def test_units_that_were_redeemed_can_not_be_taken_back(broker, members):
    ann, *_ = members
    request = pays_in(broker, ann, "500.00")
    takes_out(broker, ann, "1.00")
    outcome = reverses(broker, f"subscription:{request.id}")
    assert code(outcome) == RefusalCode.NOT_REVERSIBLE
    assert "expected at least 500.00000000 units, found 499.00000000" in str(outcome)


def test_a_deal_of_the_broker_is_not_ours_to_reverse(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "500.00")
    assert code(reverses(broker, "deal:1")) == RefusalCode.NOT_REVERSIBLE
    assert code(reverses(broker, "deal:99")) == RefusalCode.NOT_REVERSIBLE


def test_a_withdrawal_given_to_the_wrong_member_is_given_to_the_right_one(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "500.00")
    pays_in(broker, bob, "500.00")
    wrong = takes_out(broker, ann, "100.00")
    ticket = broker.ticket
    assert code(reverses(broker, f"redemption:{wrong.id}")) == RefusalCode.NOT_REVERSIBLE
    assert isinstance(reverses(broker, f"payment:{ticket}"), Transaction)
    assert read(broker, wrong).status == "owed"
    assert isinstance(reverses(broker, f"redemption:{wrong.id}"), Transaction)
    right = asks_to_take_out(broker, bob, "100.00")
    with broker.engine.begin() as connection:
        match_by_hand(connection, broker.account_id, ticket=ticket, kind="redemption", request_id=right.id, actor="eve")
    broker.agrees()
    assert read(broker, right).status == "settled"
    assert values(broker) == {ann: Decimal("500.00"), bob: Decimal("400.00")}
    assert_sound(broker)


def test_a_present_of_the_broker_can_be_released_to_all(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "300.00")
    pays_in(broker, bob, "100.00")
    broker.does("balance", "40.00", comment="welcome bonus")
    with broker.engine.begin() as connection:
        released = release_deal(connection, broker.account_id, broker.ticket, **EVE)
    assert isinstance(released, Transaction)
    assert values(broker) == {ann: Decimal("330.00"), bob: Decimal("110.00")}
    with broker.engine.begin() as connection:
        again = release_deal(connection, broker.account_id, broker.ticket, **EVE)
    assert code(again) == RefusalCode.DEAL_NOT_IN_SUSPENSE
    assert_sound(broker)


def test_a_release_can_be_reversed_and_decided_again(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "300.00")
    broker.does("balance", "40.00")
    for _ in range(2):
        with broker.engine.begin() as connection:
            released = release_deal(connection, broker.account_id, broker.ticket, **EVE)
        assert isinstance(released, Transaction)
        assert isinstance(reverses(broker, released.cause), Transaction)
    assert values(broker) == {ann: Decimal("300.00")}
    assert_sound(broker)


def test_profit_of_before_the_first_member_belongs_to_nobody_until_it_is_given(broker, members):
    ann, bob, _ = members
    broker.does("sell", "250.00", entry="out")
    broker.agrees()
    late = pays_in(broker, ann, "1000.00")
    assert str(late.refusal).startswith("NAV_WITHOUT_UNITS")
    with broker.engine.begin() as connection:
        assert isinstance(adopt_nav(connection, broker.account_id, bob, **EVE), Transaction)
    broker.agrees()
    assert values(broker) == {ann: Decimal("1000.00"), bob: Decimal("250.00")}
    assert_sound(broker)


def test_while_a_withdrawal_is_unexplained_nobody_deals_but_to_explain_it(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    broker.does("balance", "-200.00", comment="?")
    ticket = broker.ticket
    late = pays_in(broker, bob, "500.00")
    assert str(late.refusal).startswith("UNMATCHED_WITHDRAWAL")
    request = asks_to_take_out(broker, ann, "150.00")
    with broker.engine.begin() as connection:
        match_by_hand(
            connection, broker.account_id, ticket=ticket, kind="redemption", request_id=request.id, actor="eve"
        )
    broker.agrees()
    done = read(broker, request)
    assert (done.status, done.settled_amount) == ("settled", Decimal("200.00"))
    assert values(broker) == {ann: Decimal("800.00"), bob: Decimal("500.00")}


def test_a_full_exit_is_priced_first_and_paid_later(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "100.00")
    pays_in(broker, bob, "200.00")
    broker.floating = Decimal("0.50")
    broker.agrees()
    request = asks_to_take_out(broker, ann, None)
    with broker.engine.begin() as connection:
        priced = price_redemption(connection, broker.account_id, request.id, actor="eve")
    assert isinstance(priced, Settled)
    assert priced.amount == Decimal("100.16")
    broker.floating = Decimal("-30.00")
    broker.agrees()
    assert read(broker, request).status == "owed"
    assert values(broker) == {bob: Decimal("169.84")}
    broker.does("balance", "-100.00", comment=request.reference)
    assert read(broker, request).status == "owed"
    broker.does("balance", "-0.16", comment=request.reference)
    assert read(broker, request).status == "settled"
    broker.agrees()
    assert values(broker) == {bob: Decimal("169.84")}
    assert_sound(broker)


def test_more_than_is_owed_stays_in_suspense(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "100.00")
    pays_in(broker, bob, "100.00")
    request = asks_to_take_out(broker, ann, None)
    broker.does("balance", "-100.01", comment=request.reference)
    after = read(broker, request)
    assert (after.status, str(after.refusal)) == (
        "matched",
        "AMOUNT_MISMATCH: withdrawn=100.01000000, owed=100.00",
    )
    assert values(broker) == {ann: Decimal("100.00"), bob: Decimal("100.00")}
    assert_sound(broker)


def test_a_cancelled_request_lets_its_money_go(broker, members):
    ann, bob, _ = members
    pays_in(broker, bob, "100.00")
    broker.does("sell", "1.00", entry="out")
    request = pays_in(broker, ann, "50.00")
    assert request.status == "matched"
    with broker.engine.begin() as connection:
        cancel_request(connection, broker.account_id, "subscription", request.id, actor="ann")
    broker.agrees()
    assert read(broker, request).status == "cancelled"
    with broker.engine.connect() as connection:
        assert [item.request for item in suspense(connection, broker.account_id)] == [None]
    with broker.engine.begin() as connection:
        again = cancel_request(connection, broker.account_id, "subscription", request.id, actor="ann")
    assert code(again) == RefusalCode.REQUEST_NOT_PENDING


def test_a_deal_that_the_broker_changed_is_corrected_by_a_reversal(broker):
    broker.does("sell", "10.00", entry="out")
    broker.balance += Decimal("2.50")
    assert isinstance(broker.agrees(), Broken)
    for profit, cause in (("12.00", "deal:1:corrected:1"), ("12.50", "deal:1:corrected:2")):
        with broker.engine.begin() as connection:
            done = correct_deal(connection, broker.account_id, changed(broker, 1, profit), **EVE)
        assert isinstance(done, Transaction)
        assert done.cause == cause
    assert isinstance(broker.agrees(), Agreed)
    assert breaks(broker) == []
    assert_sound(broker)


def test_a_corrected_deal_that_comes_again_is_compared_with_its_correction(broker):
    broker.does("sell", "10.00", entry="out")
    broker.balance += Decimal("2.50")
    with broker.engine.begin() as connection:
        correct_deal(connection, broker.account_id, changed(broker, 1, "12.50"), **EVE)
    old = broker.books[1]
    again = broker.tell(replace(old, profit=Decimal("12.50")))
    assert isinstance(again, AlreadyPosted)
    assert (again.differs, breaks(broker)) == (False, [])
    assert isinstance(broker.agrees(), Agreed)
    again = broker.tell(old)
    assert isinstance(again, AlreadyPosted)
    assert again.differs
    (broken,) = breaks(broker)
    assert (broken.expected, broken.found) == (Decimal("12.50"), Decimal("10.00"))
    assert_sound(broker)


@pytest.mark.parametrize(
    "changed", [{"profit": Decimal("9.00"), "swap": Decimal("1.00")}, {"type": "balance", "entry": "in"}]
)
def test_a_deal_that_comes_back_as_something_else_of_the_same_amount_is_a_break(broker, changed):
    broker.does("sell", "10.00", entry="out")
    again = broker.tell(replace(broker.books[1], **changed))
    assert isinstance(again, AlreadyPosted)
    assert again.differs
    assert [broken.reason for broken in breaks(broker)] == ["DEAL_CHANGED"]


@pytest.mark.parametrize("kind", ["credit", "sell"])
def test_a_correction_moves_the_nav_by_nothing_until_the_broker_says_so(broker, members, kind):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    deal = broker.deal(kind, "100.00", entry="in")
    broker.tell(deal)
    broker.agrees()
    before = shares_of(broker).nav
    now = changed(broker, deal.ticket, "130.00")
    with broker.engine.begin() as connection:
        assert isinstance(correct_deal(connection, broker.account_id, now, **EVE), Transaction)
    assert shares_of(broker).nav == before
    if kind == "credit":
        broker.credit += 30
    else:
        broker.balance += 30
    assert isinstance(broker.agrees(), Agreed)
    assert shares_of(broker).nav == (before if kind == "credit" else before + 30)
    assert_sound(broker)


def changed(broker: Broker, ticket: int, profit: str) -> Deal:
    """Return a deal as the broker has it now."""
    return replace(broker.books[ticket], profit=Decimal(profit))


def corrects(broker: Broker, ticket: int, profit: str, **more: Any) -> Transaction | Refused:
    """The broker has another amount, tells it again, and a person books it."""
    now = replace(changed(broker, ticket, profit), **more)
    broker.balance += now.profit - broker.books[ticket].profit
    broker.books[ticket] = now
    again = broker.tell(now)
    assert isinstance(again, AlreadyPosted)
    assert again.differs
    assert "DEAL_CHANGED" in [broken.reason for broken in breaks(broker)]
    with broker.engine.begin() as connection:
        return correct_deal(connection, broker.account_id, now, **EVE)


def accepts(broker: Broker) -> None:
    with broker.engine.begin() as connection:
        assert accept_break(connection, broker.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="booked")


@pytest.mark.parametrize("amount", ["400.00", "620.00", "-80.00"])
def test_a_deposit_that_the_broker_changed_waits_under_its_new_amount(broker, members, amount):
    """While it is nobody's: taken back, booked again, and no unit is touched."""
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.does("balance", "500.00", comment="?")
    ticket = broker.ticket
    done = corrects(broker, ticket, amount)
    assert isinstance(done, Transaction)
    assert (done.cause, done.detail["corrects"]) == (f"deal:{ticket}:corrected:1", f"deal:{ticket}")
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert breaks(broker) == []
    with broker.engine.connect() as connection:
        (item,) = suspense(connection, broker.account_id)
        taken_back = find(connection, broker.account_id, f"reversal:deal:{ticket}")
    assert (item.ticket, item.amount, item.request, item.reversals) == (ticket, Decimal(amount), None, 1)
    assert taken_back is not None
    assert taken_back.transaction.reverses == f"deal:{ticket}"
    assert values(broker) == {ann: Decimal("1000.00")}
    assert_sound(broker)


def test_a_deposit_that_bought_units_is_corrected_once_they_are_taken_back(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    request = pays_in(broker, bob, "500.00")
    ticket = broker.ticket
    refused = corrects(broker, ticket, "400.00")
    assert code(refused) == RefusalCode.NOT_REVERSIBLE
    assert f"settled by subscription:{request.id}: reverse that first" in str(refused)
    assert isinstance(broker.agrees(), Broken)
    assert {broken.reason for broken in breaks(broker)} == {"BALANCE", "DEAL_CHANGED"}
    assert isinstance(reverses(broker, f"subscription:{request.id}"), Transaction)
    with broker.engine.begin() as connection:
        done = correct_deal(connection, broker.account_id, broker.books[ticket], **EVE)
    assert isinstance(done, Transaction)
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert breaks(broker) == []
    right = asks_to_pay_in(broker, bob, "400.00")
    with broker.engine.begin() as connection:
        match_by_hand(
            connection, broker.account_id, ticket=ticket, kind="subscription", request_id=right.id, actor="eve"
        )
    broker.agrees()
    assert values(broker) == {ann: Decimal("1000.00"), bob: Decimal("400.00")}
    assert_sound(broker)
    again = broker.tell(broker.books[ticket])
    assert isinstance(again, AlreadyPosted)
    assert not again.differs


def waiting(broker: Broker) -> list[tuple[int, Decimal]]:
    """Return the balance deals that are nobody's, with what waits of each."""
    with broker.engine.connect() as connection:
        return [(item.ticket, item.amount) for item in suspense(connection, broker.account_id) if not item.request]


@pytest.fixture
def spent(broker: Broker, members: tuple[int, int, int]) -> tuple[int, str]:
    """A deposit of Bob's some of whose units are gone, beside Ann's; and the settlement that can't be reversed now."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    request = pays_in(broker, bob, "500.00")
    ticket = broker.ticket
    takes_out(broker, bob, "200.00")
    return ticket, f"subscription:{request.id}"


def test_what_a_deposit_was_less_than_its_units_waits_where_they_are_spent(broker, members, spent):
    """The settlement stays; the difference is a withdrawal for somebody to explain, and until then nobody deals."""
    ann, *_ = members
    ticket, cause = spent
    before = shares_of(broker).nav
    done = corrects(broker, ticket, "400.00")
    assert isinstance(done, Transaction)
    assert (done.cause, done.detail["adjusts"]) == (f"deal:{ticket}:corrected:1", f"deal:{ticket}")
    assert waiting(broker) == [(ticket, Decimal("-100.00"))]
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert shares_of(broker).nav == before
    assert "corrected by the difference since" in str(reverses(broker, cause))
    again = broker.tell(broker.books[ticket])
    assert isinstance(again, AlreadyPosted)
    assert not again.differs
    assert str(pays_in(broker, ann, "5.00").refusal).startswith("UNMATCHED_WITHDRAWAL")
    assert_sound(broker)
    releases(broker, ticket)
    assert shares_of(broker).nav == before - 100
    assert_sound(broker)


def test_the_member_whose_deposit_it_was_can_bear_the_difference(broker, members, spent):
    ann, bob, _ = members
    ticket, _ = spent
    assert isinstance(corrects(broker, ticket, "400.00"), Transaction)
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    request = asks_to_take_out(broker, bob, "100.00")
    by_hand(broker, ticket, "redemption", request.id)
    broker.agrees()
    assert read(broker, request).status == "settled"
    assert values(broker) == {ann: Decimal("1000.00"), bob: Decimal("200.00")}
    assert_sound(broker)


def test_a_difference_is_corrected_in_its_turn(broker, members, spent):
    """While it waits it is taken back; where it was used it is reversed first, or stays and gets one of its own."""
    ann, bob, _ = members
    ticket, _ = spent
    assert isinstance(corrects(broker, ticket, "400.00"), Transaction)
    assert isinstance(corrects(broker, ticket, "650.00"), Transaction)
    assert waiting(broker) == [(ticket, Decimal("150.00"))]
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    request = asks_to_pay_in(broker, bob, "150.00")
    by_hand(broker, ticket, "subscription", request.id)
    broker.agrees()
    assert values(broker) == {ann: Decimal("1000.00"), bob: Decimal("450.00")}
    refused = corrects(broker, ticket, "640.00")
    assert f"settled by subscription:{request.id}: reverse that first" in str(refused)
    with broker.engine.begin() as connection:  # the broker was wrong: it is 650.00 after all
        accept_break(connection, broker.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="wrong")
    broker.balance += Decimal("10.00")
    broker.books[ticket] = changed(broker, ticket, "650.00")
    assert isinstance(broker.agrees(), Agreed)
    takes_out(broker, bob, "400.00")
    assert isinstance(corrects(broker, ticket, "640.00"), Transaction)
    assert waiting(broker) == [(ticket, Decimal("-10.00"))]
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    releases(broker, ticket)
    assert sum(values(broker).values()) == Decimal("1040.00")
    assert_sound(broker)


@pytest.mark.parametrize(
    ("now", "left", "nav"),
    [({"type": "bonus"}, "-500.00", "1800.00"), ({"commission": Decimal("-3.00")}, None, "1297.00")],
)
def test_a_spent_deposit_may_turn_out_to_be_something_else(broker, spent, now, left, nav):
    ticket, _ = spent
    broker.balance += now.get("commission", Decimal(0))
    assert isinstance(corrects(broker, ticket, "500.00", **now), Transaction)
    assert waiting(broker) == ([] if left is None else [(ticket, Decimal(left))])
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert shares_of(broker).nav == Decimal(nav)
    assert_sound(broker)
    assert isinstance(corrects(broker, ticket, "500.00", type="balance", commission=Decimal(0)), Transaction)
    assert waiting(broker) == []
    assert_sound(broker)


def by_hand(broker: Broker, ticket: int, kind: str, request: str) -> None:
    with broker.engine.begin() as connection:
        match_by_hand(connection, broker.account_id, ticket=ticket, kind=kind, request_id=request, actor="eve")


def test_a_request_that_had_claimed_the_old_amount_waits_again(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "1.00", entry="out")  # no price: what is matched waits
    request = pays_in(broker, bob, "50.00")
    assert request.status == "matched"
    assert isinstance(corrects(broker, broker.ticket, "60.00"), Transaction)
    assert (read(broker, request).status, read(broker, request).deal_ticket) == ("pending", None)
    accepts(broker)
    broker.agrees()
    assert values(broker) == {ann: Decimal("1001.00")}
    assert_sound(broker)


def test_a_withdrawal_that_paid_somebody_is_corrected_and_pays_the_rest(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    request = asks_to_take_out(broker, ann, "100.00")
    with broker.engine.begin() as connection:
        assert isinstance(price_redemption(connection, broker.account_id, request.id, actor="eve"), Settled)
    broker.does("balance", "-100.00", comment=request.reference)
    ticket = broker.ticket
    assert code(corrects(broker, ticket, "-90.00")) == RefusalCode.NOT_REVERSIBLE
    assert isinstance(reverses(broker, f"payment:{ticket}"), Transaction)
    with broker.engine.begin() as connection:
        assert isinstance(correct_deal(connection, broker.account_id, broker.books[ticket], **EVE), Transaction)
        match_by_hand(
            connection, broker.account_id, ticket=ticket, kind="redemption", request_id=request.id, actor="eve"
        )
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert read(broker, request).status == "owed"
    broker.does("balance", "-10.00", comment=request.reference)
    assert read(broker, request).status == "settled"
    assert_sound(broker)


def test_a_deal_may_turn_out_to_be_a_deposit_and_a_deposit_a_charge(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    for kind, value, waiting in (("balance", "1000.00", 1), ("bonus", "1007.00", 0), ("balance", "1000.00", 1)):
        if kind == "balance" and value == "1000.00" and broker.ticket == 1:
            broker.does("bonus", "7.00")
        broker.tell(replace(broker.books[2], type=kind))
        with broker.engine.begin() as connection:
            now = replace(broker.books[2], type=kind)
            assert isinstance(correct_deal(connection, broker.account_id, now, **EVE), Transaction)
        accepts(broker)
        assert isinstance(broker.agrees(), Agreed)
        assert values(broker) == {ann: Decimal(value)}
        with broker.engine.connect() as connection:
            assert len(suspense(connection, broker.account_id)) == waiting
    assert_sound(broker)


def test_what_was_never_posted_or_has_not_changed_is_not_corrected(broker):
    broker.does("balance", "10.00")
    with broker.engine.begin() as connection:
        same = correct_deal(connection, broker.account_id, broker.books[1], **EVE)
        unknown = correct_deal(connection, broker.account_id, replace(broker.books[1], ticket=99), **EVE)
    assert code(same) == code(unknown) == RefusalCode.NOT_REVERSIBLE
    assert "booked as the broker has it" in str(same)
    assert "never posted" in str(unknown)


def test_the_brokers_newest_word_is_what_a_correction_books(broker, account_id):
    broker.does("balance", "10.00", comment="one")
    now = changed(broker, 1, "12.00")
    with broker.engine.begin() as connection:
        assert told_deal(connection, account_id, 77) is None
        for seq, deal in ((50, broker.books[1]), (51, now)):
            insert_event(connection, account_id, broker.session, seq, kind="deal", data=asdict(deal))
        connection.exec_driver_sql("UPDATE terminal_events SET received_at = now() + seq * interval '1 second'")
        assert told_deal(connection, account_id, 1) == now


def test_what_was_told_of_a_deal_is_found_without_reading_all_events(broker, account_id):
    with broker.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO terminal_events (account_id, session, seq, kind, data)"
            " SELECT %s, 1, n, 'deal', jsonb_build_object('ticket', n) FROM generate_series(1, 5000) AS n",
            (account_id,),
        )
        connection.exec_driver_sql("ANALYZE terminal_events")
        plan = connection.exec_driver_sql(f"EXPLAIN {TOLD}", {"account": account_id, "ticket": 7}).scalars().all()
    assert any("ix_terminal_events_told_deals" in line for line in plan), plan


def test_a_corrected_trade_is_shown_as_the_broker_told_it_last(broker, account_id):
    old = replace(broker.deal("sell", "10.00", entry="out"), volume=Decimal("0.30"), price=Decimal("1.1"))
    now = replace(old, volume=Decimal("0.20"), price=Decimal("1.2"), profit=Decimal("12.00"))
    with broker.engine.begin() as connection:
        insert_deal(connection, account_id, asdict(old))
        broker.tell(old, connection)
        assert isinstance(correct_deal(connection, account_id, now, **EVE), Transaction)
        row = connection.exec_driver_sql("SELECT volume, price, profit FROM deals").one()
    assert tuple(row) == (now.volume, now.price, now.profit)


def test_nothing_newer_is_told_of_a_deal_between_reading_and_booking_it(broker, account_id):
    with broker.engine.begin() as reading, broker.engine.begin() as telling:
        assert told_deal(reading, account_id, 1) is None
        take = "SELECT pg_try_advisory_xact_lock(%s, %s)"
        assert not telling.exec_driver_sql(take, (int(Lock.ADMISSION), account_id)).scalar_one()


def test_a_deposit_that_was_nothing_for_a_while_can_still_be_released(broker, members):
    """Every release before it keeps its name: the deal is released twice, zeroed by the broker, and comes back."""
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.does("balance", "50.00", comment="?")
    ticket = broker.ticket
    for number in ("", ":1"):
        releases(broker, ticket)
        assert isinstance(reverses(broker, f"release:{ticket}{number}"), Transaction)
    for amount in ("0.00", "60.00"):
        assert isinstance(corrects(broker, ticket, amount), Transaction)
    releases(broker, ticket)
    accepts(broker)
    assert isinstance(broker.agrees(), Agreed)
    assert_sound(broker)
    assert values(broker) == {ann: Decimal("1060.00")}


def releases(broker: Broker, ticket: int) -> None:
    with broker.engine.begin() as connection:
        assert isinstance(release_deal(connection, broker.account_id, ticket, **EVE), Transaction)


def test_every_correction_is_audited_with_its_actor(broker, members):
    ann, *_ = members
    request = pays_in(broker, ann, "10.00")
    reverses(broker, f"subscription:{request.id}")
    with broker.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT actor, action, subject, after FROM audit_log").all()
    assert [tuple(row) for row in rows if row.action.startswith("ledger.")] == [
        ("eve", "ledger.reverse", f"subscription:{request.id}", {"reason": "a mistake"})
    ]
