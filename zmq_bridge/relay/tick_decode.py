"""Many tick messages of one stream, decoded together: a third of the cost of one after the other.

The fast way knows only the ordinary: every payload is exactly one well-formed batch of this version. At the first thing
that is anything else it stops, and all are decoded again one by one by the protocol's own `unpack_ticks`, which says
what was wrong with which, and lets the others pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no annotations

from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.limits import I64_MAX, TICKS_PER_FRAME_MAX, VERSION
from zmq_bridge.protocol.ticks import SEQ_MAX, TickBatch, rows_to_ticks, unpack_ticks

RUN_TICKS_MAX = 1_000
"""Ticks after which a run of messages is cut; it may end up to one message later."""

Run = tuple[TickBatch, bytes]
"""Ticks that follow on, and the payloads that they came in, joined."""


class _NotOrdinary(Exception):
    """The fast way does not know this."""


def decode_ticks(payloads: Sequence[bytes], complain: Callable[[ProtocolViolation], None]) -> list[Run]:
    """Decode messages of one stream, in the order they came; those that follow on become one run.

    Args:
        payloads: Of tick messages of one topic.
        complain: Told about every message that is not well-formed; it is left out.
    """
    try:
        return _decode_together(payloads)
    except (_NotOrdinary, ProtocolViolation, ValueError, TypeError, msgpack.UnpackException):
        return _decode_one_by_one(payloads, complain)


def _decode_together(payloads: Sequence[bytes]) -> list[Run]:
    runs: list[Run] = []
    rows: list[Any] = []
    session = seq = begin = 0
    for number, (its_session, its_seq, its_rows) in enumerate(_messages(payloads)):
        if its_session != session or its_seq != seq + len(rows) or len(rows) >= RUN_TICKS_MAX:
            _close(runs, session, seq, rows, payloads[begin:number])
            session, seq, rows, begin = its_session, its_seq, [], number
        rows += its_rows
    _close(runs, session, seq, rows, payloads[begin:])
    return runs


def _messages(payloads: Sequence[bytes]) -> list[tuple[int, int, list[Any]]]:
    """The parts of each message; the rows are not checked yet."""
    joined = b"".join(payloads)
    unpacker = msgpack.Unpacker(
        max_buffer_size=len(joined) + 1, max_array_len=TICKS_PER_FRAME_MAX, max_map_len=0, max_str_len=0,
        max_bin_len=0, max_ext_len=0,
    )  # fmt: skip
    unpacker.feed(joined)
    unpack, tell = unpacker.unpack, unpacker.tell
    found, end = [], 0
    for payload in payloads:
        version, session, seq, rows = unpack()
        end += len(payload)
        ordinary = (
            type(version) is type(session) is type(seq) is int
            and version == VERSION
            and 0 < session <= I64_MAX
            and 0 < seq <= SEQ_MAX
            and type(rows) is list
            and tell() == end
        )
        if not ordinary or not rows:
            raise _NotOrdinary
        found.append((session, seq, rows))
    return found


def _close(runs: list[Run], session: int, seq: int, rows: list[Any], payloads: Sequence[bytes]) -> None:
    if rows:
        runs.append((TickBatch(session, seq, rows_to_ticks(rows, len(rows))), b"".join(payloads)))


def _decode_one_by_one(payloads: Sequence[bytes], complain: Callable[[ProtocolViolation], None]) -> list[Run]:
    runs = []
    for payload in payloads:
        try:
            runs.append((unpack_ticks(payload), payload))
        except ProtocolViolation as violation:
            complain(violation)
    return runs
