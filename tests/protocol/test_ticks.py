"""Tick batches: every float bit for bit, every malformed batch refused."""

from __future__ import annotations

import struct

import msgpack  # type: ignore[import-untyped]  # ships no annotations
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.protocol.strategies import logins, symbols, ticks
from zmq_bridge.protocol.codec import join_frame
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import I64_MAX, TICKS_PER_FRAME_MAX
from zmq_bridge.protocol.ticks import (
    FLAGS_MAX,
    SEQ_MAX,
    Tick,
    TickBatch,
    pack_ticks,
    parse_tick_frame,
    tick_frame,
    unpack_ticks,
)
from zmq_bridge.protocol.topics import tick_topic

TICK = Tick(1_577_836_800_000, 1.12345, 1.12346, 0.0, 0.0, 6)
batches = st.builds(TickBatch, logins, st.integers(1, SEQ_MAX), st.lists(ticks, min_size=1, max_size=5))


@given(batches)
def test_decode_after_encode_is_identity_bit_for_bit(batch: TickBatch) -> None:
    found = unpack_ticks(pack_ticks(*batch))
    assert (found.session, found.seq) == (batch.session, batch.seq)
    assert list(map(_bits, found.ticks)) == list(map(_bits, batch.ticks))
    assert all(type(tick) is Tick for tick in found.ticks)


def _bits(tick: Tick) -> bytes:
    return struct.pack("<QddddQ", *tick)


@given(symbols, logins, batches)
def test_a_frame_carries_symbol_login_and_batch(symbol: str, login: int, batch: TickBatch) -> None:
    assert parse_tick_frame(tick_frame(tick_topic(symbol, login), *batch)) == (symbol, login, batch)


@given(st.binary(max_size=300))
@example(msgpack.packb([1, 1, 1, [[]]]))
@example(msgpack.packb([1, 1, 1, ["abcdef"]]))
@example(msgpack.packb([1, 1, 1, [{}]]))
def test_arbitrary_bytes_are_a_batch_or_the_protocols_own_error(payload: bytes) -> None:
    for parse in (unpack_ticks, parse_tick_frame):
        try:
            parse(payload)
        except ProtocolViolation:
            pass


@given(batches, st.data())
def test_a_damaged_batch_never_escapes_as_another_error_nor_as_a_number_that_is_not_finite(
    batch: TickBatch, data: st.DataObject
) -> None:
    payload = bytearray(pack_ticks(*batch))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack_ticks(bytes(payload))
    except ProtocolViolation:
        return
    pack_ticks(*found)


NAN, INF = float("nan"), float("inf")
BAD_ROWS = [
    [], [1], [1, 1.0, 1.0, 1.0, 1.0], [1, 1.0, 1.0, 1.0, 1.0, 1, 1], "abcdef", None, 5, {}, {"a": 1},
    [1.0, 1.0, 1.0, 1.0, 1.0, 1], [1, 1, 1.0, 1.0, 1.0, 1], [1, True, 1.0, 1.0, 1.0, 1], [1, "1", 1.0, 1.0, 1.0, 1],
    [1, None, 1.0, 1.0, 1.0, 1], [True, 1.0, 1.0, 1.0, 1.0, 1], [1, 1.0, 1.0, 1.0, 1.0, False],
    [-1, 1.0, 1.0, 1.0, 1.0, 1], [1, 1.0, 1.0, 1.0, 1.0, -1], [1, 1.0, 1.0, 1.0, 1.0, FLAGS_MAX + 1],
    [1, NAN, 1.0, 1.0, 1.0, 1], [1, 1.0, INF, 1.0, 1.0, 1], [1, 1.0, 1.0, -INF, 1.0, 1], [1, 1.0, 1.0, 1.0, NAN, 1],
    [1, INF, -INF, 1.0, 1.0, 1],
]  # fmt: skip


