"""The MessagePack subset: identity for what is in it, the protocol's own error for everything else."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no annotations
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.protocol.strategies import plain
from zmq_bridge.protocol.codec import join_frame, pack, split_frame, unpack
from zmq_bridge.protocol.errors import FOUND_CHARS_MAX, ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import ARRAY_ITEMS_MAX, DEPTH_MAX, FRAME_BYTES_MAX, MAP_KEYS_MAX, TOPIC_BYTES_MAX


@given(plain)
def test_decode_after_encode_is_identity(value: object) -> None:
    assert unpack(pack(value)) == value


@given(st.binary(max_size=200))
@example(b"\xc1")
@example(b"\x93\x01")
@example(b"\xdf\xff\xff\xff\xff")
def test_arbitrary_bytes_give_a_plain_value_or_the_protocols_own_error(payload: bytes) -> None:
    try:
        value = unpack(payload)
    except ProtocolViolation as violation:
        found = violation.code
    else:
        assert unpack(pack(value)) == value
        return
    assert found in (ErrorCode.MALFORMED, ErrorCode.TOO_LARGE)


@given(plain, st.data())
def test_a_damaged_payload_never_escapes_as_another_error(value: object, data: st.DataObject) -> None:
    payload = bytearray(pack(value))
    index = data.draw(st.integers(0, len(payload) - 1))
    payload[index] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(payload[: data.draw(st.integers(0, len(payload)))]))
    except ProtocolViolation:
        pass


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "nothing"),
        (b"\x01\x02", "trailing bytes"),
        (b"\xa2a", "text that ends early"),
        (b"\xa1\xff", "text that is not UTF-8"),
        (b"\xa3\xed\xa0\x80", "a surrogate"),
        (b"\xc4\x00", "an empty bin"),
        (b"\xc4\x01a", "a bin"),
        (b"\xc7\x00\x01", "an empty ext"),
        (b"\xd4\x01\x00", "an ext"),
        (b"\xd6\xff\x00\x00\x00\x00", "a timestamp"),
        (b"\x81\x01\x02", "an integer key"),
        (b"\x81\xc4\x01a\x02", "a bin key"),
        (b"\x81\xc0\x02", "a nil key"),
        (b"\x82\xa1a\x01\xa1a\x02", "a key twice"),
        (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "NaN"),
        (b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "infinity"),
        (b"\xca\x7f\xc0\x00\x00", "single NaN"),
        (b"\x91\x81\xa1a\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "minus infinity, nested"),
        (b"\x91" * 3000 + b"\xc0", "a tower"),
    ],
)
def test_what_is_not_in_the_subset_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        unpack(payload)
    assert caught.value.code in (ErrorCode.MALFORMED, ErrorCode.TOO_LARGE), why


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), [float("-inf")], {"a": float("nan")}, 2**64, -(2**63) - 1, b"bytes", {1: 2},
        {"a": {b"b": 1}}, {None: 1}, Decimal(1), object(), {1, 2}, "\ud800", {"\ud800": 1}, [["\udfff"]],
    ],
)  # fmt: skip
def test_what_the_wire_cannot_carry_is_our_misuse_not_the_peers_violation(value: object) -> None:
    with pytest.raises(ProtocolMisuse):
        pack(value)


def test_a_refused_value_leaves_nothing_behind_in_the_packer() -> None:
    for bad in ("\ud800", ["ok", "\ud800"], [1, object()]):
        with pytest.raises(ProtocolMisuse):
            pack(bad)
        assert pack([1]) == b"\x91\x01"


def test_threads_do_not_share_a_packer() -> None:
    wrong: list[bytes] = []
    expected = {size: pack(["x" * size] * 50) for size in range(1, 20)}

    def work(size: int) -> None:
        wrong.extend(got for _ in range(300) if (got := pack(["x" * size] * 50)) != expected[size])

    threads = [threading.Thread(target=work, args=(size,)) for size in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _tower(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_is_bounded_on_both_ways() -> None:
    assert unpack(pack(_tower(DEPTH_MAX))) == _tower(DEPTH_MAX)
    with pytest.raises(ProtocolMisuse, match="levels"):
        pack(_tower(DEPTH_MAX + 1))
    with pytest.raises(ProtocolViolation, match=r"TOO_LARGE.*levels"):
        unpack(msgpack.packb(_tower(DEPTH_MAX + 1)))


def test_arrays_maps_and_payloads_are_bounded_on_both_ways() -> None:
    for value in ([0] * (ARRAY_ITEMS_MAX + 1), {str(key): 0 for key in range(MAP_KEYS_MAX + 1)}, "x" * FRAME_BYTES_MAX):
        with pytest.raises(ProtocolMisuse):
            pack(value)
        with pytest.raises(ProtocolViolation):
            unpack(msgpack.packb(value))


def test_a_length_that_lies_does_not_cost_memory() -> None:
    for head in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        with pytest.raises(ProtocolViolation, match="MALFORMED"):
            unpack(head + b"\x01" * 100)


def test_integers_keep_all_64_bits() -> None:
    for value in (2**64 - 1, 2**63, 2**63 - 1, -(2**63), 2**53 + 1):
        assert unpack(pack(value)) == value


@given(st.binary(max_size=300))
def test_arbitrary_bytes_split_into_a_frame_or_give_the_protocols_own_error(frame: bytes) -> None:
    try:
        topic, payload = split_frame(frame)
    except ProtocolViolation:
        return
    assert join_frame(topic, payload) == frame


@pytest.mark.parametrize("frame", [b"", b"no nul", b"\0payload", b"\xff\xfe\0x", b"t" * (TOPIC_BYTES_MAX + 1) + b"\0x"])
def test_a_frame_needs_a_topic_and_a_nul(frame: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="topic"):
        split_frame(frame)


def test_a_payload_may_contain_nul_bytes() -> None:
    assert split_frame(join_frame("event.1", b"\0\0a\0")) == ("event.1", b"\0\0a\0")


def test_a_frame_over_the_limit_is_too_large() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        split_frame(b"t\0" + bytes(FRAME_BYTES_MAX))
    assert caught.value.code == ErrorCode.TOO_LARGE


@given(st.binary(max_size=2000))
def test_an_errors_text_is_short_and_printable_whatever_the_peer_sent(payload: bytes) -> None:
    texts = ["", "", ""]
    try:
        unpack(payload)
    except ProtocolViolation as violation:
        texts = [violation.found, violation.message, violation.expected]
    assert len(texts[0]) <= FOUND_CHARS_MAX
    assert unpack(pack(texts)) == texts
