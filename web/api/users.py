"""Members: who they are, and what their part is worth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response

from ledger.money import scaled
from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.community import NewUser, Reason, UserPage, known_user
from web.api.pool import pool_figures
from web.api.schemas import AccountQuery
from web.auth import actor, check_all_accounts, needs
from web.blueprint import Blueprint
from web.errors import Conflict, NotFound
from web.member_figures import shown_request
from web.paging import page, read_cursor
from web.parts import parts
from web.shapes.community import Member, UserLeft, UserStats
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.request_list import page_requests
from zmq_bridge.storage.ledger.requests import cancel_pending_of
from zmq_bridge.storage.ledger.shares import shares
from zmq_bridge.storage.users import ACTIVE, INACTIVE, User, create_user, list_users, set_user_status

blueprint = Blueprint("users", __name__, url_prefix="/api/users", description="Members of the community")

REQUESTS_SHOWN = 20  # newest requests beside a member's figures; the rest are listed at /api/requests


@blueprint.post("")
@needs(Scope.ADMIN)
@gives(Member, 201)
@blueprint.arguments(NewUser)
def create(body: dict[str, Any]) -> Response:
    """Make a member."""
    with parts().engine.begin() as connection:
        user = create_user(connection, name=body["name"].strip(), email=body["email"], actor=actor())
    if user is None:
        raise Conflict("EMAIL_TAKEN", f"Somebody has the address {body['email']} already.", field="email")
    return answer(asdict(user), 201)


@blueprint.get("")
@needs(Scope.ADMIN)
@gives_page("users", Member)
@blueprint.arguments(UserPage, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List members by id."""
    after = read_cursor(query["cursor"], int) or [0]
    with parts().engine.connect() as connection:
        found = list_users(connection, after=after[0], limit=query["limit"] + 1, status=query["status"])
    return answer(page("users", [asdict(user) for user in found], query["limit"], "id"))


@blueprint.get("/<int:user_id>")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(Member)
def one(user_id: int) -> Response:
    """One member."""
    with parts().engine.connect() as connection:
        return answer(asdict(known_user(connection, user_id)))


@blueprint.post("/<int:user_id>/deactivate")
@needs(Scope.ADMIN)
@gives(UserLeft)
@blueprint.arguments(Reason)
def deactivate(body: dict[str, Any], user_id: int) -> Response:
    """Let a member invest no more, and take back their investments that no money has come for.

    What they own stays theirs: they can read it and take it out.
    """
    with parts().engine.begin() as connection:
        user = _set_status(connection, user_id, INACTIVE, body["reason"])
        cancelled = cancel_pending_of(connection, user_id, actor=actor())
    return answer({**asdict(user), "cancelled_requests": [request.id for request in cancelled]})


@blueprint.post("/<int:user_id>/activate")
@needs(Scope.ADMIN)
@gives(Member)
@blueprint.arguments(Reason)
def activate(body: dict[str, Any], user_id: int) -> Response:
    """Let a member invest again."""
    with parts().engine.begin() as connection:
        return answer(asdict(_set_status(connection, user_id, ACTIVE, body["reason"])))


@blueprint.get("/<int:user_id>/stats")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(UserStats)
@blueprint.arguments(AccountQuery, location="query")
def stats(query: dict[str, Any], user_id: int) -> Response:
    """A member's units, their value to the cent, and their newest requests. All members' values sum to the NAV."""
    with parts().engine.connect() as connection:
        user = known_user(connection, user_id)
        account = chosen_account(connection, query["account"])
        pool = shares(connection, account.id)
        wanted = Filter(account_ids=[account.id], limit=REQUESTS_SHOWN)
        requests = page_requests(connection, wanted, user_id=user_id)[:REQUESTS_SHOWN]
    own = next((asdict(share) for share in pool.members if share.user_id == user_id), None)
    nothing = scaled(0, account.currency_digits)
    none = {
        "user_id": user_id,
        "units": "0",
        "share_percent": "0",
        "value": nothing,
        "performance_fee_accrued": nothing,
    }
    return answer(
        {
            "user": asdict(user),
            "account": account.login,
            "currency": pool.currency,
            "share": own or none,
            "pool": pool_figures(pool),
            "requests": [shown_request(found, account) for found in requests],
        }
    )


def _set_status(connection: Any, user_id: int, status: str, reason: str) -> User:
    check_all_accounts()
    known_user(connection, user_id)
    user = set_user_status(connection, user_id, status, actor=actor(), reason=reason)
    if user is None:
        raise NotFound("USER_UNKNOWN", f"There is no user {user_id}.")
    return user
