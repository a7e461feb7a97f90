"""What people are shown of why an account may not trade: the same that the gate decides by."""

from datetime import UTC, datetime, timedelta

import pytest

from risk.states import Cause
from tests.admission.world import World
from zmq_bridge.admission.answers import Accepted, Denied
from zmq_bridge.live.connection import open_redis
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.risk.holds import effective_state, holds
from zmq_bridge.storage.risk.trading_state import set_account_state, set_global_state


@pytest.fixture
def world(database, redis_url):
    engine, client = create_engine(database), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def found(world):
    with world.engine.connect() as connection:
        return holds(connection, world.account_id)


def test_an_active_account_is_held_by_nothing(world):
    assert found(world) == ()
    assert effective_state(found(world)) == "active"
    assert isinstance(world.buy(), Accepted)


def test_the_strictest_of_account_and_everywhere_counts(world):
    now = datetime.now(UTC)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "reducing", reason="by hand", actor="ada", now=now)
    set_global_state(world.engine, "halted", reason="maintenance", actor="ada", now=now)
    assert [(hold.state, hold.reason) for hold in found(world)] == [
        ("halted", "all accounts: maintenance"), ("reducing", "by hand"),
    ]  # fmt: skip
    assert effective_state(found(world)) == "halted"
    assert isinstance(world.buy(), Denied)


@pytest.mark.parametrize(
    ("cause", "lifted_by", "code"),
    [
        (Cause.DAILY_LOSS, "the server's next day", "TRADING_HALTED"),
        (Cause.DRAWDOWN, "reset-drawdown", "DRAWDOWN_LATCHED"),
        (Cause.RECONCILIATION_BREAK, "agreeing again", "TRADING_HALTED"),
        (Cause.TERMINAL_LOST, "its terminal", "TRADING_HALTED"),
        (Cause.KILL_SWITCH, "trading active --account 123456", "TRADING_HALTED"),
        (Cause.POSITION_UNPROTECTED, "a stop loss", "TRADING_REDUCING"),
        (Cause.POSITION_BY_HAND, "trading adopt TICKET", "TRADING_REDUCING"),
        (Cause.EVENT_UNBOOKED, "trading active", "TRADING_REDUCING"),
    ],
)
def test_what_a_limit_has_stopped_is_shown_and_the_gate_agrees(world, cause, lifted_by, code):
    world.clock.now = datetime.now(UTC)
    world.run("UPDATE risk_state SET server_day = %s", (world.clock.now + timedelta(hours=2)).date())
    world.snapshot()
    world.hold(cause, until=world.clock.now + timedelta(hours=1) if cause is Cause.DAILY_LOSS else None)
    [held] = found(world)
    assert (held.cause, held.reason, held.actor, held.at) == (cause.value, "test", "ann", world.clock.now)
    assert lifted_by in held.lifted_by
    assert effective_state(found(world)) == held.state == world.state()
    assert world.buy().code == code


def test_a_daily_halt_that_is_over_holds_nothing(world):
    world.hold(Cause.DAILY_LOSS, until=datetime.now(UTC) - timedelta(seconds=1))
    assert found(world) == ()
    assert world.state() == "active"


def test_a_warning_is_shown_and_stops_nothing(world):
    world.hold(Cause.MARGIN_LOW)
    assert [held.cause for held in found(world)] == ["margin_low"]
    assert effective_state(found(world)) == "active"
    assert isinstance(world.buy(), Accepted)


def test_a_stopped_strategy_is_named_and_leaves_the_account_active(world):
    world.run(
        "INSERT INTO strategy_latches (account_id, strategy, reason, latched_at) VALUES (%s, '7', 'x', now())",
        world.account_id,
    )
    assert "strategy 7" in found(world)[0].reason
    assert effective_state(found(world)) == "active"
