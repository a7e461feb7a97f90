"""Who asks, and what they may do: an API key in `X-API-Key` or as a bearer token, or a browser's session.

A view names the scopes it needs with `@needs(Scope.READ)`, or that it needs none with `@open_to_all`; a test reads
these marks and tries every address with every scope, so a view without a mark does not pass. What a key may see is
asked here too: `check_login` and `check_user` answer with a refusal, never with somebody else's data.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import g, request

from web import limits, sessions
from web.errors import Forbidden, NotFound, Unauthenticated
from web.parts import parts, utc_now
from zmq_bridge.storage.keyring import KeyRefused
from zmq_bridge.storage.keys import ApiKey, Scope
from zmq_bridge.storage.sessions import Session

P = ParamSpec("P")
R = TypeVar("R")

SCOPES_MARK = "needs_scopes"
ANY_KEY = tuple(Scope)


def needs(*scopes: Scope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a key with one of the scopes (`admin` includes all). It stands above `arguments`."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            require(*scopes)
            return view(*args, **kwargs)

        return _marked(checked, scopes, [{way: [str(scope) for scope in scopes]} for way in WAYS_IN])

    return decorate


def open_to_all(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that needs no key."""
    return _marked(view, (), [])


def scopes_of(view: Any) -> tuple[Scope, ...] | None:
    """The scopes of which a view needs one; empty: none; None: nobody has said."""
    return cast(tuple[Scope, ...] | None, getattr(view, SCOPES_MARK, None))


WAYS_IN = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": sessions.COOKIE},
}
"""The security schemes of the OpenAPI document; with a session, what changes something also needs `X-CSRF-Token`."""


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


def visitor() -> ApiKey | None:
    """Whose request this is, for a page that is also shown to strangers; None: nobody we let in."""
    try:
        return _authenticate()
    except (Unauthenticated, Forbidden):
        return None


def shows_credentials() -> bool:
    """Whether the request says at all who asks."""
    return _presented() is not None or sessions.presented() is not None


def current_key() -> ApiKey:
    """The key that this request was let in with."""
    return cast(ApiKey, g.api_key)


def actor() -> str:
    """Who does what this request does, for the audit log."""
    key = current_key()
    return f"{key.name} ({key.id})"


def check_login(login: int) -> None:
    """Refuse an account that the key may not speak of, in the words used for one that does not exist."""
    accounts = current_key().accounts
    if accounts is not None and login not in accounts:
        raise NotFound("ACCOUNT_UNKNOWN", f"There is no account {login}, or not for this key.")


def check_all_accounts() -> None:
    """Refuse a key that is for some accounts what concerns all of them.

    Raises:
        Forbidden: it is for some.
    """
    if current_key().accounts is not None:
        raise Forbidden("ACCOUNT_NOT_ALLOWED", "Expected a key for all accounts; found one for some.")


def check_user(user_id: int) -> None:
    """Refuse a member's key any other member."""
    own = current_key().user_id
    if own is not None and own != user_id:
        raise NotFound("USER_UNKNOWN", f"There is no user {user_id}, or not for this key.")


def _authenticate() -> ApiKey:
    """Find out who asks; a key that was sent counts before a cookie that the browser added."""
    if "api_key" in g:
        return cast(ApiKey, g.api_key)
    text = _presented()
    token = sessions.presented() if text is None else None
    found: ApiKey | Session | KeyRefused
    if token is not None:
        found = parts().sessions.verify(token, utc_now())
    else:
        found = parts().keyring.verify(text, utc_now())
    if isinstance(found, KeyRefused):
        limits.spend_stranger()
        raise Unauthenticated(str(found.code), found.message)
    if isinstance(found, Session):
        sessions.check_csrf(cast(str, token))
        found = found.key
    limits.spend(found)
    g.api_key = found
    return found


def _presented() -> str | None:
    header = request.headers.get("X-API-Key")
    if header:
        return header.strip()
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _marked(view: Callable[P, R], scopes: tuple[Scope, ...], security: list[dict[str, list[str]]]) -> Callable[P, R]:
    """The view with its scopes on it, for the permission matrix and for the OpenAPI document."""
    setattr(view, SCOPES_MARK, scopes)
    doc = deepcopy(getattr(view, "_apidoc", {}))
    doc["manual_doc"] = {**doc.get("manual_doc", {}), "security": security}
    view._apidoc = doc  # type: ignore[attr-defined]  # where flask-smorest keeps what it documents
    return view
