"""Many workers at one account, and backends that die in the middle of anything."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from ledger.fees import FeeTerms
from ledger.journal import AccountKind, Transaction
from tests.ledger.conftest import Broker
from tests.ledger.crash import Crash
from tests.ledger.stories import (
    accrued,
    agree_on,
    asks_to_pay_in,
    assert_sound,
    pays_in,
    read,
    shares_of,
    stored_book,
    values,
)
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.engine import create_engine, read_at_one_moment
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break
from zmq_bridge.storage.ledger.deal_corrections import correct_deal
from zmq_bridge.storage.ledger.fees import crystallise_by_hand
from zmq_bridge.storage.ledger.pool import Terms
from zmq_bridge.storage.ledger.posting import Posted, post_deal
from zmq_bridge.storage.ledger.reconcile import Agreed
from zmq_bridge.storage.ledger.requests import request_redemption, request_subscription
from zmq_bridge.storage.ledger.shares import HELD, held_units, shares
from zmq_bridge.storage.ledger.statements import pool_history, statement_now
from zmq_bridge.storage.ledger.terms import set_terms
from zmq_bridge.storage.ledger.verify import verify_chain
from zmq_bridge.storage.trading.events import insert_event

WORKERS = 8
DEALS = 40
PATIENCE_MS = 90_000  # eight workers wait for each other, and a busy machine makes each of them slow


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine that waits for the account's lock longer than the product would."""
    patient = {"lock_timeout_ms": PATIENCE_MS, "statement_timeout_ms": PATIENCE_MS}
    engine = create_engine(database, application_name="test", **patient)
    yield engine
    engine.dispose()


def test_eight_workers_post_every_deal_once(broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    deals = [broker.deal("sell", f"{number}.37", entry="out", commission="-0.50") for number in range(DEALS)]

    def work(seed: int) -> int:
        shuffled = random.Random(seed).sample(deals, len(deals))
        return sum(isinstance(post(broker, deal), Posted) for deal in shuffled)

    with ThreadPoolExecutor(WORKERS) as pool:
        posted = list(pool.map(work, range(WORKERS)))
    assert sum(posted) == DEALS
    assert assert_sound(broker).transactions == DEALS + 2
    with broker.engine.begin() as connection:
        for seq in range(broker.seq + 1, broker.seq + 1 + DEALS):
            insert_event(connection, broker.account_id, broker.session, seq, kind="deal", data={})
    broker.seq += DEALS
    broker.agrees()
    assert values(broker) == {ann: Decimal("1000.00") + sum(range(DEALS)) - Decimal("0.13") * DEALS}


def post(broker: Broker, deal: Deal) -> object:
    with broker.engine.begin() as connection:
        return post_deal(connection, broker.account_id, deal)


def test_eight_workers_settle_every_request_once(broker, members):
    """Requests, deposits, withdrawals, snapshots and readers, all at once; every one of them told twice."""
    ann, bob, manager = members
    pays_in(broker, ann, "10000.00")
    wishes = [(member, 10 + number) for number in range(12) for member in (ann, bob, manager)]
    deals = [broker.deal("balance", f"{cash}.00", comment=f"W{place}") for place, (_, cash) in enumerate(wishes)]
    outs = [broker.deal("balance", "-7.00", comment=f"OUT{number}") for number in range(5)]
    wanted: list[Callable[[], object]] = []
    for place, (member, cash) in enumerate(wishes):
        wanted += [subscribing(broker, member, f"{cash}.00", f"W{place}")] * 2
    for number in range(5):
        wanted += [redeeming(broker, ann, "7.00", f"OUT{number}")] * 2
    for deal in (*deals, *outs):
        wanted += [posting(broker, deal)] * 2
    wanted += [lambda: shares_sum(broker)] * 20
    random.Random(7).shuffle(wanted)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(job) for job in wanted]:
            done.result()
    with broker.engine.begin() as connection:
        for seq in range(broker.seq + 1, broker.seq + 1 + len(deals) + len(outs)):
            insert_event(connection, broker.account_id, broker.session, seq, kind="deal", data={})
    broker.seq += len(deals) + len(outs)
    broker.agrees()
    assert_sound(broker)
    paid = {member: sum(cash for who, cash in wishes if who == member) for member in members}
    assert values(broker) == {
        ann: Decimal(10000 + paid[ann] - 35),
        bob: Decimal(paid[bob]),
        manager: Decimal(paid[manager]),
    }
    with broker.engine.connect() as connection:
        statuses = connection.exec_driver_sql(
            "SELECT status, count(*) FROM subscriptions GROUP BY status UNION ALL "
            "SELECT status, count(*) FROM redemptions GROUP BY status"
        ).all()
    assert sorted(map(tuple, statuses)) == [("settled", 5), ("settled", 37)]


