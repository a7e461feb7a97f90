"""Statements out of stored books: every figure again from the entries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from ledger.units import Price
from tests.ledger.conftest import Broker
from tests.ledger.stories import assert_sound, pays_in, takes_out
from zmq_bridge.storage.ledger.corrections import reverse_transaction
from zmq_bridge.storage.ledger.prices import closing_prices, store_price
from zmq_bridge.storage.ledger.statements import all_statements, pool_history, statement_now


def story(broker: Broker, ann: int, bob: int) -> None:
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "200.00", entry="out")
    broker.agrees()
    pays_in(broker, bob, "1200.00")
    broker.does("sell", "240.00", entry="out")
    broker.agrees()
    takes_out(broker, ann, "320.00")
    broker.agrees()


def test_a_members_figures_add_up(broker, members):
    ann, bob, _ = members
    story(broker, ann, bob)
    with broker.engine.connect() as connection:
        mine, his = (statement_now(connection, broker.account_id, member).statement for member in (ann, bob))
        assert list(all_statements(connection, broker.account_id))[1].value == his.value
    assert (mine.contributed, mine.redeemed, mine.value) == (Decimal(1000), Decimal(320), Decimal("1000.00"))
    assert mine.profit == Decimal("320.00")
    assert mine.realised + mine.unrealised == mine.profit
    assert mine.realised == Decimal("77.58")
    assert (his.profit, his.time_weighted_return) == (Decimal("120.00"), Decimal("0.10000000"))
    assert mine.time_weighted_return == Decimal("0.32000000")
    assert [(line.kind, line.cash) for line in mine.movements] == [
        ("subscription", Decimal("1000.00")),
        ("redemption", Decimal("-320.00")),
    ]
    assert_sound(broker)


def test_every_line_leads_to_a_transaction_with_the_same_money(broker, members):
    ann, bob, _ = members
    story(broker, ann, bob)
    with broker.engine.connect() as connection:
        for line in statement_now(connection, broker.account_id, ann).statement.movements:
            moved = connection.exec_driver_sql(
                "SELECT sum(abs(amount)) FROM ledger_entries JOIN ledger_accounts AS a ON a.id = ledger_account_id "
                "WHERE transaction_id = %s AND a.user_id = %s AND a.kind IN ('contributions', 'redemptions')",
                (line.transaction_id, ann),
            ).scalar_one()
            assert moved == abs(line.cash)


def test_the_sum_of_all_statements_is_the_pool(broker, members):
    ann, bob, _ = members
    story(broker, ann, bob)
    with broker.engine.connect() as connection:
        everybody = list(all_statements(connection, broker.account_id))
        pool = pool_history(connection, broker.account_id)
    assert sum(each.value for each in everybody) == Decimal("2320.00")
    assert sum(each.profit for each in everybody) == pool.profit == Decimal("440.00")
    assert (pool.contributed, pool.redeemed) == (Decimal(2200), Decimal(320))
    assert pool.time_weighted_return == Decimal("0.32")


def test_a_stranger_has_an_empty_statement(broker, members):
    *_, stranger = members
    with broker.engine.connect() as connection:
        found = statement_now(connection, broker.account_id, stranger).statement
    assert (found.units, found.value, found.profit) == (Decimal(0), Decimal(0), Decimal(0))
    assert found.money_weighted_return is None


def test_the_history_by_day_takes_each_days_last_price(broker, members):
    ann, bob, _ = members
    story(broker, ann, bob)
    today = datetime.now(UTC)
    with broker.engine.begin() as connection:
        for ahead, nav in ((1, "5000"), (1, "6000"), (3, "7000")):
            day = today + timedelta(days=ahead)
            price = Price(nav=Decimal(nav), units=Decimal(2000))
            store_price(connection, broker.account_id, at=day, server_day=day.date(), price=price, cause="snapshot")
        closes = closing_prices(connection, broker.account_id)
    assert [(close.day - today.date()).days for close in closes] == [0, 1, 3]
    assert [close.price.ratio for close in closes][1:] == [3, Fraction(7, 2)]
    assert_sound(broker)


def test_days_of_the_trade_server_are_days_of_statements_and_of_the_pool(broker, members):
    ann, bob, _ = members
    hours = 13 if datetime.now(UTC).hour >= 12 else -13
    with broker.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO terminals (account_id, role, session, server_offset_s) VALUES (%s, 'desk', 1, %s)",
            (broker.account_id, hours * 3600),
        )
    story(broker, ann, bob)
    with broker.engine.connect() as connection:
        mine = statement_now(connection, broker.account_id, ann).statement
        pool = pool_history(connection, broker.account_id)
    (line,) = mine.days
    assert (line.day - datetime.now(UTC).date()).days == (1 if hours > 0 else -1)
    assert (line.value, line.flow, line.profit) == (mine.value, mine.contributed - mine.redeemed, mine.profit)
    assert [(day.day, day.flow) for day in pool.days] == [(line.day, pool.contributed - pool.redeemed)]


def test_what_was_reversed_is_no_flow_of_the_pool(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    wrong = pays_in(broker, bob, "500.00")
    with broker.engine.begin() as connection:
        reverse_transaction(connection, broker.account_id, f"subscription:{wrong.id}", actor="eve", reason="wrong")
        pool = pool_history(connection, broker.account_id)
    assert (pool.contributed, pool.redeemed, pool.profit) == (Decimal(1000), Decimal(0), Decimal(0))


def test_a_pool_that_owes_more_than_it_has_has_a_history_and_statements_none_the_less(broker, members):
    """The account fell through zero: a drawdown of all there was, and the members share the debt to the cent."""
    ann, bob, _ = members
    story(broker, ann, bob)
    broker.does("sell", "-3000.01", entry="out")
    broker.agrees()
    with broker.engine.connect() as connection:
        pool = pool_history(connection, broker.account_id)
        everybody = list(all_statements(connection, broker.account_id, days=True))
    assert (pool.drawdown.fraction, pool.time_weighted_return) == (Decimal(1), Decimal(-1))
    assert sum(each.value for each in everybody) == Decimal("-680.01")
    assert {each.time_weighted_return for each in everybody} == {Decimal(-1)}
    assert all(each.days[-1].value == each.value for each in everybody)
    broker.does("correction", "680.01")
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    with broker.engine.connect() as connection:
        assert pool_history(connection, broker.account_id).drawdown.fraction > Decimal("0.9")
        assert sum(each.value for each in all_statements(connection, broker.account_id)) == Decimal("100.00")
