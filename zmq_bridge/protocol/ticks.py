"""The hot path: batches of ticks, `[v, session, seq, [[time_msc, bid, ask, last, volume_real, flags], ...]]`.

Ticks stay floats: they are quotes, not books. `seq` numbers the first tick of the batch, counting ticks from 1 in each
(session, topic). Every loop here costs every tick of every strategy: measure before you touch it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

from zmq_bridge.protocol.codec import join_frame, pack_unchecked, split_frame, unpack_unchecked
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX, I64_MAX, TICKS_PER_FRAME_MAX, U64_MAX, VERSION
from zmq_bridge.protocol.topics import TICK, parse_topic

FLAGS_MAX = 2**32 - 1
SEQ_MAX = I64_MAX - TICKS_PER_FRAME_MAX  # of the first tick of a batch, so that every one has a number
_COLUMNS = 6
_ROW = "[time_msc int, bid, ask, last, volume_real finite float, flags int]"


class Tick(NamedTuple):
    """One quote as the terminal gave it."""

    time_msc: int  # trade server's clock, ms, raw; never negative
    bid: float
    ask: float
    last: float  # 0.0 where the symbol has no last price
    volume_real: float
    flags: int  # MT5 TICK_FLAG_*: 2 bid, 4 ask, 8 last, 16 volume, 32 buy, 64 sell


class TickBatch(NamedTuple):
    """Consecutive ticks of one stream."""

    session: int  # of the terminal that sent them
    seq: int  # number of ticks[0]; ticks[i] has seq + i
    ticks: list[Tick]


_new_tick = partial(tuple.__new__, Tick)


def pack_ticks(session: int, seq: int, ticks: Sequence[Tick]) -> bytes:
    """Encode the payload of a tick message.

    Raises:
        ProtocolMisuse: none or too many ticks, a number that is not finite, a row of the wrong shape.
    """
    if not 0 < len(ticks) <= TICKS_PER_FRAME_MAX:
        raise ProtocolMisuse(f"expected 1 to {TICKS_PER_FRAME_MAX} ticks in a frame, found {len(ticks)}")
    if not 0 < session <= I64_MAX or not 0 < seq <= SEQ_MAX:
        raise ProtocolMisuse(f"expected session and seq from 1 to 2**63 - 1, found {session} and {seq}")
    row = find_bad_row(ticks)
    if row is not None:
        raise ProtocolMisuse(f"expected a tick {_ROW}, found {row!r}")
    return pack_unchecked((VERSION, session, seq, ticks))


def unpack_ticks(payload: bytes) -> TickBatch:
    """Decode the payload of a tick message.

    Raises:
        ProtocolViolation: anything but a batch of 1 to TICKS_PER_FRAME_MAX well-formed ticks.
    """
    value = unpack_unchecked(payload)
    if type(value) is not list or len(value) < 4:
        raise _malformed("[v, session, seq, ticks]", value)
    version, session, seq, rows = value if len(value) == 4 else value[:4]
    if version != VERSION or type(version) is not int:
        raise ProtocolViolation(
            ErrorCode.UNSUPPORTED_VERSION, "tick batch of another version", expected=str(VERSION), found=version
        )
    if type(session) is not int or type(seq) is not int or not 0 < session <= I64_MAX or not 0 < seq <= SEQ_MAX:
        raise _malformed("session and seq as integers from 1 to 2**63 - 1", f"{session} and {seq}")
    return TickBatch(session, seq, rows_to_ticks(rows, TICKS_PER_FRAME_MAX))


def rows_to_ticks(rows: object, rows_max: int, rows_min: int = 1) -> list[Tick]:
    """Check decoded rows and make them ticks."""
    if type(rows) is not list:
        raise _malformed("an array of ticks", rows)
    if not rows_min <= len(rows) <= rows_max:
        raise ProtocolViolation(
            ErrorCode.TOO_LARGE if len(rows) > rows_max else ErrorCode.MALFORMED,
            "number of ticks", expected=f"{rows_min} to {rows_max}", found=str(len(rows)),
        )  # fmt: skip
    row = find_bad_row(rows)
    if row is not None:
        raise _malformed(_ROW, repr(row))
    return list(map(_new_tick, rows))


def tick_frame(topic: str, session: int, seq: int, ticks: Sequence[Tick]) -> bytes:
    """Encode a whole tick frame; `topic` comes from `tick_topic`."""
    frame = join_frame(topic, pack_ticks(session, seq, ticks))
    if len(frame) > FRAME_BYTES_MAX:  # cannot happen with these limits; kept beside them
        raise ProtocolMisuse(f"frame too large: {len(frame)} bytes")
    return frame


def parse_tick_frame(frame: bytes) -> tuple[str, int, TickBatch]:
    """Decode a whole tick frame into symbol, login and batch."""
    topic, payload = split_frame(frame)
    kind, symbol, login = parse_topic(topic)
    if kind != TICK:
        raise ProtocolViolation(ErrorCode.UNKNOWN_TYPE, "not a tick", expected="tick.<symbol>.<login>", found=topic)
    return symbol, login, unpack_ticks(payload)


def find_bad_row(rows: Sequence[Any]) -> object | None:
    """Find the first row that is not a tick. One pass, exact types: bool is not int, int is not float."""
    row: Any = None
    try:
        for row in rows:
            time_msc, bid, ask, last, volume_real, flags = row
            if not (
                type(bid) is type(ask) is type(last) is type(volume_real) is float
                and type(time_msc) is type(flags) is int
                and 0 <= time_msc <= U64_MAX
                and 0 <= flags <= FLAGS_MAX
                and (isfinite(bid + ask + last + volume_real) or _all_finite(bid, ask, last, volume_real))
            ):
                return _shown(row)
    except (TypeError, ValueError):  # not a sequence, or not of six
        return _shown(row)
    return None


def _all_finite(*numbers: float) -> bool:
    """Decide exactly: the sum of finite numbers may overflow."""
    return all(map(isfinite, numbers))


def _shown(row: object) -> object:
    return list(row)[: _COLUMNS + 1] if isinstance(row, (list, tuple)) else (row if row is not None else "nil")


def _malformed(expected: str, found: object) -> ProtocolViolation:
    return ProtocolViolation(ErrorCode.MALFORMED, "not a tick batch", expected=expected, found=found)
