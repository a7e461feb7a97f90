"""The Expert Advisor does on the wire what the simulated terminal does: the same tests, another program.

Commands, fills, kill switch, unknown outcomes, resent events, history, roles. Left out are what the simulated terminal
alone can do (a replay that waits for it) and what it does in this process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal as D
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.mql5.conftest import INCLUDES
from tests.mql5.desk_rig import EXPERT
from tests.mql5.test_transports import CONNECT_MS, longest_wait_ms
from tests.mql5_host.build import build
from tests.mql5_host.run import HostOptions, HostProcess, Machine
from tests.simulator import conftest as simulated
from tests.simulator import test_terminal as here
from tests.simulator.conftest import StartTerminal
from tests.simulator.little_bridge import LittleBridge, now_ms
from tests.simulator.world import free_of_costs, rows, running_broker
from tests.support import wait_until
from zmq_bridge.protocol.commands import CancelOrder, CloseBy, ModifyOrder, ModifyPosition, PlaceOrder
from zmq_bridge.protocol.published import Beat, Snapshot
from zmq_bridge.protocol.values import Spec
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient

Running = tuple[BrokerClient, int]
WAIT_BOUND_MS = 10 + 2 * CONNECT_MS + 2 * (50 + 5)  # of docs/ea.md, of one event

broker, bridge, ready = simulated.broker, simulated.bridge, here.ready  # the fixtures


@pytest.fixture(params=["TRANSPORT_NATIVE"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start_terminal(machine: Machine, tmp_path: Path, transport: str) -> Iterator[StartTerminal]:
    """As the simulated terminal's own fixture, with the Expert Advisor."""
    with ExitStack() as stack:

        def start(bridge: LittleBridge, broker_port: int, **more: Any) -> Callable[[], None]:
            executable = build(EXPERT, INCLUDES, toolchain=machine.toolchain)
            host = HostProcess(executable, options_for(bridge, broker_port, transport, tmp_path, more), machine)
            stack.callback(host.abandon)
            host.start()

            def stop() -> None:
                host.stop()
                for sign in ("critical error", "undeleted objects", "sockets left open"):
                    assert sign not in host.output, host.output
                assert longest_wait_ms(host.output) <= WAIT_BOUND_MS, host.output

            return stop

        yield start


def options_for(
    bridge: LittleBridge, broker_port: int, transport: str, tmp_path: Path, more: dict[str, Any]
) -> HostOptions:
    """What the simulated terminal is told, in the Expert Advisor's words."""
    role = str(more.get("role", "both"))
    inputs = {
        "TransportKind": transport,
        "PublishPort": bridge.publish_endpoint.rpartition(":")[2],
        "RequestPort": bridge.request_endpoint.rpartition(":")[2],
        "Role": f"ROLE_{role.upper()}",
        "Symbols": ",".join(more.get("symbols", ("*",))),
        "UnknownSettlesS": math.ceil(more.get("unknown_settles_s", 10)),
    }
    timeout_ms = int(more.get("broker_timeout_s", 2.0) * 1000)
    return HostOptions(
        files=tmp_path / "MQL5" / "Files", broker_port=broker_port, inputs=inputs, trade_timeout_ms=timeout_ms
    )


def both_transports(test: Callable[..., None]) -> Callable[..., None]:
    """The test, or a copy of another module's, once for each transport."""
    copy = FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)  # type: ignore[attr-defined]
    copy.__dict__ |= {**test.__dict__, "pytestmark": list(getattr(test, "pytestmark", []))}
    return pytest.mark.parametrize("transport", ["TRANSPORT_NATIVE", "TRANSPORT_DLL"], indirect=True)(copy)


