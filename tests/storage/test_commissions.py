"""Costs as the account's own deals tell them: the dearest of late, both ways, for one lot."""

from decimal import Decimal as D

import pytest

from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.risk.commissions import DEALS_MAX, learn_commissions


class Account:
    """An account with one symbol, EURUSD."""

    def __init__(self, engine) -> None:
        self.engine, self.ticket = engine, 0
        with engine.begin() as connection:
            description = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}
            self.id = ensure_account(connection, login=1, server="s", **description).id
            connection.exec_driver_sql(
                "INSERT INTO symbols (account_id, symbol, digits, point, tick_size, tick_value, contract_size,"
                " volume_min, volume_max, volume_step) VALUES (%s, 'EURUSD', 5, 1, 1, 1, 1, 1, 1, 1)", (self.id,),
            )  # fmt: skip

    def deal(self, volume, commission, fee="0", *, symbol="EURUSD", type_="buy") -> None:
        self.ticket += 1
        values = (self.id, self.ticket, symbol, type_, D(volume), D(commission), D(fee), self.ticket)
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO deals (account_id, ticket, symbol, type, entry, volume, price, profit, commission, swap,"
                " fee, time_msc, sl, tp) VALUES (%s, %s, %s, %s, 'in', %s, 1, 0, %s, 0, %s, %s, 0, 0)", values,
            )  # fmt: skip

    def learn(self) -> tuple[list[str], D]:
        """What changed, and what a lot of EURUSD costs now."""
        with self.engine.begin() as connection:
            changed = learn_commissions(connection, self.id)
            return changed, connection.exec_driver_sql("SELECT commission FROM symbols").scalar_one()


@pytest.fixture
def account(engine):
    return Account(engine)


def test_a_round_trip_is_twice_what_a_deal_cost_for_one_lot(account):
    account.deal("0.10", "-0.35")
    assert account.learn() == (["EURUSD"], D(7))
    assert account.learn() == ([], D(7))


def test_the_dearest_of_the_latest_counts_fees_included(account):
    account.deal("1", "-3.50")
    account.deal("1", "-3.50", "-0.10")
    account.deal("1", "0")
    assert account.learn()[1] == D("7.2")


def test_what_was_dear_long_ago_is_forgotten(account):
    account.deal("1", "-50")
    for _ in range(DEALS_MAX):
        account.deal("1", "-1")
    assert account.learn()[1] == D(2)


@pytest.mark.parametrize("deal", [{"symbol": "GBPUSD"}, {"type_": "balance"}])
def test_other_deals_say_nothing(account, deal):
    account.deal("1", "-9", **deal)
    assert account.learn() == ([], D(0))


def test_a_rebate_makes_nothing_cheaper_than_free(account):
    account.deal("1", "2")
    assert account.learn() == ([], D(0))
