"""What an admin decides about the pool and its books: breaks, suspense, reversals, terms and fees. Each is audited."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from ledger.fees import FeeTerms
from ledger.units import DEFAULT_BAND, PriceBand
from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.community import Reason, accepted, known_user
from web.api.schemas import AccountQuery, login_field
from web.auth import actor, needs
from web.blueprint import Blueprint
from web.errors import Conflict, NotFound
from web.member_figures import money
from web.parts import parts
from web.shapes.pool import Booked, BreakAccepted, Corrected, PoolTerms, Reversed, Unmatched
from zmq_bridge.admission.schema import BIGINT_MAX
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.breaks import BreakReason, accept_break
from zmq_bridge.storage.ledger.corrections import adopt_nav, release_deal, reverse_transaction
from zmq_bridge.storage.ledger.deal_corrections import correct_deal, told_deal
from zmq_bridge.storage.ledger.fees import crystallise_by_hand
from zmq_bridge.storage.ledger.history import ADJUSTS
from zmq_bridge.storage.ledger.journal import cause_of
from zmq_bridge.storage.ledger.matching import unmatch_by_hand
from zmq_bridge.storage.ledger.pool import Terms
from zmq_bridge.storage.ledger.terms import PERIODS, may_manage, set_terms, shown_terms

blueprint = Blueprint("pool_decisions", __name__, url_prefix="/api/pool", description="Decisions about the pool")

RATE = r"0(\.\d{1,8})?"
PRICE = r"\d{1,9}(\.\d{1,8})?"


class NewTerms(Schema):
    """Fees and price band from now on; what is left out is zero, or as it always is."""

    account = login_field()
    management_rate = fields.String(
        load_default="0", validate=validate.Regexp(RATE + r"\Z", error="Expected 0 to 0.99.")
    )
    performance_rate = fields.String(
        load_default="0", validate=validate.Regexp(RATE + r"\Z", error="Expected 0 to 0.99.")
    )
    manager = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=BIGINT_MAX))
    period = fields.String(load_default="month", validate=validate.OneOf(PERIODS))
    price_min = fields.String(load_default=str(DEFAULT_BAND.minimum), validate=validate.Regexp(PRICE + r"\Z"))
    price_max = fields.String(load_default=str(DEFAULT_BAND.maximum), validate=validate.Regexp(PRICE + r"\Z"))

    @validates_schema
    def _earned_by_somebody(self, data: Any, **_: Any) -> None:
        if data["manager"] is None and (Decimal(data["management_rate"]) or Decimal(data["performance_rate"])):
            raise ValidationError("Expected the user who earns the fees; found none.", "manager")
        if not 0 < Decimal(data["price_min"]) < Decimal(data["price_max"]):
            raise ValidationError("Expected 0 < price_min < price_max.", "price_min")


class Adoption(AccountQuery, Reason):
    """Who gets value that no unit stands for."""

    user = fields.Integer(required=True, validate=validate.Range(min=1, max=BIGINT_MAX))


class OnAccount(AccountQuery, Reason):
    """A decision about one account's books, and why it was taken."""


@blueprint.post("/breaks/<reason>/accept")
@needs(Scope.ADMIN)
@gives(BreakAccepted)
@blueprint.arguments(OnAccount)
def accept(body: dict[str, Any], reason: str) -> Response:
    """Close a break on a person's word; the next snapshot opens it again if the figures still differ."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        known = BreakReason(reason) if reason in set(BreakReason) else None
        if known is None or not accept_break(connection, account.id, known, actor=actor(), note=body["reason"]):
            raise NotFound("BREAK_NOT_FOUND", f"Account {account.login} has no open break {reason!r}.")
    return answer({"account": account.login, "accepted": reason})


@blueprint.post("/suspense/<int:ticket>/release")
@needs(Scope.ADMIN)
@gives(Booked)
@blueprint.arguments(OnAccount)
def release(body: dict[str, Any], ticket: int) -> Response:
    """Declare a balance deal to be the pool's own profit or loss: a bonus, a correction, a charge."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        done = accepted(release_deal(connection, account.id, ticket, actor=actor(), reason=body["reason"]))
    return answer({"account": account.login, "cause": done.cause})