def subscribing(broker: Broker, member: int, amount: str, reference: str) -> Callable[[], object]:
    def job() -> object:
        with broker.engine.begin() as connection:
            return request_subscription(
                connection, broker.account_id, member, Decimal(amount), source="test", idempotency_key=reference,
                reference=f"{reference} ",
            )  # fmt: skip

    return job


def redeeming(broker: Broker, member: int, amount: str, reference: str) -> Callable[[], object]:
    def job() -> object:
        with broker.engine.begin() as connection:
            return request_redemption(
                connection, broker.account_id, member, Decimal(amount), source="test", idempotency_key=reference,
                reference=reference,
            )  # fmt: skip

    return job


def posting(broker: Broker, deal: Deal) -> Callable[[], object]:
    padded = Deal(**{**{name: getattr(deal, name) for name in Deal.__slots__}, "comment": f"{deal.comment} "})
    return lambda: post(broker, padded)


def shares_sum(broker: Broker) -> None:
    with broker.engine.connect() as connection:
        found = shares(connection, broker.account_id)
    assert sum(share.value for share in found.members) == found.nav


def test_corrections_fee_runs_terms_and_statements_at_once_lose_nothing(broker, members):
    """Every job is sent twice: a changed deal is corrected once, whoever comes first, and readers see sound books."""
    ann, bob, manager = members
    agree_on(broker, manager, management="0.02", performance="0.20")
    pays_in(broker, ann, "10000.00")
    pays_in(broker, bob, "5000.00")
    old = [broker.deal("sell", f"{number}.50", entry="out") for number in range(1, 9)]
    deposits = [broker.deal("balance", "70.00", comment="?") for _ in range(4)]
    for deal in (*old, *deposits):
        broker.tell(deal)
    broker.agrees()
    changed = [replace(deal, profit=deal.profit + 1) for deal in (*old, *deposits)]
    fresh = [broker.deal("sell", f"{number}.37", entry="out", commission="-0.50") for number in range(20)]
    corrections = [correcting(broker, deal) for deal in changed]
    others = [posting(broker, deal) for deal in fresh]
    others += [lambda: crystallising(broker), lambda: agreeing(broker, manager), lambda: reading(broker)] * 5
    wanted = [*corrections, *others] * 2
    random.Random(11).shuffle(wanted)
    with ThreadPoolExecutor(WORKERS) as pool:
        done = [job.result() for job in [pool.submit(each) for each in wanted]]
    assert sum(isinstance(each, Transaction) and ":corrected:" in each.cause for each in done) == len(changed)
    assert sum(isinstance(each, Posted) for each in done) == len(fresh)
    broker.balance += len(changed)
    with broker.engine.begin() as connection:
        for seq in range(broker.seq + 1, broker.seq + 1 + len(fresh)):
            insert_event(connection, broker.account_id, broker.session, seq, kind="deal", data={})
        accept_break(connection, broker.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="booked")
    broker.seq += len(fresh)
    assert isinstance(broker.agrees(), Agreed)
    assert_sound(broker)
    everybody = sum(values(broker).values()) + accrued(broker)
    profit = sum(deal.profit + deal.commission for deal in (*changed[: len(old)], *fresh))
    assert everybody == Decimal("15000.00") + profit


def correcting(broker: Broker, now: Deal) -> Callable[[], object]:
    def job() -> object:
        with broker.engine.begin() as connection:
            post_deal(connection, broker.account_id, now)
            return correct_deal(connection, broker.account_id, now, actor="eve", reason="r")

    return job


def crystallising(broker: Broker) -> object:
    with broker.engine.begin() as connection:
        return crystallise_by_hand(connection, broker.account_id, actor="eve", reason="r")


def agreeing(broker: Broker, manager: int) -> object:
    """Agree on another rate; without a price the old terms stay."""
    fees = FeeTerms(management_rate=Decimal("0.02"), performance_rate=Decimal("0.10"), manager=manager)
    connection = broker.engine.connect()
    done = set_terms(connection, broker.account_id, Terms(fees=fees), actor="eve")
    (connection.commit if done is None else connection.rollback)()
    connection.close()
    return done


def reading(broker: Broker) -> None:
    """A statement, the pool's history, and the books themselves, each of one moment."""
    with broker.engine.connect() as connection:
        member = next(iter(held_units(connection, broker.account_id)))
        found = statement_now(connection, broker.account_id, member).statement
        assert found.profit == found.value + found.redeemed - found.contributed
        pool_history(connection, broker.account_id)
    with broker.engine.connect() as connection:
        read_at_one_moment(connection)
        assert verify_chain(connection, broker.account_id)[0].problems == ()


