"""A client that comes back: nothing is missed that is still kept, and what is not is said."""

from __future__ import annotations

import time
from functools import partial

from tests.stream.world import LOGIN
from tests.support import wait_until
from web.stream.words import REQUESTS_PER_S, SENT_MAX

ASKED_AT_ONCE = 50


def subscribed(stream, key):
    """A client that follows the prices of one symbol and has seen the present."""
    client = stream.client(key).__enter__()
    client.hear()
    client.say("SUBSCRIBE_PRICES", symbols=["EURUSD"], account=LOGIN)
    client.hear_type("PRICE_UPDATE")
    return client


def is_past(at):
    return time.monotonic() > at


def bids(message):
    return [price["bid"] for price in message["prices"]]


def test_what_was_missed_comes_after_a_resume_and_the_numbers_go_on(stream, world, new_key):
    key = new_key("read").text
    first = subscribed(stream, key)
    world.quote("EURUSD", 1.5, 1.5)
    assert bids(first.hear()) == ["1.50000"]
    first.connection.close()
    wait_until(lambda: stream.health()["clients"] == 0)
    world.quote("EURUSD", 1.6, 1.6)
    world.quote("GBPUSD", 1.7, 1.7)
    with stream.client(key) as second:
        second.hear()
        second.say("RESUME", session=first.session, seq=first.seq - 1)
        greeting = second.hear()
        assert (greeting["type"], greeting["resumed"], greeting["seq"]) == ("CONNECTED", True, first.seq - 1)
        assert second.session == first.session
        assert bids(second.hear()) == ["1.50000"]  # sent before, not acknowledged by the number
        assert bids(second.hear_type("PRICE_UPDATE")) == ["1.60000"]  # collected meanwhile
        world.quote("EURUSD", 1.8, 1.8)
        assert bids(second.hear_type("PRICE_UPDATE")) == ["1.80000"]  # and the subscription goes on


def test_an_old_connection_that_is_still_there_gives_way(stream, world, new_key):
    key = new_key("read").text
    first = subscribed(stream, key)
    with stream.client(key) as second:
        second.hear()
        second.say("RESUME", session=first.session, seq=first.seq)
        assert second.hear()["resumed"] is True
        assert first.hear()["code"] == "SESSION_TAKEN"
        assert first.closed() == (4409, "SESSION_TAKEN")
        wait_until(lambda: stream.health()["clients"] == 1)
        world.quote("EURUSD", 1.9, 1.9)
        assert bids(second.hear_type("PRICE_UPDATE")) == ["1.90000"]


def test_what_is_not_kept_any_more_is_a_resync_with_the_present(stream, world, new_key):
    key = new_key("read").text
    first = subscribed(stream, key)
    ask_much(first)
    while first.seq < SENT_MAX + 10:
        may_ask_again = time.monotonic() + ASKED_AT_ONCE / REQUESTS_PER_S
        wait_until(partial(is_past, may_ask_again))
        ask_much(first)
    first.connection.close()
    wait_until(lambda: stream.health()["clients"] == 0)
    world.quote("EURUSD", 1.6, 1.6)
    with stream.client(key) as second:
        second.hear()
        second.say("RESUME", session=first.session, seq=2, request_id="r")
        second.seq = first.seq
        resync = second.hear_type("RESYNC")
        assert (resync["reason"], resync["session"], resync["request_id"]) == (
            "MESSAGES_NOT_KEPT", first.session, "r",
        )  # fmt: skip
        assert bids(second.hear_type("PRICE_UPDATE"))[0] == "1.60000"


def ask_much(client):
    """As many answers as a client may ask for in one go, of two accounts."""
    for number in range(ASKED_AT_ONCE):
        client.say("REQUEST_POSITIONS", request_id=f"{number}")
    for number in range(ASKED_AT_ONCE):
        for _ in range(2):
            client.hear_type("RISK_UPDATE", request_id=f"{number}")


def test_a_session_of_somebody_else_and_one_that_never_was_are_unknown(stream, new_key):
    other = subscribed(stream, new_key("read").text)
    with stream.client(new_key("read").text) as client:
        client.hear()
        for session in (other.session, "nobody"):
            client.say("RESUME", session=session, seq=1)
            resync = client.hear_type("RESYNC")
            assert (resync["reason"], resync["session"]) == ("SESSION_UNKNOWN", client.session)
    other.connection.close()