test_the_first_words_are_hello = here.test_the_first_words_are_hello_with_the_books_and_every_specification
test_beats_and_snapshots_come_by_themselves = here.test_beats_and_snapshots_come_by_themselves_and_in_time
test_ticks_are_numbered = both_transports(here.test_ticks_are_numbered_from_one_without_a_hole_and_in_order)
test_a_market_order_is_done = here.test_a_market_order_is_done_and_its_deal_told_before_the_result
test_every_kind_of_command_does_what_it_says = both_transports(here.test_every_kind_of_command_does_what_it_says)
test_a_netting_account = both_transports(here.test_a_netting_account_with_transactions_in_disorder)
test_closing_all_of_one_symbol = here.test_closing_all_of_one_symbol_leaves_the_others
test_a_command_handed_out_again = here.test_a_command_handed_out_again_is_answered_again_and_not_executed_again
test_an_expired_command_is_not_begun = here.test_an_expired_command_is_not_begun
test_the_kill_switch = both_transports(here.test_the_kill_switch_is_obeyed_here_and_kept_over_a_restart)
test_changes_that_only_ease = both_transports(here.test_changes_that_only_ease_pass_whatever_the_kill_switch_says)
test_what_nobody_answered = here.test_what_nobody_answered_is_unknown_until_the_brokers_books_tell
test_an_accepted_order_is_done_when_it_fills = here.test_an_accepted_order_is_done_when_it_fills
test_fills_of_the_brokers_own_doing = here.test_fills_of_the_brokers_own_doing_are_told
test_events_are_resent = both_transports(here.test_events_are_resent_until_they_are_acknowledged)
test_events_of_an_earlier_life = here.test_events_of_an_earlier_life_are_resent_with_their_own_session
test_deals_made_while_away = here.test_deals_made_while_the_terminal_was_away_are_told_at_its_return
test_a_bridge_that_lost_everything = here.test_a_bridge_that_lost_everything_is_told_every_deal_again
test_history_is_fetched_in_chunks = both_transports(here.test_history_is_fetched_in_chunks_with_skip)
test_the_terminal_waits_for_its_broker = here.test_the_terminal_waits_for_its_broker_and_outlives_its_restart
test_a_bridge_that_falls_silent = both_transports(here.test_a_bridge_that_falls_silent_is_greeted_again)
test_refusals_and_garbage = both_transports(here.test_refusals_and_garbage_from_the_bridge_are_outlived)
test_leaving_says_bye = both_transports(here.test_leaving_says_bye)