# crashes


@pytest.fixture
def crash(engine: Engine, database: str) -> Iterator[Crash]:
    """A crash waiting to happen."""
    killer = create_engine(database, application_name="killer")
    yield Crash(engine, killer)
    killer.dispose()


def books(broker: Broker) -> tuple[object, ...]:
    """Return everything that a half-done posting would have changed."""
    book = stored_book(broker)
    with broker.engine.connect() as connection:
        suspense = connection.exec_driver_sql("SELECT * FROM ledger_suspense ORDER BY ticket").all()
        prices = connection.exec_driver_sql("SELECT count(*) FROM ledger_prices").scalar()
        return book.balances, book.lots, book.head, suspense, prices


def test_a_crash_between_any_two_statements_leaves_all_or_nothing(broker, members, crash):
    """A deposit that posts, matches, prices and settles in one transaction, killed at every statement in turn."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    request = asks_to_pay_in(broker, bob, "500.00")
    deal = broker.deal("balance", "500.00", comment=request.reference)
    broker.seq += 1
    before, deaths = books(broker), 0
    while dies(broker, deal, crash, deaths):
        deaths += 1
        assert books(broker) == before
        assert read(broker, request).status == "pending"
    assert deaths > 15
    assert read(broker, request).status == "settled"
    assert shares_of(broker).nav == Decimal("1500.00")
    assert_sound(broker)


def dies(broker: Broker, deal: Deal, crash: Crash, number: int) -> bool:
    """Tell a deal and die before statement `number`; False: there were fewer statements, and it was told."""
    with broker.engine.begin() as connection:  # units are dealt in whatever time the deaths before this one took
        connection.exec_driver_sql("UPDATE ledger_reconciliations SET agreed_at = clock_timestamp()")
    with crash.in_statement(number):
        try:
            with broker.engine.begin() as connection:
                insert_event(connection, broker.account_id, broker.session, broker.seq, kind="deal", data={})
                post_deal(connection, broker.account_id, deal)
        except DBAPIError as error:
            return error.connection_invalidated
    return False


def test_a_worker_that_dies_holding_the_lock_holds_up_nobody(broker, members, engine):
    ann, *_ = members
    locked, done = threading.Event(), threading.Event()

    def hold_then_die() -> None:
        connection = engine.connect()
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(21003, %s)", (broker.account_id,))
        locked.set()
        done.wait(60)
        connection.invalidate()
        connection.close()

    thread = threading.Thread(target=hold_then_die)
    thread.start()
    assert locked.wait(60)
    done.set()
    assert pays_in(broker, ann, "5.00").status == "settled"
    thread.join()


def test_live_state_is_what_the_entries_add_up_to(broker, members):
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "12.34", entry="out", commission="-1.00", swap="-0.10")
    broker.agrees()
    pays_in(broker, bob, "77.77")
    book = stored_book(broker)
    assert book.balance(AccountKind.BROKER) == broker.balance
    assert {share.user_id: share.units for share in shares_of(broker).members} == book.units()
    assert book.pool(Decimal(0)).nav == shares_of(broker).nav


def test_shares_are_of_one_moment_though_they_are_read_by_several_queries(broker, members, engine, database):
    """Bob joins between the query for the NAV and the one for the units: nobody's share may be a mixture."""
    ann, bob, _ = members
    pays_in(broker, ann, "1000.00")
    request = asks_to_pay_in(broker, bob, "1000.00")
    other = create_engine(database)
    joined: list[object] = []

    def bob_joins(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "kind = 'units'" in statement and not joined:
            joined.append(request)
            with other.begin() as writing:
                post_deal(writing, broker.account_id, broker.deal("balance", "1000.00", comment=request.reference))

    event.listen(engine, "before_cursor_execute", bob_joins)
    found = values(broker)
    event.remove(engine, "before_cursor_execute", bob_joins)
    other.dispose()
    assert joined
    assert found == {ann: Decimal("1000.00"), bob: Decimal("1000.00")}


def test_a_member_who_joins_between_two_queries_of_a_reader_is_no_error(broker, members):
    """The reader has seen a pool without units when the first member joins; then it sees that member's units."""
    ann, *_ = members
    joins = iter([lambda: pays_in(broker, ann, "1000.00")])

    def join_before_units(connection, cursor, statement, parameters, context, many):
        if statement == HELD:
            next(joins, lambda: None)()

    reader = create_engine(broker.engine.url.render_as_string(hide_password=False))
    event.listen(reader, "before_cursor_execute", join_before_units)
    with reader.connect() as connection:
        found = shares(connection, broker.account_id)
    assert {share.user_id: share.value for share in found.members} == {ann: Decimal("1000.00")}
    reader.dispose()
