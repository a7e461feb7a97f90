"""What the API takes and gives, as marshmallow schemas; the signal's own schema is admission's, shared with ZeroMQ.

Money, prices and volumes leave as decimal strings: a JSON number would pass through somebody's float.
"""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields, validate

LOGIN_MAX = 2**63 - 1


def login_field() -> fields.Integer:
    """The login of an account."""
    return fields.Integer(strict=False, validate=validate.Range(min=1, max=LOGIN_MAX), load_default=None)


class AccountQuery(Schema):
    """Which account; without it, the only one."""

    account = login_field()


class PriceQuery(AccountQuery):
    """Which prices; without symbols, all."""

    symbols = fields.String(load_default=None, metadata={"description": "comma-separated, exact spelling"})


class ErrorAnswer(Schema):
    """Any answer that is not a success."""

    class Meta:
        """Some codes tell more, such as the id of what they are about."""

        unknown = INCLUDE

    code = fields.String(required=True)
    message = fields.String(required=True)
    field = fields.String(allow_none=True)
    errors = fields.Dict()
    context = fields.Dict()
