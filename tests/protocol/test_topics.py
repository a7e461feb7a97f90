"""Topics: the login is behind the last dot, the symbol is the broker's, prefixes lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given

from tests.protocol.strategies import logins, symbols, texts
from zmq_bridge.protocol import topics
from zmq_bridge.protocol.errors import ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import SYMBOL_BYTES_MAX
from zmq_bridge.protocol.topics import Topic, parse_topic


@given(symbols, logins)
def test_a_topic_parses_back_to_what_it_was_made_of(symbol: str, login: int) -> None:
    assert parse_topic(topics.tick_topic(symbol, login)) == Topic("tick", symbol, login)
    assert parse_topic(topics.gap_topic(symbol, login)) == Topic("gap", symbol, login)
    assert parse_topic(topics.event_topic(login)) == Topic("event", "", login)
    assert parse_topic(topics.account_topic(login)) == Topic("account", "", login)
    assert parse_topic(topics.beat_topic(login)) == Topic("beat", "", login)


@given(symbols, symbols, logins)
def test_different_symbols_never_share_a_topic(one: str, other: str, login: int) -> None:
    assert (topics.tick_topic(one, login) == topics.tick_topic(other, login)) == (one == other)


@given(texts)
def test_arbitrary_text_is_a_topic_or_the_protocols_own_error(text: str) -> None:
    try:
        topic = parse_topic(text)
    except ProtocolViolation:
        return
    assert topic.kind in ("tick", "gap", "event", "account", "beat")


def test_a_prefix_subscription_also_matches_longer_symbols_so_the_parsed_symbol_decides() -> None:
    other = topics.tick_topic("EURUSD.z", 1)
    assert other.encode().startswith(topics.symbol_prefix("tick", "EURUSD"))
    assert parse_topic(other).symbol == "EURUSD.z"


def test_a_symbol_may_look_like_a_login() -> None:
    assert parse_topic("tick.5.7") == Topic("tick", "5", 7)
    assert parse_topic("tick.EURUSD.1.7") == Topic("tick", "EURUSD.1", 7)


def test_the_bridge_beats_with_login_0() -> None:
    assert topics.beat_topic(0) == "beat.bridge"
    assert parse_topic("beat.bridge") == Topic("beat", "", 0)


@pytest.mark.parametrize(
    "text",
    [
        "", "tick", "tick.", "tick..", "tick..5", "tick.EURUSD", "tick.EURUSD.", "tick.EURUSD.0", "tick.EURUSD.01",
        "tick.EURUSD.-1", "tick.EURUSD.x", "tick.EURUSD.١", "tick.EURUSD.18446744073709551616", "Tick.EURUSD.1",
        "event", "event.", "event.0", "event.x", "event.EURUSD.1", "beat.0", "account.bridge", "gap.1", "order.1",
        "tick." + "x" * (SYMBOL_BYTES_MAX + 1) + ".1",
    ],
)  # fmt: skip
def test_a_topic_that_is_not_the_wires_is_a_violation(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        parse_topic(text)


@pytest.mark.parametrize("symbol", ["", "a\0b", "x" * (SYMBOL_BYTES_MAX + 1), "\ud800"])
def test_a_symbol_that_cannot_be_a_topic_is_misuse(symbol: str) -> None:
    with pytest.raises(ProtocolMisuse):
        topics.tick_topic(symbol, 1)


@pytest.mark.parametrize("login", [0, -1, 2**64])
@pytest.mark.parametrize("make", [topics.event_topic, topics.account_topic, partial(topics.tick_topic, "E")])
def test_a_login_out_of_range_is_misuse(make: Callable[[int], str], login: int) -> None:
    with pytest.raises(ProtocolMisuse):
        make(login)
