"""A member with two redemptions at once: each is owed, paid and settled for itself."""

from decimal import Decimal

import pytest

from ledger.journal import Transaction
from ledger.refusals import Refused
from tests.ledger.conftest import Broker
from tests.ledger.stories import asks_to_take_out, assert_sound, pays_in, read, values
from zmq_bridge.storage.ledger import settlement
from zmq_bridge.storage.ledger.corrections import release_deal, reverse_transaction
from zmq_bridge.storage.ledger.matching import SuspenseItem, match_by_hand, suspense, unmatch_by_hand
from zmq_bridge.storage.ledger.reconcile import Agreed
from zmq_bridge.storage.ledger.request_list import Request
from zmq_bridge.storage.ledger.settlement import Settled, price_redemption

Members = tuple[int, int, int]


def test_what_is_paid_for_one_redemption_settles_that_one(broker: Broker, members: Members) -> None:
    first, second = two_owed(broker, members)
    broker.does("balance", "-100.00", comment=first.reference)
    assert (read(broker, first).status, read(broker, second).status) == ("settled", "owed")
    broker.does("balance", "-50.00", comment=second.reference)
    assert (read(broker, first).status, read(broker, second).status) == ("settled", "settled")
    broker.agrees()
    assert_sound(broker)


def test_one_redemption_is_not_paid_with_what_is_owed_for_another(broker: Broker, members: Members) -> None:
    first, second = two_owed(broker, members)
    broker.does("balance", "-150.00", comment=first.reference)
    assert (read(broker, first).status, read(broker, second).status) == ("owed", "owed")
    assert str(read(broker, first).refusal).startswith("AMOUNT_MISMATCH")


def test_a_withdrawal_that_never_fitted_waits_for_a_person_once_the_right_one_has_paid(
    broker: Broker, members: Members
) -> None:
    first, second = two_owed(broker, members)
    broker.does("balance", "-150.00", comment=first.reference)
    wrong = broker.ticket
    broker.does("balance", "-100.00", comment=first.reference)
    assert (read(broker, first).status, read(broker, first).refusal) == ("settled", None)
    assert isinstance(broker.agrees(), Agreed)
    assert unclaimed(broker) == [wrong]
    assert (read(broker, first).settled_amount, values(broker)[members[0]]) == (Decimal(100), Decimal(850))
    assert read(broker, second).status == "owed"
    assert_sound(broker)


def test_two_withdrawals_matched_by_hand_pay_a_redemption_once(broker: Broker, members: Members) -> None:
    first, _ = two_owed(broker, members)
    tickets = []
    for _ in range(2):
        broker.does("balance", "-100.00", comment="?")
        tickets.append(broker.ticket)
    with broker.engine.begin() as connection:
        for ticket in tickets:
            claim = match_by_hand(
                connection, broker.account_id, ticket=ticket, kind="redemption", request_id=first.id, actor="eve"
            )
            assert isinstance(claim, SuspenseItem)
    for _ in range(2):
        assert isinstance(broker.agrees(), Agreed)
    assert (read(broker, first).status, read(broker, first).refusal) == ("settled", None)
    assert unclaimed(broker) == tickets[1:]
    assert_sound(broker)


def test_a_redemption_that_was_taken_back_lets_go_of_a_withdrawal_that_never_fitted(
    broker: Broker, members: Members
) -> None:
    first, _ = two_owed(broker, members)
    broker.does("balance", "-150.00", comment=first.reference)
    with broker.engine.begin() as connection:
        cause = f"redemption:{first.id}"
        assert isinstance(
            reverse_transaction(connection, broker.account_id, cause, actor="eve", reason="a mistake"), Transaction
        )
    assert isinstance(broker.agrees(), Agreed)
    assert read(broker, first).status == "cancelled"
    assert unclaimed(broker) == [broker.ticket]
    assert values(broker)[members[0]] == Decimal(950)
    assert_sound(broker)


def unclaimed(broker: Broker) -> list[int]:
    """Balance deals that wait for a person."""
    with broker.engine.connect() as connection:
        return [item.ticket for item in suspense(connection, broker.account_id) if item.request is None]


