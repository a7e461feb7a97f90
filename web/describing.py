"""How our own marshmallow fields look in the OpenAPI document: types, bounds and patterns as they are checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_smorest import Api
from marshmallow import fields, validate

from web.api.schemas import ErrorAnswer
from zmq_bridge.admission.numbers import ExactNumber, WholeNumber
from zmq_bridge.admission.schema import AwareTime

POSITIVE = r"^([1-9]\d{0,11}(\.\d{1,20})?|0\.\d{0,19}[1-9])$"
BELOW_HUNDRED = r"^([1-9]\d?(\.\d{1,20})?|0\.\d{0,19}[1-9])$"
SURROGATES = r"\ud800-\udfff"  # halves of pairs, which no JSON text holds alone
MOMENT = r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-](0\d|1[0-3]):[0-5]\d)$"


class DescribedApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """The API whose errors and fields are described as they are."""

    ERROR_SCHEMA = ErrorAnswer

    def _register_responses(self) -> None:
        """Called before any blueprint is: the place where the spec's plugins are there already."""
        super()._register_responses()
        self.ma_plugin.converter.add_attribute_function(describe)


def describe(_converter: Any, field: fields.Field[Any], **_more: Any) -> dict[str, Any]:
    """The properties of a field that marshmallow's own classes don't tell."""
    if isinstance(field, ExactNumber):
        return _exact(field)
    if isinstance(field, WholeNumber):
        return {"type": _or_null("integer", field), "minimum": field.at_least, "maximum": field.at_most}
    if isinstance(field, AwareTime):
        return {"type": _or_null("string", field), "pattern": MOMENT, "description": "ISO 8601 with an offset"}
    return dict(getattr(field, "openapi", {})) | _pattern(field)


def _pattern(field: fields.Field[Any]) -> dict[str, Any]:
    """The pattern of a text, in the regular expressions that JSON Schema shares with Python."""
    for check in field.validators:
        if isinstance(check, validate.Regexp):
            plain = str(check.regex.pattern).removesuffix(r"\Z").removeprefix("^").removesuffix("$")
            return {"pattern": f"^{plain.replace(SURROGATES, '').replace('(?s)', '')}$"}
    return {}


def _exact(field: ExactNumber) -> dict[str, Any]:
    bounds: dict[str, Any] = {"maximum": float(field.at_most) if field.at_most is not None else 999_999_999_999}
    if field.above is not None:
        bounds["exclusiveMinimum"] = float(field.above)
    if field.at_least is not None:
        bounds["minimum"] = float(field.at_least)
    pattern = BELOW_HUNDRED if field.at_most == Decimal(100) else POSITIVE
    kinds = ["number", "string", "null"] if field.allow_none else ["number", "string"]
    return {"type": kinds, "pattern": pattern, **bounds}


def _or_null(kind: str, field: fields.Field[Any]) -> Any:
    return [kind, "null"] if field.allow_none else kind
