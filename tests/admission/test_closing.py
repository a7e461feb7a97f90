"""CLOSE: the right positions, in every state of everything, and never more than is open."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from risk.states import Cause
from tests.admission.world import NOW, position
from zmq_bridge.admission.answers import Accepted, Code
from zmq_bridge.booking.commands import to_command
from zmq_bridge.storage.commands.outbox import OutgoingCommand
from zmq_bridge.storage.risk.trading_state import set_account_state, set_global_state


def sent(world) -> list:
    """Every command, as the desk hands it over."""
    rows = world.rows("SELECT id, account_id, kind, payload, expires_at FROM commands ORDER BY id")
    return [to_command(OutgoingCommand(**row._mapping)) for row in rows]


def closed(world) -> list[tuple[int, D]]:
    """Which tickets are closed and by how much; 0 = all."""
    return [(command.position, command.volume) for command in sent(world)]


def test_close_closes_every_position_of_the_symbol(world):
    world.snapshot(positions=[position(1), position(2, side="sell"), position(3, symbol="GBPUSD")])
    answer = world.close()
    assert closed(world) == [(1, D(0)), (2, D(0))]
    commands = sent(world)
    assert [command.comment for command in commands] == list(answer.command_ids)
    assert {command.kind for command in commands} == {"close_position"}
    assert world.count("reservations") == 0


def test_close_with_a_ticket_closes_that_one(world):
    world.snapshot(positions=[position(1), position(2)])
    world.close(ticket=2)
    assert closed(world) == [(2, D(0))]


def test_close_with_a_magic_closes_that_strategys_positions(world):
    world.snapshot(positions=[position(1, magic=7), position(2, magic=8)])
    world.close(magic=7)
    assert closed(world) == [(1, D(0))]


def test_close_with_a_volume_takes_it_off_the_oldest_first(world):
    world.snapshot(positions=[position(1, volume="0.10"), position(2, volume="0.30"), position(3)])
    world.close(volume="0.25")
    assert closed(world) == [(1, D(0)), (2, D("0.15"))]


def test_more_than_is_open_is_not_closed(world):
    world.snapshot(positions=[position(1)])
    answer = world.close(volume="0.11")
    assert answer.code == Code.VOLUME_EXCEEDS_POSITION
    assert answer.context == {"volume": "0.11", "volume_open": "0.1"}
    assert world.count("commands") == 0


def test_nothing_open_is_said_so(world):
    assert world.close().code == Code.NOTHING_TO_CLOSE
    world.snapshot(positions=[position(1, symbol="EURUSD.z")])
    assert world.close().code == Code.NOTHING_TO_CLOSE


def test_where_an_opening_is_on_its_way_the_terminal_closes_what_there_is(world):
    world.buy()
    answer = world.close()
    [_, command] = sent(world)
    assert (command.kind, command.symbol, command.cancel_pending) == ("close_all", "EURUSD", False)
    assert (command.command_id, command.comment) == (answer.command_id, answer.command_id)


def test_where_the_book_was_never_reported_the_terminal_closes_what_there_is(world):
    world.run("DELETE FROM account_snapshots")
    assert isinstance(world.close(), Accepted)
    assert [command.kind for command in sent(world)] == ["close_all"]


def test_where_the_book_is_old_the_terminal_closes_what_there_is(world):
    world.snapshot(positions=[position(1)], age_s=5.1)
    assert isinstance(world.close(), Accepted)
    assert [command.kind for command in sent(world)] == ["close_all"]


def test_of_an_old_book_one_ticket_is_still_closed(world):
    world.snapshot(positions=[position(1)], age_s=9999)
    world.close(ticket=1)
    assert closed(world) == [(1, D(0))]


def test_a_close_is_not_sent_after_its_time(world):
    world.snapshot(positions=[position(1)])
    assert world.close(expires_at=NOW.isoformat()).code == Code.SIGNAL_EXPIRED


@pytest.mark.parametrize(
    "trouble",
    [
        "DELETE FROM risk_state",
        "DELETE FROM terminals",
        "DELETE FROM symbols",
        "DELETE FROM correlations",
        "UPDATE correlations SET links = '[1]'",
        "UPDATE account_snapshots SET trade_allowed = false",
        "UPDATE positions SET sl = 'NaN'",
        "UPDATE positions SET sl = 0",
        "INSERT INTO risk_limits (limits, actor) VALUES ('{\"max_lots\": \"broken\"}', 'x')",
        "INSERT INTO risk_limits (limits, actor) VALUES ('{\"max_positions\": 0, \"max_orders_per_minute\": 0}', 'x')",
        "INSERT INTO strategy_latches (account_id, strategy, reason) SELECT id, 'key-1', 'x' FROM accounts",
        *(
            "INSERT INTO holds (account_id, cause, state, reason, actor, began_at)"
            f" SELECT id, '{cause}', 'halted', 'x', 'x', now() FROM accounts"
            for cause in [*Cause, "nonsense"]
        ),
    ],
)
def test_a_way_out_passes_in_every_state(world, trouble):
    world.snapshot(positions=[position(1)])
    world.run(trouble)
    assert isinstance(world.close(), Accepted)
    assert closed(world) == [(1, D(0))]


def test_a_way_out_passes_when_everything_is_halted_by_a_person(world):
    world.snapshot(positions=[position(1)])
    with world.engine.begin() as connection:
        set_account_state(connection, world.account_id, "halted", reason="x", actor="ann", now=NOW)
    set_global_state(world.engine, "halted", reason="x", actor="ann", now=NOW)
    assert isinstance(world.close(), Accepted)


def test_a_way_out_waits_longer_for_the_terminal_than_an_order(world):
    world.snapshot(positions=[position(1)])
    world.close()
    assert world.rows("SELECT expires_at FROM commands")[0].expires_at == NOW + timedelta(seconds=60)
