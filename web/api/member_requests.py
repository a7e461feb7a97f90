"""Requests of members: to invest, to withdraw; and what an admin decides about them.

A request moves nothing. Its reference goes into the comment of the transfer; the broker's balance deal finds it by
itself, or an admin matches the two. A matched request is settled at the price of the moment, by itself.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from flask import Response
from sqlalchemy import Connection

from ledger.refusals import RefusalCode, Refused
from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.accounts import chosen_account, visible_accounts, visible_ids
from web.api.community import Investment, Match, RequestQuery, Withdrawal, accepted, idempotency_key, known_user
from web.auth import actor, check_user, current_key, needs
from web.blueprint import Blueprint
from web.errors import Conflict, NotFound
from web.member_figures import KINDS, money, shown_request
from web.paging import page, read_cursor
from web.parts import parts
from web.shapes.community import MemberRequest, RequestMade, RequestPriced
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.matching import match_by_hand
from zmq_bridge.storage.ledger.request_list import Request, get_request, page_requests
from zmq_bridge.storage.ledger.requests import cancel_request, request_redemption, request_subscription
from zmq_bridge.storage.ledger.settlement import price_redemption, settle_matched
from zmq_bridge.storage.users import keep_active

blueprint = Blueprint("requests", __name__, url_prefix="/api", description="Money in and out of the pool")

ULID = re.compile(r"[0-9A-Z]{26}")


@blueprint.post("/users/<int:user_id>/invest")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(RequestMade, 202)
@blueprint.arguments(Investment)
def invest(body: dict[str, Any], user_id: int) -> Response:
    """Note what a member will pay in. Units follow when the broker's deposit carries the reference in its comment."""
    with parts().engine.begin() as connection:
        known_user(connection, user_id)
        if not keep_active(connection, user_id):
            raise Conflict("USER_INACTIVE", f"User {user_id} is not active and may not invest.")
        account = chosen_account(connection, body["account"])
        wanted = request_subscription(
            connection, account.id, user_id, body["amount"], source=current_key().id,
            idempotency_key=idempotency_key(body),
        )  # fmt: skip
        made = _made(wanted, account, user_id, body["amount"])
    advice = f"Deposit {money(body['amount'], account.currency_digits)} {made.currency} at the broker"
    return answer({**shown_request(made, account), "next": f"{advice} with the comment {made.reference}."}, 202)


@blueprint.post("/users/<int:user_id>/withdraw")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(RequestMade, 202)
@blueprint.arguments(Withdrawal)
def withdraw(body: dict[str, Any], user_id: int) -> Response:
    """Note what a member wants out, or all of it. Units are burned when the broker's withdrawal carries the reference.

    More than the share comes to now, less what was asked for before, is refused (CLAIM_TOO_SMALL).
    To know what everything comes to before the money leaves the broker, an admin prices the request first.
    """
    with parts().engine.begin() as connection:
        known_user(connection, user_id)
        account = chosen_account(connection, body["account"])
        wanted = request_redemption(
            connection, account.id, user_id, body["amount"], source=current_key().id,
            idempotency_key=idempotency_key(body),
        )  # fmt: skip
        if isinstance(wanted, Refused) and wanted.code is RefusalCode.CLAIM_TOO_SMALL:
            raise _too_much(wanted, account)
        made = _made(wanted, account, user_id, body["amount"])
    return answer({**shown_request(made, account), "next": _next_of(made)}, 202)


