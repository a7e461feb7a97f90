"""What is set for all accounts is ordered with every decision: nothing slips past it, and nobody waits for ever.

Limits and stops wait for nobody: they are committed first. Then limits are answered once no decision is under way that
read the old ones, and a stop comes to the busy accounts as soon as they are free, whoever began it.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine

from tests.admission.test_idempotency import WRITERS, at_once
from tests.admission.world import NOW, World, order
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted, Unavailable
from zmq_bridge.admission.source import Source
from zmq_bridge.booking.watch import Look, WatchThread, watch
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.storage import visits
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.kill import kill
from zmq_bridge.storage.risk.limits import (
    Scope,
    VersionConflict,
    await_decisions,
    check_version,
    deciding_accounts,
    end_limits,
    set_limits,
)
from zmq_bridge.storage.risk.outstanding import outstanding
from zmq_bridge.storage.risk.stopping import carry_out, carry_out_rest
from zmq_bridge.storage.risk.trading_state import (
    StillStopping,
    activate_reconciled,
    set_account_state,
    set_global_state,
)

Stop = Callable[[World], list[int]]
WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
STOPPED_ELSEWHERE = """
import sys
from datetime import datetime
from zmq_bridge.storage import visits
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.risk.kill import kill
visits.WHOLE_S = 60
kill(create_engine(sys.argv[1]), None, close_positions=True, reason="storm", actor="ann",
     now=datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture
def world(database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A healthy account; whoever stops it does not wait long."""
    monkeypatch.setattr(visits, "WHOLE_S", 0.5)
    engine, client = create_engine(database, pool_size=WRITERS + 4), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def halt_all(world: World) -> list[int]:
    """Return the logins of the accounts that it has not come to."""
    return list(set_global_state(world.engine, "halted", reason="storm", actor="ann", now=NOW).waiting)


def kill_all(world: World) -> list[int]:
    """The same by the switch."""
    done = kill(world.engine, None, close_positions=False, reason="storm", actor="ann", now=NOW)
    logins = dict(map(tuple, world.rows("SELECT id, login FROM accounts")))
    return [logins[each.account_id] for each in done if each.waiting]


def limit_all(world: World) -> list[int]:
    """Open nothing anywhere any more; return the logins of the accounts where the old limits may still count."""
    do(world, lambda connection: set_limits(connection, Scope(), {"max_positions": 0}, actor="ann", now=NOW))
    return busy(world)


def busy(world: World) -> list[int]:
    """The logins of the accounts where limits of all accounts that have changed may not count yet."""
    with world.engine.connect() as connection:
        deciding = deciding_accounts(connection, Scope())
    return await_decisions(world.engine, deciding)


def do(world: World, change: Callable[[Connection], object]) -> None:
    """Make a change and commit it."""
    with world.engine.begin() as connection:
        change(connection)


def waiting(world: World) -> list[int]:
    """The accounts that a stop has still to come to."""
    with world.engine.connect() as connection:
        return outstanding(connection)


def carried_out(world: World) -> None:
    """Do the rest of it, as the watch does."""
    wait_until(lambda: carry_out_rest(world.engine, world.clock.now) == waiting(world) == [], 30)


STOPS = pytest.mark.parametrize("stop", [halt_all, kill_all])


@pytest.mark.parametrize("which", [0, 1])
def test_limits_are_in_force_at_once_and_answered_when_no_decision_goes_by_the_old_ones(world, which, monkeypatch):
    monkeypatch.setattr(visits, "WHOLE_S", 60)
    logins, accounts = (123456, 777), (world.account_id, world.add_account(777))
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as deciding:
        hold(deciding, Lock.ADMISSION, accounts[which])
        changing = pool.submit(limit_all, world)
        wait_until(lambda: world.count("risk_limits") == 1, 30)
        assert world.buy(account=logins[1 - which]).code == "MAX_POSITIONS", "and no other account waits for that one"
        wait_until(lambda: world.rows(WAITING)[0][0] == 1, 30)
        assert not changing.done()
        deciding.rollback()
        assert changing.result(30) == []


def test_an_account_that_stays_busy_while_limits_are_set_is_named_and_sees_them_next(world):
    world.add_account(777)
    with world.engine.connect() as deciding:
        hold(deciding, Lock.ADMISSION, world.account_id)
        assert limit_all(world) == [123456]
    assert world.buy(account=123456).code == "MAX_POSITIONS"


def test_limits_that_end_for_all_accounts_wait_for_none(world):
    limit_all(world)
    with world.engine.connect() as deciding:
        hold(deciding, Lock.ADMISSION, world.account_id)
        do(world, lambda connection: end_limits(connection, Scope(), actor="ann", now=NOW))
        assert busy(world) == [123456]
        assert deciding_accounts(deciding, Scope(account_id=world.account_id)) == {}, "those are set under its lock"
    assert isinstance(world.buy(), Accepted)


def test_two_who_set_limits_of_all_accounts_see_each_others(world):
    """The version that one has checked is the one that he replaces, whatever the other does meanwhile."""
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as first:
        check_version(first, Scope(), None)
        second: Future[None] = pool.submit(do, world, lambda connection: check_version(connection, Scope(), None))
        wait_until(lambda: world.rows(WAITING)[0][0] == 1, 30)
        set_limits(first, Scope(), {"max_positions": 1}, actor="ann", now=NOW)
        first.commit()
        with pytest.raises(VersionConflict):
            second.result(30)


def test_many_busy_accounts_keep_a_stop_no_longer_than_one(world, monkeypatch):
    """The bound is on the whole, not on each: else the answer would come when its asker has gone."""
    busy_ones = [world.add_account(login) for login in range(700, 708)]
    asked = lock_waits(monkeypatch)
    with world.engine.connect() as busy:
        for account in busy_ones:
            hold(busy, Lock.ADMISSION, account)
        assert len(kill_all(world)) == len(busy_ones)
        assert sum(asked) < len(busy_ones) * 500, "milliseconds that it was ready to wait"
        assert sorted(waiting(world)) == busy_ones
        asked.clear()
        assert carry_out_rest(world.engine, world.clock.now) == []
        assert sum(asked) <= 2 * 500
    assert world.count("commands", f"account_id = {world.account_id}") == 1, "the one that is free"
    carried_out(world)


def lock_waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each visit was ready to wait, as they are made."""
    asked: list[int] = []
    visit = visits._visit

    def noted(engine: Engine, account_id: int, act: Callable[[Connection, int], object], wait_ms: int) -> object:
        asked.append(wait_ms)
        return visit(engine, account_id, act, wait_ms)

    monkeypatch.setattr(visits, "_visit", noted)
    return asked


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_switch_does_not_fail_because_somebody_is_about_to_carry_an_earlier_stop_out(world, database, everywhere):
    """He is in the middle of it, and hangs for longer than anybody waits for a lock."""
    account = None if everywhere else world.account_id
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        assert kill_all(world) == [123456]
    impatient = create_engine(database, lock_timeout_ms=100)
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as hung:
        hold(hung, Lock.ADMISSION, world.account_id)
        assert carry_out(hung, world.account_id, NOW)
        using = pool.submit(
            kill, impatient, account, close_positions=True, reason="again", actor="ben", now=world.clock.now
        )  # fmt: skip
        with suppress(TimeoutError):
            using.result(1)
        assert not using.done()
        hung.commit()
        [done] = using.result(30)
    assert (done.new, done.account_id) == (True, world.account_id)
    impatient.dispose()


def test_halting_all_is_committed_before_anybody_waits_for_an_account_that_is_busy(world, monkeypatch):
    other = world.add_account(777)
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        kill(world.engine, world.account_id, close_positions=False, reason="storm", actor="ann", now=NOW)
        assert waiting(world) == [world.account_id]
        monkeypatch.setattr(visits, "WHOLE_S", 60)
        halting = pool.submit(halt_all, world)
        query = "SELECT trading_state FROM trading_states WHERE account_id = %s"
        wait_until(lambda: world.rows(query, other)[0][0] == "halted", 30)
        assert not halting.done()
        busy.rollback()
        assert halting.result(30) == []


def make_account(connection: Connection) -> int:
    return ensure_account(
        connection, login=9, server="x", currency="USD", currency_digits=2, margin_mode="hedging", leverage=1
    ).id  # fmt: skip


@STOPS
def test_a_stop_does_not_wait_for_an_account_that_is_being_made_and_holds_it(world, stop):
    with world.engine.connect() as making:
        late = make_account(making)
        assert stop(world) == []
        making.commit()
    do(world, lambda connection: activate_reconciled(connection, late, NOW))
    states = world.rows("SELECT trading_state FROM trading_states WHERE account_id = %s", late)
    assert states[0].trading_state == "halted"


@STOPS
@pytest.mark.parametrize("which", [0, 1])
def test_a_stop_of_all_comes_to_every_account_but_a_busy_one_at_once_and_to_that_one_later(world, stop, which):
    """The lock is held for as long as the stop waits: it does not fail, and it forgets nobody."""
    logins = (123456, 777)
    accounts = (world.account_id, world.add_account(777))
    for login in logins:
        assert isinstance(world.buy(account=login), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, accounts[which])
        assert stop(world) == [logins[which]]
        assert waiting(world) == [accounts[which]]
        ended = world.rows("SELECT account_id FROM commands WHERE kind = 'place_order' AND status = 'expired'")
        assert [row.account_id for row in ended] == [accounts[1 - which]]
        assert {row[0] for row in world.rows("SELECT trading_state FROM trading_states")} == {"halted"}
        assert world.buy(account=logins[1 - which]).code == "TRADING_HALTED"
    assert world.buy(account=logins[which]).code == "TRADING_HALTED"
    carried_out(world)
    assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 2
    assert world.reserved() == 0


@STOPS
def test_what_was_approved_beside_a_stop_is_ended_when_the_account_is_free(world, stop):
    """The decision under way had read that trading is active; it commits behind the stop, and runs nowhere."""
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    rows = [row._mapping for row in world.rows("SELECT * FROM commands")]
    assert len(rows) == 1
    with world.engine.connect() as deciding:
        hold(deciding, Lock.ADMISSION, world.account_id)
        deciding.exec_driver_sql(
            "INSERT INTO commands (id, account_id, kind, payload, status, expires_at) SELECT 'LATE', account_id, kind,"
            " payload, 'queued', now() + interval '1 hour' FROM commands WHERE kind = 'place_order'"
        )
        assert stop(world) == [123456]
        deciding.commit()
    carried_out(world)
    assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 2


@STOPS
def test_nobody_lets_accounts_go_on_that_a_stop_has_not_come_to(world, stop):
    """Else what it should have ended would run behind it."""
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        stop(world)
        with pytest.raises(StillStopping, match="123456"):
            set_global_state(world.engine, "active", reason="go", actor="ben", now=NOW)
        harder = set_global_state(world.engine, "halted", reason="to be sure", actor="ben", now=NOW)
        assert (harder.after, harder.waiting) == ("halted", (123456,))
    change = set_global_state(world.engine, "active", reason="go", actor="ben", now=NOW)
    assert (change.after, change.waiting) == ("active", ())
    assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 1
    assert isinstance(world.buy(magic=2), Accepted)


def test_one_account_that_is_busy_is_stopped_all_the_same_and_lifting_it_ends_its_openings_first(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        [done] = kill(world.engine, world.account_id, close_positions=True, reason="storm", actor="ann", now=NOW)
        assert (done.new, done.waiting, done.sent) == (True, True, ())
        assert world.state() == "halted"
    do(world, lambda c: set_account_state(c, world.account_id, "active", reason="go", actor="ben", now=NOW))
    assert world.state() == "active"
    assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 1
    assert waiting(world) == []


def test_the_next_snapshot_of_a_busy_account_carries_the_stop_out(world):
    """Also where no desk runs: a terminal that polls the web reports, and that is enough."""
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        kill_all(world)
    world.snapshot(orders=[order(5)])
    with world.engine.begin() as connection:
        hold(connection, Lock.ADMISSION, world.account_id)
        watch(connection, world.account_id, Look(now=world.clock.now, heard_at=world.clock.now, agreed=True))
    assert waiting(world) == []
    kinds = {row.kind for row in world.rows("SELECT kind FROM commands")}
    assert kinds == {"set_trading_state", "cancel_order"}


def test_a_stop_whose_process_is_killed_between_two_accounts_is_finished_by_the_watch(world):
    other = world.add_account(777)
    for login in (123456, 777):
        assert isinstance(world.buy(account=login), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, other)
        process = stop_elsewhere(world.engine)
        wait_until(lambda: world.rows(WAITING)[0][0] == 1, 30, "it never came to the second account")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert waiting(world) == [other]
        assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 1
    assert world.buy(account=777).code == "TRADING_HALTED"
    thread = WatchThread(world.engine, LiveReader(world.client), every_s=0.05, clock=world.clock)
    thread.start()
    try:
        wait_until(lambda: not waiting(world), 30, "nobody finished it")
    finally:
        thread.stop()
    assert world.count("commands", "kind = 'place_order' AND status = 'expired'") == 2
    assert world.count("commands", "kind = 'set_trading_state'") == 2


def stop_elsewhere(engine: Engine) -> subprocess.Popen[bytes]:
    """Use the switch in a process of its own."""
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-c", STOPPED_ELSEWHERE, url, NOW.isoformat()])


@STOPS
@pytest.mark.parametrize("lap", range(3))
def test_no_order_is_stored_once_it_is_carried_out_whoever_else_is_asking(world, stop, lap):
    """Eight writers on two accounts race it: what was stored then is all that there ever is, and none of it runs."""
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
        if stop(world):
            carried_out(world)
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
                    halt_all(world)
                case 1:
                    with suppress(StillStopping):
                        set_global_state(world.engine, "active", reason="go", actor="ben", now=now)
                case 2:
                    kill_all(world)
                case 3:
                    do(world, lambda c: set_account_state(c, account, "active", reason="go", actor="b", now=now))  # noqa: B023
                case 4:
                    kill(world.engine, account, close_positions=True, reason="x", actor="b", now=now)
                case 5:
                    world.snapshot(account_id=account, orders=[order(index * 100 + number)])
                case _:
                    assert not isinstance(world.send(volume="0.01", account=logins[account]), Unavailable)

    at_once(WRITERS, go)  # Postgres would break a deadlock off with an error, here or as Unavailable
