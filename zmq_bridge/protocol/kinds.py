"""The kinds of field values: how each is checked and converted, both ways.

A kind has `decode` (the peer's value in; ProtocolViolation), `encode` (our value out; ProtocolMisuse) and `expected`,
the words for error texts. Integers are accepted where a double stands (many MessagePack libraries write 1.0 as 1);
nothing else is converted silently: true is not 1, "1" is not 1.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import is_dataclass
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.protocol.limits import (
    ARRAY_ITEMS_MAX,
    COMMENT_CHARS_MAX,
    I64_MIN,
    MAP_KEYS_MAX,
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


def _violation(path: str, expected: str, found: object, code: ErrorCode = ErrorCode.MALFORMED) -> ProtocolViolation:
    return ProtocolViolation(code, path, expected=expected, found=found)


def _checked(expected: str, fits: Callable[[Any], bool]) -> Kind:
    """Make a kind whose values travel as they are, once checked."""

    def decode(value: Any, path: str) -> Any:
        if not fits(value):
            raise _violation(path, expected, value)
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
    return _checked(f"an integer from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _text(bytes_max: int) -> Kind:
    expected = f"text of at most {bytes_max} bytes"
    return _checked(expected, lambda value: type(value) is str and _utf8_size(value) <= bytes_max)


def _utf8_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return FAR_TOO_MANY


FAR_TOO_MANY = 2**63


def _decode_double(value: Any, path: str) -> float:
    if type(value) not in (float, int) or not isfinite(value):
        raise _violation(path, "a finite number", value)
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
        raise _violation(path, "a map", value)
    return value


def _plain_out(value: Any, path: str) -> Any:
    if type(value) is not dict:
        raise ProtocolMisuse(f"{path}: expected a dict, found {value!r}")
    return value


DOUBLE = Kind("a finite number", _decode_double, _encode_double)
MONEY = Kind("a finite number", _decode_money, _encode_money)
RAW_MAP = Kind("a map", _plain, _plain_out)
ANYTHING = Kind("any value", lambda value, _path: value, lambda value, _path: value)
BOOL = _checked("true or false", lambda value: type(value) is bool)

# What message declarations are written with
U64 = Annotated[int, _integer(0, U64_MAX)]
I64 = Annotated[int, _integer(I64_MIN, 2**63 - 1)]
U32 = Annotated[int, _integer(0, 2**32 - 1)]
Positive = Annotated[int, _integer(1, U64_MAX)]
TimeMs = Annotated[int, _integer(0, 2**63 - 1)]
Double = Annotated[float, DOUBLE]
Money = Annotated[Decimal, MONEY]
Text = Annotated[str, _text(TEXT_BYTES_MAX)]
Comment = Annotated[str, _text(4 * COMMENT_CHARS_MAX)]
Symbol = Annotated[str, _checked(
    f"a symbol of 1 to {SYMBOL_BYTES_MAX} bytes without NUL",
    lambda value: type(value) is str and 0 < _utf8_size(value) <= SYMBOL_BYTES_MAX and "\0" not in value,
)]  # fmt: skip
SymbolOrAll = Annotated[str, _text(SYMBOL_BYTES_MAX)]
Ulid = Annotated[str, _checked("a ULID of 26 characters", lambda value: type(value) is str and is_id(value))]
RawMap = Annotated[dict[str, Any], RAW_MAP]


def kind_of(annotation: Any) -> Kind:
    """Find the kind that an annotation stands for."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments)
    if origin is Literal:
        return _checked("one of " + ", ".join(arguments), lambda value: type(value) is str and value in arguments)
    if origin is tuple:
        return _array(arguments, ARRAY_ITEMS_MAX)
    if origin is dict and arguments[0] is str:
        return _map_of(kind_of(arguments[1]))
    if origin in (Union, types.UnionType) and arguments[-1] is type(None):
        return _optional(kind_of(arguments[0]))
    if annotation is bool:
        return BOOL
    if annotation is Any:
        return ANYTHING
    if is_dataclass(annotation):
        return _nested(annotation)  # type: ignore[arg-type]  # an annotation is a class here
    raise ProtocolMisuse(f"no kind for annotation {annotation!r}")


def _annotated(arguments: tuple[Any, ...]) -> Kind:
    mark = arguments[1]
    if isinstance(mark, Kind):
        return mark
    if isinstance(mark, Limit):
        return _array(get_args(arguments[0]), mark.items_max)
    raise ProtocolMisuse(f"unknown annotation {mark!r}")


def _array(arguments: tuple[Any, ...], items_max: int) -> Kind:
    if arguments[-1] is Ellipsis:
        return _array_of(kind_of(arguments[0]), items_max)
    return _row_of(tuple(kind_of(argument) for argument in arguments))


def _array_of(item: Kind, items_max: int) -> Kind:
    expected = f"an array of at most {items_max} items"

    def decode(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _violation(path, expected, value)
        if len(value) > items_max:
            raise _violation(path, expected, len(value), ErrorCode.TOO_LARGE)
        return tuple(item.decode(each, f"{path}[{index}]") for index, each in enumerate(value))

    def encode(value: Any, path: str) -> list[Any]:
        if not isinstance(value, (tuple, list)) or len(value) > items_max:
            raise ProtocolMisuse(f"{path}: expected {expected}, found {type(value).__name__}")
        return [item.encode(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return Kind(expected, decode, encode)


def _row_of(columns: tuple[Kind, ...]) -> Kind:
    expected = f"an array of exactly {len(columns)} items"

    def decode(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(columns):
            raise _violation(path, expected, value)
        return tuple(kind.decode(value[index], f"{path}[{index}]") for index, kind in enumerate(columns))

    def encode(value: Any, path: str) -> list[Any]:
        if not isinstance(value, (tuple, list)) or len(value) != len(columns):
            raise ProtocolMisuse(f"{path}: expected {expected}, found {value!r}")
        return [kind.encode(value[index], f"{path}[{index}]") for index, kind in enumerate(columns)]

    return Kind(expected, decode, encode)


def _map_of(item: Kind) -> Kind:
    expected = f"a map of at most {MAP_KEYS_MAX} keys"

    def decode(value: Any, path: str) -> dict[str, Any]:
        if type(value) is not dict:
            raise _violation(path, expected, value)
        return {key: item.decode(each, f"{path}.{key}") for key, each in value.items()}

    def encode(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MAP_KEYS_MAX:
            raise ProtocolMisuse(f"{path}: expected {expected}, found {type(value).__name__}")
        return {key: item.encode(each, f"{path}.{key}") for key, each in value.items()}

    return Kind(expected, decode, encode)


def _optional(inner: Kind) -> Kind:
    return Kind(
        f"nil or {inner.expected}",
        lambda value, path: None if value is None else inner.decode(value, path),
        lambda value, path: None if value is None else inner.encode(value, path),
    )


def _nested(cls: type) -> Kind:
    from zmq_bridge.protocol.schema import from_map, to_map  # the two modules are one recursion

    def encode(value: Any, path: str) -> dict[str, Any]:
        if type(value) is not cls:
            raise ProtocolMisuse(f"{path}: expected {cls.__name__}, found {value!r}")
        return to_map(value)

    return Kind(f"a {cls.__name__} map", lambda value, path: from_map(cls, value, path), encode)
