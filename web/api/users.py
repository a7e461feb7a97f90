"""Members: who they are, what they want to pay in, what their part is worth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from sqlalchemy import Connection

from ledger.refusals import Refused
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.pool import pool_figures
from web.api.schemas import AccountQuery, Investment, NewUser, UserPage
from web.auth import check_user, current_key, needs
from web.errors import ApiError, Conflict, NotFound
from web.parts import parts
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.requests import Request, list_requests, request_subscription
from zmq_bridge.storage.ledger.shares import shares
from zmq_bridge.storage.users import User, create_user, get_user, list_users

blueprint = Blueprint("users", __name__, url_prefix="/api/users", description="Members of the community")

SUBSCRIPTION = "subscription"


@blueprint.post("")
@needs(Scope.ADMIN)
@blueprint.arguments(NewUser)
def create(body: dict[str, Any]) -> Response:
    """Make a member."""
    with parts().engine.begin() as connection:
        user = create_user(connection, name=body["name"], email=body["email"], actor=current_key().id)
    if user is None:
        raise Conflict("EMAIL_TAKEN", f"Somebody has the address {body['email']} already.", field="email")
    return answer(asdict(user), 201)


@blueprint.get("")
@needs(Scope.ADMIN)
@blueprint.arguments(UserPage, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List members by id; the next page starts `after` the last id of this one."""
    with parts().engine.connect() as connection:
        return answer({"users": [asdict(user) for user in list_users(connection, **query)]})


@blueprint.get("/<int:user_id>")
@needs(Scope.ADMIN, Scope.MEMBER)
def one(user_id: int) -> Response:
    """One member."""
    with parts().engine.connect() as connection:
        return answer(asdict(_user(connection, user_id)))


@blueprint.post("/<int:user_id>/invest")
@needs(Scope.ADMIN, Scope.MEMBER)
@blueprint.arguments(Investment)
def invest(body: dict[str, Any], user_id: int) -> Response:
    """Note what a member will pay in. Units follow when the broker's deposit carries the reference in its comment."""
    key = body["idempotency_key"] or request.headers.get("Idempotency-Key")
    with parts().engine.begin() as connection:
        user = _user(connection, user_id)
        if user.status != "active":
            raise Conflict("USER_INACTIVE", f"User {user_id} is {user.status}.")
        account = chosen_account(connection, body["account"])
        wanted = request_subscription(
            connection, account.id, user_id, body["amount"], source=current_key().id, idempotency_key=key
        )
    if isinstance(wanted, Refused):
        raise ApiError(str(wanted.code), str(wanted), field="amount")
    if (wanted.amount, wanted.user_id) != (body["amount"], user_id):
        raise Conflict("IDEMPOTENCY_KEY_REUSED", "The key was used before, for a different request.")
    advice = f"Deposit {wanted.amount} {wanted.currency} at the broker with the comment {wanted.reference}."
    return answer({**_request(wanted), "account": account.login, "next": advice}, 202)


@blueprint.get("/<int:user_id>/stats")
@needs(Scope.ADMIN, Scope.MEMBER)
@blueprint.arguments(AccountQuery, location="query")
def stats(query: dict[str, Any], user_id: int) -> Response:
    """A member's units, their value to the cent, and their requests. All members' values sum to the NAV."""
    with parts().engine.connect() as connection:
        user = _user(connection, user_id)
        account = chosen_account(connection, query["account"])
        pool = shares(connection, account.id)
        requests = list_requests(connection, SUBSCRIPTION, account_id=account.id, user_id=user_id)
    own = next((asdict(share) for share in pool.members if share.user_id == user_id), None)
    return answer(
        {
            "user": asdict(user),
            "account": account.login,
            "currency": pool.currency,
            "share": own or {"user_id": user_id, "units": "0", "share_percent": "0", "value": "0.00"},
            "pool": pool_figures(pool),
            "requests": [_request(found) for found in requests],
        }
    )


def _user(connection: Connection, user_id: int) -> User:
    check_user(user_id)
    found = get_user(connection, user_id)
    if found is None:
        raise NotFound("USER_UNKNOWN", f"There is no user {user_id}, or not for this key.")
    return found


def _request(wanted: Request) -> dict[str, Any]:
    shown = asdict(wanted)
    return {name: shown[name] for name in REQUEST_FIELDS}


REQUEST_FIELDS = (
    "kind", "id", "amount", "currency", "reference", "status", "settled_amount", "units", "refusal", "created_at",
    "settled_at",
)  # fmt: skip
