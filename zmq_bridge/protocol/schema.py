"""From dataclass annotations to wire maps and back: the declaration of a message is its schema.

A message is a frozen dataclass; each field's annotation names its kind (`U64`, `Money`, `Text`, `Literal[...]`, another
message, `tuple[..., ...]`). A field with a default may be absent from the map; a field without must be there; keys that
the dataclass does not know are ignored. Decoding names the field by its full path, what was expected and what was
found. Encoding writes every field, in the order of declaration, so that bytes are reproducible in any language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple, TypeVar, get_type_hints

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.kinds import Kind, kind_of

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
        _schemas[cls] = tuple(_Field(each.name, kind_of(hints[each.name]), _default(each)) for each in fields(cls))
    return _schemas[cls]


def _default(field: Any) -> Callable[[], Any] | None:
    if field.default is not MISSING:
        return lambda: field.default
    if field.default_factory is not MISSING:
        factory: Callable[[], Any] = field.default_factory
        return factory
    return None
