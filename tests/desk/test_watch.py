"""Between signals: what a snapshot shows becomes a hold, and a hold ends only by what its rule says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import redis

from risk.states import Cause
from tests.admission.world import NOW, World, order, position
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.booking.watch import WEIGH_EVERY, Look, WatchThread, watch
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.engine import create_engine, dump_json
from zmq_bridge.storage.risk.adoption import adopt
from zmq_bridge.storage.risk.limits import Scope, set_limits
from zmq_bridge.storage.risk.memory import reset_drawdown
from zmq_bridge.storage.risk.trading_state import set_account_state
from zmq_bridge.storage.trading.state import lock_account

MIDNIGHT = datetime(2026, 3, 4, 22, 0, tzinfo=UTC)  # the server is two hours ahead


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    engine, client = create_engine(database), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def look(world: World, *, agreed: bool = True, silent_s: float | None = 0) -> bool:
    """Look at the account as the desk does after a snapshot."""
    now = world.clock.now
    heard_at = None if silent_s is None else now - timedelta(seconds=silent_s)
    with world.engine.begin() as connection:
        lock_account(connection, world.account_id)
        return watch(connection, world.account_id, Look(now=now, heard_at=heard_at, agreed=agreed))


def causes(world: World) -> set[str]:
    """What holds the account."""
    return {row.cause for row in world.rows("SELECT cause FROM holds WHERE ended_at IS NULL")}


def told(world: World) -> list[str]:
    """What people were told, oldest first."""
    return [row.event for row in world.rows("SELECT event FROM notifications ORDER BY id")]


def ours(ticket: int, world: World, **changes: object) -> dict[str, object]:
    """A position that a command of ours opened."""
    command_id = command(world, "place_order", "done")
    return position(ticket, comment=command_id, **changes)


def command(world: World, kind: str, status: str, symbol: str = "EURUSD", age_s: float = 0) -> str:
    """A command that was sent some time ago."""
    payload = dump_json({"symbol": symbol, "side": "buy", "magic": 0})
    command_id, at = new_id(int(world.clock.now.timestamp() * 1000)), world.clock.now - timedelta(seconds=age_s)
    finished_at = None if status in ("queued", "sent", "unknown") else at
    world.run(
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at, created_at, finished_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        command_id, world.account_id, kind, payload, status, at + timedelta(seconds=60), at, finished_at,
    )  # fmt: skip
    return command_id


def test_a_healthy_account_is_left_alone(world):
    world.snapshot(positions=[ours(1, world)])
    assert not look(world)
    assert causes(world) == set()
    assert isinstance(world.buy(), Accepted)


@pytest.mark.parametrize(("trouble", "is_mended"), [({"sl": "0"}, True), ({"comment": "by hand"}, False)])
def test_a_position_that_is_unprotected_or_by_hand_reduces_the_account_until_it_is_mended(world, trouble, is_mended):
    good = ours(1, world)
    world.snapshot(positions=[good | trouble])
    assert look(world)
    assert world.state() == "reducing"
    assert world.buy().code == "TRADING_REDUCING"
    assert not look(world)
    assert told(world) == ["unusual_activity"]
    world.snapshot(positions=[good] if is_mended else [])
    assert look(world)
    assert world.state() == "active"


def test_a_position_by_hand_is_counted_among_the_risk(world):
    """200 of 10,000 are at risk in each; the fifth would pass, were they not counted."""
    held = [position(n, volume="1.05", price_open="1.08490") for n in range(1, 6)]
    world.snapshot(positions=held)
    assert world.buy(volume="0.10").code == "TOTAL_EXPOSURE"


def test_a_pending_order_by_hand_reduces_too(world):
    world.snapshot(orders=[order(5)])
    look(world)
    assert causes(world) == {"position_by_hand"}


def test_a_pending_order_that_a_result_ties_to_a_command_is_not_by_hand(world):
    command_id = command(world, "place_order", "done")
    world.run("UPDATE commands SET order_ticket = 5 WHERE id = %s", command_id)
    world.snapshot(orders=[order(5, comment="changed by the broker")])
    look(world)
    assert causes(world) == set()


def test_the_reason_names_the_tickets_there_are_now(world):
    for tickets in ([3], [3, 4], [4]):
        world.snapshot(positions=[position(ticket) for ticket in tickets])
        look(world)
        [held] = world.rows("SELECT reason FROM holds WHERE ended_at IS NULL")
        assert held.reason == "opened by hand: " + ", ".join(map(str, tickets))
    assert told(world) == ["unusual_activity"]


@pytest.mark.parametrize("status", ["sent", "unknown"])
def test_a_position_is_not_by_hand_while_a_command_may_yet_prove_to_have_opened_it(world, status):
    command(world, "place_order", status)
    world.snapshot(positions=[position(1, comment="changed by the broker")])
    look(world)
    assert causes(world) == set()


def test_a_command_for_another_symbol_explains_nothing(world):
    command(world, "place_order", "sent", "GBPUSD")
    world.snapshot(positions=[position(1)])
    look(world)
    assert causes(world) == {"position_by_hand"}


def test_a_position_that_a_deal_ties_to_a_command_is_not_by_hand(world):
    command_id = command(world, "place_order", "done")
    world.run(
        "INSERT INTO deals (account_id, ticket, position_ticket, symbol, type, entry, volume, price, profit,"
        " commission, swap, fee, time_msc, sl, tp, command_id)"
        " VALUES (%s, 11, 1, 'EURUSD', 'buy', 'in', 0.1, 1.085, 0, 0, 0, 0, 1, 0, 0, %s)", world.account_id, command_id,
    )  # fmt: skip
    world.snapshot(positions=[position(1)])
    look(world)
    assert causes(world) == set()


def test_a_named_person_answers_for_a_position_by_hand(world):
    world.snapshot(positions=[position(1), position(2)])
    look(world)
    with world.engine.begin() as connection:
        assert adopt(connection, world.account_id, 1, actor="ann", reason="hedge", now=NOW)
        assert adopt(connection, world.account_id, 2, actor="ann", reason="hedge", now=NOW)
        assert not adopt(connection, world.account_id, 3, actor="ann", reason="hedge", now=NOW)
        with pytest.raises(ValueError, match="named person"):
            adopt(connection, world.account_id, 1, actor=" ", reason="hedge", now=NOW)
    look(world)
    assert world.state() == "active"
    assert world.count("audit_log", "action = 'ticket.adopt' AND actor = 'ann'") == 2


@pytest.mark.parametrize(("equity", "halted"), [("9500.01", False), ("9500.00", True), ("9499.99", True)])
def test_the_days_loss_halts_just_at_the_limit(world, equity, halted):
    world.snapshot(equity=equity)
    look(world)
    assert ("daily_loss" in causes(world)) is halted


def test_a_daily_loss_stays_when_it_is_won_back_and_ends_with_the_servers_day(world, database):
    world.snapshot(equity=9_500)
    look(world)
    world.snapshot(equity=10_000)
    look(world)
    restarted = World.__new__(World)
    restarted.engine, restarted.account_id = create_engine(database), world.account_id
    assert restarted.state() == "active", "in the view by the real clock; the gate goes by the moment it is asked"
    restarted.engine.dispose()
    assert world.buy().code == "TRADING_HALTED"
    [held] = world.rows("SELECT until, actor, began_at FROM holds WHERE ended_at IS NULL")
    assert tuple(held) == (MIDNIGHT, "risk monitor", NOW)
    world.clock.now = MIDNIGHT - timedelta(microseconds=1)
    assert not look(world)
    world.clock.now = MIDNIGHT
    assert look(world)
    assert causes(world) == set()
    [ended] = world.rows("SELECT after FROM audit_log WHERE action = 'hold.lift' ORDER BY id DESC LIMIT 1")
    assert ended.after["by"] == "next_server_day"


def test_nobody_lifts_a_daily_loss_and_its_end_lifts_nothing_else(world):
    world.snapshot(equity=9_500)
    look(world)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="come on", actor="ann", now=NOW)
    assert "daily_loss" in causes(world)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "reducing", reason="careful", actor="ann", now=NOW)
    world.clock.now = MIDNIGHT
    look(world)
    assert causes(world) == {"operator_reducing"}


def test_a_drawdown_latches_until_a_named_person_resets_it_and_then_counts_from_there(world):
    world.run("UPDATE risk_state SET nav_index = 0.8, nav_index_peak = 1")
    look(world)
    world.run("UPDATE risk_state SET nav_index = 0.95")
    look(world)
    assert causes(world) == {"drawdown"}
    assert world.buy().code == "DRAWDOWN_LATCHED"
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="come on", actor="ann", now=NOW)
    assert causes(world) == {"drawdown"}
    with world.engine.begin() as connection:
        with pytest.raises(ValueError, match="named person"):
            reset_drawdown(connection, world.account_id, actor=" ", now=NOW)
        assert reset_drawdown(connection, world.account_id, actor="ann", now=NOW)
        assert not reset_drawdown(connection, world.account_id, actor="ann", now=NOW)
    assert not look(world)
    [index] = world.rows("SELECT nav_index, nav_index_peak FROM risk_state")
    assert tuple(index) == (Decimal("0.95"), Decimal("0.95"))
    assert isinstance(world.buy(), Accepted)


@pytest.mark.parametrize(("index", "latched"), [("0.8001", False), ("0.8000", True)])
def test_the_drawdown_latches_just_at_the_limit(world, index, latched):
    world.run("UPDATE risk_state SET nav_index = %s, nav_index_peak = 1", Decimal(index))
    look(world)
    assert (causes(world) == {"drawdown"}) is latched


def test_the_accounts_own_limits_are_watched(world):
    with world.engine.begin() as connection:
        limits = {"max_drawdown_percent": "5", "max_daily_loss_percent": "2"}
        set_limits(connection, Scope(account_id=world.account_id), limits, actor="ann", now=NOW)
        set_limits(connection, Scope(symbol="EURUSD"), {"max_daily_loss_percent": "1"}, actor="ann", now=NOW)
    world.run("UPDATE risk_state SET nav_index = 0.95, nav_index_peak = 1")
    world.snapshot(equity=9_801)
    look(world)
    assert causes(world) == {"drawdown"}, "the tighter limit of a symbol is for its orders, not for the account"
    world.snapshot(equity=9_800)
    look(world)
    assert causes(world) == {"drawdown", "daily_loss"}


def test_unreadable_limits_leave_the_defaults_on_watch(world):
    world.run("INSERT INTO risk_limits (limits, actor) VALUES ('{\"max_lots\": \"broken\"}', 'x')")
    world.snapshot(equity=9_500)
    look(world)
    assert causes(world) == {"daily_loss"}


def test_loss_and_drawdown_are_not_judged_while_ledger_and_broker_disagree(world):
    """A withdrawal that is not booked yet would look like a loss."""
    world.run("UPDATE risk_state SET nav_index = 0.5, nav_index_peak = 1")
    world.snapshot(equity=5_000, balance=5_000)
    look(world, agreed=False)
    assert causes(world) == set()
    look(world)
    assert causes(world) == {"drawdown", "daily_loss"}


def rejects(world: World, count: int, age_s: float = 1) -> None:
    for _ in range(count):
        command(world, "place_order", "rejected", age_s=age_s)


@pytest.mark.parametrize(("count", "age_s", "halted"), [(4, 1, False), (5, 1, True), (5, 59, True), (5, 60, False)])
def test_a_storm_of_rejected_orders_halts(world, count, age_s, halted):
    rejects(world, count, age_s)
    look(world)
    assert (causes(world) == {"reject_storm"}) is halted


def test_a_person_who_lifts_a_storm_starts_the_count_anew(world):
    rejects(world, 5)
    look(world)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="seen", actor="ann", now=NOW)
    assert not look(world)
    world.clock.now += timedelta(seconds=10)
    rejects(world, 4)
    assert not look(world)
    rejects(world, 1)
    assert look(world)
    assert causes(world) == {"reject_storm"}


def test_closes_and_modifications_that_are_rejected_are_no_storm(world):
    for _ in range(9):
        command(world, "close_position", "rejected", age_s=1)
    assert not look(world)


@pytest.mark.parametrize(("margin", "low"), [(5_000, False), (5_001, True)])
def test_a_low_margin_level_warns_once_and_stops_nothing(world, margin, low):
    for _ in range(2):
        world.snapshot(margin=margin)
        look(world)
    assert (causes(world) == {"margin_low"}) is low
    assert told(world) == ["risk_warning"] * low
    assert world.state() == "active"
    world.snapshot(margin=0)
    look(world)
    assert causes(world) == set()


# A terminal that fell silent


def watcher(world: World, client: redis.Redis) -> WatchThread:
    return WatchThread(world.engine, LiveReader(client), clock=world.clock)


@pytest.fixture
def silent(world):
    """The terminal was heard last ten seconds ago, and is heard no more."""
    world.beat(age_s=10)
    return world


@pytest.mark.parametrize("burden", ["positions", "orders", "reservations"])
def test_a_terminal_that_is_lost_with_something_at_risk_halts_the_account(silent, burden):
    world = silent
    if burden == "reservations":
        command_id = command(world, "place_order", "sent")
        world.run(
            "INSERT INTO reservations (command_id, account_id, symbol, side, volume, risk, margin, notional)"
            " VALUES (%s, %s, 'EURUSD', 'buy', 0.1, 20, 100, 10000)", command_id, world.account_id,
        )  # fmt: skip
    else:
        world.snapshot(**{burden: [position(1, comment=command(world, "place_order", "done")) if burden == "positions"
                                   else order(1, comment=command(world, "place_order", "done"))]})  # fmt: skip
    watcher(world, world.client).round()
    assert causes(world) == {"terminal_lost"}
    assert told(world) == ["risk_limit"]
    watcher(world, world.client).round()
    assert told(world) == ["risk_limit"]


def test_a_terminal_that_is_lost_with_nothing_at_risk_is_no_reason_to_halt(silent):
    watcher(silent, silent.client).round()
    assert causes(silent) == set()


def test_a_terminal_that_is_there_is_not_lost(world):
    world.snapshot(positions=[ours(1, world)])
    world.beat(age_s=2.9)
    watcher(world, world.client).round()
    assert causes(world) == set()


def test_without_live_state_nobody_knows_who_is_silent(world):
    world.snapshot(positions=[ours(1, world)])
    nowhere = open_redis("redis://127.0.0.1:1/0")
    watcher(world, nowhere).round()
    assert causes(world) == set()


def test_a_lost_terminal_that_is_back_goes_on_once_the_books_agree(silent):
    world = silent
    world.snapshot(positions=[ours(1, world)])
    watcher(world, world.client).round()
    look(world, agreed=False)
    assert causes(world) == {"terminal_lost"}
    look(world)
    assert causes(world) == set()


def test_a_lost_terminal_that_is_back_cancels_what_was_pending_before_anything_goes_on(silent):
    """Nobody watched while it was away: what rests at the broker is not let run as if nothing had been."""
    world = silent
    resting = order(7, comment=command(world, "place_order", "done"))
    world.snapshot(orders=[resting])
    watcher(world, world.client).round()
    assert sent(world) == [("cancel_order", 7)], "asked for at once, in case it is back in time"
    world.run("UPDATE commands SET status = 'expired', finished_at = now() WHERE kind = 'cancel_order'")
    world.clock.now += timedelta(minutes=5)
    world.snapshot(orders=[resting])
    look(world)
    assert sent(world) == [("cancel_order", 7)] * 2
    assert causes(world) == {"terminal_lost"}, "not before they are gone"
    world.snapshot()
    look(world)
    assert causes(world) == set()
    assert isinstance(world.buy(), Accepted)


def test_an_opening_on_its_way_does_not_run_when_a_lost_terminal_is_back(silent):
    world = silent
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'sent', sent_at = now() WHERE id = (SELECT max(id) FROM commands)")
    world.snapshot(positions=[ours(1, world)])
    world.beat(age_s=10)
    watcher(world, world.client).round()
    assert causes(world) == {"terminal_lost"}
    rows = world.rows("SELECT status, recalled_at IS NULL FROM commands WHERE status <> 'done' ORDER BY id")
    assert [tuple(row) for row in rows] == [("expired", True), ("sent", False)]
    assert world.count("reservations", "ended_at IS NULL") == 1, "unknown until reconciled"


def test_a_named_person_goes_on_with_orders_that_can_not_be_cancelled(silent):
    world = silent
    world.snapshot(orders=[order(7, comment=command(world, "place_order", "done"))])
    watcher(world, world.client).round()
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="market closed", actor="ann", now=NOW)
    look(world)
    assert causes(world) == set()


def test_who_has_just_begun_to_listen_calls_nobody_lost(silent):
    """After a restart of the bridge terminals need a moment to come back; their orders must not pay for it."""
    world = silent
    world.snapshot(positions=[ours(1, world)])
    patient = WatchThread(world.engine, LiveReader(world.client), clock=world.clock, every_s=0.05, listen_s=3600)
    quick = WatchThread(world.engine, LiveReader(world.client), clock=world.clock, every_s=0.05, listen_s=0)
    patient.start()
    try:
        quick.start()
        try:
            wait_until(lambda: quick._rounds > 0)
        finally:
            quick.stop()
        assert causes(world) == {"terminal_lost"}
        assert patient._rounds == 0
    finally:
        patient.stop()


# What an account carries while nobody trades


def test_open_risk_that_comes_past_a_limit_is_told_and_ends_when_it_is_back(world):
    """0.40 lots with a stop 190 points away: 76 and costs. At 1 % of 10,000 that is within; a larger spread is not."""
    with world.engine.begin() as connection:
        limits = {"max_total_exposure_percent": "1", "max_account_age_s": "60"}
        set_limits(connection, Scope(account_id=world.account_id), limits, actor="ann", now=NOW)
    world.snapshot(positions=[ours(1, world, volume="0.40")])
    thread = watcher(world, world.client)
    world.freshen()
    thread.round()
    assert causes(world) == set()
    world.quote("EURUSD", "1.08590", "1.08600")
    for _ in range(WEIGH_EVERY):
        thread.round()
    [held] = world.rows("SELECT cause, state, reason FROM holds WHERE ended_at IS NULL")
    assert (held.cause, held.state) == ("limit_exceeded", "active")
    assert held.reason.startswith("max_total_exposure_percent: 120 of 100")
    assert told(world) == ["risk_warning"]
    assert world.state() == "active"
    world.freshen()
    for _ in range(WEIGH_EVERY):
        thread.round()
    assert causes(world) == set()
    assert told(world) == ["risk_warning"]


def test_what_cannot_be_valued_changes_no_warning(world):
    world.hold(Cause.LIMIT_EXCEEDED)
    world.snapshot(positions=[ours(1, world)])
    world.beat()  # and no quotes
    watcher(world, world.client).round()
    assert causes(world) == {"limit_exceeded"}


# What a hold asks of the terminal


def sent(world: World) -> list[tuple[str, object]]:
    found = world.rows("SELECT kind, payload FROM commands WHERE source = 'system:risk' ORDER BY id")
    return [(row.kind, row.payload.get("order")) for row in found]


def with_orders(world: World, *tickets: int) -> None:
    world.snapshot(
        orders=[order(ticket, comment=command(world, "place_order", "done")) for ticket in tickets], equity=9_500
    )


def test_a_trip_cancels_what_is_pending_and_asks_for_nothing_twice(world):
    with_orders(world, 7, 8)
    look(world)
    assert sent(world) == [("cancel_order", 7), ("cancel_order", 8)]
    look(world)
    assert len(sent(world)) == 2


def test_an_order_that_slipped_through_is_cancelled_as_soon_as_it_is_seen(world):
    with_orders(world, 7)
    look(world)
    with_orders(world, 7, 9)
    look(world)
    assert sent(world) == [("cancel_order", 7), ("cancel_order", 9)]


def test_a_cancel_that_failed_is_tried_again_later(world):
    with_orders(world, 7)
    look(world)
    world.run("UPDATE commands SET status = 'rejected', finished_at = now() WHERE kind = 'cancel_order'")
    world.clock.now += timedelta(seconds=14)
    look(world)
    assert len(sent(world)) == 1
    world.clock.now += timedelta(seconds=2)
    look(world)
    assert sent(world) == [("cancel_order", 7)] * 2


def test_a_trip_stops_what_was_not_sent_and_frees_its_reservation(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    world.snapshot(equity=9_500)
    look(world)
    [stopped] = world.rows("SELECT status, message FROM commands")
    assert (stopped.status, world.reserved()) == ("expired", 0)
    assert stopped.message.startswith("stopped before it was sent: lost ")
    [ended] = world.rows("SELECT end_reason FROM reservations")
    assert ended.end_reason == "expired"


def test_what_was_sent_already_keeps_its_reservation(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'sent', sent_at = now()")
    world.snapshot(equity=9_500)
    look(world)
    assert world.reserved() > 0
    [recalled] = world.rows("SELECT status, message FROM commands WHERE recalled_at IS NOT NULL")
    assert (recalled.status, recalled.message[:15]) == ("sent", "recalled: lost ")


@pytest.mark.parametrize("cause", [Cause.OPERATOR_HALTED, Cause.EVENT_UNBOOKED])
def test_a_hold_that_cancels_nothing_leaves_orders_alone(world, cause):
    world.hold(cause)
    world.snapshot(orders=[order(7, comment=command(world, "place_order", "done"))])
    look(world)
    assert causes(world) == {cause.value}
    assert sent(world) == []


def test_the_desk_is_woken_when_what_an_account_may_do_changes(world):
    with world.engine.connect() as connection:
        listener = connection.execution_options(isolation_level="AUTOCOMMIT")
        listener.exec_driver_sql("LISTEN commands")
        world.snapshot(positions=[position(1, sl="0", comment=command(world, "place_order", "done"))])
        look(world)
        listener.exec_driver_sql("SELECT 1")  # brings what was notified along
        link = listener.connection.driver_connection
        link.poll()
        assert [note.payload for note in link.notifies] == [str(world.account_id)]
