"""New terms: who may be named, when they can be agreed on, and that no fee ever goes to the next manager."""

from decimal import Decimal

import pytest

from ledger.fees import NO_FEES, FeeTerms
from ledger.journal import AccountKind, Transaction
from ledger.refusals import RefusalCode, Refused
from ledger.units import DEFAULT_BAND, PriceBand
from tests.ledger.conftest import Broker
from tests.ledger.stories import (
    a_snapshot_is_fresh,
    accrued,
    agree_on,
    assert_sound,
    days_pass,
    pays_in,
    shares_of,
    stored_book,
    takes_out,
    values,
)
from zmq_bridge.storage.ledger.corrections import release_deal, reverse_transaction
from zmq_bridge.storage.ledger.fees import crystallise_by_hand
from zmq_bridge.storage.ledger.pool import Terms, load_terms
from zmq_bridge.storage.ledger.terms import may_manage, set_terms
from zmq_bridge.storage.locks import Lock

pytestmark = pytest.mark.usefixtures("server_now")

EVE = {"actor": "eve", "reason": "a mistake"}
NARROW = PriceBand(minimum=Decimal("0.90"), maximum=Decimal("1.10"))


def crystallises(broker: Broker) -> Transaction | Refused | None:
    with broker.engine.begin() as connection:
        return crystallise_by_hand(connection, broker.account_id, **EVE)


def booked_crystallisation(broker: Broker) -> Transaction:
    done = crystallises(broker)
    assert isinstance(done, Transaction), done
    return done


def reverses(broker: Broker, cause: str) -> Transaction | Refused:
    with broker.engine.begin() as connection:
        return reverse_transaction(connection, broker.account_id, cause, **EVE)


def sets(broker: Broker, fees: FeeTerms, band: PriceBand = DEFAULT_BAND) -> Refused | None:
    with broker.engine.begin() as connection:
        return set_terms(connection, broker.account_id, Terms(fees=fees, band=band), actor="eve")


def a_fee_of_ten(broker: Broker, ann: int, manager: int) -> None:
    """Ann has 1000.00, of which ten days at 0.1 % a day are the manager's."""
    agree_on(broker, manager, management="0.365")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 10)
    broker.agrees()
    assert accrued(broker) == Decimal("10.00")


def test_a_fee_that_was_crystallised_is_not_given_to_the_next_manager(broker, members):
    ann, bob, manager = members
    a_fee_of_ten(broker, ann, manager)
    run = booked_crystallisation(broker)
    agree_on(broker, bob, management="0.365")
    outcome = reverses(broker, run.cause)
    assert isinstance(outcome, Refused)
    assert outcome.code == RefusalCode.NOT_REVERSIBLE
    assert f"earned by user {manager}, and now user {bob} manages" in str(outcome)
    assert values(broker) == {ann: Decimal("990.00"), manager: Decimal("10.00")}
    agree_on(broker, manager, management="0.365")
    assert isinstance(reverses(broker, run.cause), Transaction)
    assert accrued(broker) == Decimal("10.00")
    assert_sound(broker)


def test_a_fee_is_not_given_back_while_nobody_manages(broker, members):
    ann, _, manager = members
    a_fee_of_ten(broker, ann, manager)
    run = booked_crystallisation(broker)
    assert sets(broker, NO_FEES) is None
    assert "now user nobody manages" in str(reverses(broker, run.cause))


def test_a_redemption_is_not_taken_back_where_its_gain_would_be_charged_by_the_next_manager(broker, members):
    """Ann's lot was empty when Bob took over, so its mark stayed at 1.00: at 20 % he would earn what Max did."""
    ann, bob, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "1000.00")
    broker.does("sell", "1000.00", entry="out")
    broker.agrees()
    request = takes_out(broker, ann, "1400.00")
    agree_on(broker, bob, performance="0.20")
    assert isinstance(reverses(broker, f"payment:{broker.ticket}"), Transaction)
    outcome = reverses(broker, f"redemption:{request.id}")
    assert isinstance(outcome, Refused)
    assert "other performance fees were agreed on since" in str(outcome)
    assert_sound(broker)


def test_another_band_takes_no_redemption_its_way_back(broker, members):
    ann, bob, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    pays_in(broker, bob, "1000.00")
    request = takes_out(broker, ann, "400.00")
    assert sets(broker, FeeTerms(performance_rate=Decimal("0.20"), manager=manager), NARROW) is None
    assert isinstance(reverses(broker, f"payment:{broker.ticket}"), Transaction)
    assert isinstance(reverses(broker, f"redemption:{request.id}"), Transaction)
    assert_sound(broker)


