"""Random histories on the real storage: connections die at any statement, everything is told twice and in any order.

Each example has an account of its own in one database. The machine keeps its own count of what the broker did; what
must hold is asked after every step, and the teardown tells the whole history again. A transaction whose connection was
killed must have left nothing behind, and is done again, as the desk would.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ledger.allocation import allocate
from ledger.deals import POSTINGS
from ledger.fees import FeeTerms
from ledger.journal import AccountKind, TransactionKind
from ledger.money import floor_to, total
from ledger.refusals import RefusalCode, Refused
from ledger.units import claim
from tests.ledger.conftest import Broker
from tests.ledger.crash import Crash
from tests.ledger.stories import rebuilt
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break, open_breaks
from zmq_bridge.storage.ledger.corrections import release_deal, reverse_transaction
from zmq_bridge.storage.ledger.deal_corrections import correct_deal
from zmq_bridge.storage.ledger.fees import crystallise_by_hand
from zmq_bridge.storage.ledger.history import transactions
from zmq_bridge.storage.ledger.matching import REDEMPTION, SUBSCRIPTION, match_by_hand, suspense
from zmq_bridge.storage.ledger.pool import Terms, load_pool, load_terms
from zmq_bridge.storage.ledger.posting import AlreadyPosted, post_deal
from zmq_bridge.storage.ledger.reconcile import Agreed, Waiting, reconcile
from zmq_bridge.storage.ledger.request_list import Request, list_requests
from zmq_bridge.storage.ledger.requests import cancel_request, request_redemption, request_subscription
from zmq_bridge.storage.ledger.settlement import price_redemption, settle_matched
from zmq_bridge.storage.ledger.shares import held_units, shares
from zmq_bridge.storage.ledger.statements import all_statements, pool_history
from zmq_bridge.storage.ledger.terms import set_terms
from zmq_bridge.storage.ledger.verify import verify_chain
from zmq_bridge.storage.trading.events import insert_event

Done = TypeVar("Done")

EXAMPLES, STEPS = 15, 30
LOGINS = count(900_001)
CURRENCIES = st.sampled_from([("USD", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)])
WHO = st.integers(0, 2)
CASH = st.integers(1, 300_000)  # amounts are drawn in the smallest steps of the account's currency
AMOUNT = st.integers(-20_000, 50_000)
COST = st.integers(-300, 0)
AGREED = st.sampled_from([True, True, True, False])  # whether everything is told, and agreed on, before somebody deals
DEATH = st.none() | st.integers(0, 30)  # before which statement the backend is killed
TRADES = sorted(kind for kind, posting in POSTINGS.items() if posting.profit is not AccountKind.SUSPENSE)
UNDONE = (
    TransactionKind.SUBSCRIPTION,
    TransactionKind.REDEMPTION,
    TransactionKind.PAYMENT,
    TransactionKind.RELEASE,
    TransactionKind.CRYSTALLISATION,
)


class StoredPool(RuleBasedStateMachine):
    """A pool on Postgres, its members, and a broker that tells its deals when it likes."""

    def __init__(self, engine: Engine, crash: Crash) -> None:
        super().__init__()
        self.engine, self.crash = engine, crash
        self.made: list[tuple[int, Deal]] = []  # (seq, deal), as the broker made them
        self.told: dict[int, Deal] = {}  # by ticket, with the newest amounts
        self.floating = self.agreed_floating = self.realised_since = Decimal(0)
        self.marks: dict[str, Fraction] = {}
        self.corrected: set[int] = set()  # tickets whose amounts the broker changed
        self.deaths = 0
        self.looked_at, self.in_charge = 0, "None"  # the newest transaction seen, and the manager it left in charge
        self.earners: dict[str, str] = {}  # who was in charge, by cause
        self.owed: dict[str, Decimal] = {}  # the fee that is accrued and not paid, by who earned it

    @initialize(
        management=st.sampled_from(["0", "0", "0.02"]), performance=st.sampled_from(["0", "0.20"]), currency=CURRENCIES
    )
    def the_pool_begins(self, management: str, performance: str, currency: tuple[str, int]) -> None:
        self.currency, self.digits = currency
        with self.engine.begin() as connection:
            account = ensure_account(
                connection, login=next(LOGINS), server="Test", currency=self.currency, currency_digits=self.digits,
                margin_mode="hedging", leverage=100,
            )  # fmt: skip
            users = "INSERT INTO users (name, email) SELECT 'm', %s || n || '@x.org' FROM generate_series(1, 4) AS n"
            made = connection.exec_driver_sql(f"{users} RETURNING id", (f"{account.login}-",))
            *self.members, self.manager = made.scalars().all()
            rates = {"management_rate": Decimal(management), "performance_rate": Decimal(performance)}
            terms = Terms(fees=FeeTerms(**rates, manager=self.manager))
            set_terms(connection, account.id, terms, actor="eve")
        self.is_free_of_time = not Decimal(management)
        self.account_id = account.id
        self.broker = Broker(engine=self.engine, account_id=account.id)
        self.ledger_and_broker_are_compared(None)
        self.a_member_pays_in(0, 500_000, True, None)
        self.a_member_pays_in(1, 333_333, True, None)

    # what happens

    @rule(kind=st.sampled_from(TRADES), profit=AMOUNT, commission=COST, swap=COST, fee=COST)
    def the_broker_books_a_deal(self, kind: Any, profit: int, commission: int, swap: int, fee: int) -> None:
        costs = {"commission": self.text(commission), "swap": self.text(swap), "fee": self.text(fee)}
        self.make(self.broker.deal(kind, self.text(profit), entry="in", **costs))

    @precondition(lambda self: self.untold())
    @rule(data=st.data(), death=DEATH)
    def a_deal_is_told_in_any_order(self, data: st.DataObject, death: int | None) -> None:
        with self.nobody_is_diluted():
            self.tell(data.draw(st.sampled_from(self.untold())), death)

    @precondition(lambda self: self.told.keys() - self.corrected)
    @rule(data=st.data())
    def a_deal_is_told_again(self, data: st.DataObject) -> None:
        head = self.head()
        again = self.run(lambda connection: post_deal(connection, self.account_id, self.pick(data, self.told)))
        assert isinstance(again, AlreadyPosted)
        assert self.head() == head

    @rule(floating=AMOUNT)
    def the_market_moves(self, floating: int) -> None:
        self.floating = self.money(floating)

    @rule(death=DEATH)
    def ledger_and_broker_are_compared(self, death: int | None) -> None:
        """They agree when everything was told; else the ledger waits, and never takes it for a break."""
        self.broker.floating = self.floating
        snapshot = self.broker.snapshot(event_seq=len(self.made))
        found = self.run(
            lambda connection: reconcile(connection, self.account_id, snapshot, received_at=datetime.now(UTC)), death
        )
        assert isinstance(found, Waiting if self.untold() else Agreed), found
        if isinstance(found, Agreed):
            self.agreed_floating, self.realised_since = self.floating, Decimal(0)

    @rule(who=WHO, cash=CASH, is_agreed=AGREED, death=DEATH)
    def a_member_pays_in(self, who: int, cash: int, is_agreed: bool, death: int | None) -> None:
        self.agree_first(is_agreed)
        request = self.asks(request_subscription, who, self.money(cash))
        self.make(self.broker.deal("balance", self.text(cash), comment=request.reference))
        with self.nobody_is_diluted():
            self.tell(self.made[-1], death)

    @rule(who=WHO, cash=st.none() | CASH, in_two=st.booleans(), is_agreed=AGREED, death=DEATH)
    def a_member_is_paid_out(
        self, who: int, cash: int | None, in_two: bool, is_agreed: bool, death: int | None
    ) -> None:
        """Priced first, so that everybody knows how much to withdraw; refused, it is taken back."""
        self.agree_first(is_agreed)
        request = self.asks_to_be_paid(who, None if cash is None else self.money(cash))
        if request is None:
            return
        with self.nobody_is_diluted():
            self.run(lambda connection: price_redemption(connection, self.account_id, request.id, actor="eve"), death)
        owed = self.read(request)
        if owed.status == "pending":
            self.run(lambda connection: cancel_request(connection, self.account_id, REDEMPTION, request.id, actor="e"))
            return
        assert owed.settled_amount is not None
        steps = int(owed.settled_amount.scaleb(self.digits))
        assert owed.status == ("owed" if steps else "settled")
        parts = [steps // 2, steps - steps // 2] if in_two else [steps]
        for place, part in enumerate(part for part in parts if part):
            self.make(self.broker.deal("balance", self.text(-part), comment=request.reference))
            with self.nobody_is_diluted():
                self.tell(self.made[-1], death)
            assert self.read(request).status == ("owed" if in_two and place == 0 and steps > 1 else "settled")

    @rule(who=WHO, cash=CASH, is_agreed=AGREED, death=DEATH)
    def a_withdrawal_comes_before_it_is_priced(self, who: int, cash: int, is_agreed: bool, death: int | None) -> None:
        self.agree_first(is_agreed)
        request = self.asks_to_be_paid(who, self.money(cash))
        if request is None:
            return
        self.make(self.broker.deal("balance", self.text(-cash), comment=request.reference))
        with self.nobody_is_diluted():
            self.tell(self.made[-1], death)

    @rule(amount=AMOUNT.filter(bool))
    def money_comes_that_nobody_explains(self, amount: int) -> None:
        self.make(self.broker.deal("balance", self.text(amount), comment="?"))
        with self.nobody_is_diluted():
            self.tell(self.made[-1], None)

    @precondition(lambda self: self.unexplained())
    @rule(data=st.data(), who=WHO, is_kept=st.booleans(), death=DEATH)
    def a_person_explains_it(self, data: st.DataObject, who: int, is_kept: bool, death: int | None) -> None:
        item = data.draw(st.sampled_from(self.unexplained()))
        if is_kept or item.amount < 0:
            self.run(
                lambda connection: release_deal(connection, self.account_id, item.ticket, actor="eve", reason="r"),
                death,
            )
            return
        request = self.asks(request_subscription, who, item.amount)

        def match(connection: Connection) -> None:
            match_by_hand(
                connection, self.account_id, ticket=item.ticket, kind=SUBSCRIPTION, request_id=request.id, actor="eve"
            )
            settle_matched(connection, self.account_id)

        with self.nobody_is_diluted():
            self.run(match, death)

    @rule(data=st.data(), death=DEATH)
    def something_is_reversed(self, data: st.DataObject, death: int | None) -> None:
        with self.engine.connect() as connection:
            causes = [
                stored.transaction.cause
                for stored in transactions(connection, self.account_id)
                if stored.transaction.kind in UNDONE
            ]
        if causes:
            cause = data.draw(st.sampled_from(causes))
            self.run(
                lambda connection: reverse_transaction(connection, self.account_id, cause, actor="e", reason="r"), death
            )

    @precondition(lambda self: self.corrigible())
    @rule(data=st.data(), profit=AMOUNT)
    def the_broker_corrects_a_deal(self, data: st.DataObject, profit: int) -> None:
        """It comes back with another profit: a break, until a person books it as it is now.

        Where it bought units that can be taken back, that comes first; where they are spent, the difference waits.
        """
        old = self.told[data.draw(st.sampled_from(self.corrigible()))]
        now = self.money(profit)
        if old.profit == now:
            return
        new = Deal(**{**{name: getattr(old, name) for name in Deal.__slots__}, "profit": now})
        with self.engine.begin() as connection:
            again = post_deal(connection, self.account_id, new)
            assert isinstance(again, AlreadyPosted)
            assert again.differs
            done = correct_deal(connection, self.account_id, new, actor="eve", reason="r")
            if isinstance(done, Refused):
                assert "reverse that first" in str(done)
                connection.rollback()  # the broker takes it back
                return
            accept_break(connection, self.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="seen")
        self.broker.balance += now - old.profit
        if old.type != "balance":
            self.realised_since += now - old.profit
        self.corrected.add(new.ticket)
        self.told[new.ticket] = new

    @rule(days=st.integers(0, 45), death=DEATH)
    def time_passes(self, days: int, death: int | None) -> None:
        """The next agreement books the fee of that time, and crystallises when a period has ended."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE ledger_reconciliations SET accrued_at = accrued_at - %(past)s,"
                " crystallised_at = crystallised_at - %(past)s WHERE account_id = %(account)s",
                {"past": timedelta(days=days), "account": self.account_id},
            )
        self.ledger_and_broker_are_compared(death)

    @rule(death=DEATH)
    def fees_are_crystallised(self, death: int | None) -> None:
        self.run(lambda connection: crystallise_by_hand(connection, self.account_id, actor="eve", reason="r"), death)

    @rule(
        management=st.sampled_from(["0", "0.02"]), performance=st.sampled_from(["0", "0.20", "0.50"]),
        who=st.integers(0, 3), death=DEATH,
    )  # fmt: skip
    def new_terms_are_agreed_on(self, management: str, performance: str, who: int, death: int | None) -> None:
        """Another rate, another manager: what was earned before is settled, so the new terms begin at nothing."""
        rates = {"management_rate": Decimal(management), "performance_rate": Decimal(performance)}
        wanted = FeeTerms(**rates, manager=[*self.members, self.manager][who])
        with self.engine.connect() as connection:
            before = load_terms(connection, self.account_id).fees
        terms = Terms(fees=wanted)
        refused = self.run(lambda connection: set_terms(connection, self.account_id, terms, actor="eve"), death)
        if refused is not None:
            return
        self.is_free_of_time = self.is_free_of_time and not wanted.management_rate
        if (before.manager, before.performance_rate) != (wanted.manager, wanted.performance_rate):
            with self.engine.connect() as connection:
                found = shares(connection, self.account_id)
            assert total(share.performance_fee_accrued for share in found.members) == 0

    # what must hold

    @invariant()
    def claims_sum_to_nav_and_nav_is_flows_plus_profit(self) -> None:
        if not hasattr(self, "account_id"):
            return
        with self.engine.connect() as connection:
            pool, found = load_pool(connection, self.account_id).pool, shares(connection, self.account_id)
            flows = connection.exec_driver_sql(FLOWS, {"account": self.account_id}).one()
        assert total(share.value for share in found.members) == (
            floor_to(pool.nav, self.digits) if found.members else 0
        )
        assert flows.fees >= 0
        realised = total(deal_amount(deal) for deal in self.told.values() if deal.type not in ("balance", "credit"))
        floating = self.agreed_floating - self.realised_since
        assert pool.nav == flows.paid_in - flows.taken_out + realised + flows.released - flows.fees + floating

    @invariant()
    def entries_sum_to_zero_and_the_balance_is_what_was_told(self) -> None:
        if not hasattr(self, "account_id"):
            return
        with self.engine.connect() as connection:
            row = connection.exec_driver_sql(SUMS, {"account": self.account_id}).one()
        told = self.told.values()
        assert row.unbalanced == 0
        assert row.broker == total(deal_amount(deal) for deal in told if deal.type != "credit")
        assert row.credit == total(deal_amount(deal) for deal in told if deal.type == "credit")

    @invariant()
    def high_water_marks_never_fall(self) -> None:
        if not hasattr(self, "account_id"):
            return
        with self.engine.connect() as connection:
            query = "SELECT lot, mark_nav, mark_units FROM ledger_lots WHERE account_id = %s"
            rows = connection.exec_driver_sql(query, (self.account_id,)).all()
        for row in rows:
            mark = Fraction(row.mark_nav) / Fraction(row.mark_units)
            assert mark >= self.marks.get(row.lot, mark)
            self.marks[row.lot] = mark

    @invariant()
    def the_fee_that_is_owed_was_earned_by_who_manages_now(self) -> None:
        """Who was in charge when it was accrued is told by the chain; so is what a reversal takes back."""
        if not hasattr(self, "account_id"):
            return
        with self.engine.connect() as connection:
            since = list(transactions(connection, self.account_id, after=self.looked_at))
        for stored in since:
            each, self.looked_at = stored.transaction, stored.id
            if each.kind is TransactionKind.TERMS:
                self.in_charge = each.detail["manager"]
            who = self.earners[each.cause] = self.earners.get(each.reverses or "", self.in_charge)
            fee = total(-entry.amount for entry in each.entries if entry.kind is AccountKind.FEES_ACCRUED)
            self.owed[who] = total((self.owed.get(who, Decimal(0)), fee))
        assert {who for who, fee in self.owed.items() if fee} <= {self.in_charge}

    def teardown(self) -> None:
        """Tell everything that was not told, and everything again; verify; fold the history in another order."""
        if not hasattr(self, "account_id"):
            return
        for made in self.untold():
            self.tell(made, None)
        self.ledger_and_broker_are_compared(None)
        head = self.head()
        for seq, deal in self.made:
            if deal.ticket not in self.corrected:
                self.run(partial(self.store, seq=seq, deal=deal))
        assert self.head() == head
        with self.engine.connect() as connection:
            (found,) = verify_chain(connection, self.account_id)
            assert found.problems == ()
            assert open_breaks(connection, self.account_id) == []
            self.statements_add_up(connection)
            self.any_order_of_deals_is_the_same(connection)

    def statements_add_up(self, connection: Connection) -> None:
        """All members' statements, and their days, are the pool's."""
        everybody, pool = (
            list(all_statements(connection, self.account_id, days=True)),
            pool_history(connection, self.account_id),
        )
        for each in everybody:
            if each.days and each.days[-1].value == each.value:
                assert total(day.profit for day in each.days) == each.profit
                assert total(day.flow for day in each.days) == each.contributed - each.redeemed
            assert each.profit == each.realised + each.unrealised - each.fees_paid + each.fees_earned
        held = held_units(connection, self.account_id)
        if held:
            nav = floor_to(load_pool(connection, self.account_id).pool.nav, self.digits)
            assert {each.member: each.value for each in everybody} == allocate(nav, dict(held), self.digits)
            assert pool.contributed - pool.redeemed + pool.profit == nav

    def any_order_of_deals_is_the_same(self, connection: Connection) -> None:
        stored = [each.transaction for each in transactions(connection, self.account_id)]
        deals = [each for each in stored if each.kind is TransactionKind.DEAL]
        others = [each for each in stored if each.kind is not TransactionKind.DEAL]
        straight = rebuilt(self.account_id, self.currency, self.digits, stored)
        turned = rebuilt(self.account_id, self.currency, self.digits, [*reversed(deals), *others])
        assert (straight.balances, straight.lots) == (turned.balances, turned.lots)

    # how it is done

    def run(self, work: Callable[[Connection], Done], death: int | None = None) -> Done:
        """Work in one transaction; with a death, first die before that statement and look that nothing was left."""
        if death is not None:
            before = self.trace_of_work()
            try:
                with self.crash.in_statement(death), self.engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            self.deaths += 1
            assert self.trace_of_work() == before
        with self.engine.begin() as connection:
            return work(connection)

    def trace_of_work(self) -> tuple[Any, ...]:
        """Return what any half-done work would have changed."""
        with self.engine.connect() as connection:
            return tuple(connection.exec_driver_sql(TRACE, {"account": self.account_id}).one())

    def head(self) -> str:
        with self.engine.connect() as connection:
            query = "SELECT hash FROM ledger_heads WHERE account_id = %s"
            return str(connection.exec_driver_sql(query, (self.account_id,)).scalar())

    def money(self, steps: int) -> Decimal:
        return Decimal(steps).scaleb(-self.digits)

    def text(self, steps: int) -> str:
        return f"{self.money(steps):f}"

    def agree_first(self, is_agreed: bool) -> None:
        """Tell everything, and have ledger and broker agree, so that somebody can deal."""
        for made in self.untold() if is_agreed else ():
            self.tell(made, None)
        if is_agreed:
            self.ledger_and_broker_are_compared(None)

    def make(self, deal: Deal) -> None:
        self.made.append((len(self.made) + 1, deal))

    def untold(self) -> list[tuple[int, Deal]]:
        return [(seq, deal) for seq, deal in self.made if deal.ticket not in self.told]

    def tell(self, made: tuple[int, Deal], death: int | None) -> None:
        seq, deal = made
        self.run(lambda connection: self.store(connection, seq, deal), death)
        self.told[deal.ticket] = deal
        if deal.type not in ("balance", "credit"):
            self.realised_since += deal_amount(deal)

    def store(self, connection: Connection, seq: int, deal: Deal) -> None:
        insert_event(connection, self.account_id, self.broker.session, seq, kind="deal", data={"ticket": deal.ticket})
        post_deal(connection, self.account_id, deal)

    def asks(self, ask: Callable[..., object], who: int, cash: Decimal | None) -> Request:
        request = self.run(lambda connection: ask(connection, self.account_id, self.members[who], cash))
        assert isinstance(request, Request)
        return request

    def asks_to_be_paid(self, who: int, cash: Decimal | None) -> Request | None:
        """Ask for money; None when it was refused, as it must be exactly where the share holds less."""
        with self.engine.connect() as connection:
            asked = connection.exec_driver_sql(
                "SELECT coalesce(sum(amount), 0) AS amount, count(*) FILTER (WHERE full_exit) AS exits "
                "FROM redemptions WHERE user_id = %s AND status IN ('pending', 'matched')", (self.members[who],),
            ).one()  # fmt: skip
            mine = [each for each in shares(connection, self.account_id).members if each.user_id == self.members[who]]
        request = self.run(lambda connection: request_redemption(connection, self.account_id, self.members[who], cash))
        # to the cent but for one: a share shown is rounded by largest remainder, a claim down
        left = total((*(each.value - each.performance_fee_accrued for each in mine), -asked.amount))
        cent = self.money(1)
        if isinstance(request, Refused):
            assert request.code is RefusalCode.CLAIM_TOO_SMALL
            assert not mine or asked.exits or (cash is not None and cash > left - 2 * cent)
            return None
        assert mine
        assert not asked.exits
        assert cash is None or cash <= left + 2 * cent
        return request

    def read(self, request: Request) -> Request:
        with self.engine.connect() as connection:
            found = list_requests(connection, request.kind, account_id=self.account_id)
        return next(each for each in found if each.id == request.id)

    def pick(self, data: st.DataObject, deals: dict[int, Deal]) -> Deal:
        return deals[data.draw(st.sampled_from(sorted(deals.keys() - self.corrected)))]

    def corrigible(self) -> list[int]:
        """Return trades and balance deals, once all is told."""
        kinds = ("buy", "sell", "balance")
        return [] if self.untold() else [ticket for ticket, deal in self.told.items() if deal.type in kinds]

    def unexplained(self) -> list[Any]:
        with self.engine.connect() as connection:
            return [item for item in suspense(connection, self.account_id) if item.request is None]

    @contextmanager
    def nobody_is_diluted(self) -> Iterator[None]:
        """Whoever does not deal has afterwards what they had, and at most fractions of cents more."""
        before = self.price()
        yield
        after = self.price()
        if self.is_free_of_time and before is not None and after is not None:
            gained = (after[0] - before[0]) * min(before[1], after[1])
            assert 0 <= gained < 4 * Fraction(1, 10**self.digits)

    def price(self) -> tuple[Fraction, Fraction] | None:
        """Return the price of a unit, and how many there are."""
        with self.engine.connect() as connection:
            pool = load_pool(connection, self.account_id).pool
        return (claim(Decimal(1), pool), Fraction(pool.units)) if pool.units else None


