"""Several reasons to take no new positions at once: each ends only what it began."""

from datetime import UTC, datetime
from decimal import Decimal

from tests.ledger.conftest import Broker
from tests.ledger.stories import breaks, trading_state
from zmq_bridge.booking.events import store_events
from zmq_bridge.protocol.published import Event, Unreadable
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break, open_break
from zmq_bridge.storage.risk.trading_state import activate_reconciled

NOW = datetime.now(UTC)
OFF_BY_ONE = Decimal(1)


def test_an_event_that_was_not_booked_keeps_the_account_closed_when_the_books_agree_again(broker: Broker) -> None:
    activate(broker)
    broker.agrees(broker.snapshot(balance=OFF_BY_ONE))
    tell_nonsense(broker)
    broker.agrees()
    assert breaks(broker) == []
    assert trading_state(broker) == "reducing"


def test_a_new_account_is_not_activated_while_a_deal_that_changed_is_open(broker: Broker) -> None:
    break_a_deal(broker)
    broker.agrees()
    assert not activate(broker)
    accept(broker)
    assert activate(broker)


def test_the_last_of_two_breaks_gives_back_the_state_before_the_first(broker: Broker) -> None:
    activate(broker)
    break_a_deal(broker)
    broker.agrees(broker.snapshot(balance=OFF_BY_ONE))
    accept(broker)
    assert trading_state(broker) == "halted"
    broker.agrees()
    assert trading_state(broker) == "active"


def activate(broker: Broker) -> bool:
    """Lift the first halt, if it may be lifted."""
    with broker.engine.begin() as connection:
        return activate_reconciled(connection, broker.account_id, NOW)


def break_a_deal(broker: Broker) -> None:
    """A deal came back with other amounts."""
    with broker.engine.begin() as connection:
        open_break(connection, broker.account_id, BreakReason.DEAL_CHANGED, expected=Decimal(1), found=Decimal(2))


def accept(broker: Broker) -> None:
    """A person takes the changed deal as it is."""
    with broker.engine.begin() as connection:
        assert accept_break(connection, broker.account_id, BreakReason.DEAL_CHANGED, actor="eve", note="seen")


def tell_nonsense(broker: Broker) -> None:
    """The terminal's next event can't be read."""
    broker.seq += 1
    data = Unreadable(kind="deal", raw={"kind": "deal"}, problem="ticket: expected a number, found none")
    event = Event(login=5001, session=broker.session, seq=broker.seq, data=data)
    with broker.engine.begin() as connection:
        assert store_events(connection, broker.account_id, [event], now=NOW).poisoned
