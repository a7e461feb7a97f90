"""Fees as time passes: accrued, crystallised once a period, and paid in units of the manager."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ledger.errors import InvalidTerms
from ledger.fees import FeeTerms
from ledger.journal import Transaction
from ledger.refusals import RefusalCode, Refused
from tests.ledger.conftest import Broker
from tests.ledger.stories import (
    a_snapshot_is_fresh,
    accrued,
    agree_on,
    assert_sound,
    days_pass,
    pays_in,
    shares_of,
    takes_out,
    values,
)
from zmq_bridge.storage.ledger.fees import crystallise_now
from zmq_bridge.storage.ledger.pool import Terms, load_terms
from zmq_bridge.storage.ledger.statements import statement_now
from zmq_bridge.storage.ledger.terms import set_terms

pytestmark = pytest.mark.usefixtures("server_now")


def crystallisations(broker: Broker) -> list[str]:
    with broker.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT cause FROM ledger_transactions WHERE kind = 'crystallisation' ORDER BY id"
        )
        return list(found.scalars())


def of_last_month(server_now: datetime) -> list[str]:
    """Name the run of the period that the moment 31 days ago is in."""
    return [f"crystallisation:{server_now - timedelta(days=31):%Y-%m}"]


def test_without_terms_nothing_is_ever_charged(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 400)
    broker.agrees()
    assert accrued(broker) == 0
    assert values(broker) == {ann: Decimal("1000.00")}


def test_a_management_fee_is_accrued_with_time_and_lowers_the_nav(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, management="0.10")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 0.5)
    broker.agrees()
    assert accrued(broker) in (Decimal("0.13"), Decimal("0.14"))
    days_pass(broker, 0.5)
    broker.agrees()
    assert accrued(broker) == Decimal("0.27")
    assert values(broker) == {ann: Decimal("999.73")}
    assert_sound(broker)


def test_who_joins_late_pays_nothing_for_the_time_before(broker, members):
    ann, bob, manager = members
    agree_on(broker, manager, management="0.365")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 10)
    a_snapshot_is_fresh(broker)
    pays_in(broker, bob, "1000.00")
    assert accrued(broker) == Decimal("10.00")
    found = values(broker)
    assert found[bob] in (Decimal("999.99"), Decimal("1000.00"))
    assert found[ann] + found[bob] == Decimal("1990.00")


def test_the_end_of_a_period_crystallises_both_fees_once(broker, members, server_now):
    ann, _, manager = members
    agree_on(broker, manager, management="0.365", performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    days_pass(broker, 31)
    broker.agrees()
    broker.agrees()
    found = shares_of(broker)
    assert accrued(broker) == 0
    (mine, managers) = found.members
    # 31 days of 0.1 % a day on 1100.00 are 34.10; 20 % of what is left of the gain, 65.90, are 13.18
    assert managers.user_id == manager
    assert abs(managers.value - Decimal("47.28")) <= Decimal("0.01")
    assert mine.value + managers.value == Decimal("1100.00")
    assert crystallisations(broker) == of_last_month(server_now)
    assert_sound(broker)


def test_a_dealing_just_after_a_period_does_not_swallow_the_periods_fees(broker, members, server_now):
    ann, bob, manager = members
    agree_on(broker, manager, management="0.01", performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    days_pass(broker, 31)
    a_snapshot_is_fresh(broker)
    pays_in(broker, bob, "500.00")  # accrues the management fee up to now, in the new period
    broker.agrees()
    assert crystallisations(broker) == of_last_month(server_now)
    assert shares_of(broker).members[-1].user_id == manager
    assert_sound(broker)


def test_a_period_that_ends_without_a_price_is_crystallised_when_there_is_one(broker, members, server_now):
    ann, _, manager = members
    agree_on(broker, manager, management="0.01", performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.floating = Decimal("-1500.00")
    broker.agrees()
    days_pass(broker, 31)
    broker.agrees()
    assert crystallisations(broker) == []
    broker.floating = Decimal("100.00")
    broker.agrees()
    broker.agrees()
    assert crystallisations(broker) == of_last_month(server_now)
    assert_sound(broker)


def test_nobody_pays_for_the_time_when_the_pool_was_empty(broker, members):
    ann, bob, manager = members
    agree_on(broker, manager, management="0.365")
    days_pass(broker, 10)
    broker.agrees()
    pays_in(broker, ann, "1000.00")
    broker.agrees()
    assert accrued(broker) == 0
    takes_out(broker, ann, "1000.00")
    days_pass(broker, 10)
    a_snapshot_is_fresh(broker)
    pays_in(broker, bob, "1000.00")
    broker.agrees()
    assert accrued(broker) == 0
    assert values(broker) == {bob: Decimal("1000.00")}
    assert_sound(broker)


def test_a_period_is_crystallised_once(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    for profit, expected in (("100.00", Transaction), ("100.00", type(None))):
        broker.does("sell", profit, entry="out")
        broker.agrees()
        with broker.engine.begin() as connection:
            assert isinstance(crystallise_now(connection, broker.account_id, period="2026-01"), expected)
    assert_sound(broker)


def test_a_performance_fee_is_shown_before_it_is_taken(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.floating = Decimal("100.00")
    broker.agrees()
    (mine,) = shares_of(broker).members
    assert (mine.value, mine.performance_fee_accrued) == (Decimal("1100.00"), Decimal("20.00"))
    broker.floating = Decimal("-1.00")
    broker.agrees()
    assert shares_of(broker).members[0].performance_fee_accrued == 0


def test_who_leaves_pays_the_fee_of_what_leaves(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    takes_out(broker, ann, "540.00")
    with broker.engine.connect() as connection:
        mine = statement_now(connection, broker.account_id, ann).statement
        managers = statement_now(connection, broker.account_id, manager).statement
    assert (mine.redeemed, mine.fees_paid, mine.units) == (Decimal("540.00"), Decimal("10.00"), Decimal("500"))
    assert (managers.fees_earned, managers.value, managers.contributed) == (
        Decimal("10.00"),
        Decimal("10.00"),
        Decimal(0),
    )
    assert mine.value == Decimal("550.00")
    assert_sound(broker)


def test_new_terms_do_not_reach_back(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, management="0.365")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 1)
    agree_on(broker, manager, management="0.999")
    assert accrued(broker) == Decimal("1.00")
    broker.agrees()
    assert accrued(broker) == Decimal("1.00")
    with broker.engine.connect() as connection:
        assert load_terms(connection, broker.account_id).fees.management_rate == Decimal("0.999")


def test_another_period_begins_when_it_is_agreed_on(broker, members, server_now):
    """A month instead of a year charges nothing of the months before; a year instead of a month swallows none."""
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20", period="year")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    days_pass(broker, 31 if server_now.month > 1 else 15)
    agree_on(broker, manager, performance="0.20", period="month")
    broker.agrees()
    assert crystallisations(broker) == []
    days_pass(broker, 31)
    a_snapshot_is_fresh(broker)
    agree_on(broker, manager, performance="0.20", period="year")
    assert crystallisations(broker) == of_last_month(server_now)
    assert values(broker) == {ann: Decimal("1080.00"), manager: Decimal("20.00")}
    assert_sound(broker)


def test_terms_that_begin_after_a_time_without_fees_charge_nothing_of_it(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, performance="0.20")
    agree_on(broker, manager)
    days_pass(broker, 93)
    agree_on(broker, manager, performance="0.20")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    assert (crystallisations(broker), values(broker)) == ([], {ann: Decimal("1100.00")})


def test_a_new_rate_takes_nothing_of_what_was_earned_under_the_old_one(broker, members):
    ann, bob, manager = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "500.00", entry="out")
    broker.agrees()
    agree_on(broker, manager, performance="0.20")
    assert shares_of(broker).members[0].performance_fee_accrued == 0
    broker.does("sell", "150.00", entry="out")
    broker.agrees()
    assert shares_of(broker).members[0].performance_fee_accrued == Decimal("30.00")
    agree_on(broker, bob, performance="0.50")  # Max has earned his 30.00; Bob manages from here on
    assert values(broker) == {ann: Decimal("1620.00"), manager: Decimal("30.00")}
    assert shares_of(broker).members[0].performance_fee_accrued == 0
    broker.does("sell", "165.00", entry="out")
    broker.agrees()
    anns, maxs = shares_of(broker).members
    assert (anns.performance_fee_accrued, maxs.performance_fee_accrued) == (Decimal("81.00"), Decimal("1.50"))
    assert_sound(broker)


def test_who_managed_is_paid_for_it_also_after_another_took_over(broker, members):
    ann, bob, manager = members
    agree_on(broker, manager, management="0.365")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 10)
    a_snapshot_is_fresh(broker)
    agree_on(broker, bob, management="0.365")
    assert values(broker) == {ann: Decimal("990.00"), manager: Decimal("10.00")}
    assert accrued(broker) == 0
    assert_sound(broker)


def test_a_fee_is_the_managers_also_when_everybody_else_has_left(broker, members):
    ann, _, manager = members
    agree_on(broker, manager, management="0.365")
    pays_in(broker, ann, "1000.00")
    days_pass(broker, 10)
    broker.agrees()
    takes_out(broker, ann, "990.00")
    assert (values(broker), accrued(broker)) == ({}, Decimal("10.00"))
    days_pass(broker, 31)
    broker.agrees()
    assert (values(broker), accrued(broker)) == ({manager: Decimal("10.00")}, Decimal(0))
    takes_out(broker, manager, "10.00")
    assert shares_of(broker).nav == 0
    assert_sound(broker)


def test_new_terms_wait_for_a_price_where_old_ones_have_earned(broker, members):
    ann, _, manager = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "500.00", entry="out")
    fees = FeeTerms(performance_rate=Decimal("0.20"), manager=manager)
    with broker.engine.begin() as connection:
        refused = set_terms(connection, broker.account_id, Terms(fees=fees), actor="eve")
        assert isinstance(refused, Refused)
        assert refused.code == RefusalCode.NOT_RECONCILED
    with broker.engine.connect() as connection:
        assert load_terms(connection, broker.account_id) == Terms()
    assert_sound(broker)


def test_an_unknown_period_is_refused(broker):
    with pytest.raises(InvalidTerms, match="fortnight"), broker.engine.begin() as connection:
        set_terms(connection, broker.account_id, Terms(period="fortnight"), actor="eve")
