"""Risk's memory follows the account: rollover, flows, an index that no flow moves. What is reached: test_watch."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.risk.memory import follow, release_strategy
from zmq_bridge.storage.trading.state import Place, keep_snapshot, lock_account

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OFFSET_S = 7200  # the server's midnight is at 22:00 UTC


class Book:
    """An account whose money a test moves; every move is followed."""

    def __init__(self, engine) -> None:
        self.engine, self.now, self.seq, self.deals = engine, NOON, 0, 0
        with engine.begin() as connection:
            description = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}
            self.id = ensure_account(connection, login=1, server="s", **description).id
            connection.exec_driver_sql(
                "INSERT INTO terminals (account_id, role, session, server_offset_s) VALUES (%s, 'both', 1, %s)",
                (self.id, OFFSET_S),
            )

    def snapshot(self, balance, equity=None, credit=0):
        """The terminal reports; ledger and broker agree; risk follows."""
        self.seq += 1
        equity = balance if equity is None else equity
        money = {"balance": D(balance), "equity": D(equity), "credit": D(credit), "profit": 0, "margin": 0,
                 "margin_free": D(equity), "margin_level": 0, "trade_allowed": True, "trade_expert": True}  # fmt: skip
        place = Place(session=1, event_seq=0, seq=self.seq)
        with self.engine.begin() as connection:
            lock_account(connection, self.id)
            keep_snapshot(
                connection, self.id, place, account=money, positions=[], orders=[], time_msc=1, received_at=self.now
            )
            return follow(connection, self.id, self.now)

    def flow(self, amount, *, type_="balance") -> None:
        """Money comes or goes at the broker."""
        self.deals += 1
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO deals (account_id, ticket, type, entry, volume, price, profit, commission, swap, fee,"
                " time_msc, sl, tp) VALUES (%s, %s, %s, 'in', 0, 0, %s, 0, 0, 0, 1, 0, 0)",
                (self.id, self.deals, type_, D(amount)),
            )

    def rows(self, query):
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(query).all()


@pytest.fixture
def book(engine):
    return Book(engine)


def test_the_first_snapshot_starts_the_day_and_the_index(book):
    book.flow(10_000)  # the first deposit is no profit
    found = book.snapshot(10_000)
    assert (found.day.server_day, found.day.reference, found.day.net_flows) == (date(2026, 3, 4), D(10_000), 0)
    assert (found.nav_index.price, found.nav_index.peak, found.nav_index.units) == (1, 1, D(10_000))


def test_the_reference_stays_until_the_servers_midnight_and_then_is_the_larger_of_the_two(book):
    book.snapshot(10_000)
    book.now = datetime(2026, 3, 4, 21, 59, 59, tzinfo=UTC)
    assert book.snapshot(10_200, 10_150).day.reference == D(10_000)
    book.now = datetime(2026, 3, 4, 22, 0, 0, tzinfo=UTC)
    found = book.snapshot(10_200, 10_150)
    assert (found.day.server_day, found.day.reference) == (date(2026, 3, 5), D(10_200))
    book.now += timedelta(days=1)
    assert book.snapshot(10_200, 10_700, credit=100).day.reference == D(10_600)


def test_a_deposit_moves_neither_index_nor_loss(book):
    book.snapshot(10_000)
    book.flow(9_000)
    found = book.snapshot(19_000)
    assert (found.nav_index.price, found.nav_index.units) == (1, D(19_000))
    assert found.day.net_flows == D(9_000)
    assert book.snapshot(19_000).day.net_flows == D(9_000)  # counted once


def test_a_withdrawal_leaves_the_drawdown_as_it_was(book):
    book.snapshot(12_500)
    before = book.snapshot(10_100).nav_index
    book.flow(-1_000)
    after = book.snapshot(9_100).nav_index
    assert before.price == after.price == D("0.808")
    assert 1 - after.price / after.peak == D("0.192")


def test_a_flow_in_the_night_belongs_to_the_reference_of_the_new_day(book):
    book.snapshot(10_000)
    book.flow(5_000)
    book.now += timedelta(days=1)
    found = book.snapshot(15_000)
    assert (found.day.reference, found.day.net_flows) == (D(15_000), 0)
    assert found.nav_index.price == 1


@pytest.mark.parametrize("type_", ["credit", "correction", "charge", "bonus", "interest"])
def test_only_deposits_and_withdrawals_are_flows(book, type_):
    book.snapshot(10_000)
    book.flow(100, type_=type_)
    assert book.snapshot(10_100).day.net_flows == 0


def test_credit_is_no_capital(book):
    book.snapshot(10_000)
    book.flow(2_000, type_="credit")
    assert book.snapshot(10_000, 12_000, credit=2_000).nav_index.price == 1


def test_a_withdrawal_of_more_than_there_is_leaves_the_memory_as_it_was(book):
    book.snapshot(1_000)
    book.flow(-2_000)
    assert book.snapshot(-1_000) is None
    [state] = book.rows("SELECT nav_index, nav_units, flows_total FROM risk_state")
    assert tuple(state) == (1, D(1_000), 0)


def test_nothing_is_followed_without_a_terminal_whose_clock_is_known(book):
    with book.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM terminals")
    assert book.snapshot(10_000) is None
    assert book.rows("SELECT * FROM risk_state") == []


def test_every_digit_of_the_index_is_kept(book):
    book.snapshot(7)
    kept = book.snapshot(3).nav_index
    assert book.snapshot(3).nav_index == kept
    assert len(kept.price.as_tuple().digits) > 12


def test_a_stopped_strategy_is_released_by_name_and_audited(book):
    with book.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO strategy_latches (account_id, strategy, reason) VALUES (%s, '7', 'x')", (book.id,)
        )
        assert release_strategy(connection, book.id, "7", actor="ann")
        assert not release_strategy(connection, book.id, "7", actor="ann")
    assert [row.actor for row in book.rows("SELECT actor FROM audit_log WHERE action = 'strategy.release'")] == ["ann"]