def test_terms_are_not_locked_outside_the_band_by_a_fee_that_was_given_back(broker, members):
    """Without rates the fee is still the same manager's: another band needs no price, another manager does."""
    ann, bob, manager = members
    a_fee_of_ten(broker, ann, manager)
    run = booked_crystallisation(broker)
    assert sets(broker, FeeTerms(manager=manager), NARROW) is None
    assert isinstance(reverses(broker, run.cause), Transaction)
    broker.floating = Decimal("500.00")
    broker.agrees()
    assert sets(broker, FeeTerms(manager=bob)) is not None
    assert sets(broker, FeeTerms(manager=manager)) is None  # the usual band
    assert sets(broker, FeeTerms(manager=bob)) is None
    assert accrued(broker) == 0
    assert values(broker)[manager] == Decimal("10.00")
    assert_sound(broker)


def test_where_units_are_worth_nothing_terms_can_be_left(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "-1200.00", entry="out")
    broker.agrees()
    assert sets(broker, NO_FEES) is None
    broker.does("sell", "700.00", entry="out")
    broker.agrees()
    assert values(broker) == {ann: Decimal("500.00")}
    assert_sound(broker)


def test_an_inactive_manager_is_named_again_and_never_anew(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, management="0.365")
    with broker.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET status = 'inactive' WHERE id IN (%s, %s)", (ann, manager))
        assert [may_manage(connection, broker.account_id, user) for user in members] == [False, True, True]
    agree_on(broker, manager)
    with broker.engine.connect() as connection:
        assert load_terms(connection, broker.account_id).fees == FeeTerms(manager=manager)


def test_a_member_stays_active_until_the_terms_that_name_them_are_agreed_on(broker, members):
    _, bob, manager = members
    agree_on(broker, manager)
    status, lock = "SELECT status FROM users WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", "pg_try_advisory_xact_lock"
    with broker.engine.begin() as agreeing, broker.engine.begin() as other:
        assert may_manage(agreeing, broker.account_id, bob)
        assert other.exec_driver_sql(status, (bob,)).all() == []
        taken = other.exec_driver_sql(f"SELECT {lock}(%s, %s)", (int(Lock.ADMISSION), broker.account_id))
        assert not taken.scalar_one()


@pytest.mark.parametrize(
    ("loss", "paid", "left"), [("-4.00", "6.00", "0.00"), ("-10.00", "0.00", "0.00"), ("-50.00", "0.00", "-40.00")]
)
def test_a_fee_that_an_empty_pool_does_not_have_is_not_paid_and_blocks_nobody(broker, members, loss, paid, left):
    """Ann takes all she has; the manager's 10.00 stay; then the broker books a charge against them."""
    ann, bob, manager = members
    a_fee_of_ten(broker, ann, manager)
    takes_out(broker, ann, "990.00")
    broker.does("charge", loss)
    broker.agrees()
    booked_crystallisation(broker)
    assert accrued(broker) == 0
    assert values(broker).get(manager, Decimal("0.00")) == Decimal(paid)
    agree_on(broker, bob, management="0.365")
    if Decimal(left):  # a debt that nobody here owes: somebody pays it, and gives it to the pool
        broker.does("balance", left.removeprefix("-"), comment="made good")
        with broker.engine.begin() as connection:
            assert isinstance(release_deal(connection, broker.account_id, broker.ticket, **EVE), Transaction)
        broker.agrees()
    a_snapshot_is_fresh(broker)
    assert pays_in(broker, bob, "100.00").status == "settled"
    assert values(broker)[bob] == Decimal("100.00")
    assert_sound(broker)
    book = stored_book(broker)
    assert book.sum_of(AccountKind.FEES_EARNED) == -Decimal(paid)
    assert book.sum_of(AccountKind.MANAGEMENT_FEES) == Decimal(paid)
    assert shares_of(broker).nav == Decimal("100.00") + Decimal(paid)


def test_a_fee_is_not_given_up_while_a_position_is_open(broker, members):
    ann, _, manager = members
    a_fee_of_ten(broker, ann, manager)
    takes_out(broker, ann, "990.00")
    broker.floating = Decimal("-4.00")
    broker.agrees()
    done = crystallises(broker)
    assert isinstance(done, Refused)
    assert done.code == RefusalCode.OPEN_PROFIT
    assert accrued(broker) == Decimal("10.00")
