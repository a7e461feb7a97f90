"""A browser that is signed in: one cookie that scripts can't read, and a token that other sites can't know.

The cookie alone changes nothing: a request that is not a reading one must also carry the CSRF token, in `X-CSRF-Token`
or the form field `csrf_token`. The token is made from the cookie and the secret key, so nobody has to store it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from flask import Response, current_app, request

from web.errors import Forbidden

COOKIE = "zb_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def presented() -> str | None:
    """The session's token in the request's cookie."""
    return request.cookies.get(COOKIE) or None


def csrf_token(token: str | None = None) -> str:
    """What a page sends back with every change; empty without a session."""
    token = token or presented()
    if not token:
        return ""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(secret, b"csrf:" + token.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def check_csrf(token: str) -> None:
    """Refuse a change that another site may have made the browser send.

    Raises:
        Forbidden: no CSRF token, a wrong one, or the browser says that it comes from elsewhere.
    """
    if request.method in READING:
        return
    check_site()
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), csrf_token(token).encode()):
        raise Forbidden("CSRF_FAILED", f"Expected the session's token in {CSRF_HEADER}; found none, or another's.")


def check_site() -> None:
    """Refuse what a browser marks as sent by another site.

    Raises:
        Forbidden: it came from elsewhere.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("CSRF_FAILED", "Expected a request of our own pages; found one of another site.")


def put_cookie(response: Response, token: str, until: datetime) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE, token, expires=until, path="/", httponly=True, samesite="Lax", secure=request.is_secure
    )  # fmt: skip


def take_cookie(response: Response) -> None:
    """Take the session back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="Lax", secure=request.is_secure)
