"""Bytes <-> plain values: the MessagePack subset of the wire, and the PUB frame `topic NUL payload`.

Plain values are None, bool, int (-2**63 to 2**64 - 1), finite float, str, list and dict with str keys. Whatever bytes
come in, only ProtocolViolation comes out; whatever value is asked to go out and cannot, is ProtocolMisuse.
"""

from __future__ import annotations

import threading
from math import isfinite
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no annotations

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import (
    ARRAY_ITEMS_MAX,
    DEPTH_MAX,
    FRAME_BYTES_MAX,
    I64_MIN,
    MAP_KEYS_MAX,
    TOPIC_BYTES_MAX,
    U64_MAX,
)

NUL = b"\0"


class _Packers(threading.local):
    """One packer per thread: it keeps its buffer between messages and is not safe to share."""

    def __init__(self) -> None:
        self.packer = msgpack.Packer(use_bin_type=True)


_packers = _Packers()


def pack_unchecked(value: object) -> bytes:
    """Encode a value whose parts were checked already (ticks; a message that passed its schema)."""
    try:
        packed: bytes = _packers.packer.pack(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        _packers.packer.reset()
        raise ProtocolMisuse(f"cannot be put on the wire: {error}") from error
    return packed


def pack(value: object) -> bytes:
    """Encode one plain value.

    Raises:
        ProtocolMisuse: NaN or Inf, a key that is not a string, an unknown type; integer, size or nesting out of range.
    """
    problem = _problem(value, 1)
    if problem is not None:
        raise ProtocolMisuse(f"cannot be put on the wire: expected {problem[1]}, found {problem[2]!r}")
    packed = pack_unchecked(value)
    if len(packed) > FRAME_BYTES_MAX:
        raise ProtocolMisuse(f"payload too large: {len(packed)} bytes, limit {FRAME_BYTES_MAX}")
    return packed


def unpack(payload: bytes) -> Any:
    """Decode exactly one plain value.

    Raises:
        ProtocolViolation: MALFORMED or TOO_LARGE, for any bytes that are not one value of the subset.
    """
    value = unpack_unchecked(payload)
    problem = _problem(value, 1)
    if problem is not None:
        code, expected, found = problem
        raise ProtocolViolation(code, "not in the MessagePack subset", expected=expected, found=found)
    return value


def unpack_unchecked(payload: bytes) -> Any:
    """Decode one value; leave NaN, depth and value types to the caller, who checks each value anyway (ticks)."""
    _check_size(payload)
    try:
        return msgpack.unpackb(
            payload,
            object_pairs_hook=_pairs_to_dict,
            max_array_len=ARRAY_ITEMS_MAX,
            max_map_len=MAP_KEYS_MAX,
            max_bin_len=0,
            max_ext_len=0,
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolViolation(
            ErrorCode.MALFORMED,
            f"not decodable: {error or type(error).__name__}",
            expected="one MessagePack value of the wire's subset",
            found=payload,
        ) from None


def _check_size(frame: bytes) -> None:
    if len(frame) > FRAME_BYTES_MAX:
        raise ProtocolViolation(
            ErrorCode.TOO_LARGE, "frame too large", expected=f"at most {FRAME_BYTES_MAX} bytes", found=str(len(frame))
        )


def _pairs_to_dict(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a map names a key twice")
    for key in found:
        if type(key) is not str:
            raise ValueError("a map key is not a string")
    return found


_Problem = tuple[ErrorCode, str, object]


def _problem(value: object, depth: int) -> _Problem | None:
    """Find the first thing in `value` that the wire does not carry: (code, expected, found)."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return None
    if kind is float:
        return None if isfinite(value) else (ErrorCode.MALFORMED, "a finite number", value)  # type: ignore[arg-type]  # float
    if kind is int:
        in_range = I64_MIN <= value <= U64_MAX  # type: ignore[operator]  # int
        return None if in_range else (ErrorCode.MALFORMED, "an integer of 64 bits", value)
    if isinstance(value, (list, tuple)):
        return _problem_inside(value, depth, ARRAY_ITEMS_MAX)
    if kind is dict:
        return _problem_in_map(value, depth)  # type: ignore[arg-type]  # dict
    return ErrorCode.MALFORMED, "nil, bool, int, float, str, array or map", kind.__name__


def _problem_in_map(value: dict[object, object], depth: int) -> _Problem | None:
    for key in value:
        if type(key) is not str:
            return ErrorCode.MALFORMED, "a string as map key", key
    return _problem_inside(list(value.values()), depth, MAP_KEYS_MAX)


def _problem_inside(items: list[object] | tuple[object, ...], depth: int, items_max: int) -> _Problem | None:
    if depth > DEPTH_MAX:
        return ErrorCode.TOO_LARGE, f"at most {DEPTH_MAX} levels", "more"
    if len(items) > items_max:
        return ErrorCode.TOO_LARGE, f"at most {items_max} items", len(items)
    for item in items:
        problem = _problem(item, depth + 1)
        if problem is not None:
            return problem
    return None


def join_frame(topic: str, payload: bytes) -> bytes:
    """Make the single frame of a PUB message."""
    return topic.encode() + NUL + payload


def split_frame(frame: bytes) -> tuple[str, bytes]:
    """Take a PUB frame apart into topic and payload.

    Raises:
        ProtocolViolation: no NUL within the first bytes, a topic that is not UTF-8, or a frame too large.
    """
    _check_size(frame)
    end = frame.find(NUL, 0, TOPIC_BYTES_MAX + 1)
    if end < 1:
        raise ProtocolViolation(ErrorCode.MALFORMED, "no topic", expected="topic NUL payload", found=frame)
    try:
        return frame[:end].decode(), frame[end + 1 :]
    except UnicodeDecodeError:
        raise ProtocolViolation(ErrorCode.MALFORMED, "topic is not UTF-8", expected="UTF-8", found=frame) from None