@blueprint.get("/requests")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives_page("requests", MemberRequest)
@blueprint.arguments(RequestQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List requests, newest first; a member's key sees its own."""
    user_id = query["user"] or current_key().user_id
    if user_id is not None:
        check_user(user_id)
    with parts().engine.connect() as connection:
        accounts = {account.id: account for account in visible_accounts(connection)}
        wanted = Filter(
            account_ids=visible_ids(connection, query["account"]), status=query["status"], from_at=query["from_at"],
            to_at=query["to_at"], after=read_cursor(query["cursor"], str), limit=query["limit"],
        )  # fmt: skip
        found = page_requests(connection, wanted, kind=KINDS.get(query["kind"]), user_id=user_id)
    rows = [shown_request(request, accounts[request.account_id]) for request in found]
    return answer(page("requests", rows, query["limit"], "id"))


@blueprint.get("/requests/<kind>/<request_id>")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(MemberRequest)
def one(kind: str, request_id: str) -> Response:
    """One request as it stands."""
    with parts().engine.connect() as connection:
        return answer(shown_request(*_known(connection, kind, request_id)))


@blueprint.post("/requests/<kind>/<request_id>/cancel")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(MemberRequest)
def cancel(kind: str, request_id: str) -> Response:
    """Take a request back: a member while no money has come for it, an admin while no units have moved."""
    with parts().engine.begin() as connection:
        request, account = _known(connection, kind, request_id)
        if current_key().user_id is not None and request.status != "pending":
            raise Conflict("REQUEST_NOT_PENDING", f"The request is {request.status}; an admin can still take it back.")
        done = accepted(cancel_request(connection, account.id, KINDS[kind], request_id, actor=actor()))
    return answer(shown_request(done, account))


@blueprint.post("/requests/<kind>/<request_id>/match")
@needs(Scope.ADMIN)
@gives(MemberRequest)
@blueprint.arguments(Match)
def match(body: dict[str, Any], kind: str, request_id: str) -> Response:
    """Match a request with a balance deal in suspense, and settle it if that can be done now; the deal's amount counts.

    A request that is matched and can't be settled yet says why in `refusal`, and is tried again by itself.
    """
    with parts().engine.begin() as connection:
        _, account = _known(connection, kind, request_id)
        word = KINDS[kind]
        accepted(
            match_by_hand(
                connection, account.id, ticket=body["ticket"], kind=word, request_id=request_id, actor=actor()
            )
        )
        settle_matched(connection, account.id)
        return answer(shown_request(*_known(connection, kind, request_id)))


@blueprint.post("/requests/withdraw/<request_id>/price")
@needs(Scope.ADMIN)
@gives(RequestPriced)
def price(request_id: str) -> Response:
    """Burn the units of a pending withdrawal at the price of now; the answer says how much money to withdraw."""
    with parts().engine.begin() as connection:
        _, account = _known(connection, "withdraw", request_id)
        done = accepted(price_redemption(connection, account.id, request_id, actor=actor()))
        request, _ = _known(connection, "withdraw", request_id)
    shown = {**asdict(done), "amount": money(done.amount, account.currency_digits)}
    return answer({**shown_request(request, account), "priced": shown})


def _next_of(made: Request) -> str:
    """What is to be done for a withdrawal, by whoever asks: money leaves the broker by an admin's hand only."""
    if not current_key().allows(Scope.ADMIN):
        when = "is priced, and paid out then" if made.full_exit else "is paid out"
        return f"Nothing more for you to do: an admin sees your request {made.reference}, and it {when}."
    advice = f"Withdraw at the broker with the comment {made.reference}."
    if made.full_exit:
        advice = f"Have the request priced (POST /api/requests/withdraw/{made.id}/price), then w{advice[1:]}"
    return advice


def _too_much(refused: Refused, account: Account) -> Conflict:
    """More was asked for than the share holds: how much it is, and how much may be asked for."""
    claim, before, left = (
        money(Decimal(refused.context[name]), account.currency_digits) for name in ("claim", "asked_before", "left")
    )
    whose = "the member's" if current_key().allows(Scope.ADMIN) else "your"
    said = f"{claim} {account.currency} can be paid out of {whose} share now"
    if before and before >= claim:
        said += "; everything was asked for before"
    elif before:
        said += f"; {before} of it were asked for before"
    said += f": ask for {left} or less, or for everything." if left else ": there is nothing to take out."
    return Conflict(str(refused.code), said, field="amount", context=dict(refused.context))


def _made(wanted: Any, account: Account, user_id: int, amount: Any) -> Request:
    """The request that was made, or the one that its idempotency key stands for."""
    made: Request = accepted(wanted)
    if (made.account_id, made.user_id, made.amount) != (account.id, user_id, amount):
        raise Conflict("IDEMPOTENCY_KEY_REUSED", "The key was used before, for a different request.")
    return made


def _known(connection: Connection, kind: str, request_id: str) -> tuple[Request, Account]:
    """A request and its account, if the key may speak of both; `kind` is invest or withdraw."""
    is_known = kind in KINDS and ULID.fullmatch(request_id)
    found = get_request(connection, KINDS[kind], request_id) if is_known else None
    accounts = {account.id: account for account in visible_accounts(connection)}
    own = current_key().user_id
    if found is None or found.account_id not in accounts or own not in (None, found.user_id):
        raise NotFound(
            "REQUEST_NOT_FOUND", f"There is no request {request_id!r} of kind {kind!r}, or not for this key."
        )
    return found, accounts[found.account_id]
