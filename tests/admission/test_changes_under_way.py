"""A change of prices finds its ticket as the changes before it left it, not as the last snapshot shows it."""

from decimal import Decimal as D

from tests.admission.test_direct import ask
from tests.admission.world import LOGIN, order, position
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.requests import ModifyOrder, ModifyPosition


def test_a_stop_moved_nearer_and_back_again_is_reserved(world):
    world.snapshot(positions=[position(1, volume="1.00")])
    world.freshen()
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08480"))), Accepted)
    assert world.reserved() == 0
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08300"))), Accepted)
    assert 180 <= world.reserved() <= 181  # 18 pips on a lot, which the first change takes out of the book


def test_a_change_that_is_done_counts_until_a_snapshot_shows_it(world):
    world.snapshot(positions=[position(1, volume="1.00")])
    world.freshen()
    ask(world, ModifyPosition(ticket=1, sl=D("1.08480")))
    finish(world, result_seq=5)
    ask(world, ModifyPosition(ticket=1, sl=D("1.08300")))
    assert 180 <= world.reserved() <= 181


def test_a_change_that_a_snapshot_shows_counts_no_more(world):
    world.snapshot(positions=[position(1, volume="1.00")])
    world.freshen()
    ask(world, ModifyPosition(ticket=1, sl=D("1.08480")))
    finish(world, result_seq=0)
    ask(world, ModifyPosition(ticket=1, sl=D("1.08300")))
    assert world.reserved() == 0


def test_a_stop_is_not_moved_back_while_halted(world):
    world.snapshot(positions=[position(1)])
    world.freshen()
    world.hold()
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08480"))), Accepted)
    assert ask(world, ModifyPosition(ticket=1, sl=D("1.08300"))).code == "TRADING_HALTED"
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08485"))), Accepted)


def test_a_change_of_another_ticket_does_not_count(world):
    world.snapshot(positions=[position(1), position(2)])
    ask(world, ModifyPosition(ticket=2, sl=D("1.08480")))
    assert isinstance(ask(world, ModifyPosition(ticket=1, sl=D("1.08300"))), Accepted)
    assert world.reserved() == 0


def test_a_pending_order_moved_to_less_risk_and_back_again_is_reserved(world):
    world.snapshot(orders=[order(2, volume_initial="1.00", volume_current="1.00", sl="1.08050")])
    world.freshen(LOGIN)
    first = ask(world, ModifyOrder(ticket=2, sl=D("1.08100")))
    assert isinstance(first, Accepted), first
    assert world.reserved() == 0
    assert isinstance(ask(world, ModifyOrder(ticket=2, sl=D("1.08050"))), Accepted)
    assert 50 <= world.reserved() <= 51


def finish(world, *, result_seq):
    """The terminal has done the only command."""
    world.run(
        "UPDATE commands SET status = 'done', finished_at = now(), result_session = 1000, result_seq = %s", result_seq
    )
