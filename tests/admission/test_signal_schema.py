"""The form of a signal: exact numbers, strict fields, every problem named."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk import OrderType
from zmq_bridge.admission.schema import InvalidSignal, parse_signal
from zmq_bridge.admission.signal import Action, as_request, plain_number

GOOD = {"symbol": "EURUSD", "action": "BUY"}
NUMBERS = ("volume", "risk_percent", "price", "sl", "tp", "confidence")


def problems(**fields) -> dict[str, str]:
    """What is wrong with a signal, by field."""
    with pytest.raises(InvalidSignal) as caught:
        parse_signal(GOOD | fields)
    assert all(problem.message for problem in caught.value.problems)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_every_field_is_read():
    signal = parse_signal(
        {
            "symbol": "EURUSD.z", "action": "SELL", "type": "stop-limit", "volume": "0.10", "price": 1.1,
            "stoplimit": 1.2, "sl": "1.3", "tp": 1, "deviation": 7, "confidence": 99.5, "timeframe": "H1",
            "reason": ["ma", "rsi"], "magic": 42, "comment": "grüße", "created_at": "2026-03-01T12:00:00+02:00",
            "account": "123456", "expires_at": "2026-03-01T10:00:05Z", "server": "Demo-1", "idempotency_key": "a-1",
        }
    )  # fmt: skip
    assert (signal.symbol, signal.action, signal.type) == ("EURUSD.z", Action.SELL, OrderType.STOP_LIMIT)
    assert (signal.volume, signal.price, signal.stoplimit, signal.sl, signal.tp) == (
        D("0.10"), D("1.1"), D("1.2"), D("1.3"), D(1),
    )  # fmt: skip
    assert signal.created_at == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert (signal.reason, signal.magic, signal.account, signal.comment) == (("ma", "rsi"), 42, 123456, "grüße")


@given(st.decimals(min_value="0.00000001", max_value=999_999_999, places=8))
def test_a_decimal_as_text_is_kept_exactly(number):
    assert parse_signal(GOOD | {"price": f"{number:f}"}).price == number


@given(st.floats(min_value=1e-12, max_value=1e11))
def test_a_json_number_means_the_decimal_its_sender_wrote(number):
    signal = parse_signal(json.loads(json.dumps(GOOD | {"price": number})))
    assert signal.price == D(repr(number))


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    "wrong",
    [
        math.nan, math.inf, -math.inf, D("NaN"), D("sNaN"), D("Infinity"), "NaN", "inf", -1, "-0.1", 1e300, "1e3",
        "1_0", "٣", "0x1", "", " 1", True, [], {}, "1" * 40, 10**12, 1e-30,
    ],
)  # fmt: skip
def test_a_number_that_is_none_is_refused_by_its_field(field, wrong):
    assert list(problems(**{field: wrong})) == [field]


LEAVES = st.none() | st.booleans() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
"""Small ones: what can go wrong with a value goes wrong with a short one."""
NAMES = st.sampled_from([*NUMBERS, "action", "type", "reason"]) | st.text(max_size=9)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_any_map_is_a_signal_or_says_what_is_wrong(request):
    try:
        understood: object = parse_signal(GOOD | request)
    except InvalidSignal as error:
        understood = error.problems
    assert understood


@pytest.mark.parametrize("request_", [None, [], "BUY", 7, b"x"])
def test_what_is_no_map_is_no_signal(request_):
    with pytest.raises(InvalidSignal, match="Expected an object"):
        parse_signal(request_)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"symbol": ""}, "symbol"),
        ({"symbol": "E" * 32}, "symbol"),
        ({"symbol": "EUR\x00USD"}, "symbol"),
        ({"symbol": "\ud800"}, "symbol"),
        ({"action": "buy"}, "action"),
        ({"action": None}, "action"),
        ({"type": "stoplimit"}, "type"),
        ({"confidence": 100.01}, "confidence"),
        ({"timeframe": "H7"}, "timeframe"),
        ({"reason": "trend"}, "reason"),
        ({"reason": ["x"] * 21}, "reason"),
        ({"reason": ["a", "\x07"]}, "reason.1"),
        ({"magic": -1}, "magic"),
        ({"magic": 2**63}, "magic"),
        ({"magic": 1.0}, "magic"),
        ({"comment": "a\nb"}, "comment"),
        ({"comment": "x" * 201}, "comment"),
        ({"created_at": "2026-03-01T12:00:00"}, "created_at"),
        ({"expires_at": 1700000000}, "expires_at"),
        ({"account": 0}, "account"),
        ({"idempotency_key": "has space"}, "idempotency_key"),
        ({"idempotency_key": "x" * 129}, "idempotency_key"),
        ({"colour": "red"}, "colour"),
        ({"stoplimit": 1}, "stoplimit"),
        ({"ticket": 5}, "ticket"),
        ({"action": "CLOSE", "sl": 1}, "sl"),
        ({"action": "CLOSE", "type": "limit"}, "type"),
    ],
)
def test_a_field_that_does_not_fit_is_named(fields, wrong):
    assert list(problems(**fields)) == [wrong]


def test_all_problems_are_told_at_once():
    assert set(problems(volume=-1, tp="x", colour=1)) == {"volume", "tp", "colour"}


def test_null_is_the_same_as_absent():
    assert parse_signal(GOOD | {"sl": None, "comment": None}) == parse_signal(GOOD)


def test_equal_requests_are_equal_however_their_numbers_are_written():
    one, other = (as_request(parse_signal(GOOD | {"volume": volume})) for volume in ("0.10", 0.1))
    assert one == other == {"symbol": "EURUSD", "action": "BUY", "type": "market", "volume": "0.1"}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_plain_number_has_no_exponent_and_keeps_its_value(number):
    text = plain_number(number)
    assert "E" not in text.upper()
    assert D(text) == number
    assert not (text.endswith("0") and "." in text)
