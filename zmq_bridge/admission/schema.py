"""The form of a signal, the same for HTTP and ZeroMQ. Strict: an unknown field is an error, not a shrug.

Only form is judged here: types, bounds, what goes with what. Whether the order is wise (a stop loss, its size, its
price) is risk's to say, so a signal without SL passes here and is denied there, with a code and a stored decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from risk import OrderType
from zmq_bridge.admission.numbers import ExactNumber, WholeNumber
from zmq_bridge.admission.signal import Action, Signal

TIMEFRAMES = (
    "M1", "M2", "M3", "M4", "M5", "M6", "M10", "M12", "M15", "M20", "M30", "H1", "H2", "H3", "H4", "H6", "H8", "H12",
    "D1", "W1", "MN1",
)  # fmt: skip
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop-limit": OrderType.STOP_LIMIT,
}
SYMBOL_CHARS_MAX = 31
COMMENT_CHARS_MAX = 200
REASONS_MAX = 20
REASON_CHARS_MAX = 200
KEY_CHARS_MAX = 128
SERVER_CHARS_MAX = 100
BIGINT_MAX = 2**63 - 1
DEVIATION_POINTS_MAX = 10_000
PRINTABLE = r"[^\x00-\x1f\x7f\ud800-\udfff]*"
ONLY_TO_OPEN = ("risk_percent", "price", "stoplimit", "sl", "tp", "confidence", "timeframe")
ZERO = Decimal(0)
SHAPES_MAX = 64  # combinations of fields whose schema is kept; senders use a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a request."""

    field: str  # dotted path; "" = the request as a whole
    message: str  # what was expected and what was found


class InvalidSignal(ValueError):
    """A request is no signal. `problems` has every reason, not just the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Say it in one line as well."""
        super().__init__("; ".join(f"{problem.field or 'signal'}: {problem.message}" for problem in problems))
        self.problems = problems


def text(chars_max: int, pattern: str = PRINTABLE, chars_min: int = 1, **more: Any) -> fields.String:
    """A text field without control characters and without halves of surrogate pairs."""
    expected = f"Expected text of {chars_min} to {chars_max} printable characters."
    length = validate.Length(min=chars_min, max=chars_max, error=expected)
    checks = [length, validate.Regexp(pattern + r"\Z", error=expected)]
    return fields.String(validate=checks, **more)


class AwareTime(fields.Field[datetime]):
    """A moment in ISO 8601, with its offset from UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            pass
        raise ValidationError(f"Expected ISO 8601 with an offset, as 2026-03-01T12:00:00Z; found {str(value)[:40]!r}.")


class SignalSchema(Schema):
    """The fields of `POST /api/signal` and of `submit` on the strategy port."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    symbol = text(SYMBOL_CHARS_MAX, required=True)
    action = fields.Enum(Action, required=True)
    type = fields.String(validate=validate.OneOf(TYPES))
    volume = ExactNumber(above=ZERO)
    risk_percent = ExactNumber(above=ZERO, at_most=Decimal(100))
    price = ExactNumber(above=ZERO)
    stoplimit = ExactNumber(above=ZERO)
    sl = ExactNumber(above=ZERO)
    tp = ExactNumber(above=ZERO)
    deviation = WholeNumber(at_least=0, at_most=DEVIATION_POINTS_MAX)
    ticket = WholeNumber(at_least=1, at_most=BIGINT_MAX)
    confidence = ExactNumber(at_least=ZERO, at_most=Decimal(100))
    timeframe = fields.String(validate=validate.OneOf(TIMEFRAMES))
    reason = fields.List(text(REASON_CHARS_MAX), validate=validate.Length(max=REASONS_MAX))
    magic = WholeNumber(at_least=0, at_most=BIGINT_MAX)
    comment = text(COMMENT_CHARS_MAX, chars_min=0)
    created_at = AwareTime()
    expires_at = AwareTime()
    account = WholeNumber(at_least=1, at_most=BIGINT_MAX)
    server = text(SERVER_CHARS_MAX)
    idempotency_key = text(KEY_CHARS_MAX, r"[\x21-\x7e]*")

    @validates_schema
    def fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse fields that make no sense beside each other."""
        closing = data.get("action") is Action.CLOSE
        problems = {name: ["Not with CLOSE."] for name in ONLY_TO_OPEN if closing and name in data}
        if closing and data.get("type", "market") != "market":
            problems["type"] = ["Expected market with CLOSE; a pending order is cancelled, not closed."]
        if not closing and "ticket" in data:
            problems["ticket"] = ["Only with CLOSE."]
        if "stoplimit" in data and data.get("type") != "stop-limit":
            problems["stoplimit"] = ["Only with type stop-limit."]
        if problems:
            raise ValidationError(problems)


_FIELDS = SignalSchema().fields
SignalSchema.error_messages = {"unknown": f"There is no such field; expected {', '.join(_FIELDS)}."}


@lru_cache(maxsize=SHAPES_MAX)
def _schema_of(given: frozenset[str]) -> SignalSchema:
    """The schema of the fields given and those required, in their order: each of all 21 costs 1 us a signal."""
    return SignalSchema(only=tuple(name for name, field in _FIELDS.items() if field.required or name in given))


def parse_signal(request: object) -> Signal:
    """Read a signal from parsed JSON or MessagePack.

    Raises:
        InvalidSignal: with every problem found.
    """
    if not isinstance(request, Mapping):
        found = type(request).__name__
        raise InvalidSignal(
            (Problem(field="", message=f"Expected an object with the signal's fields; found {found}."),)
        )
    given = {name: value for name, value in request.items() if value is not None}
    try:
        values = _schema_of(frozenset(_FIELDS.keys() & given)).load(given)
    except ValidationError as error:
        raise InvalidSignal(tuple(_problems(cast(dict[str, Any], error.messages)))) from None
    if "type" in values:
        values["type"] = TYPES[values["type"]]
    return Signal(**values | {"reason": tuple(values.get("reason", ()))})


def _problems(messages: Mapping[Any, Any], path: str = "") -> list[Problem]:
    """Flatten marshmallow's nested messages."""
    found: list[Problem] = []
    for name, below in messages.items():
        field = path if name == "_schema" else f"{path}.{name}" if path else str(name)
        if isinstance(below, Mapping):
            found += _problems(below, field)
        else:
            found += [Problem(field=field[:100], message=str(message)) for message in below]
    return found