@blueprint.post("/suspense/<int:ticket>/unmatch")
@needs(Scope.ADMIN)
@gives(Unmatched)
@blueprint.arguments(OnAccount)
def unmatch(body: dict[str, Any], ticket: int) -> Response:
    """Take a match back that is not settled; its request is pending again, and only a person matches the deal now."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        done = accepted(unmatch_by_hand(connection, account.id, ticket=ticket, actor=actor(), reason=body["reason"]))
    return answer({"account": account.login, **asdict(done), "amount": money(done.amount, account.currency_digits)})


@blueprint.post("/adopt")
@needs(Scope.ADMIN)
@gives(Booked)
@blueprint.arguments(Adoption)
def adopt(body: dict[str, Any]) -> Response:
    """Give value that no unit stands for (profit made before the first member) to a member."""
    with parts().engine.begin() as connection:
        known_user(connection, body["user"])
        account = chosen_account(connection, body["account"])
        done = accepted(adopt_nav(connection, account.id, body["user"], actor=actor(), reason=body["reason"]))
    return answer({"account": account.login, "cause": done.cause})


@blueprint.post("/deals/<int:ticket>/correct")
@needs(Scope.ADMIN)
@gives(Corrected)
@blueprint.arguments(OnAccount)
def correct(body: dict[str, Any], ticket: int) -> Response:
    """Take a deal back that the broker changed, and book it as the broker told it last; then accept the break.

    A deposit or withdrawal that something was settled with: reverse that first. Its new amount waits in suspense.
    What can't be reversed any more stays (`adjusts`), and the difference waits in suspense.
    """
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        deal = told_deal(connection, account.id, ticket) if ticket <= BIGINT_MAX else None
        if deal is None:
            raise NotFound("DEAL_UNKNOWN", f"Account {account.login} was never told of a deal {ticket}.")
        done = accepted(correct_deal(connection, account.id, deal, actor=actor(), reason=body["reason"]))
    corrects, adjusts = done.detail["corrects"], done.detail.get(ADJUSTS)
    reverses = None if corrects == adjusts else corrects
    return answer({"account": account.login, "cause": done.cause, "reverses": reverses, "adjusts": adjusts})


@blueprint.post("/transactions/<int:transaction_id>/reverse")
@needs(Scope.ADMIN)
@gives(Reversed)
@blueprint.arguments(OnAccount)
def reverse(body: dict[str, Any], transaction_id: int) -> Response:
    """Take a dealing back by a transaction of its own; its money waits in suspense again."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        cause = cause_of(connection, account.id, transaction_id) if transaction_id <= BIGINT_MAX else None
        if cause is None:
            raise NotFound("TRANSACTION_UNKNOWN", f"Account {account.login} has no transaction {transaction_id}.")
        done = accepted(reverse_transaction(connection, account.id, cause, actor=actor(), reason=body["reason"]))
    return answer({"account": account.login, "cause": done.cause, "reverses": done.reverses})


@blueprint.post("/terms")
@needs(Scope.ADMIN)
@gives(PoolTerms)
@blueprint.arguments(NewTerms)
def agree(body: dict[str, Any]) -> Response:
    """Set new terms from now on; what the old ones earned is booked first."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        manager = None if body["manager"] is None else known_user(connection, body["manager"]).id
        if manager is not None and not may_manage(connection, account.id, manager):
            raise Conflict("USER_INACTIVE", f"User {manager} is not active and can't be the manager.")
        rates = {name: Decimal(body[name]) for name in ("management_rate", "performance_rate")}
        band = PriceBand(minimum=Decimal(body["price_min"]), maximum=Decimal(body["price_max"]))
        wanted = Terms(fees=FeeTerms(**rates, manager=manager), period=body["period"], band=band)
        accepted(set_terms(connection, account.id, wanted, actor=actor()))
    return answer({"account": account.login, **shown_terms(wanted)})


@blueprint.post("/fees/crystallise")
@needs(Scope.ADMIN)
@gives(Booked)
@blueprint.arguments(OnAccount)
def crystallise(body: dict[str, Any]) -> Response:
    """Turn all fees that are due now into units of the manager, before the period ends."""
    with parts().engine.begin() as connection:
        account = chosen_account(connection, body["account"])
        done = accepted(crystallise_by_hand(connection, account.id, actor=actor(), reason=body["reason"]))
    return answer({"account": account.login, "cause": None if done is None else done.cause})