FLOWS = """
SELECT (SELECT coalesce(sum(settled_amount), 0) FROM subscriptions
        WHERE account_id = %(account)s AND status = 'settled') AS paid_in,
       (SELECT coalesce(sum(settled_amount), 0) FROM redemptions
        WHERE account_id = %(account)s AND status IN ('owed', 'settled')) AS taken_out,
       (SELECT coalesce(sum(amount), 0) FROM ledger_suspense
        WHERE account_id = %(account)s AND settled_by LIKE 'release:%%') AS released,
       (SELECT coalesce(sum(-balance), 0) FROM ledger_accounts
        WHERE account_id = %(account)s AND kind = 'fees_accrued') AS fees
"""
"""What the requests say of money in and out: tables that the books are not made of."""

SUMS = """
SELECT (SELECT count(*) FROM (
            SELECT 1 FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = ledger_account_id
            WHERE account_id = %(account)s GROUP BY transaction_id, ledger_entries.currency HAVING sum(amount) <> 0
        ) AS wrong) AS unbalanced,
    coalesce(sum(balance) FILTER (WHERE kind = 'broker'), 0) AS broker,
    coalesce(sum(balance) FILTER (WHERE kind = 'credit'), 0) AS credit
FROM ledger_accounts WHERE account_id = %(account)s
"""

