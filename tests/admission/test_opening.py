"""A BUY or SELL that is accepted: what is stored, what is sent, what is reserved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import psycopg2
import pytest

from tests.admission.world import NOW, OFFSET_S
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted, Denied
from zmq_bridge.admission.source import Source
from zmq_bridge.booking.commands import to_command
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.storage.commands.outbox import OutgoingCommand


def sent(world) -> PlaceOrder:
    """The only command, as the desk hands it to the terminal."""
    [row] = world.rows("SELECT id, account_id, kind, payload, expires_at FROM commands")
    command = to_command(OutgoingCommand(**row._mapping))
    assert isinstance(command, PlaceOrder)
    return command


def test_a_sound_signal_is_accepted_and_its_command_queued(world):
    answer = world.buy()
    assert isinstance(answer, Accepted), answer
    [command] = world.rows("SELECT * FROM commands")
    assert (command.id, command.signal_id, command.decision_id) == (
        answer.command_id, answer.signal_id, answer.decision_id,
    )  # fmt: skip
    assert (command.account_id, command.kind, command.status) == (world.account_id, "place_order", "queued")
    assert not answer.duplicate


def test_the_wire_gets_the_signals_own_figures(world):
    answer = world.buy(magic=42, deviation=7, comment="mine")
    order = sent(world)
    assert (order.symbol, order.side, order.order_type) == ("EURUSD", "buy", "market")
    assert (order.volume, order.price, order.sl, order.tp) == (D("0.10"), D(0), D("1.08300"), D("1.08900"))
    assert (order.deviation, order.magic, order.comment) == (7, 42, answer.command_id)
    assert order.expires_at_ms == int((NOW + timedelta(seconds=10)).timestamp() * 1000)


def test_a_pending_order_carries_its_price_and_its_expiry_on_the_servers_clock(world):
    expires_at = NOW + timedelta(hours=1)
    answer = world.buy(
        type="stop-limit", price="1.08700", stoplimit="1.08650", sl="1.08450", tp="1.09050",
        expires_at=expires_at.isoformat(),
    )  # fmt: skip
    assert isinstance(answer, Accepted), answer
    order = sent(world)
    assert (order.order_type, order.price, order.stoplimit) == ("stop_limit", D("1.08700"), D("1.08650"))
    assert order.expiration_msc == int((expires_at.timestamp() + OFFSET_S) * 1000)


def test_a_command_never_outlives_its_signal(world):
    world.buy(expires_at=(NOW + timedelta(seconds=3)).isoformat())
    assert world.rows("SELECT expires_at FROM commands")[0].expires_at == NOW + timedelta(seconds=3)


def test_risk_percent_becomes_a_volume(world):
    answer = world.buy(volume=None, risk_percent="0.5")
    assert isinstance(answer, Accepted), answer
    volume = sent(world).volume
    assert D("0.01") <= volume <= D("0.25")  # 50 USD at 20 pips and costs
    assert world.reserved() <= 50


def test_the_reservation_is_what_risk_worked_out(world):
    world.buy()
    [held] = world.rows("SELECT * FROM reservations")
    [decision] = world.rows("SELECT context FROM risk_decisions")
    assert (held.symbol, held.side, held.volume, held.slots) == ("EURUSD", "buy", D("0.10"), 1)
    assert 20 <= held.risk <= 25  # 0.10 lots at 20 pips, slippage on top
    assert D(decision.context["risk"]) == held.risk
    assert held.margin > 0
    assert held.notional > held.margin


def test_the_decision_keeps_its_inputs_and_every_check(world):
    answer = world.buy()
    [decision] = world.rows("SELECT * FROM risk_decisions")
    assert (decision.id, decision.verdict, decision.code) == (answer.decision_id, "approved", "APPROVED")
    assert decision.inputs["quotes"]["EURUSD"]["ask"] == "1.085"
    assert decision.inputs["intent"]["volume"] == "0.1"
    assert all(check["passed"] for check in decision.checks)
    assert {"POSITION_RISK", "DAILY_LOSS", "MAX_POSITIONS"} <= {check["code"] for check in decision.checks}


def test_the_signal_is_stored_as_it_was_sent(world):
    answer = world.buy(confidence=80, reason=["ma cross"], timeframe="H1", comment="hello", idempotency_key="k1")
    [row] = world.rows("SELECT * FROM signals")
    assert (row.id, row.source, row.idempotency_key, row.status) == (answer.signal_id, "key-1", "k1", "admitted")
    assert (row.volume, row.sl, row.confidence, row.reasons) == (D("0.10"), D("1.083"), D(80), ["ma cross"])
    assert row.created_at == NOW


def test_the_desk_is_notified_after_the_commit(world, database):
    listener = psycopg2.connect(database)
    listener.autocommit = True
    listener.cursor().execute("LISTEN commands; LISTEN signals")
    answer = world.buy()
    wait_until(lambda: (listener.poll(), len(listener.notifies) >= 2)[1])
    heard = {(note.channel, note.payload) for note in listener.notifies}
    assert heard == {("commands", str(world.account_id)), ("signals", answer.signal_id)}
    listener.close()


def test_a_denied_signal_notifies_no_desk(world, database):
    listener = psycopg2.connect(database)
    listener.autocommit = True
    listener.cursor().execute("LISTEN commands; LISTEN signals")
    assert isinstance(world.buy(sl=None), Denied)
    wait_until(lambda: (listener.poll(), listener.notifies)[1])
    assert [note.channel for note in listener.notifies] == ["signals"]
    listener.close()


def test_commands_of_one_account_are_in_the_order_of_their_admission(world):
    ids = [world.buy(volume="0.01").command_id for _ in range(5)]
    assert ids == sorted(ids)


def test_a_source_of_one_account_need_not_name_it(world):
    world.add_account(777)
    answer = world.buy(Source(id="key-2", accounts=frozenset({123456})))
    assert isinstance(answer, Accepted), answer
    assert world.rows("SELECT account_id FROM commands")[0].account_id == world.account_id


def test_the_server_tells_accounts_of_one_login_apart(world):
    other = world.add_account(123456, server="Live-7")
    assert world.buy(account=123456).code == "ACCOUNT_REQUIRED"
    assert isinstance(world.buy(account=123456, server="Live-7"), Accepted)
    assert world.rows("SELECT account_id FROM commands")[0].account_id == other


def test_an_older_signal_is_judged_by_its_own_time(world):
    created_at = datetime(2026, 3, 4, 11, 59, 0, tzinfo=UTC)
    assert world.buy(created_at=created_at.isoformat()).code == "SIGNAL_TOO_OLD"


@pytest.mark.parametrize("side", [{}, {"action": "SELL", "sl": "1.08700", "tp": "1.08000"}])
def test_both_sides_are_admitted(world, side):
    assert isinstance(world.buy(**side), Accepted)


def test_what_the_accounts_deals_cost_is_part_of_the_risk_from_the_next_signal_on(world):
    world.buy()
    world.run("UPDATE symbols SET commission = 20 WHERE symbol = 'EURUSD'")
    world.buy()
    cheap, dear = (row.risk for row in world.rows("SELECT risk FROM reservations ORDER BY command_id"))
    assert dear - cheap == 2  # 20 a lot, on 0.10 lots