@pytest.mark.parametrize("row", BAD_ROWS, ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_row_anywhere_refuses_the_batch(row: object, place: int) -> None:
    rows: list[object] = [list(TICK), list(TICK)]
    rows.insert(place, row)
    with pytest.raises(ProtocolViolation) as caught:
        unpack_ticks(msgpack.packb([1, 1, 1, rows]))
    assert caught.value.code == ErrorCode.MALFORMED


@pytest.mark.parametrize("row", [row for row in BAD_ROWS if isinstance(row, list) and len(row) == 6], ids=repr)
def test_a_bad_row_of_our_own_is_misuse(row: list[object]) -> None:
    with pytest.raises(ProtocolMisuse, match="tick"):
        pack_ticks(1, 1, [TICK, Tick(*row)])  # type: ignore[arg-type]  # that is the point


def test_huge_but_finite_numbers_pass_although_their_sum_overflows() -> None:
    huge = Tick(1, 1.7e308, 1.7e308, 1.7e308, 1.7e308, 0)
    assert unpack_ticks(pack_ticks(1, 1, [huge])).ticks == [huge]


@pytest.mark.parametrize(
    "value",
    [
        None, 1, "x", {}, [], [1], [1, 1, 1], [1, 1, 1, None], [1, 1, 1, {}], [1, 1, 1, "abc"], [1, 0, 1, [list(TICK)]],
        [1, 1, 0, [list(TICK)]], [1, -1, 1, [list(TICK)]], [1, 1.0, 1, [list(TICK)]], [1, 1, True, [list(TICK)]],
        [1, 1, 1, []], [1, 1, 1, [list(TICK)] * (TICKS_PER_FRAME_MAX + 1)],
    ],
)  # fmt: skip
def test_what_is_not_a_batch_is_a_violation(value: object) -> None:
    with pytest.raises(ProtocolViolation):
        unpack_ticks(msgpack.packb(value))


@pytest.mark.parametrize("version", [0, 2, True, "1", None])
def test_another_version_is_told_as_such(version: object) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        unpack_ticks(msgpack.packb([version, 1, 1, [list(TICK)]]))
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION


def test_further_items_of_a_later_minor_format_are_ignored() -> None:
    assert unpack_ticks(msgpack.packb([1, 5, 7, [list(TICK)], "new"])) == TickBatch(5, 7, [TICK])


@pytest.mark.parametrize(("session", "seq"), [(I64_MAX + 1, 1), (1, SEQ_MAX + 1), (2**64 - 1, 2**64 - 1)])
def test_numbers_that_no_receiver_can_count_on_from_are_malformed(session: int, seq: int) -> None:
    payload = msgpack.packb([1, session, seq, [list(TICK)]])
    with pytest.raises(ProtocolViolation, match=f"found {session} and {seq}"):
        unpack_ticks(payload)
    assert unpack_ticks(pack_ticks(I64_MAX, SEQ_MAX, [TICK])).seq == SEQ_MAX


@pytest.mark.parametrize(
    ("session", "seq", "count"),
    [(0, 1, 1), (1, 0, 1), (2**63, 1, 1), (1, SEQ_MAX + 1, 1), (1, 1, 0), (1, 1, TICKS_PER_FRAME_MAX + 1)],
)
def test_numbers_and_sizes_out_of_range_are_misuse(session: int, seq: int, count: int) -> None:
    with pytest.raises(ProtocolMisuse):
        pack_ticks(session, seq, [TICK] * count)


def test_a_full_batch_goes_through() -> None:
    batch = TickBatch(1, 1, [TICK] * TICKS_PER_FRAME_MAX)
    assert unpack_ticks(pack_ticks(*batch)) == batch


def test_a_frame_of_another_topic_is_not_a_tick() -> None:
    with pytest.raises(ProtocolViolation, match="UNKNOWN_TYPE"):
        parse_tick_frame(join_frame("event.1", pack_ticks(1, 1, [TICK])))
