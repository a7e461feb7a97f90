"""One table says what every deal of MetaTrader 5 does to the books."""

import typing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ledger.deals import POSTINGS, BookedDeal, deal_entries
from ledger.errors import InvalidAmount, UnbalancedEntries, UnknownDeal
from ledger.journal import (
    GENESIS,
    AccountKind,
    Entry,
    LotChange,
    Transaction,
    TransactionKind,
    canonical,
    chain_hash,
    reverse,
)
from ledger.units import Price
from zmq_bridge.protocol.values import DealEntry, DealType

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TYPES = typing.get_args(DealType)
ENTRIES = typing.get_args(DealEntry)
TRADES = ("buy", "sell", "buy_canceled", "sell_canceled")


def deal(kind: str = "sell", entry: str = "in", **amounts: str) -> BookedDeal:
    profit, commission, swap, fee = (
        Decimal(amounts.get(name, "0")) for name in ("profit", "commission", "swap", "fee")
    )
    return BookedDeal(ticket=7, type=kind, entry=entry, profit=profit, commission=commission, swap=swap, fee=fee)


def by_kind(booked: BookedDeal) -> dict[AccountKind, Decimal]:
    found: dict[AccountKind, Decimal] = {}
    for entry in deal_entries(booked, "USD"):
        found[entry.kind] = found.get(entry.kind, Decimal(0)) + entry.amount
    return found


def test_the_table_knows_every_type_of_the_wire_and_no_other():
    assert set(POSTINGS) == set(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_posts_balanced_entries_signed_as_given(kind):
    booked = deal(kind, profit="100.00", commission="-3.50", swap="-1.25", fee="-0.25")
    found = by_kind(booked)
    assert sum(found.values()) == 0
    money = AccountKind.CREDIT if kind == "credit" else AccountKind.BROKER
    assert found[money] == Decimal("95.00")
    assert AccountKind.BROKER not in found or kind != "credit"


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("kind", TRADES)
def test_a_trade_may_have_any_entry(kind, entry):
    assert by_kind(deal(kind, entry, profit="1")) == {
        AccountKind.TRADING: Decimal(-1),
        AccountKind.BROKER: Decimal(1),
    }


@pytest.mark.parametrize("entry", ["inout", "out_by"])
@pytest.mark.parametrize("kind", sorted(set(TYPES) - set(TRADES)))
def test_an_operation_without_a_position_can_not_reverse_one(kind, entry):
    with pytest.raises(UnknownDeal, match=f"for {kind}, found '{entry}'"):
        deal_entries(deal(kind, entry, profit="1"), "USD")


def test_costs_go_to_accounts_of_their_own():
    assert by_kind(deal("sell", "out", profit="120.40", commission="-3.50", swap="-1.25", fee="-0.10")) == {
        AccountKind.TRADING: Decimal("-120.40"),
        AccountKind.COMMISSIONS: Decimal("3.50"),
        AccountKind.SWAPS: Decimal("1.25"),
        AccountKind.DEAL_FEES: Decimal("0.10"),
        AccountKind.BROKER: Decimal("115.55"),
    }


def test_a_deposit_goes_to_suspense_and_to_nobody():
    assert by_kind(deal("balance", profit="10.00")) == {
        AccountKind.SUSPENSE: Decimal("-10.00"),
        AccountKind.BROKER: Decimal("10.00"),
    }


def test_a_deal_without_money_has_no_entries():
    assert deal_entries(deal("buy"), "USD") == ()


@pytest.mark.parametrize("wrong", [{"type": "gift"}, {"type": "BUY"}, {"type": ""}, {"entry": "sideways"}])
def test_an_unknown_deal_stops_posting_and_names_itself(wrong):
    with pytest.raises(UnknownDeal, match="deal 7: expected"):
        deal_entries(replace(deal(), **wrong), "USD")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e18", "0.000000001"])
def test_an_amount_that_is_none_stops_posting(amount):
    with pytest.raises(InvalidAmount):
        deal_entries(deal(profit=amount), "USD")


# transactions and their chain


def transaction(**changed: typing.Any) -> Transaction:
    fields: dict[str, typing.Any] = {
        "cause": "deal:7",
        "kind": TransactionKind.DEAL,
        "at": NOW,
        "entries": deal_entries(deal(profit="5.00"), "USD"),
    }
    return Transaction(**{**fields, **changed})


def test_entries_that_do_not_balance_are_no_transaction():
    one = Entry(kind=AccountKind.BROKER, currency="USD", amount=Decimal("1"))
    with pytest.raises(UnbalancedEntries, match="deal:7: expected USD entries to sum to 0, found 1"):
        transaction(entries=(one,))


def test_currencies_balance_each_on_its_own():
    dollars = Entry(kind=AccountKind.BROKER, currency="USD", amount=Decimal("1"))
    units = Entry(kind=AccountKind.UNITS, member=1, currency="UNIT", amount=Decimal("-1"))
    with pytest.raises(UnbalancedEntries):
        transaction(entries=(dollars, units))


def test_an_entry_of_zero_is_refused():
    nothing = Entry(kind=AccountKind.BROKER, currency="USD", amount=Decimal("0.00"))
    with pytest.raises(InvalidAmount, match="other than zero"):
        transaction(entries=(nothing,))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidAmount, match="aware"):
        transaction(at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_a_reversal_takes_everything_back_but_no_mark():
    mark = Price(nav=Decimal(3), units=Decimal(2))
    change = LotChange(lot="x", member=1, units=Decimal(5), cash=Decimal(7), fee=Decimal(0), high_water_mark=mark)
    undone = reverse(transaction(lots=(change,)), at=NOW, actor="eve", reason="twice")
    assert {entry.kind: entry.amount for entry in undone.entries} == {
        AccountKind.TRADING: Decimal("5.00"),
        AccountKind.BROKER: Decimal("-5.00"),
    }
    assert undone.lots[0] == replace(change, units=Decimal(-5), cash=Decimal(-7), high_water_mark=None)
    assert (undone.cause, undone.reverses) == ("reversal:deal:7", "deal:7")


def test_the_hash_does_not_depend_on_how_an_amount_is_written():
    plain, padded = (transaction(entries=deal_entries(deal(profit=p), "USD")) for p in ("5", "5.00000000"))
    assert chain_hash(1, GENESIS, plain) == chain_hash(1, GENESIS, padded)


def test_the_hash_depends_on_the_account_and_on_what_came_before():
    here = chain_hash(1, GENESIS, transaction())
    assert here != chain_hash(2, GENESIS, transaction())
    assert here != chain_hash(1, here, transaction())


def test_the_hash_of_a_known_transaction_never_changes():
    """Books are kept for years: what is hashed is a format, and this is its golden example."""
    assert canonical(1, GENESIS, transaction()) == (
        '{"account":1,"at":"2026-01-05T12:00:00.000000+00:00","cause":"deal:7","detail":{},'
        '"entries":[["broker","","USD","5.00000000"],["trading","","USD","-5.00000000"]],'
        f'"kind":"deal","lots":[],"previous":"{GENESIS}","reverses":null}}'
    )
    assert chain_hash(1, GENESIS, transaction()) == ("617a73591e11876af879c02a12cc2337ba3724503534879cfe1f1db5c842998e")
