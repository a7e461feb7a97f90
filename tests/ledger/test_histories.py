"""Random histories: whatever happens to a pool, in whatever order and however often it is told, the books stay right.

Each rule is something that happens in life. The machine keeps its own, much simpler count of money beside the book; the
invariants compare the two after every step, and the teardown replays, permutes and forges the whole history.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.allocation import allocate
from ledger.book import Book
from ledger.dealing import adopt_value, pay_redemption, release_suspense, settle_redemption, settle_subscription
from ledger.deals import POSTINGS, BookedDeal, deal_entries
from ledger.errors import ImpossibleHistory
from ledger.fee_dealing import accrue_fee, crystallise_fees
from ledger.fees import FeeTerms, accrue_management
from ledger.journal import (
    GENESIS,
    AccountKind,
    Transaction,
    TransactionKind,
    chain_hash,
    deal_cause,
    reverse,
)
from ledger.money import UNIT_DIGITS, floor_to, total
from ledger.parts import Dealing
from ledger.refusals import Refused
from ledger.units import claim
from tests.ledger.stories import rebuilt

START = datetime(2026, 1, 1, tzinfo=UTC)
CENT = Fraction(1, 100)
MANAGER = 9
MEMBERS = st.sampled_from([1, 2, 3, MANAGER])
CASH = st.integers(1, 2_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
AMOUNT = st.integers(-100_000, 500_000).map(lambda cents: Decimal(cents).scaleb(-2))
COST = st.integers(-500, 0).map(lambda cents: Decimal(cents).scaleb(-2))
TRADES = sorted(kind for kind, posting in POSTINGS.items() if posting.profit is not AccountKind.SUSPENSE)


class Pool(RuleBasedStateMachine):
    """A pool, its members, its broker, and a second set of books kept on a napkin."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(account_id=1, currency="USD")
        self.history: list[Transaction] = []
        self.untold: list[Transaction] = []
        self.floating = Decimal(0)
        self.paid_in = self.paid_out = self.profit = self.accrued = Decimal(0)
        self.balance = self.credit = Decimal(0)
        self.carry = Decimal(0)
        self.marks: dict[str, Fraction] = {}
        self.number = 0

    @initialize(management=st.sampled_from(["0.02", "0"]), performance=st.sampled_from(["0.20", "0.333", "0"]))
    def agree_on_fees_and_begin(self, management: str, performance: str) -> None:
        self.terms = FeeTerms(
            management_rate=Decimal(management), performance_rate=Decimal(performance), manager=MANAGER
        )
        self.a_member_pays_in(1, Decimal("10000.00"))
        self.a_member_pays_in(2, Decimal("33333.33"))

    # what happens

    @rule(kind=st.sampled_from(TRADES), profit=AMOUNT, commission=COST, swap=COST, fee=COST)
    def the_broker_books_a_deal(
        self, kind: str, profit: Decimal, commission: Decimal, swap: Decimal, fee: Decimal
    ) -> None:
        self.untold.append(self.deal(kind, profit, commission, swap, fee))

    @precondition(lambda self: self.untold)
    @rule(data=st.data())
    def a_deal_is_told(self, data: st.DataObject) -> None:
        """Deals come in any order."""
        told = self.untold.pop(data.draw(st.integers(0, len(self.untold) - 1)))
        moved = Decimal(told.detail["balance"])
        self.balance += moved
        self.profit += moved
        self.credit += Decimal(told.detail["credit"])
        self.post(told)

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def something_is_told_again(self, data: st.DataObject) -> None:
        before = (dict(self.book.balances), dict(self.book.lots), self.book.head)
        assert not self.book.post(data.draw(st.sampled_from(self.history)))
        assert before == (self.book.balances, self.book.lots, self.book.head)

    @rule(floating=AMOUNT)
    def the_market_moves(self, floating: Decimal) -> None:
        self.floating = floating

    @rule(member=MEMBERS, cash=CASH)
    def a_member_pays_in(self, member: int, cash: Decimal) -> None:
        deposit = self.deposit(cash)
        before = self.claims()
        settled = settle_subscription(self.dealing(), request=f"r{self.next()}", member=member, cash=cash)
        if isinstance(settled, Refused):
            self.release(deposit, cash)
            return
        self.post(settled)
        self.paid_in += cash
        after = self.claims()
        gained = after[member] - before.get(member, Fraction(0))
        assert Fraction(cash) - CENT < gained <= Fraction(cash)
        self.nobody_lost(before, after, {member})

    @precondition(lambda self: self.book.pool(self.floating).units == 0 and self.book.pool(self.floating).nav > 0)
    @rule(member=MEMBERS)
    def value_without_units_is_adopted(self, member: int) -> None:
        adopted = adopt_value(self.dealing(), number=str(self.next()), member=member, actor="eve", reason="found")
        assert isinstance(adopted, Transaction)
        self.post(adopted)

    @rule(member=MEMBERS, cash=CASH, everything=st.booleans(), flat=st.booleans())
    def a_member_takes_out(self, member: int, cash: Decimal, everything: bool, flat: bool) -> None:
        if flat:
            self.floating = Decimal(0)
        before, lots = self.claims(), self.book.lots_of(member)
        settled = settle_redemption(
            self.dealing(), request=f"r{self.next()}", member=member, cash=None if everything else cash, lots=lots
        )
        if isinstance(settled, Refused):
            return
        self.post(settled)
        paid = -self.book.balance(AccountKind.PAYABLE, member)
        fee = total(change.fee for change in settled.lots)
        lost = before[member] - self.claims().get(member, Fraction(0))
        if member != MANAGER:
            assert -self.dust(settled) <= lost - Fraction(paid) - Fraction(fee) < 3 * CENT
        self.nobody_lost(before, self.claims(), {member, MANAGER} if fee else {member})
        self.paid_out += paid
        if paid:  # less than a cent is left to the others, and nothing is wired
            self.withdraw(member, paid)

    @rule(member=MEMBERS, cash=CASH)
    def in_and_out_at_one_price_creates_nothing(self, member: int, cash: Decimal) -> None:
        """Try it on a copy: what comes out is what went in, less at most a cent, and no more than that."""
        trial = rebuilt(1, "USD", 2, self.history)
        if trial.lots_of(member):
            return
        bought = settle_subscription(self.dealing(), request="in", member=member, cash=cash)
        if isinstance(bought, Refused):
            return
        trial.post(self.deposit_of(cash, 10**9))
        trial.post(bought)
        dealing = replace(self.dealing(), pool=trial.pool(self.floating))
        out = settle_redemption(dealing, request="out", member=member, cash=None, lots=trial.lots_of(member))
        if not isinstance(out, Refused):
            trial.post(out)
            assert -trial.balance(AccountKind.PAYABLE, member) in (cash, cash - Decimal("0.01"))

    @staticmethod
    def dust(settled: Transaction) -> Fraction:
        """Return the worth of the smallest part of a unit: by so much at most a fee fetches the manager too few."""
        price = Fraction(settled.detail["price_nav"]) / Fraction(settled.detail["price_units"])
        return price * Fraction(1, 10**UNIT_DIGITS)

    @rule(days=st.integers(0, 40))
    def time_passes(self, days: int) -> None:
        nav = self.book.pool(self.floating).nav
        accrual = accrue_management(nav, self.terms, Decimal(86_400 * days), self.carry, 2)
        self.carry = accrual.carry
        self.accrued += accrual.amount
        self.post(accrue_fee(self.dealing(), period=f"p{self.next()}", accrual=accrual))

    @rule(floating=AMOUNT)
    def a_period_ends_and_fees_are_crystallised(self, floating: Decimal) -> None:
        self.floating = floating
        before = self.claims()
        run = crystallise_fees(
            self.dealing(), period=f"p{self.next()}", lots=list(self.book.lots.values()), accrued=self.accrued
        )
        if run is None or isinstance(run, Refused):
            return
        self.post(run)
        self.accrued = Decimal(0)
        payers = {change.member for change in run.lots} | {MANAGER}
        self.nobody_lost(before, self.claims(), payers)

    @precondition(lambda self: self.reversible())
    @rule(data=st.data())
    def a_dealing_is_reversed(self, data: st.DataObject) -> None:
        original = data.draw(st.sampled_from(self.reversible()))
        try:
            self.post(reverse(original, at=self.now(), actor="eve", reason="a mistake"))
        except ImpossibleHistory:
            return
        cash = next(entry.amount for entry in original.entries if entry.kind is AccountKind.SUSPENSE)
        self.paid_in -= cash
        self.release(self.next(), cash)

    # what must hold

    @invariant()
    def entries_sum_to_zero_in_every_currency(self) -> None:
        for currency in ("USD", "UNIT"):
            assert total(amount for (_, _, name), amount in self.book.balances.items() if name == currency) == 0

    @invariant()
    def the_balance_is_the_sum_of_the_deals(self) -> None:
        assert self.book.balance(AccountKind.BROKER) == self.balance
        assert self.book.balance(AccountKind.CREDIT) == self.credit == -self.book.balance(AccountKind.CREDIT_OWED)

    @invariant()
    def nav_is_flows_plus_profit(self) -> None:
        expected = self.paid_in - self.paid_out + self.profit + self.floating - self.accrued
        assert self.book.pool(self.floating).nav == expected

    @invariant()
    def claims_sum_to_nav_to_the_cent(self) -> None:
        units = self.book.units()
        if sum(units.values()):
            nav = floor_to(self.book.pool(self.floating).nav, 2)
            assert total(allocate(nav, dict(units), 2).values()) == nav

    @invariant()
    def units_held_are_units_issued_are_units_in_lots(self) -> None:
        issued = -self.book.balance(AccountKind.UNITS_ISSUED)
        assert issued == self.book.sum_of(AccountKind.UNITS) == total(lot.units for lot in self.book.lots.values())
        assert all(units >= 0 for units in self.book.units().values())

    @invariant()
    def high_water_marks_never_fall(self) -> None:
        for name, lot in self.book.lots.items():
            mark = lot.high_water_mark.ratio
            assert mark >= self.marks.get(name, mark)
            self.marks[name] = mark

    def teardown(self) -> None:
        """Tell the same history again: doubled, shuffled where order is free, and forged."""
        doubled = [transaction for transaction in self.history for _ in range(2)]
        again = rebuilt(1, "USD", 2, doubled)
        assert (again.balances, again.lots, again.head) == (self.book.balances, self.book.lots, self.book.head)
        shuffled = [t for t in self.history if t.kind is not TransactionKind.DEAL]
        deals = [t for t in self.history if t.kind is TransactionKind.DEAL]
        random.Random(len(deals)).shuffle(deals)
        permuted = rebuilt(1, "USD", 2, [*deals, *shuffled])
        assert (permuted.balances, permuted.lots) == (self.book.balances, self.book.lots)
        self.every_forgery_shows()

    def every_forgery_shows(self) -> None:
        previous = GENESIS
        for transaction in self.history[:5]:
            honest = chain_hash(1, previous, transaction)
            for forged in forgeries(transaction):
                assert chain_hash(1, previous, forged) != honest
            previous = honest

    # helpers

    def next(self) -> int:
        self.number += 1
        return self.number

    def now(self) -> datetime:
        return START + timedelta(seconds=self.number)

    def dealing(self) -> Dealing:
        return Dealing(at=self.now(), currency="USD", pool=self.book.pool(self.floating), terms=self.terms)

    def post(self, transaction: Transaction) -> None:
        assert self.book.post(transaction)
        self.history.append(transaction)

    def claims(self) -> dict[int, Fraction]:
        pool = self.book.pool(self.floating)
        return {member: claim(units, pool) for member, units in self.book.units().items()}

    def nobody_lost(self, before: dict[int, Fraction], after: dict[int, Fraction], dealers: set[int]) -> None:
        """Who did not deal has what they had, and at most the dealers' fractions of a cent more."""
        for member in before.keys() - dealers:
            assert 0 <= after[member] - before[member] < 4 * CENT

    def deal(self, kind: str, profit: Decimal, commission: Decimal, swap: Decimal, fee: Decimal) -> Transaction:
        ticket = self.next()
        booked = BookedDeal(
            ticket=ticket, type=kind, entry="in", profit=profit, commission=commission, swap=swap, fee=fee
        )
        moved = Decimal(0) if kind == "credit" else booked.amount
        return Transaction(
            cause=deal_cause(ticket),
            kind=TransactionKind.DEAL,
            at=self.now(),
            entries=deal_entries(booked, "USD"),
            detail={"balance": str(moved), "credit": str(booked.amount if kind == "credit" else 0)},
        )

    def deposit_of(self, cash: Decimal, ticket: int) -> Transaction:
        zero = Decimal(0)
        booked = BookedDeal(
            ticket=ticket, type="balance", entry="in", profit=cash, commission=zero, swap=zero, fee=zero
        )
        return Transaction(
            cause=deal_cause(ticket), kind=TransactionKind.DEAL, at=self.now(), entries=deal_entries(booked, "USD")
        )

    def deposit(self, cash: Decimal) -> int:
        ticket, nav = self.next(), self.book.pool(self.floating).nav
        self.post(self.deposit_of(cash, ticket))
        self.balance += cash
        assert self.book.pool(self.floating).nav == nav, "money in suspense is nobody's"
        return ticket

    def withdraw(self, member: int, cash: Decimal) -> None:
        ticket, nav = self.next(), self.book.pool(self.floating).nav
        self.post(self.deposit_of(-cash, ticket))
        self.balance -= cash
        paid = pay_redemption(self.dealing(), ticket=ticket, member=member, cash=cash, owed=cash)
        assert isinstance(paid, Transaction)
        self.post(paid)
        assert self.book.pool(self.floating).nav == nav, "paying what is owed moves nobody's share"
        assert self.book.balance(AccountKind.SUSPENSE) == 0

    def release(self, ticket: int, cash: Decimal) -> None:
        self.post(release_suspense(self.dealing(), ticket=ticket, amount=cash, actor="eve", reason="a present"))
        self.profit += cash

    def reversible(self) -> list[Transaction]:
        undone = {transaction.reverses for transaction in self.history}
        return [t for t in self.history if t.kind is TransactionKind.SUBSCRIPTION and t.cause not in undone]


def forgeries(transaction: Transaction) -> list[Transaction]:
    """Return the transaction with each of its parts changed a little."""
    forged = [
        replace(transaction, cause=transaction.cause + "x"),
        replace(transaction, at=transaction.at + timedelta(microseconds=1)),
        replace(transaction, detail={**transaction.detail, "more": "x"}),
        replace(transaction, reverses="something"),
    ]
    if transaction.entries:
        first, *rest = transaction.entries
        forged.append(replace(transaction, entries=(replace(first, member=77), *rest)))
        doubled = tuple(replace(entry, amount=entry.amount * 2) for entry in transaction.entries)
        forged.append(replace(transaction, entries=doubled))
    if transaction.lots:
        change, *others = transaction.lots
        forged.append(replace(transaction, lots=(replace(change, fee=change.fee + 1), *others)))
        forged.append(replace(transaction, lots=(replace(change, lot="other"), *others)))
    return forged


TestPool = pytest.mark.timeout(600)(Pool.TestCase)  # eleven seconds, or minutes on a machine that does ten things
TestPool.settings = settings(
    max_examples=120, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
