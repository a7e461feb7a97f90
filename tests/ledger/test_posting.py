"""From a deal to a member's share, on real Postgres."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from ledger.errors import UnknownDeal
from ledger.refusals import Refused
from tests.ledger.conftest import Broker
from tests.ledger.stories import asks_to_take_out, pays_in, read, shares_of, values
from zmq_bridge.storage.ledger.breaks import open_breaks
from zmq_bridge.storage.ledger.matching import match_by_hand, suspense
from zmq_bridge.storage.ledger.pool import UnknownAccountError
from zmq_bridge.storage.ledger.posting import AlreadyPosted, Posted, post_deal
from zmq_bridge.storage.ledger.reconcile import Agreed
from zmq_bridge.storage.ledger.request_list import Request
from zmq_bridge.storage.ledger.requests import request_redemption, request_subscription


def test_a_deposit_with_its_reference_becomes_units_at_the_price_just_before(broker, members):
    ann, bob, _ = members
    assert pays_in(broker, ann, "1000.00").status == "settled"
    broker.does("sell", "200.00", entry="out")
    assert isinstance(broker.agrees(), Agreed)
    request = pays_in(broker, bob, "1200.00")
    assert (request.status, request.units) == ("settled", Decimal("1000.00000000"))
    broker.does("sell", "240.00", entry="out")
    broker.agrees()
    assert values(broker) == {ann: Decimal("1320.00"), bob: Decimal("1320.00")}


def test_a_deposit_is_priced_with_the_floating_profit_of_the_newest_agreement(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    broker.floating = Decimal("250.00")
    broker.agrees()
    assert pays_in(broker, bob, "500.00").units == Decimal("400.00000000")
    found = shares_of(broker)
    assert found.nav == Decimal("1750.00")
    assert sum(share.value for share in found.members) == found.nav


def test_a_deposit_after_a_trade_waits_until_ledger_and_broker_agree_again(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    broker.floating = Decimal("100.00")
    broker.agrees()
    broker.floating = Decimal(0)
    broker.does("sell", "100.00", entry="out")
    request = pays_in(broker, bob, "1100.00")
    assert (request.status, request.units) == ("matched", None)
    assert request.refusal is not None
    assert request.refusal.startswith("NOT_RECONCILED")
    assert shares_of(broker).nav == Decimal("1100.00")
    broker.agrees()
    assert read(broker, request).units == Decimal("1000.00000000")
    assert read(broker, request).refusal is None


def test_a_deposit_that_nobody_asked_for_becomes_nobodys_units(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.does("balance", "5000.00", comment="a present")
    broker.agrees()
    assert shares_of(broker).nav == Decimal("1000.00")
    with broker.engine.connect() as connection:
        (item,) = suspense(connection, broker.account_id)
    assert (item.amount, item.request) == (Decimal("5000.00"), None)


@pytest.mark.parametrize(("amount", "comment"), [("999.99", "{ref}"), ("1000.00", "no reference"), ("1000.00", "")])
def test_a_deposit_that_does_not_fit_its_request_waits_for_a_person(broker, members, amount, comment):
    ann, *_ = members
    with broker.engine.begin() as connection:
        request = request_subscription(connection, broker.account_id, ann, Decimal("1000.00"))
    assert isinstance(request, Request)
    deal = broker.deal("balance", amount, comment=comment.format(ref=request.reference))
    broker.tell(deal)
    broker.agrees()
    assert read(broker, request).status == "pending"
    with broker.engine.begin() as connection:
        match_by_hand(
            connection, broker.account_id, ticket=deal.ticket, kind="subscription", request_id=request.id, actor="eve"
        )
    assert read(broker, request).status == "matched"
    broker.agrees()
    after = read(broker, request)
    assert (after.status, after.settled_amount) == ("settled", Decimal(amount))


def test_a_request_made_after_its_money_came_finds_it(broker, members):
    ann, *_ = members
    broker.does("balance", "700.00", comment="ref ABC")
    with broker.engine.begin() as connection:
        request = request_subscription(connection, broker.account_id, ann, Decimal("700.00"), reference="abc")
    assert isinstance(request, Request)
    assert request.status == "settled"


def test_a_deal_is_posted_once(broker):
    deal = broker.deal("buy", commission="-3.50")
    assert isinstance(broker.tell(deal), Posted)
    again = broker.tell(deal)
    assert isinstance(again, AlreadyPosted)
    assert not again.differs
    assert isinstance(broker.agrees(), Agreed)


def test_a_deal_that_comes_back_with_other_amounts_opens_a_break(broker):
    deal = broker.deal("sell", "10.00", entry="out")
    broker.tell(deal)
    again = broker.tell(replace(deal, profit=Decimal("10.01")))
    assert isinstance(again, AlreadyPosted)
    assert again.differs
    with broker.engine.connect() as connection:
        (broken,) = open_breaks(connection, broker.account_id)
    assert (broken.reason, broken.expected, broken.found) == ("DEAL_CHANGED", Decimal("10.00"), Decimal("10.01"))


def test_an_unknown_deal_type_stops_posting_and_says_so(broker):
    deal = replace(broker.deal("buy", "5"), type="teleport")
    with pytest.raises(UnknownDeal, match=r"deal 1: expected a type out of .* found 'teleport'"):
        broker.tell(deal)


def test_a_deal_of_an_unknown_account_is_refused(engine: Engine, broker):
    with pytest.raises(UnknownAccountError, match="999"), engine.begin() as connection:
        post_deal(connection, 999, broker.deal("buy"))


def test_a_withdrawal_with_its_reference_burns_units(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "1000.00")
    with broker.engine.begin() as connection:
        request = request_redemption(connection, broker.account_id, ann, Decimal("250.00"))
    assert isinstance(request, Request)
    broker.does("balance", "-250.00", comment=request.reference)
    after = read(broker, request)
    assert (after.status, after.units) == ("settled", Decimal("250.00000000"))
    broker.agrees()
    assert values(broker) == {ann: Decimal("750.00"), bob: Decimal("1000.00")}


def test_a_withdrawal_of_more_than_the_member_has_stays_in_suspense(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "100.00")
    pays_in(broker, bob, "1000.00")
    request = asks_to_take_out(broker, ann, "100.00")
    broker.does("sell", "-11.00", entry="out")
    broker.agrees()
    broker.does("balance", "-100.00", comment=request.reference)
    after = read(broker, request)
    assert after.status == "matched"
    assert after.refusal == "CLAIM_TOO_SMALL: amount=100.00000000, claim=99.00"
    assert values(broker) == {ann: Decimal("99.00"), bob: Decimal("990.00")}


def test_a_full_exit_of_the_last_holder_takes_everything(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "33.33", entry="out")
    broker.agrees()
    with broker.engine.begin() as connection:
        request = request_redemption(connection, broker.account_id, ann, None)
    assert isinstance(request, Request)
    broker.does("balance", "-1033.33", comment=request.reference)
    assert read(broker, request).status == "settled"
    broker.agrees()
    found = shares_of(broker)
    assert (found.nav, found.units, found.members) == (Decimal(0), Decimal(0), ())


def test_a_repeated_request_is_the_first_one(broker, members):
    ann, *_ = members
    first, second = (ask_with_key(broker, ann) for _ in range(2))
    assert first == second


def ask_with_key(broker: Broker, member: int) -> Request | Refused:
    with broker.engine.begin() as connection:
        return request_subscription(
            connection, broker.account_id, member, Decimal("5.00"), source="key-1", idempotency_key="once"
        )
