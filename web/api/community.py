"""What the community's addresses take, how a refusal of the ledger is told, and whose data a key may ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from ledger.refusals import RefusalCode, Refused
from web.api.schemas import AccountQuery, login_field
from web.auth import check_user
from web.errors import ApiError, Conflict, NotFound
from web.member_figures import KINDS
from web.paging import PageQuery, status_field
from zmq_bridge.admission.schema import BIGINT_MAX, AwareTime, text
from zmq_bridge.storage.users import ACTIVE, INACTIVE, User, get_user

NAME_CHARS_MAX = 100
EMAIL_CHARS_MAX = 254
KEY_CHARS_MAX = 100
REASON_CHARS_MAX = 500
SHOWN_CHARS_MAX = 40  # of a value that is told back

MONEY = re.compile(r"\d{1,12}(\.\d{1,8})?")  # how many decimals are right is the account's to say
STATUSES = ("pending", "matched", "owed", "settled", "cancelled")
IDEMPOTENCY_HEADER = "Idempotency-Key"


class Money(fields.Field):  # type: ignore[type-arg]
    """A positive amount as a string or an integer; never a float, which can't hold cents."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> object:
        if isinstance(value, bool) or not isinstance(value, (str, int)) or not MONEY.fullmatch(str(value)):
            raise ValidationError(f'Expected an amount above zero, as text: "1000.00"; found {_shown(value)}.')
        amount = Decimal(str(value))
        if amount <= 0:
            raise ValidationError(f"Expected an amount above zero; found {_shown(value)}.")
        return amount


def _shown(value: object) -> str:
    """What was sent, as JSON has it, and not all of it where it is long."""
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= SHOWN_CHARS_MAX else f"{said[:SHOWN_CHARS_MAX]}…"


def key_field() -> fields.String:
    """What makes a request that is sent again the same request."""
    return text(KEY_CHARS_MAX, load_default=None)


class NewUser(Schema):
    """A member to be made."""

    name = text(NAME_CHARS_MAX, required=True)
    email = fields.Email(required=True, validate=validate.Length(max=EMAIL_CHARS_MAX))

    @validates_schema
    def _named(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data["name"].strip():
            raise ValidationError("Expected a name; found only spaces.", "name")


class UserPage(PageQuery):
    """A page of members."""

    status = status_field(ACTIVE, INACTIVE)


class Reason(Schema):
    """Why something is done."""

    reason = text(REASON_CHARS_MAX, required=True, metadata={"description": "kept in the audit log"})


class Investment(Schema):
    """Money that a member is going to pay in; it becomes units when the broker's deposit arrives."""

    amount = Money(required=True)
    account = login_field()
    idempotency_key = key_field()


class Withdrawal(Schema):
    """Money that a member wants out: an amount, or everything."""

    amount = Money(load_default=None)
    everything = fields.Boolean(load_default=False)
    account = login_field()
    idempotency_key = key_field()

    @validates_schema
    def _one_of_both(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data["amount"] is None) != data["everything"]:
            raise ValidationError("Expected an amount, or everything: true, and not both.", "amount")


class RequestQuery(PageQuery):
    """Which requests, newest first."""

    kind = fields.String(load_default=None, validate=validate.OneOf([*KINDS]))
    status = status_field(*STATUSES)
    user = fields.Integer(load_default=None, validate=validate.Range(min=1, max=BIGINT_MAX))
    account = login_field()
    from_at = AwareTime(load_default=None, data_key="from")
    to_at = AwareTime(load_default=None, data_key="to")


class Match(Schema):
    """The balance deal that a request is matched with."""

    ticket = fields.Integer(required=True, validate=validate.Range(min=1, max=BIGINT_MAX))


class StatementQuery(AccountQuery):
    """Which statement, and how it is written; without days, from the first one to now."""

    format = fields.String(load_default="json", validate=validate.OneOf(["json", "csv", "pdf"]))
    part = fields.String(
        load_default="days",
        validate=validate.OneOf(["days", "movements"]),
        metadata={"description": "the table that a CSV file holds"},
    )
    first = fields.Date(load_default=None, data_key="from", metadata={"description": "trade server's day, included"})
    last = fields.Date(load_default=None, data_key="to", metadata={"description": "trade server's day, included"})

    @validates_schema
    def _in_order(self, data: Mapping[str, Any], **_: Any) -> None:
        first, last = data["first"], data["last"]
        if first is not None and last is not None and first > last:
            raise ValidationError(f"Expected a day not before {first}; found {last}.", "to")


class TraceQuery(PageQuery, AccountQuery):
    """A page of the entries of a figure, oldest first."""

    from_at = AwareTime(load_default=None, data_key="from")
    to_at = AwareTime(load_default=None, data_key="to")


def known_user(connection: Connection, user_id: int) -> User:
    """The member with an id, if the key may speak of them.

    Raises:
        NotFound: there is none, or not for this key.
    """
    check_user(user_id)
    found = get_user(connection, user_id) if user_id <= BIGINT_MAX else None
    if found is None:
        raise NotFound("USER_UNKNOWN", f"There is no user {user_id}, or not for this key.")
    return found


def idempotency_key(body: Mapping[str, Any]) -> str | None:
    """The key of a request that may be sent again: the field, or the header.

    Raises:
        ApiError: the header is too long, or contradicts the field.
    """
    header, field = request.headers.get(IDEMPOTENCY_HEADER), body["idempotency_key"]
    if header is not None and not (0 < len(header) <= KEY_CHARS_MAX and field in (None, header)):
        message = (
            f"Expected {IDEMPOTENCY_HEADER} to have 1 to {KEY_CHARS_MAX} characters and to be the field's, if any."
        )
        raise ApiError("INVALID_FIELD", message, field="idempotency_key")
    return field or header


def accepted(done: Any) -> Any:
    """What a function of the ledger gave, if it was not a refusal.

    Raises:
        ApiError: it was; 404 for what is not there, 400 for an amount, 409 for what can't be done now.
    """
    if not isinstance(done, Refused):
        return done
    code, context = str(done.code), dict(done.context)
    if done.code is RefusalCode.REQUEST_NOT_FOUND:
        raise NotFound(code, str(done), context=context)
    if done.code in BAD_AMOUNTS:
        raise ApiError(code, str(done), context=context, field="amount")
    raise Conflict(code, str(done), context=context)


BAD_AMOUNTS = frozenset({RefusalCode.AMOUNT_NOT_POSITIVE, RefusalCode.AMOUNT_TOO_FINE, RefusalCode.AMOUNT_TOO_SMALL})


def shown_days(record: Any) -> Any:
    """The same document with every day as ISO 8601 text."""
    if isinstance(record, Mapping):
        return {name: shown_days(value) for name, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [shown_days(value) for value in record]
    return record.isoformat() if isinstance(record, date) else record
