"""From dataclass annotations to wire maps and back: the declaration of a message is its schema.

A message is a frozen dataclass; each field's annotation names its kind (`U64`, `Money`, `Text`, `Literal[...]`, another
message, `tuple[..., ...]`). A field with a default may be absent from the map; a field without must be there; keys that
the dataclass does not know are ignored. Decoding names the field by its full path, what was expected and what was
found. Encoding writes every field, in the order of declaration, so that bytes are reproducible in any language.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.kinds import ANYTHING, BOOL, Kind, Limit, checked, violation
from zmq_bridge.protocol.limits import ARRAY_ITEMS_MAX, MAP_KEYS_MAX

Message = TypeVar("Message")


class _Field(NamedTuple):
    name: str
    kind: Kind
    default: Callable[[], Any] | None  # None = the field is required


def from_map(cls: type[Message], value: object, path: str = "") -> Message:
    """Build a `cls` from a decoded map.

    Args:
        path: where the map stands in the message, for error texts ("snapshot.account").

    Raises:
        ProtocolViolation: MALFORMED with field, expected and found; TOO_LARGE for text and arrays over their bound.
    """
    if type(value) is not dict:
        raise ProtocolViolation(ErrorCode.MALFORMED, path or cls.__name__, expected="a map", found=value)
    values: dict[str, Any] = {}
    for name, kind, default in _schema(cls):
        if name in value:
            values[name] = kind.decode(value[name], f"{path}.{name}" if path else name)
        elif default is None:
            raise ProtocolViolation(
                ErrorCode.MALFORMED, f"{path}.{name}" if path else name, expected=kind.expected, found="no such field"
            )
    return cls(**values)


def to_map(message: object) -> dict[str, Any]:
    """Turn a message into a plain map, checked against the same schema that decoding uses.

    Raises:
        ProtocolMisuse: a field that the wire cannot carry.
    """
    cls = type(message)
    return {name: kind.encode(getattr(message, name), f"{cls.__name__}.{name}") for name, kind, _ in _schema(cls)}


def registry(*classes: type, tag: str) -> Mapping[str, type]:
    """Index message classes by a class attribute (`type` or `kind`)."""
    found: dict[str, type] = {getattr(cls, tag): cls for cls in classes}
    if len(found) != len(classes):
        raise ProtocolMisuse(f"two message classes share one {tag}")
    return found


_schemas: dict[type, tuple[_Field, ...]] = {}  # one entry per message class


def _schema(cls: type) -> tuple[_Field, ...]:
    if cls not in _schemas:
        hints = get_type_hints(cls, include_extras=True)
        _schemas[cls] = tuple(_Field(each.name, _kind_of(hints[each.name]), _default(each)) for each in fields(cls))
    return _schemas[cls]


def _default(field: Any) -> Callable[[], Any] | None:
    if field.default is not MISSING:
        return lambda: field.default
    if field.default_factory is not MISSING:
        factory: Callable[[], Any] = field.default_factory
        return factory
    return None


def _kind_of(annotation: Any) -> Kind:
    """Find the kind that an annotation stands for."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments)
    if origin is Literal:
        return checked("one of " + ", ".join(arguments), lambda value: type(value) is str and value in arguments)
    if origin is tuple:
        return _array(arguments, ARRAY_ITEMS_MAX)
    if origin is dict and arguments[0] is str:
        return _map_of(_kind_of(arguments[1]))
    if origin in (Union, types.UnionType) and arguments[-1] is type(None):
        return _optional(_kind_of(arguments[0]))
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
        return _array_of(_kind_of(arguments[0]), items_max)
    return _row_of(tuple(_kind_of(argument) for argument in arguments))


def _array_of(item: Kind, items_max: int) -> Kind:
    expected = f"an array of at most {items_max} items"

    def decode(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not list:
            raise violation(path, expected, value)
        if len(value) > items_max:
            raise violation(path, expected, len(value), ErrorCode.TOO_LARGE)
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
            raise violation(path, expected, value)
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
            raise violation(path, expected, value)
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
    def encode(value: Any, path: str) -> dict[str, Any]:
        if type(value) is not cls:
            raise ProtocolMisuse(f"{path}: expected {cls.__name__}, found {value!r}")
        return to_map(value)

    return Kind(f"a {cls.__name__} map", lambda value, path: from_map(cls, value, path), encode)
