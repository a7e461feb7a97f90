"""What is set for all accounts is ordered with every decision: nothing slips past it, and nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.admission.test_idempotency import WRITERS, at_once
from tests.admission.world import NOW, World, order
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted, Unavailable
from zmq_bridge.admission.source import Source
from zmq_bridge.live.connection import open_redis
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.kill import kill
from zmq_bridge.storage.risk.limits import Scope, set_limits
from zmq_bridge.storage.risk.trading_state import set_account_state, set_global_state

Change = Callable[[Connection], object]
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    engine, client = create_engine(database, pool_size=WRITERS + 4), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def halt_all(connection: Connection) -> object:
    return set_global_state(connection, "halted", reason="storm", actor="ann", now=NOW)


def kill_all(connection: Connection) -> object:
    return kill(connection, None, close_positions=False, reason="storm", actor="ann", now=NOW)


def limit_all(connection: Connection) -> object:
    return set_limits(connection, Scope(), {"max_positions": 0}, actor="ann", now=NOW)


def do(world: World, change: Change) -> None:
    """Make a change and commit it."""
    with world.engine.begin() as connection:
        change(connection)


CHANGES = pytest.mark.parametrize("change", [halt_all, kill_all, limit_all])


@CHANGES
@pytest.mark.parametrize("which", [0, 1])
def test_it_waits_for_a_decision_under_way_on_any_account(world, change, which):
    """The decision has read that trading is active; committed before it, the halt would be slipped past."""
    accounts = [world.account_id, world.add_account(777)]
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as deciding:
        hold(deciding, Lock.ADMISSION, accounts[which])
        changing: Future[None] = pool.submit(do, world, change)
        wait_until(lambda: world.rows(WAITING)[0][0] == 1)
        assert not changing.done()
        deciding.rollback()
        changing.result(30)


@CHANGES
def test_a_decision_that_comes_while_it_is_made_waits_and_sees_it(world, change):
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as changing:
        change(changing)
        asked = pool.submit(world.buy)
        wait_until(lambda: world.rows(WAITING)[0][0] == 1)
        changing.commit()
        assert asked.result(30).code in ("TRADING_HALTED", "MAX_POSITIONS")


@CHANGES
def test_an_account_that_is_being_made_is_not_missed(world, change):
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as making:
        ensure_account(making, login=9, server="x", currency="USD", currency_digits=2, margin_mode="hedging",
                       leverage=1)  # fmt: skip
        changing: Future[None] = pool.submit(do, world, change)
        wait_until(lambda: world.rows(WAITING)[0][0] == 1)
        making.commit()
        changing.result(30)


@pytest.mark.parametrize("change", [halt_all, kill_all])
@pytest.mark.parametrize("lap", range(3))
def test_no_order_is_stored_once_it_is_committed_whoever_else_is_asking(world, change, lap):
    """Eight writers on two accounts race it: what was stored at the commit is all that there ever is."""
    world.add_account(777)
    world.freshen()
    world.freshen(777)
    stored: list[int] = []

    def go(index: int) -> int:
        if index < WRITERS:
            source, login = Source(id=f"key-{index}"), (123456, 777)[index % 2]
            answers = [world.send(source, account=login, volume="0.01", magic=index * 100 + n) for n in range(4)]
            return sum(isinstance(answer, Accepted) for answer in answers)
        if lap:  # the first lap at once, the others in the middle of it
            wait_until(lambda: world.count("commands"))
        do(world, change)
        stored.append(world.count("commands", "kind = 'place_order'"))
        return 0

    accepted = sum(at_once(WRITERS + 1, go))
    assert world.count("commands", "kind = 'place_order'") == accepted == stored[0]
    assert world.count("commands", "kind = 'place_order' AND status = 'queued'") == 0
    assert world.send(volume="0.01", magic=1, account=777).code == "TRADING_HALTED"


def test_everybody_who_takes_many_locks_comes_to_an_end(world):
    """Changes of all accounts and of single ones, signals and snapshots in every order: no two wait for each other."""
    accounts = [world.account_id, world.add_account(777), world.add_account(778)]
    logins = dict(zip(accounts, (123456, 777, 778), strict=True))
    for login in logins.values():
        world.freshen(login)

    def go(index: int) -> None:
        dice = random.Random(index)
        for number in range(12):
            account = dice.choice(accounts)
            now = NOW + timedelta(seconds=index * 100 + number)
            match dice.randrange(7):
                case 0:
                    do(world, halt_all)
                case 1:
                    do(world, lambda c: set_global_state(c, "active", reason="go", actor="ben", now=now))  # noqa: B023
                case 2:
                    do(world, kill_all)
                case 3:
                    do(world, lambda c: set_account_state(c, account, "active", reason="go", actor="b", now=now))  # noqa: B023
                case 4:
                    do(world, lambda c: kill(c, account, close_positions=True, reason="x", actor="b", now=now))  # noqa: B023
                case 5:
                    world.snapshot(account_id=account, orders=[order(index * 100 + number)])
                case _:
                    assert not isinstance(world.send(volume="0.01", account=logins[account]), Unavailable)

    at_once(WRITERS, go)  # Postgres would break a deadlock off with an error, here or as Unavailable
