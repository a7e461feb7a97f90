"""What the risk addresses take."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from web.paging import ListQuery, PageQuery, status_field
from zmq_bridge.admission.numbers import WholeNumber
from zmq_bridge.admission.requests import STATES, TEXT_CHARS_MAX
from zmq_bridge.admission.schema import BIGINT_MAX, KEY_CHARS_MAX, SYMBOL_CHARS_MAX, text
from zmq_bridge.storage.risk.decisions import VERDICTS

CODE_CHARS_MAX = 50


def _flag(**more: Any) -> fields.Boolean:
    return fields.Boolean(load_default=False, truthy={True}, falsy={False}, **more)


class Target(Schema):
    """One account, or all of them; never both, and never neither where several are possible."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    account = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    everywhere = _flag(metadata={"description": "every account, also those that come later"})

    @validates_schema
    def fits_together(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse one account and all of them at once."""
        if data.get("everywhere") and data.get("account") is not None:
            raise ValidationError({"everywhere": ["Not with account."]})


class Reasoned(Schema):
    """A change of what an account may do; the reason is kept in the audit log."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    account = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    reason = text(TEXT_CHARS_MAX, required=True)


class StateBody(Target):
    """What the account may do from now on."""

    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = text(TEXT_CHARS_MAX, required=True)
    idempotency_key = text(KEY_CHARS_MAX, r"[\x21-\x7e]*", load_default=None)


class KillBody(Target):
    """Halt, cancel every pending order, and if asked close every position."""

    close_positions = _flag(metadata={"description": "also close every position, until none is left"})
    reason = text(TEXT_CHARS_MAX, required=True)


class AdoptBody(Reasoned):
    """Answer for a position or order that no command of the bridge opened."""

    ticket = WholeNumber(at_least=1, at_most=BIGINT_MAX, required=True)


class StrategyBody(Reasoned):
    """Let a strategy that repeated itself trade again."""

    strategy = text(TEXT_CHARS_MAX, required=True)


class LimitsScope(Target):
    """What limits are for: all of an account, or one source, symbol or strategy of it."""

    source = text(TEXT_CHARS_MAX, load_default=None)
    symbol = text(SYMBOL_CHARS_MAX, load_default=None)
    strategy = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None, metadata={"description": "magic number"})


class LimitsBody(LimitsScope):
    """New limits for a scope, in place of those before."""

    limits = fields.Dict(keys=fields.String(), required=True)
    version = WholeNumber(
        at_least=1, at_most=BIGINT_MAX, allow_none=True, metadata={"description": "id of what is to be replaced"}
    )


class EndLimitsBody(LimitsScope):
    """End the limits of a scope: what lies below is in force again."""


class DecisionQuery(ListQuery):
    """Which decisions, newest first."""

    verdict = status_field(*VERDICTS)
    code = text(CODE_CHARS_MAX, load_default=None)


class HistoryQuery(PageQuery):
    """Which versions of an account's limits, newest first."""

    account = fields.Integer(load_default=None, validate=validate.Range(min=1, max=BIGINT_MAX))
