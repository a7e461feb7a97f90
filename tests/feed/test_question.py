"""A question to Redis that is read later: right answers, nobody else's, over connections that die."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from zmq_bridge.live import keys
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveMalformed, LiveUnavailable
from zmq_bridge.live.reader import LiveReader

LOGIN = 7


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client with one connection at most, so that a connection left in a wrong state would be met again."""
    client = open_redis(redis_url)
    client.connection_pool.max_connections = 2
    quote = {"bid": 1.1, "ask": 1.2, "time_msc": 5, "received_ms": 6}
    client.hset(keys.quotes(LOGIN), "EURUSD", json.dumps(quote))
    client.hset(keys.terminal(LOGIN), mapping={"both.session": 1, "both.last_seen_ms": 9})
    yield client
    client.close()


def bid(reader: LiveReader) -> str:
    return str(reader.market(LOGIN)[0]["EURUSD"].bid)


def test_what_is_read_later_is_what_was_asked(client: redis.Redis) -> None:
    reader = LiveReader(client)
    with reader.asking(LOGIN) as answer:
        assert reader.market(8) == ({}, None)  # somebody else's question in between
        quotes, life = answer()
    assert str(quotes["EURUSD"].ask) == "1.2"
    assert life is not None
    assert life.roles["both"].last_seen_ms == 9


def test_a_question_that_is_not_read_is_not_the_next_ones_answer(client: redis.Redis) -> None:
    reader = LiveReader(client)
    for _ in range(5):  # more than there may be connections
        with reader.asking(8):
            pass
        assert bid(reader) == "1.1"


def test_an_error_between_asking_and_reading_leaves_the_reader_usable(client: redis.Redis) -> None:
    reader = LiveReader(client)
    with pytest.raises(OSError, match="ours"), reader.asking(LOGIN):
        raise OSError("ours")
    assert bid(reader) == "1.1"


def test_connections_that_died_idle_cost_no_answer(client: redis.Redis, redis_url: str) -> None:
    reader, other = LiveReader(client), open_redis(redis_url)
    assert bid(reader) == "1.1"
    with reader.asking(LOGIN) as answer:
        other.client_kill_filter(_type="normal", skipme=True)  # after it was asked
        assert str(answer()[0]["EURUSD"].bid) == "1.1"
    other.client_kill_filter(_type="normal", skipme=True)  # before it is asked
    assert bid(reader) == "1.1"
    other.close()


def test_a_key_of_another_kind_is_refused_and_the_connection_not_used_again(client: redis.Redis) -> None:
    reader = LiveReader(client)
    client.delete(keys.quotes(8))
    client.set(keys.quotes(8), "text")
    for _ in range(3):
        with pytest.raises((LiveMalformed, LiveUnavailable)):
            reader.market(8)
        assert bid(reader) == "1.1"


def test_without_redis_it_says_so_when_it_is_read(free_port: int) -> None:
    reader = LiveReader(open_redis(f"redis://127.0.0.1:{free_port}"))
    with reader.asking(LOGIN) as answer, pytest.raises(LiveUnavailable):
        answer()
