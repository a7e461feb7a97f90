"""Signals in the stream: decided by the real gate, told with what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.admission.world import LOGIN, World
from tests.stream.running import Client, RunningStream
from tests.support import wait_until
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.writer import LiveWriter


@pytest.fixture
def gate_world(engine, redis_url):
    with open_redis(redis_url) as client:
        yield World(engine, client)


@pytest.fixture
def stream(database, redis_url, gate_world):
    with RunningStream(database, redis_url) as running:
        wait_until(lambda: running.health()["status"] == "ok")
        yield running


def test_a_signal_is_told_when_it_is_decided_and_when_its_command_ends(stream, gate_world, new_key):
    with stream.client(new_key("signal").text) as client:
        client.say("SUBSCRIBE_SIGNALS", request_id="s")
        assert client.hear_type("SIGNAL_UPDATE", request_id="s")["signals"] == []
        accepted = gate_world.buy()
        assert isinstance(accepted, Accepted), accepted
        (told,) = client.hear_type("SIGNAL_UPDATE")["signals"]
        assert (told["id"], told["account"], told["symbol"], told["verdict"]) == (
            accepted.signal_id, LOGIN, "EURUSD", "approved",
        )  # fmt: skip
        assert told["commands"][0]["status"] == "queued"
        gate_world.run(
            "UPDATE commands SET status = 'rejected', retcode_name = 'NO_MONEY' WHERE id = %s", accepted.command_id
        )
        LiveWriter(gate_world.client).add_event("result", LOGIN, {"command_id": accepted.command_id})
        told = wait_until(lambda: told_next(client, lambda signal: signal["commands"][0]["status"] == "rejected"))
        assert told["commands"][0]["retcode_name"] == "NO_MONEY"
        gate_world.send(symbol="EURUSD", sl=None)
        told = wait_until(lambda: told_next(client, lambda signal: signal["status"] == "denied"))
        client.say("REQUEST_SIGNALS", count=1, request_id="r")
        assert [each["id"] for each in client.hear_type("SIGNAL_UPDATE", request_id="r")["signals"]] == [told["id"]]


def told_next(client: Client, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """The signal of the next update, if it is the wanted one: the same may be told twice."""
    (signal,) = client.hear_type("SIGNAL_UPDATE")["signals"]
    return signal if is_wanted(signal) else None


def test_signals_of_other_accounts_and_symbols_stay_hidden(stream, gate_world, new_key):
    gate_world.add_account(777)
    key = new_key("read", accounts=[777], symbols=["EURUSD"]).text
    with stream.client(key) as client:
        client.say("SUBSCRIBE_SIGNALS")
        client.hear_type("SIGNAL_UPDATE")
        gate_world.buy(account=LOGIN)
        gate_world.buy(account=777, symbol="GBPUSD", sl="1.26200", tp="1.27500")
        wanted = gate_world.buy(account=777)
        (told,) = client.hear_type("SIGNAL_UPDATE")["signals"]
        assert told["id"] == wanted.signal_id
        client.say("REQUEST_SIGNALS", request_id="r")
        assert [each["id"] for each in client.hear_type("SIGNAL_UPDATE", request_id="r")["signals"]] == [
            wanted.signal_id
        ]