def test_a_redemption_paid_at_once_is_settled_while_another_is_owed(broker: Broker, members: Members) -> None:
    two_owed(broker, members)
    third = asks_to_take_out(broker, members[0], "30.00")
    broker.does("balance", "-30.00", comment=third.reference)
    broker.agrees()
    assert read(broker, third).status == "settled"
    assert values(broker)[members[0]] == Decimal("820.00")


def two_owed(broker: Broker, members: Members) -> tuple[Request, Request]:
    """Ann has 1000.00 and is owed 100.00 and 50.00 of it; Bob has 500.00."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "500.00")
    broker.agrees()
    made = asks_to_take_out(broker, ann, "100.00"), asks_to_take_out(broker, ann, "50.00")
    for request in made:
        with broker.engine.begin() as connection:
            assert isinstance(price_redemption(connection, broker.account_id, request.id, actor="eve"), Settled)
    return made


def test_a_redemption_of_less_than_a_cent_is_settled_and_nothing_is_owed(broker: Broker, members: Members) -> None:
    """Nobody can wire half a cent: the units go, the half cent stays with the others."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "0.01")
    broker.does("sell", "-500.00", entry="out")
    broker.agrees()
    request = asks_to_take_out(broker, bob, None)
    with broker.engine.begin() as connection:
        done = price_redemption(connection, broker.account_id, request.id, actor="eve")
    assert isinstance(done, Settled)
    after = read(broker, request)
    assert (after.status, after.settled_amount, done.amount) == ("settled", Decimal(0), Decimal(0))
    assert after.settled_at is not None
    assert values(broker) == {ann: Decimal("500.01")}
    assert_sound(broker)


def test_a_withdrawal_of_more_than_is_owed_is_unmatched_by_a_person_and_used_elsewhere(
    broker: Broker, members: Members
) -> None:
    first, _ = two_owed(broker, members)
    ticket = broker.does("balance", "-100.01", comment=first.reference) and broker.ticket
    assert str(read(broker, first).refusal).startswith("AMOUNT_MISMATCH")
    with broker.engine.begin() as connection:
        freed = unmatch_by_hand(connection, broker.account_id, ticket=ticket, actor="eve", reason="a cent too much")
        again = unmatch_by_hand(connection, broker.account_id, ticket=ticket, actor="eve", reason="again")
    assert isinstance(freed, SuspenseItem)
    assert (freed.request, freed.amount) == (None, Decimal("-100.01"))
    assert isinstance(again, Refused)
    assert (read(broker, first).status, read(broker, first).deal_ticket) == ("owed", None)
    broker.does("balance", "-100.00", comment=first.reference)
    assert read(broker, first).status == "settled"
    with broker.engine.begin() as connection:
        release_deal(connection, broker.account_id, ticket, actor="eve", reason="the broker's fee")
    broker.agrees()
    assert sum(values(broker).values()) == Decimal("1249.99")
    assert_sound(broker)


def test_nobody_is_paid_out_while_a_withdrawal_is_unexplained(broker: Broker, members: Members) -> None:
    """Whose loss it is nobody knows yet, so nobody may leave before it is known."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "500.00")
    broker.does("balance", "-30.00", comment="?")
    ticket = broker.ticket
    request = asks_to_take_out(broker, ann, "100.00")
    broker.does("balance", "-100.00", comment=request.reference)
    assert (read(broker, request).status, str(read(broker, request).refusal)[:20]) == (
        "matched",
        "UNMATCHED_WITHDRAWAL",
    )
    with broker.engine.begin() as connection:
        release_deal(connection, broker.account_id, ticket, actor="eve", reason="a fee")
    broker.agrees()
    assert read(broker, request).status == "settled"
    assert values(broker) == {ann: Decimal("880.00"), bob: Decimal("490.00")}


def test_requests_that_only_a_person_can_mend_do_not_keep_others_waiting(
    broker: Broker, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, _ = members
    pays_in(broker, ann, "100.00")
    monkeypatch.setattr(settlement, "MATCHED", settlement.MATCHED.replace("LIMIT 100", "LIMIT 1"))
    too_much = asks_to_take_out(broker, ann, "99.00")
    broker.does("sell", "-90.00", entry="out")
    broker.agrees()
    broker.does("balance", "-99.00", comment=too_much.reference)
    assert str(read(broker, too_much).refusal).startswith("CLAIM_TOO_SMALL")
    broker.agrees()
    assert pays_in(broker, bob, "5.00").status == "settled"