@pytest.mark.parametrize("fault", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("kind", ["modify_position", "modify_order", "cancel_order"])
def test_a_change_that_nobody_answered_ends_as_it_was_asked(ready: Running, fault: str, kind: str) -> None:
    here.test_a_change_that_nobody_answered_ends_as_it_was_asked(ready, fault, kind)


def test_a_close_by_that_was_executed_without_an_answer_is_found(ready: Running) -> None:
    here.test_a_change_that_nobody_answered_ends_as_it_was_asked(ready, "lose_answer", "close_by")


def test_a_close_by_that_never_arrived_is_not_asked_again(ready: Running, bridge: LittleBridge) -> None:
    """It makes deals and leaves no comment: once its time to show is over it never arrived."""
    client = ready[0]
    long, short = (
        bridge.final(bridge.command(PlaceOrder, **here.market(side=side))).position for side in ("buy", "sell")
    )
    client.call("fault", kind="lose_request")
    command_id = bridge.command(CloseBy, position=long, position_by=short)
    assert bridge.final(command_id).status == "rejected"
    assert [result.status for result in bridge.results(command_id)] == ["unknown", "rejected"]
    assert {held["ticket"] for held in here.positions(client)} == {long, short}


def quote_until(client: BrokerClient, bridge: LittleBridge, symbol: str, *others: str) -> None:
    """Ticks by the real clock, until one of the first symbol is published."""

    def quoted() -> bool:
        client.call("inject", ticks={each: rows((now_ms(), 1.1, 1.1001)) for each in (*others, symbol)})
        return bool(bridge.ticks(symbol))

    wait_until(quoted)


@both_transports
def test_a_feed_sends_no_books_and_a_desk_no_ticks(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    """Two programs of one terminal, each with its file and its session."""
    client, port = broker
    start_terminal(bridge, port, role="feed")
    feed = bridge.wait_for_hello()
    assert (feed.role, feed.snapshot) == ("feed", None)
    start_terminal(bridge, port, role="desk")
    desk = wait_until(lambda: next((hello for hello in bridge.hellos if hello.role == "desk"), None))
    wait_until(lambda: bridge.messages(Snapshot))
    quote_until(client, bridge, "EURUSD")
    assert {batch.session for batch in bridge.batches("EURUSD")} == {feed.session}
    assert {snapshot.session for snapshot in bridge.messages(Snapshot)} == {desk.session}
    assert feed.session != desk.session
    assert {event.session for event in bridge.events.values()} <= {desk.session}


def test_only_the_chosen_symbols_are_published(
    broker: Running, bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    client, port = broker
    start_terminal(bridge, port, symbols=("EURUSD.z",))
    assert [spec.symbol for spec in bridge.wait_for_hello().symbols] == ["EURUSD.z"]
    wait_until(lambda: bridge.messages(Beat))
    quote_until(client, bridge, "EURUSD.z", "EURUSD")
    assert bridge.ticks("EURUSD") == []


def test_a_changed_specification_is_told(ready: Running, bridge: LittleBridge) -> None:
    """The Expert Advisor looks every ten seconds, MT5 has no event for it."""
    ready[0].call("list_symbol", symbol="EURUSD", stops_level=30)
    wait_until(lambda: any(spec.stops_level == 30 for spec in told_specs(bridge)))


def told_specs(bridge: LittleBridge) -> list[Spec]:
    """Those told since the greeting: as events, or by `symbols`."""
    return [*bridge.of_kind(Spec), *(spec for told in bridge.symbols for spec in told.symbols)]


def test_a_volume_off_the_limits_is_refused_here_and_nothing_is_sent(ready: Running, bridge: LittleBridge) -> None:
    result = bridge.final(bridge.command(PlaceOrder, **here.market(volume=D("1000"))))
    assert (result.status, result.retcode) == ("rejected", 0)
    assert "INVALID_VOLUME" in result.message
    assert "1000" in result.message
    assert here.positions(ready[0]) == []


def test_what_is_within_the_freeze_level_is_left_alone(bridge: LittleBridge, start_terminal: StartTerminal) -> None:
    """Stops of a position and pending orders: at 50 points and nearer nothing is asked of the broker."""
    with running_broker(account=BrokerConfig(symbols=free_of_costs(freeze_level=50))) as (client, port):
        here.quote(client)
        start_terminal(bridge, port)
        bridge.wait_for_hello()
        near, far = (D("1.0995"), D("1.0980"))  # the bid is 1.1000
        held = bridge.final(bridge.command(PlaceOrder, **here.market(sl=near))).position
        frozen = bridge.final(bridge.command(ModifyPosition, position=held, symbol="EURUSD", sl=far))
        orders = [
            bridge.final(bridge.command(PlaceOrder, **here.market(order_type="limit", price=price))).order
            for price in (D("1.0996"), D("1.0990"))
        ]
        left = [bridge.final(bridge.command(CancelOrder, order=order)) for order in orders]
        moved = bridge.final(bridge.command(ModifyOrder, order=orders[0], price=far))
        assert [(each.status, each.retcode, "FROZEN" in each.message) for each in (frozen, moved, *left)] == [
            ("rejected", 0, True), ("rejected", 0, True), ("rejected", 0, True), ("done", 10009, False),
        ]  # fmt: skip
        assert "freeze_level=50" in frozen.message
        assert here.positions(client)[0]["sl"] == float(near)


def test_stops_and_prices_nearer_than_the_stops_level_are_refused_here(
    bridge: LittleBridge, start_terminal: StartTerminal
) -> None:
    with running_broker(account=BrokerConfig(symbols=free_of_costs(stops_level=100))) as (client, port):
        here.quote(client)
        start_terminal(bridge, port)
        bridge.wait_for_hello()
        results = [
            bridge.final(bridge.command(PlaceOrder, **here.market(**more)))
            for more in (
                {"sl": D("1.0991")},
                {"tp": D("1.1009")},
                {"order_type": "limit", "price": D("1.0995")},
                {"sl": D("1.0990"), "tp": D("1.1010")},
            )
        ]
        assert [(result.status, result.retcode) for result in results] == [("rejected", 0)] * 3 + [("done", 10009)]
        assert "stops_level=100" in results[0].message
