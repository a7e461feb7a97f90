"""Every worked number of the ledger, to the digit."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from ledger.allocation import allocate
from ledger.book import Book
from ledger.dealing import settle_subscription
from ledger.deals import BookedDeal, deal_entries
from ledger.fees import FeeTerms, crystallise
from ledger.journal import AccountKind, Transaction, TransactionKind, deal_cause
from ledger.lots import Lot
from ledger.parts import Dealing
from ledger.performance import PricePoint, Valuation, drawdown, gain, time_weighted_return
from ledger.units import Price
from tests.ledger.vectors import VECTORS

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ledger_risk.json"


def test_the_literals_are_those_of_the_shared_file() -> None:
    if not SHARED.exists():
        pytest.skip("../shared/vectors/ledger_risk.json is not here: the literals stand alone")
    shared = json.loads(SHARED.read_text())
    assert {name: shared[name] for name in VECTORS} == VECTORS


def booked(book: Book, *, ticket: int, kind: str, entry: str, amounts: list[str]) -> bool:
    profit, commission, swap, fee = map(Decimal, amounts)
    deal = BookedDeal(ticket=ticket, type=kind, entry=entry, profit=profit, commission=commission, swap=swap, fee=fee)
    return book.post(
        Transaction(
            cause=deal_cause(ticket),
            kind=TransactionKind.DEAL,
            at=NOW,
            entries=deal_entries(deal, book.currency),
        )
    )


def test_v1_a_late_joiner_takes_nothing_from_who_was_there() -> None:
    vector = VECTORS["V1_late_joiner"]
    book, members = Book(account_id=1, currency="USD"), {"A": 1, "B": 2}
    for ticket, (step, *given) in enumerate(vector["steps"], start=1):
        if step == "pnl":
            booked(book, ticket=ticket, kind="sell", entry="out", amounts=[given[0], "0", "0", "0"])
            continue
        member, cash = members[given[0]], Decimal(given[1])
        booked(book, ticket=ticket, kind="balance", entry="in", amounts=[given[1], "0", "0", "0"])
        dealing = Dealing(at=NOW, currency="USD", pool=book.pool(Decimal(0)))
        settled = settle_subscription(dealing, request=str(ticket), member=member, cash=cash)
        assert isinstance(settled, Transaction)
        book.post(settled)
    assert str(book.balance(AccountKind.UNITS, 2)) == vector["expect"]["units_B"]
    claims = allocate(book.pool(Decimal(0)).nav, dict(book.units()), 2)
    assert {name: str(claims[member]) for name, member in members.items()} == vector["expect"]["claims"]


def test_v4_the_performance_fee_is_per_lot() -> None:
    expect = VECTORS["V4_fee_per_lot"]["expect"]
    lots = [bought_at("X", 100, place=0), bought_at("Y", 90, place=1)]
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=9)
    settled = crystallise(lots, Price(nav=Decimal(220000), units=Decimal(2000)), terms, 2)
    x, y = settled.burns
    assert (str(x.fee), str(x.units)) == (expect["fee_X"], expect["units_burned_X"])
    assert (str(y.fee), str(y.units)) == (expect["fee_Y"], expect["units_burned_Y"])


def bought_at(name: str, price: int, *, place: int) -> Lot:
    mark = Price(nav=Decimal(price), units=Decimal(1))
    units = Decimal(1000)
    return Lot(
        lot=name, member=1, opened=place, units=units, units_bought=units, cost=units * price, high_water_mark=mark
    )


@pytest.mark.parametrize("vector", VECTORS["V5_allocation"])
def test_v5_an_allocation_sums_to_its_amount(vector: dict[str, object]) -> None:
    weights = {place: Decimal(str(weight)) for place, weight in enumerate(list(vector["weights"]))}  # type: ignore[call-overload]  # a list in the file
    parts = allocate(Decimal(str(vector["amount"])), weights, 2)
    assert [parts[place] for place in weights] == [Decimal(text) for text in list(vector["expect"])]  # type: ignore[call-overload]  # a list in the file


def test_v6_the_balance_is_the_sum_of_all_deals_but_credit() -> None:
    vector = VECTORS["V6_balance_from_deals"]
    book = Book(account_id=1, currency="USD")
    new = [booked(book, ticket=t, kind=k, entry=e, amounts=amounts) for t, k, e, *amounts in vector["deals"]]
    assert new == [True, True, True, False, True, True, True, True, True]
    floating, expect = Decimal(vector["floating_profit"]), vector["expect"]
    balance, credit = book.balance(AccountKind.BROKER), book.balance(AccountKind.CREDIT)
    assert (balance, credit) == (Decimal(expect["balance"]), Decimal(expect["credit"]))
    assert balance + credit + floating == Decimal(expect["equity"])
    suspense = book.balance(AccountKind.SUSPENSE)
    assert -suspense == Decimal("9500.00")
    assert book.pool(floating).nav == Decimal(expect["nav"]) + suspense


def test_v11_return_and_gain() -> None:
    expect = VECTORS["V11_performance"]["expect"]
    values = [("10000", "0"), ("11000", "9000"), ("19000", "0")]
    valuations = [Valuation(value=Decimal(value), flow=Decimal(flow)) for value, flow in values]
    assert time_weighted_return(valuations) == Decimal(expect["twr"])
    assert gain(valuations) == Decimal(expect["gain"])


def test_v11_a_withdrawal_is_no_drawdown() -> None:
    expect = VECTORS["V11_performance"]["drawdown_expect"]
    units = Fraction(10000)
    peak, trough = Fraction(12500) / units, Fraction(10100) / units
    after = (10100 - 1000) / (units - 1000 / trough)
    prices = [Fraction(1), peak, trough, after]
    points = [PricePoint(at=NOW + timedelta(day), day=NOW.date(), price=price) for day, price in enumerate(prices)]
    assert drawdown(points[:3]).fraction == Decimal(expect["before"])
    assert drawdown(points).fraction == Decimal(expect["after"])
