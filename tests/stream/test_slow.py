"""A client that does not read: it is conflated, then dropped with a reason, and nobody else notices."""

from __future__ import annotations

import json
import socket
import statistics
import time

import pytest

from tests.stream.world import LOGIN
from tests.support import wait_until
from web.stream import service
from web.stream import socket as stream_socket
from web.stream.words import PRICES_EVERY_S

SYMBOLS = [f"SYM{number:03d}" for number in range(400)]
RECEIVE_BYTES = 64 * 1024  # of a kernel: less makes reading on slow, more takes longer to fill


@pytest.fixture
def impatient(monkeypatch):
    """A stream that waits two seconds for a client, not ten."""
    monkeypatch.setattr(service, "SEND_WITHIN_S", 2.0)


def deaf_client(stream, key):
    """A client whose kernel takes little and whose program reads nothing."""
    taker = socket.create_connection(("127.0.0.1", stream.port))
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    taker.sendall(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-API-Key: " + key.encode() + b"\r\n\r\n"
    )
    assert b"101" in taker.recv(100)
    taker.sendall(masked({"action": "SUBSCRIBE_MARKET_DATA"}))
    return taker


def masked(message):
    """A text frame of a client, masked with zeros."""
    text = json.dumps(message).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


def wait_a_round():
    """Until prices go out again: those that are published faster are conflated before any client."""
    round_over = time.monotonic() + 1.1 * PRICES_EVERY_S
    wait_until(lambda: time.monotonic() > round_over)


def publish(world, number):
    """A round of prices of many symbols: about 60 kB for each client."""
    quote = {"bid": float(number), "ask": float(number), "time_msc": 1, "received_ms": int(time.time() * 1000)}
    world.client.publish(f"quotes:{LOGIN}", json.dumps(dict.fromkeys(SYMBOLS, quote)))


def test_one_deaf_client_is_dropped_and_the_others_never_wait(stream, world, new_key, impatient):
    key = new_key("read").text
    with stream.client(key) as fast, stream.client(key) as other:
        for client in (fast, other):
            client.say("SUBSCRIBE_PRICES", symbols=["SYM007"], account=LOGIN)
            client.hear_type("PRICE_UPDATE")
        deaf = deaf_client(stream, key)
        wait_until(lambda: stream.health()["clients"] == 3)
        delays, number = [], 0
        until = time.monotonic() + 90
        while stream.health()["dropped_slow"] == 0:
            assert time.monotonic() < until, "the deaf client is still there"
            number += 1
            began = time.monotonic()
            publish(world, number)
            for client in (fast, other):
                assert client.hear()["prices"][0]["bid"] == f"{number}.0"
            delays.append(time.monotonic() - began)
        wait_until(lambda: stream.health()["clients"] == 2)
        assert statistics.median(delays) < 1.0, delays  # a round takes 0.1 s on a machine that has time
        publish(world, number + 1)
        assert fast.hear()["prices"][0]["bid"] == f"{number + 1}.0"
        deaf.close()


def test_a_client_that_is_dropped_and_reads_on_is_told_why(stream, world, new_key, impatient, monkeypatch):
    monkeypatch.setattr(stream_socket, "CLOSE_WITHIN_S", 60.0)  # a busy machine reads on late
    deaf = deaf_client(stream, new_key("read").text)
    number, until = 0, time.monotonic() + 90
    while stream.health()["dropped_slow"] == 0:
        assert time.monotonic() < until, "the deaf client is still there"
        number += 1
        publish(world, number)
        wait_a_round()
    deaf.settimeout(60.0)
    heard, close_frame = b"", (4408).to_bytes(2, "big") + b"TOO_SLOW"
    while close_frame not in heard:
        got = deaf.recv(65_536)
        assert got, "the end came without a close frame"
        heard = heard[-1_000:] + got
    deaf.close()
    assert b'"code":"TOO_SLOW"' in heard


def test_a_client_that_is_slow_for_a_while_gets_the_latest_and_not_the_backlog(stream, world, new_key):
    with stream.client(new_key("read").text, buffered=1) as client:
        client.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        client.say("SUBSCRIBE_MARKET_DATA")
        client.hear_type("PRICE_UPDATE")
        rounds = 30
        for number in range(rounds):  # the client's library buffers little and reads on only when it is asked
            publish(world, number)
            wait_a_round()
        last: dict[str, str] = {}
        messages = 0
        while last.get(SYMBOLS[-1]) != f"{rounds - 1}.0":
            messages += 1
            last |= {price["symbol"]: price["bid"] for price in client.hear()["prices"]}
        assert {last[symbol] for symbol in SYMBOLS} == {f"{rounds - 1}.0"}
        assert messages < rounds, "nothing was conflated"
