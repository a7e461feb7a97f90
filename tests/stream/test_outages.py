"""Redis or Postgres go away and come back; the process is told to stop. Clients hear it, nothing old passes for new."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg2
import pytest
import redis
from websockets.sync.client import connect

from tests.conftest import start_valkey
from tests.stream.running import Client, RunningStream
from tests.stream.world import LOGIN, World
from tests.support import free_port, wait_until
from zmq_bridge.embedded import EmbeddedValkey
from zmq_bridge.storage.keys import revoke_key


@pytest.fixture
def own_redis(run_dir, request):
    """A Redis-protocol server of this test's own."""
    server = start_valkey(run_dir / f"valkey-{request.node.name[:20]}")
    yield server
    server.stop()


def test_redis_that_goes_is_told_and_what_came_meanwhile_is_there_when_it_is_back(database, engine, own_redis, new_key):
    url = own_redis.url()
    world = World(engine, redis.Redis.from_url(url))
    with RunningStream(database, url) as stream:
        wait_until(lambda: stream.health()["status"] == "ok")
        with stream.client(new_key("read").text) as client:
            client.say("SUBSCRIBE_PRICES", symbols=["EURUSD"], account=LOGIN)
            client.hear_type("PRICE_UPDATE")
            own_redis.stop()
            assert client.hear_type("ERROR")["code"] == "LIVE_STATE_UNAVAILABLE"
            assert stream.health()["status"] != "ok"
            again = EmbeddedValkey(own_redis.data_dir, port=own_redis.port, log_path=own_redis.log_path, keep=False)
            again.start()
            try:
                world.quote("EURUSD", 1.7, 1.7)
                client.hear_price("1.70000")
            finally:
                again.stop()


def test_postgres_that_cut_every_connection_is_found_again(stream, world, new_key, engine, database, postgres_url):
    new = new_key("read")
    with stream.client(new.text) as client:
        client.say("SUBSCRIBE_PRICES", symbols=["EURUSD"], account=LOGIN)
        client.hear_type("PRICE_UPDATE")
        name = database.split("/")[-1].split("?")[0]
        link = psycopg2.connect(postgres_url)
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND application_name LIKE 'zmq-bridge stream%%'",
                (name,),
            )
        link.close()
        world.quote("EURUSD", 1.4, 1.4)
        client.hear_price("1.40000")
        with stream.client(new_key("read").text) as other:  # somebody new is let in
            assert other.hear()["type"] == "CONNECTED"
        with engine.begin() as connection:
            revoke_key(connection, new.key.id, now=new.key.created_at, actor="ann")
        assert client.closed() == (4401, "KEY_ENDED")


def test_sigterm_says_goodbye_and_no_key_is_in_the_log(database, redis_url, world, new_key):
    port, key = free_port(), new_key("read").text
    env = os.environ | {
        "DATABASE_URL": database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "s" * 40,
        "ZMQ_BRIDGE_STREAM_PORT": str(port),
    }  # fmt: skip
    argv = [sys.executable, "-m", "zmq_bridge.cli", "stream"]
    process = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)
    try:
        client = wait_until(lambda: _connected(port, key), 90.0)
        with client:
            client.hear_type("CONNECTED")
            process.send_signal(signal.SIGTERM)
            assert client.closed() == (1001, "GOING_AWAY")
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert key not in process.stderr.read()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        process.stderr.close()


def _connected(port: int, key: str) -> Client | None:
    """A client whose key is also in the address, as somebody will try."""
    url = f"ws://127.0.0.1:{port}/ws?api_key={key}"
    try:
        return Client(connect(url, additional_headers={"X-API-Key": key}, open_timeout=30))
    except OSError:
        return None
