"""Who asks, and what they may do: an API key in `X-API-Key` or as a bearer token, checked for every request.

A view names the scope it needs with `@needs(Scope.READ)`. What a key may see is asked here too: `account_for` and
`visible_user` answer with a refusal, never with somebody else's data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import g, request

from web.errors import Forbidden, NotFound, Unauthenticated
from web.parts import parts, utc_now
from zmq_bridge.storage.keyring import KeyRefused
from zmq_bridge.storage.keys import ApiKey, Scope

P = ParamSpec("P")
R = TypeVar("R")


def needs(*scopes: Scope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a key with one of the scopes (`admin` includes all)."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            require(*scopes)
            return view(*args, **kwargs)

        return checked

    return decorate


def require(*scopes: Scope) -> ApiKey:
    """The key of this request, if it has one of the scopes.

    Raises:
        Unauthenticated: no key, or not a valid one.
        Forbidden: a valid key without any of the scopes.
    """
    key = _authenticate()
    if not any(key.allows(scope) for scope in scopes):
        raise Forbidden(
            "SCOPE_MISSING",
            f"Expected a key with scope {' or '.join(scopes)}; found {', '.join(sorted(key.scopes))}.",
            needs=[str(scope) for scope in scopes],
        )
    return key


def current_key() -> ApiKey:
    """The key that this request was let in with."""
    return cast(ApiKey, g.api_key)


def check_login(login: int) -> None:
    """Refuse an account that the key may not speak of, in the words used for one that does not exist."""
    accounts = current_key().accounts
    if accounts is not None and login not in accounts:
        raise NotFound("ACCOUNT_UNKNOWN", f"There is no account {login}, or not for this key.")


def check_user(user_id: int) -> None:
    """Refuse a member's key any other member."""
    own = current_key().user_id
    if own is not None and own != user_id:
        raise NotFound("USER_UNKNOWN", f"There is no user {user_id}, or not for this key.")


def _authenticate() -> ApiKey:
    found = parts().keyring.verify(_presented(), utc_now())
    if isinstance(found, KeyRefused):
        raise Unauthenticated(str(found.code), found.message)
    g.api_key = found
    return found


def _presented() -> str | None:
    header = request.headers.get("X-API-Key")
    if header:
        return header.strip()
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None
