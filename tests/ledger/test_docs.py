"""The worked example of docs/ledger.md is done, step by step, and so are its other numbers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from ledger.allocation import allocate
from ledger.book import Book
from ledger.dealing import settle_redemption, settle_subscription
from ledger.deals import POSTINGS, BookedDeal, deal_entries
from ledger.fees import FeeTerms, crystallise
from ledger.journal import AccountKind, Transaction, TransactionKind, deal_cause
from ledger.money import half_even_to
from ledger.parts import Dealing
from ledger.performance import PricePoint, Valuation, drawdown, gain, time_weighted_return
from ledger.refusals import RefusalCode
from ledger.units import Price
from tests.ledger.test_vectors import bought_at

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAMES = {"Ann": 1, "Bob": 2}
STEP = re.compile(r"(?P<who>Ann|Bob|a stranger|the account|floating) (?P<what>pays in|earns|takes out|is) (?P<how>\S+)")


@dataclass
class Story:
    """The pool of the worked example."""

    book: Book
    floating: Decimal = Decimal(0)
    number: int = 0

    def does(self, step: str) -> None:
        """Do one step of the table."""
        found = STEP.fullmatch(step)
        assert found, step
        who, what, how = found["who"], found["what"], found["how"]
        if who == "floating":
            self.floating = Decimal(how)
        elif what == "earns":
            self.deal("sell", Decimal(how))
        elif what == "pays in":
            self.pays_in(NAMES.get(who), Decimal(how))
        else:
            self.takes_out(NAMES[who], None if how == "everything" else Decimal(how))

    def deal(self, kind: str, amount: Decimal) -> None:
        """Book a deal of the broker."""
        self.number += 1
        zero = Decimal(0)
        booked = BookedDeal(
            ticket=self.number, type=kind, entry="in", profit=amount, commission=zero, swap=zero, fee=zero
        )
        self.post(
            Transaction(
                cause=deal_cause(self.number), kind=TransactionKind.DEAL, at=NOW,
                entries=deal_entries(booked, self.book.currency),
            )
        )  # fmt: skip

    def pays_in(self, member: int | None, cash: Decimal) -> None:
        """Send a deposit; a member's becomes units, a stranger's stays where it is."""
        self.deal("balance", cash)
        if member is not None:
            self.post(settle_subscription(self.dealing(), request=str(self.number), member=member, cash=cash))

    def takes_out(self, member: int, cash: Decimal | None) -> None:
        """Redeem, and leave the money owed."""
        self.number += 1
        lots = self.book.lots_of(member)
        self.post(settle_redemption(self.dealing(), request=str(self.number), member=member, cash=cash, lots=lots))

    def post(self, transaction: object) -> None:
        """Book what came out."""
        assert isinstance(transaction, Transaction), transaction
        assert self.book.post(transaction)

    def dealing(self) -> Dealing:
        """Deal at the price of now."""
        return Dealing(at=NOW, currency=self.book.currency, pool=self.book.pool(self.floating), terms=FeeTerms())

    def figures(self) -> list[str]:
        """Return a line of the table."""
        pool = self.book.pool(self.floating)
        units = {member: self.book.balance(AccountKind.UNITS, member) for member in NAMES.values()}
        held = {member: amount for member, amount in units.items() if amount}
        values = allocate(half_even_to(pool.nav, 2), dict(held), 2)
        shown = [f"{values.get(member, Decimal(0)):.2f}" for member in NAMES.values()]
        return [f"{pool.nav:.2f}", f"{pool.units:.8f}", *shown]


def table_below(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    lines = DOCUMENT.partition(heading)[2].splitlines()
    rows = [line for line in lines if line.startswith("|")]
    first = next(place for place, line in enumerate(lines) if line.startswith("|"))
    length = next(n for n, line in enumerate(lines[first:]) if not line.startswith("|"))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:length]]


def test_the_worked_example_comes_out_as_it_says():
    story = Story(book=Book(account_id=1, currency="USD"))
    rows = table_below("## A worked example")
    assert len(rows) == 11
    for step, *expected in rows:
        story.does(step)
        assert [step, *story.figures()] == [step, *expected]


def test_the_textbook_takes_what_the_document_says_it_takes():
    total, paid = Decimal(2640), {"Ann": Decimal(1000), "Bob": Decimal(1200)}
    rows = {row[0]: row for row in table_below("## Why not investment")}
    claims = table_below("## A worked example")[3][3:]
    for (name, amount), units in zip(paid.items(), claims, strict=True):
        textbook = half_even_to(Fraction(total * amount) / 2200, 2)
        assert [rows[name][2].replace(",", ""), rows[name][3].strip("*").replace(",", "")] == [f"{textbook}", units]


def test_when_everybody_joins_at_once_units_are_the_textbook():
    story = Story(book=Book(account_id=1, currency="USD"))
    for step in ("Ann pays in 1000.00", "Bob pays in 3000.00", "the account earns 77.77"):
        story.does(step)
    assert story.figures()[2:] == ["1019.44", "3058.33"]
    textbook = [half_even_to(Fraction(part) + Fraction(part, 4000) * Fraction("77.77"), 2) for part in (1000, 3000)]
    assert [str(value) for value in textbook] == story.figures()[2:]


def test_the_fees_of_the_document():

    price = Price(nav=Decimal(220000), units=Decimal(2000))
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=9)
    settled = crystallise([bought_at("X", 100, place=0), bought_at("Y", 90, place=1)], price, terms, 2)
    for burn in settled.burns:
        assert f"{burn.fee:,.2f}" in DOCUMENT
        assert f"burns {burn.units}" in DOCUMENT


def test_the_returns_of_the_document():
    values = (("10000", "0"), ("11000", "9000"), ("19000", "0"))
    chain = [Valuation(value=Decimal(value), flow=Decimal(flow)) for value, flow in values]
    assert f"return of {100 * time_weighted_return(chain):.1f} %" in DOCUMENT
    assert f"gain of {gain(chain):.2f}" in DOCUMENT
    points = [PricePoint(at=NOW, day=NOW.date(), price=Fraction(equity)) for equity in (12500, 10100)]
    assert f"it is {100 * drawdown(points).fraction:.1f} %" in DOCUMENT
    assert f"would say {100 * (1 - Decimal(9100) / 12500):.1f} %" in DOCUMENT


def test_every_refusal_and_every_deal_type_is_in_the_document():
    for word in (*RefusalCode, *POSTINGS):
        assert f"`{word}`" in DOCUMENT, word
