"""Direct requests: what a person does to positions and orders, and the switch that stops everything."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from risk.states import Cause
from tests.admission.test_closing import sent
from tests.admission.world import NOW, OFFSET_S, order, position
from zmq_bridge.admission.answers import Accepted, Code, Denied
from zmq_bridge.admission.requests import (
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    InvalidRequest,
    ModifyOrder,
    ModifyPosition,
    SetTradingState,
)


def ask(world, request, **more):
    return world.gate.request(request, world.source, **more)


def test_a_position_is_closed(world):
    world.snapshot(positions=[position(1, magic=9)])
    answer = ask(world, ClosePosition(ticket=1))
    [command] = sent(world)
    assert (command.kind, command.position, command.symbol, command.volume) == ("close_position", 1, "EURUSD", D(0))
    assert (command.magic, command.comment) == (9, answer.command_id)


@pytest.mark.parametrize(("asked", "sent_volume"), [("0.04", "0.04"), ("0.10", "0"), ("0.50", "0")])
def test_a_partial_close_never_takes_more_than_is_open(world, asked, sent_volume):
    world.snapshot(positions=[position(1)])
    ask(world, ClosePosition(ticket=1, volume=D(asked)))
    assert sent(world)[0].volume == D(sent_volume)


def test_a_ticket_no_snapshot_has_shown_needs_its_symbol(world):
    assert ask(world, ClosePosition(ticket=5)).code == Code.TICKET_UNKNOWN
    assert isinstance(ask(world, ClosePosition(ticket=5, symbol="EURUSD")), Accepted)
    assert (sent(world)[0].position, sent(world)[0].symbol) == (5, "EURUSD")


def test_opposite_positions_close_each_other(world):
    world.snapshot(positions=[position(1), position(2, side="sell", sl="1.087"), position(3)])
    assert isinstance(ask(world, CloseBy(ticket=1, by=2)), Accepted)
    assert (sent(world)[0].position, sent(world)[0].position_by) == (1, 2)
    assert ask(world, CloseBy(ticket=1, by=3)).code == Code.NOT_NETTED
    assert ask(world, CloseBy(ticket=1, by=1)).code == Code.NOT_NETTED


def test_an_order_is_cancelled_whether_we_know_it_or_not(world):
    for ticket in (7, 8):
        assert isinstance(ask(world, CancelOrder(ticket=ticket)), Accepted)
    assert [(command.kind, command.order) for command in sent(world)] == [("cancel_order", 7), ("cancel_order", 8)]


@pytest.mark.parametrize("request_", [CloseAll(), CancelOrder(ticket=1), ClosePosition(ticket=1)])
def test_ways_out_pass_without_quotes_heartbeat_or_permission(world, request_):
    world.snapshot(positions=[position(1)], age_s=9999, trade_allowed=False)
    world.hold()
    world.hold(Cause.DRAWDOWN)
    assert isinstance(ask(world, request_), Accepted)


def test_close_all_names_the_symbol_or_none(world):
    ask(world, CloseAll(symbol="EURUSD", cancel_pending=True))
    ask(world, CloseAll())
    assert [(command.symbol, command.cancel_pending) for command in sent(world)] == [("EURUSD", True), ("", False)]


def test_a_stop_moved_nearer_passes_while_halted_and_without_live_state(world):
    world.snapshot(positions=[position(1)])
    world.hold()
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08400"))), Accepted)
    [command] = sent(world)
    assert (command.position, command.symbol, command.sl, command.tp) == (1, "EURUSD", D("1.08400"), D("1.08900"))
    assert world.count("reservations") == 0


def test_a_stop_moved_away_is_new_risk_and_is_reserved(world):
    world.snapshot(positions=[position(1)])
    world.freshen()
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08000"))), Accepted)
    [held] = world.rows("SELECT * FROM reservations")
    assert (held.volume, held.slots, held.side) == (0, 0, "buy")
    assert 30 <= held.risk <= 31  # 30 pips more on 0.10 lots


def test_a_stop_moved_away_is_denied_while_halted(world):
    world.snapshot(positions=[position(1)])
    world.freshen()
    world.hold()
    assert ask(world, ModifyPosition(ticket=1, sl=D("1.08000"))).code == "TRADING_HALTED"


def test_a_stop_moved_too_far_away_is_denied(world):
    world.snapshot(positions=[position(1, volume="1.00")])
    world.freshen()
    answer = ask(world, ModifyPosition(ticket=1, sl=D("1.05000")))
    assert isinstance(answer, Denied)
    assert world.count("commands") == 0


@pytest.mark.parametrize("selector", ["symbol", "magic"])
def test_a_stop_moved_away_meets_the_limits_of_its_symbol_and_strategy(world, selector):
    query = f"INSERT INTO risk_limits (account_id, {selector}, limits, actor) VALUES (%s, %s, %s, 'ann')"
    limits = '{"max_position_size_percent": "0.25"}'
    world.run(query, world.account_id, {"symbol": "EURUSD", "magic": 9}[selector], limits)
    world.snapshot(positions=[position(1, magic=9)], orders=[order(2, magic=9)])
    world.freshen()
    assert ask(world, ModifyPosition(ticket=1, sl=D("1.08000"))).code == "POSITION_RISK"
    assert ask(world, ModifyOrder(ticket=2, sl=D("1.07900"))).code == "POSITION_RISK"


def test_a_stop_is_not_taken_away(world):
    world.snapshot(positions=[position(1)])
    world.freshen()
    assert ask(world, ModifyPosition(ticket=1, sl=None)).code == "STOP_LOSS_MISSING"


def test_a_target_is_taken_away_and_the_stop_stays(world):
    world.snapshot(positions=[position(1)])
    assert isinstance(ask(world, ModifyPosition(ticket=1, tp=None)), Accepted)
    assert (sent(world)[0].sl, sent(world)[0].tp) == (D("1.08300"), D(0))


def test_an_unknown_ticket_is_not_modified(world):
    assert ask(world, ModifyPosition(ticket=5, sl=D(1))).code == "TICKET_UNKNOWN"
    assert ask(world, ModifyOrder(ticket=5, price=D(1))).code == "TICKET_UNKNOWN"


def test_a_pending_order_keeps_what_is_not_changed(world):
    world.snapshot(orders=[order(2, expiration_msc=77)])
    world.freshen()
    answer = ask(world, ModifyOrder(ticket=2, price=D("1.08250")))
    assert isinstance(answer, Accepted), answer
    [command] = sent(world)
    assert (command.order, command.price, command.sl, command.tp) == (2, D("1.08250"), D("1.08000"), D("1.08700"))
    assert command.expiration_msc == 77
    [held] = world.rows("SELECT * FROM reservations")
    assert 5 <= held.risk <= 6  # 5 pips more on 0.10 lots


def test_a_pending_orders_expiry_is_on_the_servers_clock(world):
    world.snapshot(orders=[order(2)])
    expires_at = NOW + timedelta(hours=2)
    ask(world, ModifyOrder(ticket=2, expires_at=expires_at))
    assert sent(world)[0].expiration_msc == int((expires_at.timestamp() + OFFSET_S) * 1000)
    world.run("DELETE FROM terminals")
    assert ask(world, ModifyOrder(ticket=2, expires_at=expires_at)).code == "CLOCK_SKEWED"


def test_a_halted_account_may_let_a_pending_order_go_earlier_and_not_later(world):
    soon = NOW + timedelta(hours=1)
    world.snapshot(orders=[order(2, expiration_msc=int((soon.timestamp() + OFFSET_S) * 1000))])
    world.freshen()
    ask(world, SetTradingState(state="halted", reason="storm"))
    for later in (soon + timedelta(seconds=1), None):
        assert ask(world, ModifyOrder(ticket=2, expires_at=later)).code == "TRADING_HALTED"
    for earlier in (soon, soon - timedelta(seconds=1)):
        assert isinstance(ask(world, ModifyOrder(ticket=2, expires_at=earlier)), Accepted)


def test_a_pending_orders_new_price_is_denied_without_live_state(world):
    world.snapshot(orders=[order(2)])
    assert isinstance(ask(world, ModifyOrder(ticket=2, price=D("1.08250"))), Denied)


def test_the_trading_state_is_stored_sent_and_audited(world):
    answer = ask(world, SetTradingState(state="halted", reason="storm"))
    assert isinstance(answer, Accepted)
    [command] = sent(world)
    assert (command.kind, command.state, command.reason) == ("set_trading_state", "halted", "storm")
    [account] = world.rows("SELECT trading_state, trading_state_actor FROM trading_states")
    assert tuple(account) == ("halted", "bot (key-1)")
    last = world.rows("SELECT actor, after FROM audit_log ORDER BY id")[-1]
    assert (last.actor, last.after["state"]) == ("bot (key-1)", "halted")
    assert world.buy().code == "TRADING_HALTED"


def test_a_repeated_switch_does_not_switch_again(world):
    ask(world, SetTradingState(state="halted", reason="storm"), idempotency_key="k")
    ask(world, SetTradingState(state="active", reason="calm"))
    assert ask(world, SetTradingState(state="halted", reason="storm"), idempotency_key="k").duplicate
    assert world.state() == "active"


@pytest.mark.parametrize("cause", [Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.RECONCILIATION_BREAK])
def test_the_terminal_is_never_told_active_while_something_else_holds_the_account(world, cause):
    world.hold(cause)
    ask(world, SetTradingState(state="active", reason="calm"))
    assert [(command.kind, command.state) for command in sent(world)] == [("set_trading_state", "halted")]
    assert world.state() == "halted"


def test_a_direct_request_is_stored_with_what_was_asked(world):
    answer = ask(world, CloseAll(symbol="EURUSD"), idempotency_key="k")
    [decision] = world.rows("SELECT * FROM risk_decisions")
    assert (decision.id, decision.signal_id, decision.source) == (answer.decision_id, None, "key-1")
    assert (decision.request["request"], decision.request["symbol"]) == ("CloseAll", "EURUSD")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ClosePosition(ticket=0), "ticket"),
        (lambda: ClosePosition(ticket=1, volume=D("NaN")), "volume"),
        (lambda: ClosePosition(ticket=1, volume=D(0)), "volume"),
        (lambda: ClosePosition(ticket=1, symbol="a\0"), "symbol"),
        (lambda: CloseBy(ticket=1, by=True), "by"),
        (lambda: CancelOrder(ticket=2**63), "ticket"),
        (lambda: CancelOrder(ticket="7"), "ticket"),
        (lambda: CloseAll(symbol="\ud800"), "symbol"),
        (lambda: CloseAll(deviation=-1), "deviation"),
        (lambda: ModifyPosition(ticket=1, sl=D("Infinity")), "sl"),
        (lambda: ModifyPosition(ticket=1, tp=D(-1)), "tp"),
        (lambda: ModifyOrder(ticket=1, price=D("1e12")), "price"),
        (lambda: ModifyOrder(ticket=1, expires_at=NOW.replace(tzinfo=None)), "expires_at"),
        (lambda: SetTradingState(state="on", reason="x"), "state"),
        (lambda: SetTradingState(state="halted", reason=" "), "reason"),
        (lambda: SetTradingState(state="halted", reason="x" * 201), "reason"),
    ],
)
def test_a_request_that_cannot_be_meant_is_none(make, field):
    with pytest.raises(InvalidRequest, match=r"expected .*; found") as caught:
        make()
    assert caught.value.field == field


def test_a_key_that_cannot_be_stored_is_refused_before_anything_happens(world):
    with pytest.raises(InvalidRequest, match="idempotency_key"):
        ask(world, CloseAll(), idempotency_key="\0")
    assert world.count("risk_decisions") == 0
