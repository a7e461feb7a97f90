"""Faults on demand: what is executed, what the client hears, and that exactly the planned requests are met."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from tests.simulator.world import Desk
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderState, OrderType
from zmq_bridge.simulator.broker.faults import Fault
from zmq_bridge.simulator.broker.model import TradeRequest
from zmq_bridge.simulator.broker.retcodes import Retcode
from zmq_bridge.simulator.errors import SimulatorError

BUY = TradeRequest(action=Action.DEAL, symbol="EURUSD", type=OrderType.BUY, volume=D("0.30"), comment="c")


@pytest.fixture
def desk() -> Desk:
    """EURUSD at 1.10000 / 1.10010."""
    desk = Desk()
    desk.quote("EURUSD", "1.10000", "1.10010")
    return desk


def held(desk: Desk) -> D:
    return sum((p.volume for p in desk.broker.core.books.positions.values()), D(0))


@pytest.mark.parametrize("retcode", [10004, 10006, 10012, 10018, 10019, 10021, 10024, 10031])
def test_the_next_requests_are_answered_and_not_executed(desk: Desk, retcode: int) -> None:
    desk.broker.plan(Fault(kind="answer", retcode=retcode, count=2))
    answers = [desk.broker.send(BUY) for _ in range(3)]
    assert [answer.retcode for answer in answers if answer] == [retcode, retcode, Retcode.DONE]
    assert held(desk) == D("0.30")


def test_an_answer_can_be_lost_after_the_execution(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="lose_answer"))
    assert desk.broker.send(BUY) is None
    assert held(desk) == D("0.30")


def test_a_request_can_be_lost_before_it_arrives(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="lose_request"))
    assert desk.broker.send(BUY) is None
    assert held(desk) == 0


def test_a_timeout_can_hide_an_execution(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="execute_answer", retcode=10012))
    answer = desk.broker.send(BUY)
    assert answer is not None
    assert (answer.retcode, answer.deal) == (10012, 0)
    assert held(desk) == D("0.30")


def test_a_partial_fill_cancels_the_rest_of_a_market_order(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="partial", volume=D("0.12")))
    answer = desk.broker.send(BUY)
    assert answer is not None
    assert (answer.retcode, answer.volume) == (Retcode.DONE_PARTIAL, D("0.12"))
    order = desk.broker.core.books.orders_done[answer.order]
    assert (order.state, order.volume_current, held(desk)) == (OrderState.CANCELED, D("0.18"), D("0.12"))


def test_a_partly_filled_return_order_rests_and_its_rest_joins_the_same_position(desk: Desk) -> None:
    spec = desk.broker.core.spec("EURUSD")
    desk.broker.list_symbol(replace(spec, execution_mode="exchange"))
    desk.broker.plan(Fault(kind="partial", volume=D("0.10")))
    answer = desk.broker.send(replace(BUY, filling=Filling.RETURN))
    assert answer is not None
    assert answer.retcode == Retcode.DONE_PARTIAL
    assert desk.broker.core.books.orders[answer.order].state is OrderState.PARTIAL
    desk.quote("EURUSD", "1.10300", "1.10310")
    position = desk.position(answer.order)
    assert (position.volume, position.price_open) == (D("0.30"), D("1.1021"))
    assert desk.broker.core.books.orders_done[answer.order].state is OrderState.FILLED


def test_a_resting_order_can_fill_in_parts(desk: Desk) -> None:
    ticket = desk.pending("buy_limit", "0.30", "1.09500").order
    desk.broker.plan(Fault(kind="partial", volume=D("0.10"), count=2))
    for _ in range(3):
        desk.quote("EURUSD", "1.09490", "1.09500")
    deals = [deal for deal in desk.broker.core.books.deals.values() if deal.order == ticket]
    assert [deal.volume for deal in deals] == [D("0.10")] * 3
    assert len({deal.position for deal in deals}) == 1
    assert desk.broker.core.books.orders_done[ticket].state is OrderState.FILLED


def test_a_delayed_order_is_placed_now_and_filled_by_the_next_tick(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="delay"))
    answer = desk.broker.send(BUY)
    assert answer is not None
    assert (answer.retcode, answer.deal) == (Retcode.PLACED, 0)
    assert held(desk) == 0
    desk.quote("EURUSD", "1.10100", "1.10110")
    assert desk.position(answer.order).price_open == D("1.1011")


def test_a_delayed_close_of_a_position_that_is_gone_opens_nothing(desk: Desk) -> None:
    ticket = desk.market("buy", "0.30", sl="1.09000").order
    desk.broker.plan(Fault(kind="delay"))
    delayed = desk.close(ticket)
    desk.quote("EURUSD", "1.08000", "1.08010")
    assert not desk.broker.core.books.positions
    assert desk.broker.core.books.orders_done[delayed.order].state is OrderState.CANCELED


def test_a_delayed_close_takes_no_more_than_what_is_left(desk: Desk) -> None:
    ticket = desk.market("buy", "0.30").order
    desk.broker.plan(Fault(kind="delay"))
    desk.close(ticket)
    desk.close(ticket, "0.20")
    desk.quote("EURUSD", "1.10000", "1.10010")
    volumes = [deal.volume for deal in desk.broker.core.books.deals.values() if deal.entry.value == "out"]
    assert volumes == [D("0.20"), D("0.10")]
    assert not desk.broker.core.books.positions


@pytest.mark.parametrize(("side", "price"), [("buy", "1.10017"), ("sell", "1.09993")])
def test_slippage_is_against_the_client(desk: Desk, side: str, price: str) -> None:
    desk.broker.plan(Fault(kind="slip", points=7))
    assert desk.market(side, "0.10").price == D(price)


def test_faults_wait_for_a_request_that_they_fit(desk: Desk) -> None:
    desk.broker.plan(Fault(kind="partial", volume=D("0.10")))  # cannot meet a placement
    desk.broker.plan(Fault(kind="answer", action="remove"))
    desk.broker.plan(Fault(kind="answer", retcode=10004, symbol="GBPUSD"))
    order = desk.pending("buy_limit", "0.30", "1.09").order
    assert desk.market("buy", "0.30").retcode == Retcode.DONE_PARTIAL
    assert desk.send(Action.REMOVE, order=order).retcode == Retcode.REJECT
    assert desk.market("buy", "0.30").retcode == Retcode.DONE
    assert desk.broker.faults.clear() == 1


def test_a_fault_that_cannot_be_planned_is_refused(desk: Desk) -> None:
    for fault in (Fault(kind="explode"), Fault(kind="answer", count=0)):
        with pytest.raises(SimulatorError):
            desk.broker.plan(fault)


def test_transactions_are_told_in_a_seeded_disorder_that_loses_none() -> None:
    def told(seed: int | None) -> list[list[str]]:
        desk = Desk(shuffle_seed=seed)
        steps: list[list[str]] = []
        desk.broker.listen(lambda transactions: steps.append([t.type for t in transactions]))
        desk.quote("EURUSD", "1.10000", "1.10010")
        for _ in range(5):
            desk.market("buy", "0.10")
        return steps

    straight, shuffled = told(None), told(1)
    assert straight == [["order_add", "deal_add", "order_delete", "history_add"]] * 5
    assert [sorted(step) for step in shuffled] == [sorted(step) for step in straight]
    assert shuffled != straight
    assert shuffled == told(1)
    assert shuffled != told(2)