TRACE = """
SELECT (SELECT hash FROM ledger_heads WHERE account_id = %(account)s),
    (SELECT count(*) FROM ledger_prices WHERE account_id = %(account)s),
    (SELECT count(*) FROM terminal_events WHERE account_id = %(account)s),
    (SELECT jsonb_agg(s ORDER BY ticket) FROM ledger_suspense AS s WHERE account_id = %(account)s),
    (SELECT jsonb_agg(s ORDER BY id) FROM subscriptions AS s WHERE account_id = %(account)s),
    (SELECT jsonb_agg(r ORDER BY id) FROM redemptions AS r WHERE account_id = %(account)s),
    (SELECT to_jsonb(r) FROM ledger_reconciliations AS r WHERE account_id = %(account)s),
    (SELECT count(*) FROM audit_log WHERE account_id = %(account)s)
"""


def deal_amount(deal: Deal) -> Decimal:
    """Return what a deal moves the balance, or the credit, by."""
    return total((deal.profit, deal.commission, deal.swap, deal.fee))


@pytest.mark.timeout(600)
def test_whatever_happens_the_stored_books_stay_right(engine: Engine, database: str) -> None:
    killer = create_engine(database, application_name="killer")
    crash, deaths = Crash(engine, killer), []

    def machine() -> StoredPool:
        made = StoredPool(engine, crash)
        deaths.append(made)
        return made

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a failure is told as found: shrinking takes long
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )  # fmt: skip
    killer.dispose()
    assert sum(made.deaths for made in deaths) > EXAMPLES, "too few transactions were killed to say anything"
