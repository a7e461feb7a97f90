"""Community: the pool, its members and their shares, requests, what waits for an admin; and a member's own page."""

from __future__ import annotations

from typing import Any

from flask import request

from web.auth import require
from web.pages.cards import Context, card
from web.pages.inside import NoAnswer, ask
from web.pages.viewer import Viewer
from web.parts import parts
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.shares import shares
from zmq_bridge.storage.users import names_of

MEMBERS_SHOWN = 50
REQUESTS_SHOWN = 20
WAITING_SHOWN = 200  # requests that money without an owner may be matched with
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@card("pool", "The pool", topics=("account",), every_s=10)
def pool(viewer: Viewer) -> Context:
    """What it is worth, and how it did."""
    if viewer.login is None:
        return {"pool": None}
    stats = ask("/api/account/stats", account=viewer.login)
    return {"pool": stats["pool"], "currency": stats["currency"], "history": _history(viewer)}


@card("pool-curve", "Price of a unit", every_s=0)
def pool_curve(viewer: Viewer) -> Context:
    """The track record by day, as it is drawn."""
    history = _history(viewer)
    return {"days": [[day["day"], day["nav_per_unit"]] for day in history["days"]] if history else []}


@card("pool-months", "Monthly returns", every_s=10, leader="pool")
def pool_months(viewer: Viewer) -> Context:
    """The table that track records are shown as, the newest year first."""
    history = _history(viewer)
    return {"years": history["years"][::-1] if history else [], "months": MONTHS}


@card("members", "Members", topics=("account",), every_s=10, leader="pool")
def members(viewer: Viewer) -> Context:
    """One page of everybody, with their part to the cent."""
    cursor = request.args.get("cursor") or None
    users = ask("/api/users", limit=MEMBERS_SHOWN, cursor=cursor)
    return {"users": users["users"], "more": users["next_cursor"], "cursor": cursor, **_shares(viewer)}


@card("requests", "Requests", topics=("account",), every_s=5)
def requests(viewer: Viewer) -> Context:
    """The newest requests of all members."""
    found = ask("/api/requests", account=viewer.login, limit=REQUESTS_SHOWN)["requests"]
    return {"requests": found, "names": _names(found), "own": False}


@card("suspense", "Money without an owner", topics=("account",), every_s=10)
def suspense(viewer: Viewer) -> Context:
    """Balance deals that nobody's request explains yet, and whether the books agree with the broker."""
    if viewer.login is None:
        return {"suspense": [], "books": None, "waiting": [], "names": {}}
    found = ask("/api/pool/suspense", account=viewer.login)["suspense"]
    waiting = ask("/api/requests", account=viewer.login, status="pending", limit=WAITING_SHOWN)["requests"]
    books = ask("/api/pool/reconciliation", account=viewer.login)
    return {"suspense": found, "books": books, "waiting": waiting, "names": _names(waiting)}


@card("my-share", "My share", topics=("share",), every_s=10)
def my_share(viewer: Viewer) -> Context:
    """What a member owns, and how it did."""
    return {"statement": _statement(viewer)}


@card("my-curve", "Value of my share", every_s=0)
def my_curve(viewer: Viewer) -> Context:
    """The member's value by day, as it is drawn."""
    statement = _statement(viewer)
    return {"days": [[day["day"], day["value"]] for day in statement["days"]] if statement else []}


@card("my-requests", "My requests", topics=("share",), every_s=10, leader="my-share")
def my_requests(viewer: Viewer) -> Context:
    """What the member asked for, and how far it is."""
    found = ask("/api/requests", user=viewer.key.user_id, account=viewer.login, limit=REQUESTS_SHOWN)
    return {"requests": found["requests"], "names": {}, "own": True}


@card("my-movements", "Movements", topics=("share",), every_s=10, leader="my-share")
def my_movements(viewer: Viewer) -> Context:
    """Every change of the member's units."""
    statement = _statement(viewer)
    return {"movements": statement["movements"][::-1] if statement else [], "statement": statement}


def _history(viewer: Viewer) -> Any:
    """The pool's days; None while there is no account."""
    return None if viewer.login is None else ask("/api/pool/history", account=viewer.login)


def _statement(viewer: Viewer) -> Any:
    """The member's statement; None where the key is no member's, or there is no pool yet."""
    if viewer.key.user_id is None or viewer.login is None:
        return None
    try:
        return ask(f"/api/users/{viewer.key.user_id}/statement", account=viewer.login)
    except NoAnswer as problem:
        if problem.status == 404:
            return None
        raise


def _names(rows: list[Any]) -> dict[int, str]:
    """What the members of some requests are called, by id."""
    require(Scope.ADMIN)
    with parts().engine.connect() as connection:
        return names_of(connection, {row["user_id"] for row in rows})


def _shares(viewer: Viewer) -> Context:
    if viewer.account is None:
        return {"shares": {}, "currency": ""}
    with parts().engine.connect() as connection:
        found = shares(connection, viewer.account.id)
    return {"shares": {share.user_id: share for share in found.members}, "currency": found.currency}
