"""The kinds of single values: how each is checked and converted, both ways. What is made of them is schema.py's.

A kind has `decode` (the peer's value in; ProtocolViolation), `encode` (our value out; ProtocolMisuse) and `expected`,
the words for error texts. Integers are accepted where a double stands (many MessagePack libraries write 1.0 as 1);
nothing else is converted silently: true is not 1, "1" is not 1.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Annotated, Any, NamedTuple

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.protocol.limits import (
    COMMENT_CHARS_MAX,
    DIGITS_MAX,
    I32_MAX,
    I64_MAX,
    MS_MAX,
    OFFSET_S_MAX,
    SYMBOL_BYTES_MAX,
    TEXT_BYTES_MAX,
    U64_MAX,
)
from zmq_bridge.protocol.numbers import to_decimal, to_double


class Kind(NamedTuple):
    """How one sort of field travels."""

    expected: str
    decode: Callable[[Any, str], Any]
    encode: Callable[[Any, str], Any]


class Limit(NamedTuple):
    """Annotation: an array holds at most this many items."""

    items_max: int


def violation(path: str, expected: str, found: object, code: ErrorCode = ErrorCode.MALFORMED) -> ProtocolViolation:
    """Make the error of a field that cannot be read."""
    return ProtocolViolation(code, path, expected=expected, found=found)


def checked(expected: str, fits: Callable[[Any], bool]) -> Kind:
    """Make a kind whose values travel as they are, once checked."""

    def decode(value: Any, path: str) -> Any:
        if not fits(value):
            raise violation(path, expected, value)
        return value

    def encode(value: Any, path: str) -> Any:
        bare = _without_enum(value)
        if not fits(bare):
            raise ProtocolMisuse(f"{path}: expected {expected}, found {value!r}")
        return bare

    return Kind(expected, decode, encode)


def _without_enum(value: Any) -> Any:
    """Our own StrEnum and IntEnum members travel as what they stand for."""
    if isinstance(value, Enum):
        return str.__str__(value) if isinstance(value, str) else value.value
    return value


def _integer(low: int, high: int) -> Kind:
    return checked(f"an integer from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _text(bytes_max: int) -> Kind:
    expected = f"text of at most {bytes_max} bytes without NUL"
    return checked(expected, lambda value: type(value) is str and _utf8_size(value) <= bytes_max and "\0" not in value)


def _any_text(bytes_max: int) -> Kind:
    expected = f"text of at most {bytes_max} bytes"
    return checked(expected, lambda value: type(value) is str and _utf8_size(value) <= bytes_max)


def _utf8_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return FAR_TOO_MANY


FAR_TOO_MANY = 2**63


def _decode_double(value: Any, path: str) -> float:
    if type(value) not in (float, int) or not isfinite(value):
        raise violation(path, "a finite number", value)
    return float(value)


def _encode_double(value: Any, path: str) -> float:
    if type(value) not in (float, int) or not isfinite(value):
        raise ProtocolMisuse(f"{path}: expected a finite float, found {value!r}")
    return float(value)


def _decode_money(value: Any, path: str) -> Decimal:
    return to_decimal(_decode_double(value, path))


def _encode_money(value: Any, path: str) -> float:
    if type(value) is int:
        value = Decimal(value)
    try:
        if type(value) is Decimal:
            return to_double(value)
    except (ValueError, OverflowError):
        pass
    raise ProtocolMisuse(f"{path}: expected a finite Decimal, found {value!r}")


def _plain(value: Any, path: str) -> Any:
    """A raw map: the codec checks what is inside on both ways."""
    if type(value) is not dict:
        raise violation(path, "a map", value)
    return value


def _plain_out(value: Any, path: str) -> Any:
    if type(value) is not dict:
        raise ProtocolMisuse(f"{path}: expected a dict, found {value!r}")
    return value


DOUBLE = Kind("a finite number", _decode_double, _encode_double)
MONEY = Kind("a finite number", _decode_money, _encode_money)
RAW_MAP = Kind("a map", _plain, _plain_out)
ANYTHING = Kind("any value", lambda value, _path: value, lambda value, _path: value)
BOOL = checked("true or false", lambda value: type(value) is bool)

# What message declarations are written with
U64 = Annotated[int, _integer(0, U64_MAX)]  # MT5's ulong: tickets, magic numbers
Positive = Annotated[int, _integer(1, U64_MAX)]
U63 = Annotated[int, _integer(0, I64_MAX)]  # what is counted, and must fit where it is kept
Ordinal = Annotated[int, _integer(1, I64_MAX)]
U31 = Annotated[int, _integer(0, I32_MAX)]
Digits = Annotated[int, _integer(0, DIGITS_MAX)]
OffsetS = Annotated[int, _integer(-OFFSET_S_MAX, OFFSET_S_MAX)]
TimeMs = Annotated[int, _integer(0, MS_MAX)]
Double = Annotated[float, DOUBLE]
Money = Annotated[Decimal, MONEY]
Text = Annotated[str, _text(TEXT_BYTES_MAX)]
AnyText = Annotated[str, _any_text(TEXT_BYTES_MAX)]  # NUL as well: what somebody else wrote
Comment = Annotated[str, _text(4 * COMMENT_CHARS_MAX)]
Symbol = Annotated[str, checked(
    f"a symbol of 1 to {SYMBOL_BYTES_MAX} bytes without NUL",
    lambda value: type(value) is str and 0 < _utf8_size(value) <= SYMBOL_BYTES_MAX and "\0" not in value,
)]  # fmt: skip
SymbolOrAll = Annotated[str, _text(SYMBOL_BYTES_MAX)]
Ulid = Annotated[str, checked("a ULID of 26 characters", lambda value: type(value) is str and is_id(value))]
RawMap = Annotated[dict[str, Any], RAW_MAP]
