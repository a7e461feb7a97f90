"""A BUY or SELL that is accepted: what is stored, what is sent, what is reserved."""

from decimal import Decimal as D

from zmq_bridge.admission.answers import Accepted


def test_a_sound_signal_is_accepted_and_its_command_queued(world):
    answer = world.buy()
    assert isinstance(answer, Accepted), answer
    [command] = world.rows("SELECT * FROM commands")
    assert (command.id, command.signal_id, command.decision_id) == (
        answer.command_id, answer.signal_id, answer.decision_id,
    )  # fmt: skip
    assert (command.account_id, command.kind, command.status) == (world.account_id, "place_order", "queued")
