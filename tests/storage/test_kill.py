"""The kill switch: one transaction, nothing twice, nothing forgotten, and only a named person ends it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import cast

import pytest

from risk.states import Cause, closes_positions
from tests.admission.world import NOW, World, order, position
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.requests import ModifyPosition
from zmq_bridge.admission.source import Source
from zmq_bridge.booking.commands import to_command
from zmq_bridge.live.connection import open_redis
from zmq_bridge.protocol.commands import COMMANDS
from zmq_bridge.relay.workbench import LONG_OVER_MS
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.commands.leases import lease_again
from zmq_bridge.storage.commands.outbox import OutgoingCommand
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.risk.enforcement import enforce
from zmq_bridge.storage.risk.holding import plain_holds, standing
from zmq_bridge.storage.risk.kill import Killed, kill, standing_of_kill
from zmq_bridge.storage.risk.stopping import carry_out_rest
from zmq_bridge.storage.risk.trading_state import TradingStateError, set_account_state, set_global_state
from zmq_bridge.storage.trading.terminals import note_enforced_state

WRITERS = 8


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    engine, client = create_engine(database, pool_size=WRITERS + 2), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def use(world: World, *, close: bool = False, everywhere: bool = False) -> list[Killed]:
    account = None if everywhere else world.account_id
    return kill(world.engine, account, close_positions=close, reason="storm", actor="ann", now=world.clock.now)


def sent(world: World) -> list[tuple[str, object]]:
    found = world.rows("SELECT kind, payload FROM commands WHERE source LIKE 'system:%%' ORDER BY id")
    return [(row.kind, row.payload.get("order")) for row in found]


def test_it_halts_cancels_what_is_pending_and_leaves_positions_to_their_stops(world):
    world.snapshot(positions=[position(1)], orders=[order(2), order(3)])
    [done] = use(world)
    assert (done.account_id, done.new, len(done.sent)) == (world.account_id, True, 3)
    assert sent(world) == [("set_trading_state", None), ("cancel_order", 2), ("cancel_order", 3)]
    assert world.state() == "halted"
    assert world.buy().code == "TRADING_HALTED"
    assert isinstance(world.close(), Accepted)


def test_it_closes_everything_when_asked(world):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    use(world, close=True)
    assert sent(world) == [("set_trading_state", None), ("close_all", None)]
    [closing] = world.rows("SELECT payload FROM commands WHERE kind = 'close_all'")
    assert (closing.payload["symbol"], closing.payload["cancel_pending"]) == ("", True)


def test_every_command_it_sends_fits_the_wire(world):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    use(world)
    use(world, close=True)
    rows = world.rows("SELECT id, account_id, kind, payload, expires_at FROM commands ORDER BY id")
    assert {row.kind for row in rows} == {"set_trading_state", "cancel_order", "close_all"}
    for row in rows:
        assert isinstance(to_command(OutgoingCommand(**row._mapping)), COMMANDS[row.kind])


def test_used_again_it_does_nothing_twice(world):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    use(world)
    [again] = use(world)
    assert (again.new, again.sent, again.stopped) == (False, (), ())
    assert len(sent(world)) == 2
    assert world.count("holds", "cause = 'kill_switch'") == 1
    assert world.count("audit_log", "action = 'kill_switch.use' AND actor = 'ann'") == 2


def test_used_again_to_close_it_closes_and_a_later_softer_use_goes_on_closing(world):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    use(world)
    [harder] = use(world, close=True)
    assert harder.new
    assert ("close_all", None) in sent(world)
    [softer] = use(world)
    assert not softer.new
    [held] = world.rows("SELECT closes FROM holds WHERE cause = 'kill_switch' AND ended_at IS NULL")
    assert held.closes


@pytest.mark.parametrize("status", ["queued", "sent", "unknown"])
@pytest.mark.parametrize("close", [False, True])
def test_a_close_all_that_leaves_orders_alone_does_not_keep_it_from_cancelling_them(world, close, status):
    world.snapshot(positions=[position(1)], orders=[order(2), order(3)])
    world.run(
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at, created_at)"
        " SELECT 'c1', id, 'close_all', jsonb_build_object('symbol', '', 'cancel_pending', false), %s, %s, %s"
        " FROM accounts", status, NOW, NOW,
    )  # fmt: skip
    use(world, close=close)
    assert sent(world) == [("set_trading_state", None), ("cancel_order", 2), ("cancel_order", 3)]


def test_an_earlier_stop_that_is_over_does_not_count_for_a_new_one(world):
    """Everything was closed a moment ago, then trading went on: the next use closes again at once."""
    world.snapshot(positions=[position(1)])
    use(world, close=True)
    world.run("UPDATE commands SET status = 'done', finished_at = now()")
    world.clock.now += timedelta(seconds=1)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="go", actor="ben", now=world.clock.now)
    world.clock.now += timedelta(seconds=1)
    use(world, close=True)
    assert sent(world).count(("close_all", None)) == 2


def test_what_was_not_done_is_done_when_the_terminal_is_back(world):
    """The book was empty, or old; what shows later is cancelled and closed as soon as it is seen."""
    use(world, close=True)
    assert sent(world) == [("set_trading_state", None)]
    world.snapshot(positions=[position(1)], orders=[order(2)])
    with world.engine.begin() as connection:
        held = plain_holds(standing(connection, world.account_id))
        assert len(enforce(connection, world.account_id, held, world.clock.now)) == 1
        assert enforce(connection, world.account_id, held, world.clock.now) == ()
    assert sent(world)[-1] == ("close_all", None)


def test_orders_that_had_not_been_sent_are_stopped_and_free_what_they_reserved(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'queued', sent_at = NULL")
    [done] = use(world)
    assert (len(done.stopped), done.recalled) == (1, ())
    assert world.reserved() == 0
    [stopped] = world.rows("SELECT status, message FROM commands WHERE kind = 'place_order'")
    assert tuple(stopped) == ("expired", "stopped before it was sent: storm")


def test_orders_that_may_have_been_delivered_are_recalled_and_keep_what_they_reserved(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'sent', sent_at = now(), expires_at = now() + interval '1 hour'")
    reserved = world.reserved()
    [done] = use(world)
    assert (done.stopped, len(done.recalled)) == ((), 1)
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "active", reason="go", actor="ben", now=world.clock.now)
        [again] = lease_again(connection, world.account_id, 10, lease_s=-1)
    assert again.id == done.recalled[0]
    assert to_command(again, attempt=2).expires_at_ms == LONG_OVER_MS, "whoever has not begun it must not, ever again"
    assert world.reserved() == reserved > 0
    assert use(world)[0].recalled == (), "once is enough"


@pytest.mark.parametrize("kind", ["close_position", "cancel_order", "close_all", "set_trading_state"])
def test_ways_out_that_are_on_their_way_are_left_alone(world, kind):
    for status in ("queued", "sent"):
        world.run(
            "INSERT INTO commands (id, account_id, kind, status, expires_at) VALUES (%s, %s, %s, %s, now())",
            f"{kind} {status}", world.account_id, kind, status,
        )  # fmt: skip
    [done] = use(world)
    assert (done.stopped, done.recalled) == ((), ())
    assert world.count("commands", "recalled_at IS NULL AND finished_at IS NULL AND source = 'system'") == 2


CHANGES = pytest.mark.parametrize("kind", ["modify_position", "modify_order"])


def put_change(world: World, kind: str, status: str, *, judged: bool, reserved: bool = False) -> None:
    """A change of prices on its way; judged: it was more than an easing, so limits were asked."""
    world.run(
        "INSERT INTO risk_decisions (id, account_id, verdict, code, checks)"
        " VALUES ('D', %s, 'approved', 'APPROVED', %s)",
        world.account_id, '[{"code": "SPREAD_TOO_WIDE"}]' if judged else "[]",
    )  # fmt: skip
    world.run(
        "INSERT INTO commands (id, account_id, decision_id, kind, status, expires_at, sent_at)"
        " VALUES ('X', %s, 'D', %s, %s, now() + interval '1 hour', CASE WHEN %s <> 'queued' THEN now() END)",
        world.account_id, kind, status, status,
    )  # fmt: skip
    if reserved:
        world.run(
            "INSERT INTO reservations (command_id, account_id, symbol, side, volume, risk, margin, notional)"
            " VALUES ('X', %s, 'EURUSD', 'buy', 0, 20, 0, 0)", world.account_id,
        )  # fmt: skip


@CHANGES
@pytest.mark.parametrize("status", ["sent", "accepted", "unknown"])
def test_a_change_that_adds_risk_is_recalled_also_when_the_terminal_does_not_know_it_yet(world, kind, status):
    """Within its time to live the terminal may send it to the broker once more."""
    put_change(world, kind, status, judged=True, reserved=True)
    [done] = use(world)
    assert (done.stopped, done.recalled) == ((), ("X",))
    with world.engine.begin() as connection:
        [told] = lease_again(connection, world.account_id, 10)
        assert told.expires_at.timestamp() * 1000 == LONG_OVER_MS
        assert lease_again(connection, world.account_id, 10) == [], "told once, then on a lease like everything"


@CHANGES
@pytest.mark.parametrize("status", ["queued", "sent", "unknown"])
def test_a_change_that_only_eases_goes_on(world, kind, status):
    """It passes in every state, so no state ends it: a stop that moves nearer protects."""
    put_change(world, kind, status, judged=False)
    [done] = use(world)
    assert (done.stopped, done.recalled) == ((), ())


@CHANGES
def test_a_change_that_was_judged_and_found_to_add_nothing_ends_all_the_same(world, kind):
    """Asked now it would be denied: new prices are for an active account."""
    put_change(world, kind, "queued", judged=True)
    [done] = use(world)
    assert done.stopped == ("X",)


@pytest.mark.parametrize("state", ["reducing", "halted"])
def test_what_the_gate_approves_while_trading_is_stopped_no_later_stop_ends(world, state):
    """The same rule from the other end: what passes the gate in a state is not among what that state recalls."""
    world.snapshot(positions=[position(1)])
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, state, reason="lunch", actor="ben", now=NOW)
    world.freshen()
    request = ModifyPosition(ticket=1, sl=Decimal("1.08350"))
    assert isinstance(world.gate.request(request, world.source), Accepted)
    [done] = use(world)
    assert (done.stopped, done.recalled) == ((), ())
    assert world.count("commands", "kind = 'modify_position' AND finished_at IS NULL AND recalled_at IS NULL") == 1


def test_a_terminal_that_polls_hears_of_a_recall_at_its_next_poll_whatever_its_lease(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'sent', sent_at = now(), expires_at = now() + interval '1 hour'")
    world.run("UPDATE terminals SET journal_since = now() - interval '1 hour'")
    with world.engine.begin() as connection:
        assert lease_again(connection, world.account_id, 10) == []
    [done] = use(world)
    with world.engine.begin() as connection:
        [told] = lease_again(connection, world.account_id, 10)
    assert (told.id,) == done.recalled
    assert to_command(told, attempt=2).expires_at_ms == LONG_OVER_MS
    with world.engine.begin() as connection:
        assert lease_again(connection, world.account_id, 10) == []


def test_a_recall_of_an_order_still_waits_for_another_journal(world):
    assert isinstance(world.buy(), Accepted)
    world.run("UPDATE commands SET status = 'sent', sent_at = now(), expires_at = now() + interval '1 hour'")
    world.run("UPDATE terminals SET journal_since = now() + interval '1 hour'")
    use(world)
    with world.engine.begin() as connection:
        assert lease_again(connection, world.account_id, 10) == []


@pytest.mark.parametrize("state", ["reducing", "halted"])
@pytest.mark.parametrize("everywhere", [False, True])
def test_also_a_state_that_a_person_sets_ends_the_openings_on_their_way(world, state, everywhere):
    """An order is good in the state it was approved in; else it would run when somebody says `active` soon after."""
    for status in ("queued", "sent"):
        assert isinstance(world.buy(magic=len(status)), Accepted)
        world.run("UPDATE commands SET status = %s WHERE status = 'queued'", status)
    world.run("UPDATE commands SET status = 'queued' WHERE id = (SELECT max(id) FROM commands)")
    if everywhere:
        set_global_state(world.engine, state, reason="lunch", actor="ben", now=NOW)
    with world.engine.begin() as connection:
        if not everywhere:
            set_account_state(connection, world.account_id, state, reason="lunch", actor="ben", now=NOW)
    found = world.rows("SELECT status, recalled_at IS NOT NULL AS recalled FROM commands ORDER BY id")
    assert [tuple(row) for row in found] == [("sent", True), ("expired", False)]
    assert world.count("reservations", "ended_at IS NULL") == 1


def test_all_accounts_are_stopped_at_once_and_those_that_come_later_too(world):
    other = world.add_account(777)
    world.snapshot(orders=[order(2)])
    world.snapshot(orders=[order(3)], account_id=other)
    assert [done.account_id for done in use(world, everywhere=True)] == [world.account_id, other]
    assert {row[1] for row in sent(world)} == {None, 2, 3}
    with world.engine.begin() as connection:
        late = ensure_account(connection, login=9, server="x", currency="USD", currency_digits=2,
                              margin_mode="hedging", leverage=1)  # fmt: skip
        world.run("UPDATE holds SET ended_at = now() WHERE cause = 'not_reconciled'")
        assert late.trading_state == "halted"
    assert world.buy(account=777).code == "TRADING_HALTED"


def test_only_who_is_named_ends_it_and_for_all_only_for_all(world):
    use(world, everywhere=True)
    with world.engine.begin() as connection:
        change = set_account_state(connection, world.account_id, "active", reason="go", actor="ben", now=NOW)
        assert (change.after, change.reason) == ("halted", "storm")
    with pytest.raises(TradingStateError):
        set_global_state(world.engine, "active", reason="go", actor=" ", now=NOW)
    set_global_state(world.engine, "active", reason="go", actor="ben", now=NOW)
    assert world.state() == "active"
    [ended] = world.rows("SELECT ended_by FROM holds WHERE cause = 'kill_switch'")
    assert ended.ended_by == "ben"
    assert isinstance(world.buy(), Accepted)


@pytest.mark.parametrize("everywhere", [False, True])
def test_halting_what_is_stopped_already_does_not_end_the_closing(world, everywhere):
    """Only what lets an account do more ends the switch; `halted` on top of it is no reason to keep positions open."""
    use(world, close=True, everywhere=everywhere)
    if everywhere:
        set_global_state(world.engine, "halted", reason="to be sure", actor="ben", now=NOW)
    with world.engine.begin() as connection:
        if not everywhere:
            set_account_state(connection, world.account_id, "halted", reason="to be sure", actor="ben", now=NOW)
        held = plain_holds(standing(connection, world.account_id))
    assert closes_positions(held, NOW)
    assert {each.cause for each in held} == {Cause.KILL_SWITCH, Cause.OPERATOR_HALTED}


@pytest.mark.parametrize(("reason", "actor"), [("", "ann"), ("storm", " ")])
def test_it_needs_a_name_and_a_reason(world, reason, actor):
    with pytest.raises(TradingStateError):
        kill(world.engine, world.account_id, close_positions=True, reason=reason, actor=actor, now=NOW)
    assert world.state() == "active"


def test_people_are_told_once(world):
    for _ in range(3):
        use(world)
    assert [row.event for row in world.rows("SELECT event FROM notifications")] == ["kill_switch"]


def test_it_shows_how_far_it_has_come(world):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    use(world)
    seen = stand(world)
    assert (seen["acknowledged"], seen["orders_left"], seen["positions_left"]) == (False, 1, 1)
    kinds = [each["kind"] for each in cast(list[dict[str, str]], seen["commands"])]
    assert kinds == ["cancel_order", "set_trading_state"]
    with world.engine.begin() as connection:
        note_enforced_state(connection, world.account_id, 1000, 7, "active")
        note_enforced_state(connection, world.account_id, 1000, 6, "halted")  # an earlier word that comes late
        note_enforced_state(connection, world.account_id, 999, 80, "halted")
    assert not stand(world)["acknowledged"]
    with world.engine.begin() as connection:
        note_enforced_state(connection, world.account_id, 1000, 8, "halted")
    world.snapshot(positions=[position(1)])
    seen = stand(world)
    assert (seen["acknowledged"], seen["orders_left"]) == (True, 0)


def test_a_terminal_that_was_halted_before_has_acknowledged_already(world):
    """It says so only when its state changes."""
    with world.engine.begin() as connection:
        note_enforced_state(connection, world.account_id, 1000, 1, "halted")
    world.clock.now += timedelta(minutes=5)
    use(world)
    assert stand(world)["acknowledged"]


def stand(world: World) -> dict[str, object]:
    with world.engine.begin() as connection:
        return standing_of_kill(connection, world.account_id, NOW - timedelta(seconds=1))


def test_no_order_passes_once_it_is_committed_whoever_else_is_asking(world):
    """Eight writers race the switch: whatever was accepted was decided before it."""
    gate_open = Barrier(WRITERS + 1)
    world.freshen()

    def order_on(number: int) -> list[bool]:
        gate_open.wait()
        return [
            isinstance(world.send(Source(id=f"key-{number}"), volume="0.01", magic=number * 100 + n), Accepted)
            for n in range(3)
        ]

    def switch() -> None:
        gate_open.wait()
        if any(each.waiting for each in use(world)):  # a machine so slow that the account was never free
            wait_until(lambda: carry_out_rest(world.engine, world.clock.now), 30)

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        asked = [pool.submit(order_on, number) for number in range(WRITERS)]
        pool.submit(switch).result()
        accepted = sum(sum(each.result()) for each in asked)
    assert world.count("commands", "kind = 'place_order'") == accepted
    [last_order, halt] = world.rows(
        "SELECT (SELECT max(id) FROM audit_log WHERE action = 'hold.impose') AS id, 'x'"
        " UNION ALL SELECT 0, 'y'"
    )  # fmt: skip
    assert last_order.id > halt.id
    assert world.send(volume="0.01", magic=1).code == "TRADING_HALTED"
    left = world.count("commands", "kind = 'place_order' AND status = 'queued'")
    assert left == 0, "what had not been sent when it was used is stopped"


@pytest.mark.parametrize("cause", list(Cause))
def test_it_stops_an_account_whatever_else_holds_it(world, cause):
    world.hold(cause)
    [done] = use(world)
    assert done.new is (cause is not Cause.KILL_SWITCH)
    assert world.state() == "halted"
