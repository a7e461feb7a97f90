"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from tests.admission.world import BUY, LOGIN, World
from tests.web.conftest import Caller
from web import create_app
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.settings import Settings

Make = Callable[..., Caller]
Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(caller: Caller) -> Samples:
    """Every sample, by its name and the values of its labels."""
    text = caller.get("/metrics").text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_address_and_status(caller: Make, world: World) -> None:
    reader = caller("read")
    name = ("zmq_bridge_http_requests_total", ("positions.positions", "GET", "200"))
    before = samples(reader).get(name, 0)
    for _ in range(3):
        reader.get("/api/positions")
    reader.get("/api/nowhere/at/all")
    after = samples(reader)
    assert after[name] == before + 3
    assert after[("zmq_bridge_http_request_seconds_count", ("positions.positions", "GET"))] >= 3
    assert not any("nowhere" in label for _, labels in after for label in labels)


def test_executions_money_and_signs_of_life_are_told(caller: Make, world: World) -> None:
    sender = caller("signal", "read")
    for number in range(2):
        world.freshen()
        assert sender.post("/api/signal", BUY | {"volume": "0.01", "idempotency_key": str(number)}).status_code == 202
    first, second = (row.id for row in world.rows("SELECT id FROM commands ORDER BY id"))
    world.run("UPDATE commands SET status = 'done', finished_at = created_at + interval '250 ms' WHERE id = %s", first)
    world.run("UPDATE commands SET status = 'rejected', finished_at = created_at WHERE id = %s", second)
    world.freshen()
    LiveWriter(world.client).write_stats("recorder", {"postgres_queue": 7, "gaps.EURUSD.1": 2})
    found, login = samples(sender), str(LOGIN)
    assert found[("zmq_bridge_execution_success_ratio", (login,))] == 0.5
    assert 0.25 <= found[("zmq_bridge_execution_seconds", (login, "0.5"))] < 1.0
    assert found[("zmq_bridge_account_equity", (login,))] == 10_000
    assert 0 < found[("zmq_bridge_heartbeat_age_seconds", (login, "both"))] < 60
    assert 0 < found[("zmq_bridge_quote_age_seconds", (login, "EURUSD"))] < 60
    assert found[("zmq_bridge_process_figure", ("postgres_queue", "recorder"))] == 7
    assert found[("zmq_bridge_gaps_total", ("EURUSD.1",))] == 2
    assert found[("zmq_bridge_decisions_last_hour", ("APPROVED", "approved"))] == 2
    assert found[("zmq_bridge_up", ("postgres",))] == found[("zmq_bridge_up", ("redis",))] == 1
    assert found[("zmq_bridge_account_drawdown_ratio", (login,))] == 0


def test_what_does_not_answer_is_told_and_left_out(settings: Settings, caller: Make, world: World) -> None:
    blind = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    found = samples(Caller(blind.test_client(), caller("read").key))
    assert found[("zmq_bridge_up", ("redis",))] == 0
    assert found[("zmq_bridge_up", ("postgres",))] == 1
    assert not any(name == "zmq_bridge_heartbeat_age_seconds" for name, _ in found)


def test_a_key_of_one_account_learns_nothing_of_another(caller: Make, world: World) -> None:
    world.add_account(4242424242)
    LiveWriter(world.client).write_stats("recorder", {"gaps.EURUSD.4242424242": 2})
    text = caller("read", accounts=[LOGIN]).get("/metrics").text
    assert f'account="{LOGIN}"' in text
    assert "4242424242" not in text
