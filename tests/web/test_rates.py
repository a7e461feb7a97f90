"""Rate limits: counted in Redis for everybody, counted here while Redis is away, told in headers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from tests.admission.world import BUY, World, position
from tests.support import wait_until
from tests.web.conftest import Caller
from web import create_app
from web.limits import STRANGERS
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.rates import Budget, LocalRates, Rates
from zmq_bridge.settings import Settings

Make = Callable[..., Caller]

TEN = Budget(name="requests", quota=10)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = open_redis(redis_url)
    yield client
    client.close()


def test_a_budget_is_spent_once_by_all_processes(client: redis.Redis) -> None:
    processes = [Rates(client), Rates(client)]
    answers = [processes[number % 2].spend(TEN, "a") for number in range(12)]
    assert [answer.allowed for answer in answers] == [True] * 10 + [False] * 2
    assert [answer.remaining for answer in answers[:10]] == list(range(9, -1, -1))
    assert 0 < answers[-1].wait_s <= 6
    assert Rates(client).spend(TEN, "b").allowed


def test_a_large_budget_is_taken_in_blocks_and_never_more_of_it(client: redis.Redis) -> None:
    processes = [Rates(client), Rates(client), Rates(client)]
    large = Budget(name="large", quota=1000)
    began = time.monotonic()
    calls = client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    answers = [processes[number % 3].spend(large, "a") for number in range(1500)]
    refilled = (time.monotonic() - began) * 1000 / 60 + 1
    allowed = sum(answer.allowed for answer in answers)
    assert 1000 - 3 * 10 <= allowed <= 1000 + refilled
    assert all(0 <= answer.remaining < 1000 for answer in answers)
    if allowed < 1100:  # else the machine was too slow to say
        asked = client.info("commandstats")["cmdstat_evalsha"]["calls"] - calls
        assert asked <= 100 + refilled + sum(not answer.allowed for answer in answers) + 3


def test_a_key_that_asks_now_and_then_loses_nothing_to_the_processes_that_count_it(client: redis.Redis) -> None:
    now = 0.0
    budget = Budget(name="requests", quota=6000)
    processes = [Rates(client, clock=lambda: now) for _ in range(4)]
    for second in range(50):
        now = float(second)
        answers = [process.spend(budget, "dashboard") for process in processes]
        assert all(answer.allowed for answer in answers), second
    assert answers[0].remaining > 6000 - 200 - 4 * 60


def test_threads_that_ask_at_once_lose_no_block(client: redis.Redis) -> None:
    budget, rates = Budget(name="signals", quota=1000), Rates(client)
    allowed: list[bool] = []
    began = time.monotonic()
    threads = [
        threading.Thread(target=lambda: allowed.extend(rates.spend(budget, "bot").allowed for _ in range(110)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refilled = (time.monotonic() - began) * 1000 / 60 + 1
    assert 1000 <= sum(allowed) <= 1000 + refilled


def test_a_budget_refills_evenly() -> None:
    now = 1000.0
    rates = LocalRates(1, lambda: now)
    assert [rates.spend(TEN, "a").allowed for _ in range(11)] == [True] * 10 + [False]
    now += 6.0
    assert [rates.spend(TEN, "a").allowed for _ in range(2)] == [True, False]
    now += 60.0
    assert [rates.spend(TEN, "a").remaining for _ in range(2)] == [9, 8]


def test_without_redis_each_process_keeps_its_share_and_waits_for_nobody() -> None:
    asked: list[float] = []
    now = 0.0

    def clock() -> float:
        asked.append(now)
        return now

    rates = Rates(open_redis("redis://127.0.0.1:1/0"), processes=2, clock=clock)
    assert [rates.spend(TEN, "a").allowed for _ in range(6)] == [True] * 5 + [False]
    assert rates._away_until == 1.0  # Redis is left alone after its first silence


def limited(settings: Settings, caller: Make, *scopes: str, **more: Any) -> Caller:
    """A client of a web process with small budgets."""
    return Caller(create_app(replace(settings, **more)).test_client(), caller(*scopes).key)


def test_headers_tell_what_is_left_and_a_refusal_when_to_come_back(
    settings: Settings, caller: Make, world: World
) -> None:
    reader = limited(settings, caller, "read", requests_per_minute=3)
    headers = {"X-API-Key": reader.key or ""}
    answers = [reader.client.get("/api/positions", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert answers[0].headers["RateLimit"].startswith('"requests";r=2;t=')
    assert answers[3].json["code"] == "RATE_LIMITED"  # type: ignore[index]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 20


def test_signals_have_a_budget_of_their_own(settings: Settings, caller: Make, world: World) -> None:
    sender = limited(settings, caller, "signal", "read", requests_per_minute=1, signals_per_minute=2)
    assert sender.get("/api/positions").status_code == 200
    assert sender.get("/api/positions").status_code == 429
    bodies = [BUY | {"idempotency_key": str(number)} for number in range(3)]
    assert [sender.post("/api/signal", body).status_code for body in bodies] == [202, 202, 429]
    assert world.count("signals") == 2


def test_one_keys_flood_is_nobody_elses(settings: Settings, caller: Make, world: World) -> None:
    app = create_app(replace(settings, requests_per_minute=1))
    noisy, calm = (Caller(app.test_client(), caller("read").key) for _ in range(2))
    assert [noisy.get("/api/positions").status_code for _ in range(2)] == [200, 429]
    assert calm.get("/api/positions").status_code == 200


def test_guessing_keys_is_limited_by_address(caller: Make, world: World) -> None:
    guesser = caller()
    answers = [guesser.get("/api/positions").status_code for _ in range(STRANGERS.quota)]
    assert answers == [401] * STRANGERS.quota
    wait_until(lambda: guesser.get("/api/positions").status_code == 429, 90)  # the budget refills while we ask


def test_redis_down_still_limits_and_still_lets_a_position_be_closed(
    settings: Settings, caller: Make, world: World
) -> None:
    world.snapshot(positions=[position(7)])
    trader = limited(settings, caller, "trade", redis_url="redis://127.0.0.1:1/0", requests_per_minute=2)
    assert trader.post("/api/positions/close", {"ticket": 7}).status_code == 202
    assert trader.post("/api/positions/close", {"ticket": 7}).status_code == 202
    assert trader.post("/api/positions/close", {"ticket": 7}).status_code == 429
