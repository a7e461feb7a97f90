"""The kinds of values that answers are made of. `none=True`: may be null."""

from __future__ import annotations

from typing import Any, TypeVar

from marshmallow import RAISE, Schema, fields

F = TypeVar("F", bound=fields.Field[Any])

NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"


class Shape(Schema):
    """An object with these fields and no others."""

    class Meta:
        """As the docstring says."""

        unknown = RAISE


def text(says: str = "", *, none: bool = False) -> fields.String:
    """A text."""
    return fields.String(required=True, allow_none=none, metadata=_said(says))


def word(*words: str, none: bool = False) -> fields.String:
    """One of a few words."""
    listed: list[str | None] = [*words, None] if none else [*words]
    return fields.String(required=True, allow_none=none, metadata={"enum": listed})


def exact(says: str = "", *, none: bool = False) -> fields.String:
    """Money, a price, a volume, a fraction: an exact decimal as a text."""
    return fields.String(required=True, allow_none=none, metadata={"pattern": NUMBER, **_said(says)})


def moment(says: str = "", *, none: bool = False) -> fields.String:
    """A moment: ISO 8601 in UTC."""
    return fields.String(required=True, allow_none=none, metadata={"format": "date-time", **_said(says)})


def day(says: str = "", *, none: bool = False, key: str | None = None) -> fields.String:
    """A day of the trade server; `key`: what the field is called where Python has another use for the word."""
    return fields.String(required=True, allow_none=none, data_key=key, metadata={"format": "date", **_said(says)})


def whole(says: str = "", *, none: bool = False) -> fields.Integer:
    """A whole number: ids, logins, tickets, counts, milliseconds."""
    return fields.Integer(required=True, allow_none=none, metadata=_said(says))


def number(says: str = "", *, none: bool = False) -> fields.Float:
    """A number that MT5 itself keeps as a double."""
    return fields.Float(required=True, allow_none=none, metadata=_said(says))


def flag(says: str = "") -> fields.Boolean:
    """Yes or no."""
    return fields.Boolean(required=True, metadata=_said(says))


def one(shape: type[Schema], *, none: bool = False) -> fields.Nested:
    """An object of this shape."""
    return fields.Nested(shape, required=True, allow_none=none)


def many(shape: type[Schema] | fields.Field[Any], *, none: bool = False, key: str | None = None) -> fields.List[Any]:
    """A list of these; `key`: what the field is called where marshmallow has another use for the word."""
    inner = shape if isinstance(shape, fields.Field) else fields.Nested(shape)
    return fields.List(inner, required=True, allow_none=none, data_key=key)


def free(says: str = "", *, none: bool = False) -> fields.Dict:
    """An object whose fields depend on what it is about."""
    return fields.Dict(required=True, allow_none=none, metadata=_said(says))


def anything(says: str = "") -> fields.Raw:
    """Any JSON value."""
    return fields.Raw(required=True, allow_none=True, metadata=_said(says))


def maybe(field: F) -> F:
    """The field, which is only there sometimes."""
    field.required = False
    return field


def _said(says: str) -> dict[str, str]:
    return {"description": says} if says else {}
