"""Decoding many messages together must mean exactly what decoding each alone means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.feed.conftest import START_MSC, make_ticks
from zmq_bridge.protocol.codec import pack_unchecked
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.ticks import Tick, pack_ticks, unpack_ticks
from zmq_bridge.relay.tick_decode import RUN_TICKS_MAX, decode_ticks

finite = st.floats(allow_nan=False, allow_infinity=False)
ticks = st.builds(Tick, st.integers(0, 2**64 - 1), finite, finite, finite, finite, st.integers(0, 2**32 - 1))
good = st.builds(
    pack_ticks, st.integers(1, 3), st.integers(1, 8), st.lists(ticks, min_size=1, max_size=4)
)
odd = st.one_of(
    st.binary(max_size=40),
    good.flatmap(lambda payload: st.integers(0, len(payload) - 1).map(lambda cut: payload[:cut])),
    good.map(lambda payload: payload + payload),
    st.sampled_from(
        [
            [1, 5, 1, []],
            [2, 5, 1, [list(make_ticks(1)[0])]],
            [True, 5, 1, [list(make_ticks(1)[0])]],
            [1, 0, 1, [list(make_ticks(1)[0])]],
            [1, 5, 1, [[1, 1.0, 1.0, 1.0, float("nan"), 6]]],
            [1, 5, 1, [[1, 1, 1.0, 1.0, 1.0, 6]]],
            [1, 5, 1, [list(make_ticks(1)[0])], "later"],
            {"v": 1},
        ]
    ).map(pack_unchecked),
)


@given(st.lists(st.one_of(good, good, odd), max_size=12))
def test_together_means_what_one_by_one_means(payloads):
    wanted, wrong = [], 0
    for payload in payloads:
        try:
            batch = unpack_ticks(payload)
            wanted += [(batch.session, batch.seq + at, tick) for at, tick in enumerate(batch.ticks)]
        except ProtocolViolation:
            wrong += 1
    complaints: list[ProtocolViolation] = []
    runs = decode_ticks(payloads, complaints.append)
    found = [(batch.session, batch.seq + at, tick) for batch, _ in runs for at, tick in enumerate(batch.ticks)]
    assert found == wanted
    assert len(complaints) == wrong
    assert all(type(tick) is Tick for _, _, tick in found)


def test_messages_that_follow_on_become_one_run_and_keep_their_payloads():
    all_ticks = make_ticks(30)
    payloads = [pack_ticks(5, at + 1, all_ticks[at : at + 3]) for at in range(0, 30, 3)]
    [(batch, payload)] = decode_ticks(payloads, _no_complaint)
    assert (batch.session, batch.seq, batch.ticks) == (5, 1, all_ticks)
    assert payload == b"".join(payloads)


def test_a_run_ends_at_a_jump_and_at_a_new_session():
    one = make_ticks(1)
    payloads = [pack_ticks(s, n, one) for s, n in ((5, 1), (5, 2), (5, 4), (6, 5), (6, 6), (5, 7))]
    runs = decode_ticks(payloads, _no_complaint)
    assert [(batch.session, batch.seq, len(batch.ticks)) for batch, _ in runs] == [
        (5, 1, 2), (5, 4, 1), (6, 5, 2), (5, 7, 1)
    ]  # fmt: skip


def test_a_run_is_bounded():
    payloads = [pack_ticks(5, n, [Tick(START_MSC, 1.0, 1.0, 0.0, 0.0, 6)]) for n in range(1, 3 * RUN_TICKS_MAX + 2)]
    sizes = [len(batch.ticks) for batch, _ in decode_ticks(payloads, _no_complaint)]
    assert sizes == [RUN_TICKS_MAX] * 3 + [1]


def test_an_array_that_claims_to_be_huge_is_one_complaint():
    complaints: list[ProtocolViolation] = []
    fine = pack_ticks(5, 1, make_ticks(1))
    runs = decode_ticks([fine, b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff" * 1_000, fine], complaints.append)
    assert (len(runs), len(complaints)) == (2, 2)


def _no_complaint(violation: ProtocolViolation) -> None:
    raise violation
