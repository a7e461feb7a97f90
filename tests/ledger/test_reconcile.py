"""Ledger and broker: compared only when they can be, and a difference stops everything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.units import Price
from tests.ledger.conftest import Broker
from tests.ledger.stories import asks_to_pay_in, breaks, pays_in, read, shares_of, trading_state, values
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break
from zmq_bridge.storage.ledger.pool import load_pool
from zmq_bridge.storage.ledger.prices import every_price, store_price
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken, Waiting
from zmq_bridge.storage.ledger.report import ledger_report
from zmq_bridge.storage.risk.trading_state import activate_reconciled, set_account_state
from zmq_bridge.storage.trading.events import insert_event

NOW = datetime.now(UTC)


@pytest.fixture
def trading(broker: Broker) -> Broker:
    """The account, active."""
    with broker.engine.begin() as connection:
        assert activate_reconciled(connection, broker.account_id, NOW)
    return broker


def test_a_difference_of_a_cent_freezes_dealing_and_new_positions(trading, members):
    ann, *_ = members
    pays_in(trading, ann, "1000.00")
    found = trading.agrees(trading.snapshot(balance=Decimal("1000.01"), equity=Decimal("1000.01")))
    assert isinstance(found, Broken)
    (broken,) = breaks(trading)
    assert (broken.reason, broken.expected, broken.found) == ("BALANCE", Decimal("1000.00"), Decimal("1000.01"))
    assert trading_state(trading) == "halted"
    request = pays_in(trading, ann, "5.00")
    assert request.status == "matched"
    assert str(request.refusal).startswith("FROZEN")


def test_a_difference_of_less_than_a_cent_is_none(trading):
    trading.does("sell", "10.00", entry="out")
    assert isinstance(trading.agrees(trading.snapshot(balance=Decimal("10.0099"))), Agreed)


def test_an_agreement_ends_the_break_and_settles_what_waited(trading, members):
    ann, *_ = members
    trading.agrees(trading.snapshot(balance=Decimal("0.01")))
    request = pays_in(trading, ann, "5.00")
    assert request.status == "matched"
    found = trading.agrees()
    assert isinstance(found, Agreed)
    assert found.closed == 1
    assert read(trading, request).status == "settled"
    assert trading_state(trading) == "active"
    assert breaks(trading) == []
    with trading.engine.connect() as connection:
        told = connection.exec_driver_sql("SELECT event FROM notifications ORDER BY id").scalars().all()
    assert [event for event in told if "reconciliation" in event] == ["reconciliation_break", "reconciliation_mended"]


def test_what_a_person_halted_stays_halted_when_ledger_and_broker_agree_again(trading):
    trading.agrees(trading.snapshot(balance=Decimal("1")))
    with trading.engine.begin() as connection:
        set_account_state(connection, trading.account_id, "halted", reason="enough", actor="eve", now=NOW)
    trading.agrees()
    assert trading_state(trading) == "halted"


def test_a_halted_account_is_not_loosened_by_a_break(broker):
    broker.agrees(broker.snapshot(balance=Decimal("1")))
    assert trading_state(broker) == "halted"


def test_a_break_shows_the_deals_since_the_last_agreement_and_tells_people(trading):
    trading.does("sell", "1.00", entry="out")
    trading.agrees()
    trading.does("sell", "2.00", entry="out")
    trading.does("tax", "-0.50")
    trading.agrees(trading.snapshot(balance=Decimal("99")))
    (broken,) = breaks(trading)
    assert [(deal["cause"], deal["type"], deal["amount"]) for deal in broken.deals] == [
        ("deal:2", "sell", "2.00000000"),
        ("deal:3", "tax", "-0.50000000"),
    ]
    with trading.engine.connect() as connection:
        alert = connection.exec_driver_sql("SELECT event, severity, title, body FROM notifications").one()
    assert (alert.event, alert.severity) == ("reconciliation_break", "critical")
    assert alert.title == "Balance: the ledger and the broker disagree by 96.50"
    assert "deal:3" in alert.body


def test_a_break_that_goes_on_is_one_break_and_one_alert(trading):
    for found in ("1.00", "2.00", "3.00"):
        trading.agrees(trading.snapshot(balance=Decimal(found)))
    (broken,) = breaks(trading)
    assert broken.found == Decimal("3.00")
    with trading.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notifications").scalar() == 1


def test_a_credit_that_differs_is_a_break_of_its_own(trading):
    trading.agrees(trading.snapshot(credit=Decimal("50.00")))
    (broken,) = breaks(trading)
    assert (broken.reason, broken.expected, broken.found) == ("CREDIT", Decimal(0), Decimal("50.00"))


def test_credit_that_the_broker_granted_is_nobodys(trading, members):
    ann, *_ = members
    pays_in(trading, ann, "100.00")
    trading.does("credit", "50.00")
    assert isinstance(trading.agrees(), Agreed)
    assert shares_of(trading).nav == Decimal("100.00")


def test_a_snapshot_that_runs_ahead_of_its_deal_is_waited_for(trading):
    late = trading.deal("sell", "7.00", entry="out")
    ahead = trading.snapshot(event_seq=trading.seq + 1)
    assert trading.agrees(ahead) == Waiting(reason="EVENTS_MISSING")
    trading.tell(late)
    assert isinstance(trading.agrees(), Agreed)


def test_a_snapshot_that_runs_behind_its_deal_is_not_compared(trading):
    behind = trading.snapshot()
    trading.does("sell", "7.00", entry="out")
    assert trading.agrees(behind) == Waiting(reason="EVENTS_AHEAD")


def test_an_older_snapshot_after_a_newer_one_is_not_compared(trading):
    old = trading.snapshot()
    trading.does("sell", "7.00", entry="out")
    assert isinstance(trading.agrees(), Agreed)
    assert trading.agrees(old) == Waiting(reason="EVENTS_AHEAD")


def test_a_snapshot_of_an_earlier_session_is_not_compared(trading):
    old = trading.snapshot(balance=Decimal("123"))
    trading.session, trading.seq = 2_000, 0
    trading.agrees()
    assert trading.agrees(old) == Waiting(reason="OLD_SNAPSHOT")


def test_events_that_come_out_of_order_are_absorbed(trading):
    first, second = (trading.deal("sell", "3.00", entry="out") for _ in range(2))
    with trading.engine.begin() as connection:
        insert_event(connection, trading.account_id, trading.session, 2, kind="order", data={})
    full = trading.snapshot(event_seq=4)
    assert trading.agrees(full) == Waiting(reason="EVENTS_MISSING")
    trading.seq = 2
    trading.tell(second)
    trading.tell(first)
    assert trading.agrees(full) == Waiting(reason="EVENTS_MISSING")
    with trading.engine.begin() as connection:
        insert_event(connection, trading.account_id, trading.session, 1, kind="order", data={})
    assert isinstance(trading.agrees(full), Agreed)


def test_a_new_session_may_take_its_time_to_tell_old_deals(trading):
    untold = trading.deal("sell", "7.00", entry="out")
    trading.session, trading.seq = 2_000, 0
    assert trading.agrees(at=NOW) == Waiting(reason="SESSION_SETTLING")
    assert breaks(trading) == []
    trading.tell(untold)
    assert isinstance(trading.agrees(at=NOW + timedelta(seconds=1)), Agreed)


def test_a_new_session_that_never_agrees_is_a_break_in_the_end(trading):
    trading.deal("sell", "7.00", entry="out")
    trading.session, trading.seq = 2_000, 0
    trading.agrees(at=NOW)
    assert isinstance(trading.agrees(at=NOW + timedelta(seconds=11)), Broken)


def test_a_session_that_has_agreed_is_given_no_more_time(trading):
    trading.session, trading.seq = 2_000, 0
    assert isinstance(trading.agrees(at=NOW), Agreed)
    trading.balance += 1
    assert isinstance(trading.agrees(at=NOW + timedelta(seconds=1)), Broken)


def test_a_stale_agreement_prices_nothing(trading, members):
    ann, *_ = members
    trading.agrees(at=datetime.now(UTC) - timedelta(seconds=11))
    request = pays_in(trading, ann, "100.00")
    assert (request.status, str(request.refusal)[:14]) == ("matched", "NOT_RECONCILED")
    trading.agrees()
    assert values(trading) == {ann: Decimal("100.00")}


def test_a_person_can_accept_a_break_and_is_named(trading):
    deal = trading.deal("sell", "1.00", entry="out")
    trading.tell(deal)
    trading.tell(replace(deal, profit=Decimal("2.00")))
    assert [broken.reason for broken in breaks(trading)] == [BreakReason.DEAL_CHANGED]
    with trading.engine.begin() as connection:
        assert accept_break(
            connection, trading.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="the broker's typing error"
        )
    assert breaks(trading) == []
    assert trading_state(trading) == "active"
    with trading.engine.connect() as connection:
        audited = connection.exec_driver_sql(
            "SELECT actor, after FROM audit_log WHERE action = 'ledger.accept_break'"
        ).one()
    assert (audited.actor, audited.after) == ("eve", {"note": "the broker's typing error"})


def test_the_report_shows_what_waits_for_a_person(trading, members):
    ann, *_ = members
    pays_in(trading, ann, "1000.00")
    asked = asks_to_pay_in(trading, ann, "77.00")
    trading.does("balance", "5.00", comment="who is this")
    trading.agrees()
    trading.does("sell", "3.00", entry="out")
    with trading.engine.connect() as connection:
        report = ledger_report(connection, trading.account_id)
    assert report.ledger_balance == Decimal("1008.00")
    assert [item.amount for item in report.suspense] == [Decimal("5.00")]
    assert [request.id for request in report.waiting] == [asked.id]
    assert [deal["cause"] for deal in report.deals_since] == ["deal:3"]
    assert report.shares.nav == Decimal("1000.00")
    assert sum(balance for _, balance in report.books) == 0


@pytest.mark.parametrize(
    ("age_s", "floating", "kept"),
    [(40, "50.00", False), (61, "50.00", True), (61, "0.90", False), (3570, "0.00", False), (3601, "0.00", True)],
)
def test_a_price_is_kept_every_hour_and_sooner_when_it_has_moved(broker, members, age_s, floating, kept):
    """A thousandth is a move, and one price a minute is the most."""
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "0.00", entry="out")
    with broker.engine.begin() as connection:
        state = load_pool(connection, broker.account_id)
        price = Price(nav=Decimal("1000.00"), units=Decimal(1000))
        at = state.now - timedelta(seconds=age_s)
        store_price(connection, broker.account_id, at=at, server_day=at.date(), price=price, cause="snapshot")
        before = len(every_price(connection, broker.account_id))
    broker.floating = Decimal(floating)
    broker.agrees()
    with broker.engine.connect() as connection:
        assert len(every_price(connection, broker.account_id)) - before == kept
