"""The terminal on the wire: real sockets, a real broker process, and a bridge that answers as docs/wire.md says."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.simulator.conftest import StartTerminal
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import MONDAY_MSC, free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.protocol.commands import (
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    Command,
    FetchTicks,
    ModifyOrder,
    ModifyPosition,
    PlaceOrder,
    SetTradingState,
    TradingStateName,
)
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.limits import BEAT_MS, MS_MAX
from zmq_bridge.protocol.published import Beat, CommandResult, Snapshot, TradingState
from zmq_bridge.protocol.values import Deal, Order, Spec
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.errors import SimulatorError
from zmq_bridge.simulator.generator import TickStream, generate
from zmq_bridge.simulator.terminal import Terminal, TerminalSettings
from zmq_bridge.simulator.tickfiles import write_tick_file

MONDAY_END = MONDAY_MSC + 80_000_000
BEATS_KEPT_BACK = 4  # that may come at once
Running = tuple[BrokerClient, int]


def quote(client: BrokerClient, bid: float = 1.1, ask: float = 1.1001, *, at: int = 0, symbol: str = "EURUSD") -> None:
    client.call("inject", ticks={symbol: rows((MONDAY_MSC + at, bid, ask))})


def market(**more: Any) -> dict[str, Any]:
    return {"symbol": "EURUSD", "side": "buy", "order_type": "market", "volume": D("0.10"), **more}


@pytest.fixture
def ready(broker: Running, bridge: LittleBridge, start_terminal: StartTerminal) -> tuple[BrokerClient, LittleBridge]:
    """EURUSD quoted 1.10000 / 1.10010, a terminal welcomed."""
    quote(broker[0])
    start_terminal(bridge, broker[1], broker_timeout_s=0.4, unknown_settles_s=1.5)
    bridge.wait_for_hello()
    return broker[0], bridge


def positions(client: BrokerClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.call("snapshot")["positions"]
    return found


def test_the_first_words_are_hello_with_the_books_and_every_specification(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    start_terminal(bridge, broker[1])
    hello = bridge.wait_for_hello()
    assert (hello.login, hello.server, hello.role) == (123456, "Simulated-Demo", "both")
    assert hello.snapshot is not None
    assert hello.snapshot.account.balance == D("10000")
    assert {spec.symbol for spec in hello.symbols} == {"EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "EURUSD.z"}


def test_beats_and_snapshots_come_by_themselves_and_in_time(ready: tuple[BrokerClient, LittleBridge]) -> None:
    """Not seldom, and not more often than said, but for what a busy machine had kept back."""
    _, bridge = ready
    wait_until(lambda: bridge.messages(Beat))
    began = time.monotonic()
    have = len(bridge.messages(Beat))
    wait_until(lambda: len(bridge.messages(Beat)) >= have + 8 and len(bridge.messages(Snapshot)) >= 2)
    beats = len(bridge.messages(Beat)) - have
    assert beats <= (time.monotonic() - began) * 1000 / BEAT_MS + BEATS_KEPT_BACK


def test_ticks_are_numbered_from_one_without_a_hole_and_in_order(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    wait_until(lambda: bridge.messages(Beat))
    sent = rows(*((MONDAY_MSC + 1 + n // 3, 1.1 + n * 1e-5, 1.1001 + n * 1e-5) for n in range(2500)))
    client.call("inject", ticks={"EURUSD": sent})
    wait_until(lambda: bridge.tick_count("EURUSD") == 2500)
    assert bridge.ticks("EURUSD") == sent
    following = 1
    for batch in bridge.batches("EURUSD"):
        assert batch.seq == following
        following += len(batch.ticks)
    wait_until(lambda: any(beat.streams.get("tick.EURUSD.123456") == 2500 for beat in bridge.messages(Beat)))
    assert {beat.session for beat in bridge.messages(Beat)} == {bridge.hellos[0].session}


def test_a_market_order_is_done_and_its_deal_told_before_the_result(ready: tuple[BrokerClient, LittleBridge]) -> None:
    _, bridge = ready
    command_id = bridge.command(PlaceOrder, **market(sl=D("1.09"), tp=D("1.12"), magic=2**63 + 5))
    result = bridge.final(command_id)
    assert (result.status, result.retcode, result.retcode_name, result.price, result.volume) == (
        "done", 10009, "DONE", D("1.1001"), D("0.1")
    )  # fmt: skip
    (deal,) = {deal for deal in bridge.of_kind(Deal) if deal.comment == command_id}
    assert result.deals == (deal.ticket,)
    assert (deal.position, deal.magic) == (result.position, 2**63 + 5)
    told = first_told(bridge, result)
    assert first_told(bridge, deal) < told
    books = partial(bridge.messages, Snapshot)
    snapshot = wait_until(lambda: next((each for each in books() if (each.session, each.event_seq) >= told), None))
    assert snapshot.positions[0].sl == D("1.09"), "books that claim to include the result have its position"


def first_told(bridge: LittleBridge, data: Deal | CommandResult) -> tuple[int, int]:
    """Session and number of the first event that says this."""
    return next(key for key in sorted(bridge.events) if bridge.events[key].data == data)


def test_every_kind_of_command_does_what_it_says(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    first = bridge.final(bridge.command(PlaceOrder, **market(volume=D("0.30"))))
    moved = bridge.final(bridge.command(ModifyPosition, position=first.position, symbol="EURUSD", sl=D("1.05")))
    assert (moved.status, moved.position) == ("done", first.position)
    assert positions(client)[0]["sl"] == 1.05
    part = bridge.final(bridge.command(ClosePosition, position=first.position, symbol="EURUSD", volume=D("0.10")))
    assert (part.status, part.volume, part.position) == ("done", D("0.1"), first.position)
    second = bridge.final(bridge.command(PlaceOrder, **market(side="sell")))
    by = bridge.final(bridge.command(CloseBy, position=first.position, position_by=second.position))
    assert (by.status, len(by.deals)) == ("done", 2)
    assert [p["volume"] for p in positions(client)] == [0.1]
    pending = bridge.final(bridge.command(PlaceOrder, **market(order_type="limit", price=D("1.08"))))
    assert (pending.status, pending.deal) == ("done", 0)
    bridge.final(bridge.command(ModifyOrder, order=pending.order, price=D("1.07"), tp=D("1.08")))
    assert client.call("order", ticket=pending.order)["price_open"] == 1.07
    assert bridge.final(bridge.command(CancelOrder, order=pending.order)).status == "done"
    assert client.call("order", ticket=pending.order)["state"] == "canceled"
    stop_limit = market(order_type="stop_limit", price=D("1.12"), stoplimit=D("1.11"))
    bridge.final(bridge.command(PlaceOrder, **stop_limit))
    everything = bridge.final(bridge.command(CloseAll, cancel_pending=True))
    assert (everything.status, len(everything.deals)) == ("done", 1)
    snapshot = client.call("snapshot")
    assert (snapshot["positions"], snapshot["orders"]) == ([], [])
    wait_until(lambda: {("buy_limit", "canceled"), ("buy_stop_limit", "canceled")} <= order_states(bridge))
    wait_until(lambda: tickets_told(bridge) == tickets_at(client))


def order_states(bridge: LittleBridge) -> set[tuple[str, str]]:
    """A state that passed before the terminal looked is never told; the last one always is."""
    return {(order.order_type, order.state) for order in bridge.of_kind(Order)}


def tickets_told(bridge: LittleBridge) -> set[int]:
    return {deal.ticket for deal in bridge.of_kind(Deal)}


def tickets_at(client: BrokerClient) -> set[int]:
    return {deal["ticket"] for deal in client.call("books")["deals"]}


def test_a_netting_account_with_transactions_in_disorder(bridge: LittleBridge, start_terminal: StartTerminal) -> None:
    account = BrokerConfig(symbols=free_of_costs(), margin_mode="netting", shuffle_seed=5)
    with running_broker(account=account) as (client, port):
        quote(client)
        stop = start_terminal(bridge, port)
        snapshot = bridge.wait_for_hello().snapshot
        assert snapshot is not None
        assert snapshot.account.margin_mode == "netting"
        results = [
            bridge.final(bridge.command(PlaceOrder, **market(side=side, volume=D(lots))))
            for side, lots in (("buy", "0.10"), ("buy", "0.20"), ("sell", "0.50"), ("buy", "0.05"))
        ]
        assert {result.position for result in results} == {results[0].position}
        (held,) = positions(client)
        assert (held["side"], held["volume"]) == ("sell", 0.15)
        bridge.final(bridge.command(ClosePosition, position=held["ticket"], symbol="EURUSD"))
        wait_until(lambda: tickets_told(bridge) == tickets_at(client))
        entries = {deal.ticket: deal.entry for deal in bridge.of_kind(Deal) if deal.symbol}
        assert [entries[ticket] for ticket in sorted(entries)] == ["in", "in", "inout", "out", "out"]
        stop()


def test_closing_all_of_one_symbol_leaves_the_others(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    quote(client, 1.25, 1.2501, symbol="GBPUSD")
    bridge.final(bridge.command(PlaceOrder, **market()))
    bridge.final(bridge.command(PlaceOrder, **market(symbol="GBPUSD")))
    bridge.final(bridge.command(CloseAll, symbol="EURUSD"))
    assert [p["symbol"] for p in positions(client)] == ["GBPUSD"]


def test_a_refusal_of_the_broker_is_told_with_its_retcode(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    result = bridge.final(bridge.command(PlaceOrder, **market(volume=D("1000"))))
    assert (result.status, result.retcode_name) == ("rejected", "INVALID_VOLUME")
    assert "expected 0.01 to 100" in result.message
    gone = bridge.final(bridge.command(ClosePosition, position=5, symbol="EURUSD"))
    assert (gone.status, gone.retcode_name) == ("rejected", "POSITION_CLOSED")
    assert positions(client) == []


def test_a_command_handed_out_again_is_answered_again_and_not_executed_again(
    ready: tuple[BrokerClient, LittleBridge],
) -> None:
    client, bridge = ready
    command = PlaceOrder(command_id=new_id(now_ms()), expires_at_ms=now_ms() + 60_000, **market())
    bridge.hand_out(command)
    first = bridge.final(command.command_id)
    for attempt in (1, 2, 3):
        have = len(bridge.results(command.command_id))
        bridge.hand_out(replace(command, attempt=attempt))
        wait_until(lambda n=have: len(bridge.results(command.command_id)) > n)  # type: ignore[misc]  # bound now
    assert set(bridge.results(command.command_id)) == {first}
    assert len(positions(client)) == 1


def test_an_expired_command_is_not_begun(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    result = bridge.final(bridge.command(PlaceOrder, expires_in_ms=-1, **market()))
    assert result.status == "expired"
    assert positions(client) == []


def test_the_kill_switch_is_obeyed_here_and_kept_over_a_restart(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client)
    stop = start_terminal(bridge, port)
    bridge.wait_for_hello()
    held = bridge.final(bridge.command(PlaceOrder, **market())).position
    bridge.trading_state = "halted"
    assert bridge.final(bridge.command(SetTradingState, state="halted", reason="test")).status == "done"
    result = bridge.final(bridge.command(PlaceOrder, **market()))
    assert (result.status, result.retcode) == ("rejected", 0)
    assert "halted" in result.message
    assert bridge.final(bridge.command(ClosePosition, position=held, symbol="EURUSD")).status == "done"
    assert [state.state for state in bridge.of_kind(TradingState)] == ["active", "halted"]
    stop()
    start_terminal(bridge, port)
    bridge.wait_for_hello(2)
    assert bridge.final(bridge.command(PlaceOrder, **market())).status == "rejected"
    assert [state.state for state in bridge.of_kind(TradingState)] == ["active", "halted"]  # nothing changed


def test_changes_that_only_ease_pass_whatever_the_kill_switch_says(ready: Running, bridge: LittleBridge) -> None:
    held = bridge.final(bridge.command(PlaceOrder, **market(sl=D("1.0900"), tp=D("1.1200")))).position
    pending = market(order_type="limit", price=D("1.0950"), sl=D("1.0900"), tp=D("1.1200"), expiration_msc=MONDAY_END)
    order = bridge.final(bridge.command(PlaceOrder, **pending)).order
    states: tuple[TradingStateName, ...] = ("reducing", "halted", "active")
    for number, state in enumerate(states):
        bridge.trading_state = state
        bridge.final(bridge.command(SetTradingState, state=state))
        nearer = D("1.0910") + D("0.0010") * number
        for allowed in easing(held, order, nearer, MONDAY_END - number * 1000):
            assert (bridge.final(bridge.command(**allowed)).status, allowed) == ("done", allowed)
        for worse in worsening(held, order, nearer, MONDAY_END - number * 1000):
            result = bridge.final(bridge.command(**worse))
            if state == "active":
                assert result.status == "done", (result, worse)
                continue
            assert (result.status, result.retcode) == ("rejected", 0), (result, worse)
            assert result.message.endswith(f"that does more than ease is not permitted while {state}")


def easing(held: int, order: int, sl: D, expiration_msc: int) -> list[dict[str, Any]]:
    """A position's stop nearer, with another target; an order's stop nearer, then gone earlier, then the same again."""
    prices = {"kind": ModifyOrder, "order": order, "price": D("1.0950"), "sl": sl, "tp": D("1.1200")}
    return [
        {"kind": ModifyPosition, "position": held, "symbol": "EURUSD", "sl": sl, "tp": D("1.1300")},
        {**prices, "expiration_msc": expiration_msc},
        {**prices, "expiration_msc": expiration_msc - 1000},
        {**prices, "expiration_msc": expiration_msc - 1000},
    ]


def worsening(held: int, order: int, sl: D, expiration_msc: int) -> list[dict[str, Any]]:
    """Each does more than ease, by one of its values; where all is allowed the broker takes each."""
    prices = {"kind": ModifyOrder, "order": order, "price": D("1.0950"), "sl": sl, "tp": D("1.1200")}
    kept = {**prices, "expiration_msc": expiration_msc - 1000}
    position = {"kind": ModifyPosition, "position": held, "symbol": "EURUSD", "tp": D("1.1300")}
    return [
        {**position, "sl": D("1.0800")},
        {**position, "sl": D(0)},
        {**kept, "sl": D("1.0800")},
        {**kept, "sl": D(0)},
        {**kept, "price": D("1.0960")},
        {**kept, "price": D("1.0940")},
        {**kept, "tp": D("1.1300")},
        {**kept, "expiration_msc": expiration_msc + 1000},
        {**kept, "expiration_msc": 0},
    ]


@pytest.mark.parametrize(
    ("fault", "statuses", "held"),
    [
        ({"kind": "lose_answer"}, ["unknown", "done"], 1),
        ({"kind": "lose_request"}, ["unknown", "rejected"], 0),
        ({"kind": "execute_answer", "retcode": 10012}, ["unknown", "done"], 1),
        ({"kind": "answer", "retcode": 10012}, ["unknown", "rejected"], 0),
        ({"kind": "answer", "retcode": 10004}, ["rejected"], 0),
        ({"kind": "partial", "volume": 0.03}, ["done"], 1),
    ],
)
def test_what_nobody_answered_is_unknown_until_the_brokers_books_tell(
    ready: tuple[BrokerClient, LittleBridge], fault: dict[str, Any], statuses: list[str], held: int
) -> None:
    client, bridge = ready
    client.call("fault", **fault)
    command_id = bridge.command(PlaceOrder, **market())
    final = bridge.final(command_id)
    assert [result.status for result in bridge.results(command_id)] == statuses
    assert len(positions(client)) == held
    if final.status == "done":  # its deals may be told before or after it
        wait_until(
            lambda: set(final.deals) == {deal.ticket for deal in bridge.of_kind(Deal) if deal.comment == command_id}
        )


@pytest.mark.parametrize("fault", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("kind", ["modify_position", "modify_order", "cancel_order", "close_by"])
def test_a_change_that_nobody_answered_ends_as_it_was_asked(
    ready: tuple[BrokerClient, LittleBridge], fault: str, kind: str
) -> None:
    """Arrived or not: it is found in effect, or asked once more, and then it is so; a close_by is only found."""
    client, bridge = ready
    long = bridge.final(bridge.command(PlaceOrder, **market())).position
    short = bridge.final(bridge.command(PlaceOrder, **market(side="sell"))).position
    order = bridge.final(bridge.command(PlaceOrder, **market(order_type="limit", price=D("1.08")))).order
    asked: dict[str, tuple[type[Command], dict[str, Any]]] = {
        "modify_position": (ModifyPosition, {"position": long, "symbol": "EURUSD", "sl": D("1.05"), "tp": D("1.2")}),
        "modify_order": (ModifyOrder, {"order": order, "price": D("1.07"), "sl": D("1.06")}),
        "cancel_order": (CancelOrder, {"order": order}),
        "close_by": (CloseBy, {"position": long, "position_by": short}),
    }
    client.call("fault", kind=fault)
    command_id = bridge.command(asked[kind][0], **asked[kind][1])
    end = "rejected" if (kind, fault) == ("close_by", "lose_request") else "done"
    assert bridge.final(command_id).status == end
    assert [result.status for result in bridge.results(command_id)] == ["unknown", end]
    snapshot = client.call("snapshot")
    assert {
        "modify_position": any(held["sl"] == 1.05 for held in snapshot["positions"]),
        "modify_order": [resting["price_open"] for resting in snapshot["orders"]] == [1.07],
        "cancel_order": snapshot["orders"] == [],
        "close_by": (snapshot["positions"] == []) is (end == "done"),
    }[kind]


def test_beats_go_on_while_an_answer_is_awaited(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client)
    start_terminal(bridge, port, broker_timeout_s=8.0)
    bridge.wait_for_hello()
    client.call("fault", kind="lose_answer")
    command_id = bridge.command(PlaceOrder, **market())
    wait_until(lambda: positions(client))
    have = len(bridge.messages(Beat))
    wait_until(lambda: len(bridge.messages(Beat)) >= have + 3 or bridge.results(command_id))
    assert bridge.results(command_id) == []


def test_an_accepted_order_is_done_when_it_fills(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    client.call("fault", kind="delay")
    command_id = bridge.command(PlaceOrder, **market())
    wait_until(lambda: bridge.results(command_id))
    assert bridge.results(command_id)[0].status == "accepted"
    quote(client, at=10)
    final = bridge.final(command_id)
    assert (final.status, final.volume, len(final.deals)) == ("done", D("0.1"), 1)


def test_fills_of_the_brokers_own_doing_are_told(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    bridge.final(bridge.command(PlaceOrder, **market(sl=D("1.09"))))
    quote(client, 1.08, 1.0801, at=5)
    stopped = wait_until(lambda: next((d for d in bridge.of_kind(Deal) if d.reason == "sl"), None))
    assert (stopped.entry, stopped.price) == ("out", D("1.08"))
    client.call("cash", amount="100.00", comment="Deposit")
    deposit = wait_until(lambda: next((d for d in bridge.of_kind(Deal) if d.comment == "Deposit"), None))
    assert (deposit.type, deposit.profit, deposit.symbol) == ("balance", D(100), "")
    balance = D(client.call("books")["balance"])
    wait_until(lambda: any(books.account.balance == balance for books in bridge.messages(Snapshot)))


def test_events_are_resent_until_they_are_acknowledged(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client)
    bridge.acknowledges = False
    start_terminal(bridge, port)
    bridge.wait_for_hello()
    command_id = bridge.command(PlaceOrder, **market())
    bridge.final(command_id)
    wait_until(lambda: all(bridge.pulled.count(key) >= 3 for key in list(bridge.events)))
    bridge.acknowledges = True
    wait_until(lambda: _is_quiet(bridge))


def _is_quiet(bridge: LittleBridge) -> bool:
    """Whether several pulls in a row brought nothing."""
    have = len(bridge.pulled)
    time.sleep(0.5)
    return len(bridge.pulled) == have


def test_events_of_an_earlier_life_are_resent_with_their_own_session(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client)
    bridge.acknowledges = False
    stop = start_terminal(bridge, port)
    bridge.wait_for_hello()
    bridge.final(bridge.command(PlaceOrder, **market()))
    stop()
    told = sorted(bridge.events)
    start_terminal(bridge, port)
    later = wait_until(lambda: next((each for each in bridge.hellos if each.session != bridge.hellos[0].session), None))
    assert later.session > bridge.hellos[0].session
    since = len(bridge.pulled)  # from now on the first life pulls no more
    wait_until(lambda: stands_in(told, bridge.pulled[since:]), message="never resent in their order")


def stands_in(part: list[tuple[int, int]], whole: list[tuple[int, int]]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole)))


def test_deals_made_while_the_terminal_was_away_are_told_at_its_return(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    quote(client)
    stop = start_terminal(bridge, port)
    bridge.wait_for_hello()
    bridge.final(bridge.command(PlaceOrder, **market(sl=D("1.09"))))
    stop()
    bridge.deals_from_msc = MS_MAX  # the bridge asks for none: the terminal knows itself what it has not told
    quote(client, 1.08, 1.0801, at=5)
    client.call("cash", amount="-50.00")
    start_terminal(bridge, port)
    wait_until(lambda: tickets_told(bridge) == tickets_at(client))


def test_a_bridge_that_lost_everything_is_told_every_deal_again(
    ready: tuple[BrokerClient, LittleBridge], start_terminal: StartTerminal
) -> None:
    client, bridge = ready
    bridge.final(bridge.command(PlaceOrder, **market()))
    wait_until(lambda: _is_quiet(bridge))
    bridge.events.clear()
    fall_silent(bridge)
    wait_until(lambda: tickets_told(bridge) == tickets_at(client))


def test_history_is_fetched_in_chunks_with_skip(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    ticks = rows(*((MONDAY_MSC + 1 + n // 2, 1.1, 1.1001) for n in range(300)))
    client.call("inject", ticks={"EURUSD": ticks})
    asked: dict[str, Any] = {"symbol": "EURUSD", "from_msc": MONDAY_MSC + 1, "to_msc": MONDAY_MSC + 100, "limit": 150}
    ids = [bridge.command(FetchTicks, **asked, skip=skip) for skip in (0, 150)]
    ids.append(bridge.command(FetchTicks, symbol="NOSUCH", from_msc=0, to_msc=2**40))
    wait_until(lambda: {history.command_id for history in bridge.histories} == set(ids))
    told = {history.command_id: history for history in bridge.histories}
    first, second, none = (told[command_id] for command_id in ids)
    assert [*first.ticks, *second.ticks] == ticks[:200]
    assert (first.complete, second.complete, none.complete) == (False, True, True)
    assert (first.oldest_msc, none.oldest_msc, none.ticks) == (MONDAY_MSC, 0, ())


def test_a_replay_starts_only_when_somebody_subscribes_and_then_loses_nothing(
    broker: Running, start_terminal: StartTerminal, tmp_path: Path
) -> None:
    client, port = broker
    source = generate(1, (TickStream(symbol="EURUSD", price=1.1, digits=5, spread_points=8),), MONDAY_MSC)
    ticks = [next(source)[1] for _ in range(30_000)]
    write_tick_file(tmp_path / "eurusd.csv", ticks, digits=5)
    bridge = LittleBridge().start(subscribes=False)
    try:
        start_terminal(bridge, port, broker_timeout_s=30.0)  # all of them share this process
        bridge.wait_for_hello()
        client.call("replay", files=[str(tmp_path / "eurusd.csv")], speed="max")
        wait_until(lambda: client.call("status")["feed"]["state"] == "waiting")
        assert bridge.ticks("EURUSD") == []
        bridge.subscribe()
        wait_until(lambda: bridge.tick_count("EURUSD") >= 30_000, 60)
        assert bridge.ticks("EURUSD") == ticks
    finally:
        bridge.stop()


def test_live_ticks_that_nobody_subscribed_to_leave_a_hole_in_the_numbers(
    broker: Running, start_terminal: StartTerminal
) -> None:
    client, port = broker
    bridge = LittleBridge().start(subscribes=False)
    try:
        start_terminal(bridge, port)
        bridge.wait_for_hello()
        wait_until(lambda: client.call("status")["subscribers"] == 1)
        client.call("inject", ticks={"EURUSD": rows(*((MONDAY_MSC + n, 1.1, 1.1001) for n in range(100)))})
        time.sleep(5)  # the grace for the first subscription, three seconds, runs out
        bridge.subscribe()
        wait_until(lambda: bridge.messages(Beat))
        client.call("inject", ticks={"EURUSD": rows((MONDAY_MSC + 200, 1.1, 1.1001))})
        wait_until(lambda: bridge.batches("EURUSD"))
        assert bridge.batches("EURUSD")[0].seq == 101
    finally:
        bridge.stop()


def test_a_feed_sends_no_books_and_a_desk_no_ticks(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal, tmp_path: Path
) -> None:
    client, port = broker
    start_terminal(bridge, port, role="feed", memory_dir=tmp_path / "feed")
    hello = bridge.wait_for_hello()
    assert (hello.role, hello.snapshot) == ("feed", None)
    start_terminal(bridge, port, role="desk", memory_dir=tmp_path / "desk")
    desk = wait_until(lambda: next((each for each in bridge.hellos if each.role == "desk"), None))
    wait_until(lambda: bridge.messages(Snapshot))
    quote(client)
    wait_until(lambda: bridge.ticks("EURUSD"))
    sessions = {batch.session for batch in bridge.batches("EURUSD")}
    assert sessions == {hello.session}
    assert {snapshot.session for snapshot in bridge.messages(Snapshot)} == {desk.session}


def test_only_the_chosen_symbols_are_published(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    start_terminal(bridge, port, symbols=("EURUSD.z",))
    assert [spec.symbol for spec in bridge.wait_for_hello().symbols] == ["EURUSD.z"]
    wait_until(lambda: client.call("status")["subscribers"] == 1 and bridge.messages(Beat))
    quote(client)
    quote(client, symbol="EURUSD.z")
    wait_until(lambda: bridge.ticks("EURUSD.z"))
    assert bridge.ticks("EURUSD") == []


def test_a_changed_specification_is_told(ready: tuple[BrokerClient, LittleBridge]) -> None:
    client, bridge = ready
    client.call("list_symbol", symbol="EURUSD", stops_level=30)
    wait_until(lambda: any(spec.stops_level == 30 for spec in bridge.of_kind(Spec)))
    assert {spec.symbol for spec in bridge.of_kind(Spec)} == {"EURUSD"}


def test_a_tick_value_that_was_not_known_at_the_hello_is_told_when_it_is(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    start_terminal(bridge, port)
    hello = bridge.wait_for_hello()
    assert next(spec for spec in hello.symbols if spec.symbol == "USDJPY").tick_value == 0
    quote(client, 150.0, 150.02, symbol="USDJPY")
    told = partial(bridge.of_kind, Spec)  # one may come before it with the probe only: the rate came in between
    spec = wait_until(lambda: next((s for s in told() if s.symbol == "USDJPY" and s.tick_value), None))
    assert spec.tick_value == pytest.approx(D("0.6667"), abs=D("0.0001"))


def test_the_terminal_waits_for_its_broker_and_outlives_its_restart(
    bridge: LittleBridge, start_terminal: StartTerminal, tmp_path: Path
) -> None:
    with running_broker(journal_path=tmp_path / "j") as (client, port):
        quote(client)
        start_terminal(bridge, port)
        bridge.wait_for_hello()
        bridge.final(bridge.command(PlaceOrder, **market()))
    wait_until(lambda: is_silent(bridge), message="beats went on without a broker")
    with running_broker(journal_path=tmp_path / "j", port=port) as (client, _):
        quote(client, at=100)
        result = bridge.final(bridge.command(PlaceOrder, **market()))
        assert result.status == "done"
        assert len(positions(client)) == 2


def is_silent(bridge: LittleBridge) -> bool:
    """Whether no beat comes for the time of three."""
    have = len(bridge.messages(Beat))
    time.sleep(3 * BEAT_MS / 1000)
    return len(bridge.messages(Beat)) == have


def test_a_bridge_that_falls_silent_is_greeted_again(ready: tuple[BrokerClient, LittleBridge]) -> None:
    _, bridge = ready
    fall_silent(bridge)
    assert bridge.final(bridge.command(PlaceOrder, **market())).status == "done"
    assert {hello.session for hello in bridge.hellos} == {bridge.hellos[0].session}


def fall_silent(bridge: LittleBridge) -> None:
    """Leave a request unanswered, for good, and wait until the terminal greets anew."""
    hellos = len(bridge.hellos)
    dropped = bridge.dropped
    bridge.answers = False
    wait_until(lambda: bridge.dropped > dropped)
    bridge.answers = True
    bridge.wait_for_hello(hellos + 1)


@pytest.mark.parametrize(
    "refusal", [ErrorCode.UNAVAILABLE, ErrorCode.UNKNOWN_SESSION, b"\xc1"]
)
@pytest.mark.parametrize("when", ["hello", "pull"])
def test_refusals_and_garbage_from_the_bridge_are_outlived(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal, refusal: ErrorCode | bytes, when: str
) -> None:
    quote(broker[0])
    if when == "hello":
        bridge.refusals = [refusal, refusal]
    start_terminal(bridge, broker[1])
    bridge.wait_for_hello()
    if when == "pull":
        bridge.refusals = [refusal, refusal]
    wait_until(lambda: not bridge.refusals)
    assert bridge.final(bridge.command(PlaceOrder, **market())).status == "done"
    assert len(positions(broker[0])) == 1


def test_a_terminal_whose_place_was_taken_stops_and_says_why(
    broker: Running, bridge: LittleBridge, tmp_path: Path
) -> None:
    terminal = Terminal(
        TerminalSettings(
            memory_dir=tmp_path / "terminal",
            publish_endpoint=bridge.publish_endpoint,
            request_endpoint=bridge.request_endpoint,
            broker_port=broker[1],
        )
    )
    bridge.refusals = [ErrorCode.SUPERSEDED]
    with pytest.raises(SimulatorError, match="SUPERSEDED"):
        terminal.run()


def test_leaving_says_bye(broker: Running, bridge: LittleBridge, start_terminal: StartTerminal) -> None:
    stop = start_terminal(bridge, broker[1])
    wait_until(lambda: bridge.messages(Beat))
    stop()
    wait_until(lambda: bridge.byes)


def test_an_idle_terminal_uses_next_to_no_time(ready: tuple[BrokerClient, LittleBridge]) -> None:
    """Broker, bridge and terminal share this process; a busy poll in any of them would show."""
    _, bridge = ready
    wait_until(lambda: bridge.messages(Snapshot))
    process = psutil.Process()
    before = sum(process.cpu_times()[:2])
    time.sleep(3)
    assert sum(process.cpu_times()[:2]) - before < 0.45
