"""What the API takes and gives, as marshmallow schemas; the signal's own schema is admission's, shared with ZeroMQ.

Money, prices and volumes leave as decimal strings: a JSON number would pass through somebody's float.
"""

from __future__ import annotations

import re
from decimal import Decimal

from marshmallow import Schema, ValidationError, fields, validate

NAME_CHARS_MAX = 100
EMAIL_CHARS_MAX = 254
KEY_CHARS_MAX = 100
PAGE_LIMIT_MAX = 500
LOGIN_MAX = 2**63 - 1
MONEY = re.compile(r"^\d{1,12}(\.\d{1,2})?$")


class Money(fields.Field):  # type: ignore[type-arg]
    """A positive amount with at most two decimals, as a string or an integer; never a float, which can't hold cents."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> object:
        if isinstance(value, bool) or not isinstance(value, (str, int)) or not MONEY.match(str(value)):
            raise ValidationError(f'Expected an amount like "1000.00" (a string); found {value!r}.')
        amount = Decimal(str(value))
        if amount <= 0:
            raise ValidationError(f"Expected an amount above zero; found {value!r}.")
        return amount


def login_field() -> fields.Integer:
    """The login of an account."""
    return fields.Integer(strict=False, validate=validate.Range(min=1, max=LOGIN_MAX), load_default=None)


class AccountQuery(Schema):
    """Which account; without it, the only one."""

    account = login_field()


class PriceQuery(AccountQuery):
    """Which prices; without symbols, all."""

    symbols = fields.String(load_default=None, metadata={"description": "comma-separated, exact spelling"})


class NewUser(Schema):
    """A member to be made."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=NAME_CHARS_MAX))
    email = fields.Email(required=True, validate=validate.Length(max=EMAIL_CHARS_MAX))


class UserPage(Schema):
    """A page of members."""

    after = fields.Integer(load_default=0, validate=validate.Range(min=0, max=LOGIN_MAX))
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=PAGE_LIMIT_MAX))


class Investment(Schema):
    """Money that a member is going to pay in; it becomes units when the broker's deposit arrives."""

    amount = Money(required=True)
    account = login_field()
    idempotency_key = fields.String(load_default=None, validate=validate.Length(min=1, max=KEY_CHARS_MAX))


class ErrorAnswer(Schema):
    """Any answer that is not a success."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    field = fields.String()
    errors = fields.Dict()
    context = fields.Dict()
