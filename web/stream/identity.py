"""Who connects: an API key in a header or in the first message, or the dashboard's session cookie with its Origin.

A key is never taken from the address, which ends up in logs. A cookie comes along with whatever page the browser
shows, so it counts only when the page is ours: the Origin's host is the one that was asked, on a port of ours.
Asking the database blocks; callers use a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from sqlalchemy import Engine

from web.sessions import COOKIE
from web.stream.words import Code
from zmq_bridge.storage.keyring import KeyRefused, Keyring
from zmq_bridge.storage.keys import ApiKey, find_by_id
from zmq_bridge.storage.sessions import SessionBook

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nobody we let in, and why."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose connection it is."""

    key: ApiKey
    token: str | None = field(default=None, repr=False)  # of the browser's session; None: an API key


class Doorkeeper:
    """Checks who connects, and later whether they may stay."""

    def __init__(self, engine: Engine, *, ports: frozenset[int]) -> None:
        """`ports` are those of our own pages, beside the default ones of http and https."""
        self._engine = engine
        self._keyring = Keyring(engine)
        self._sessions = SessionBook(engine, self._keyring)
        self._ports = ports

    def by_headers(self, headers: Mapping[str, str], *, is_socket: bool) -> Identity | Refusal | None:
        """Who the headers say it is; None: they say nothing, a first message may.

        A WebSocket that brings a cookie must bring its Origin, since any page may open one. Other requests bring it
        when they come from another origin; what answers them is readable there only if we allow it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database could not be asked; let nobody in.
        """
        text = presented_key(headers)
        if text is not None:
            return self.by_key(text)
        token = presented_token(headers)
        if token is None:
            return None
        origin = headers.get("origin")
        if (is_socket or origin is not None) and not self.is_ours(origin, headers.get("host")):
            message = f"Expected a page of {headers.get('host')}; found one of {origin or 'no origin'}."
            return Refusal(code=Code.ORIGIN_REFUSED, message=message)
        found = self._sessions.verify(token, datetime.now(UTC))
        if isinstance(found, KeyRefused):
            return Refusal(code=Code.UNAUTHENTICATED, message=f"{found.code}: {found.message}")
        return Identity(key=found.key, token=token)

    def by_key(self, text: str) -> Identity | Refusal:
        """Whose API key this is."""
        found = self._keyring.verify(text, datetime.now(UTC))
        if isinstance(found, KeyRefused):
            return Refusal(code=Code.UNAUTHENTICATED, message=f"{found.code}: {found.message}")
        return Identity(key=found)

    def may_stay(self, identity: Identity) -> bool:
        """Whether the key, and the session if it is one, still live with the very rights of before."""
        now = datetime.now(UTC)
        if identity.token is not None:
            self._sessions.forget(identity.token)
            if isinstance(self._sessions.verify(identity.token, now), KeyRefused):
                return False
        with self._engine.connect() as connection:
            key = find_by_id(connection, identity.key.id)
        if key is None or isinstance(self._keyring.admit(key, now), KeyRefused):
            return False
        return _rights(key) == _rights(identity.key)

    def is_ours(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin is one of ours, seen from the host that was asked."""
        try:
            page, asked = urlsplit(origin or ""), urlsplit(f"//{host or ''}")
            port = page.port or DEFAULT_PORTS.get(page.scheme)
        except ValueError:
            return False
        if page.scheme not in DEFAULT_PORTS or page.hostname is None or page.hostname != asked.hostname:
            return False
        return port in self._ports or port in DEFAULT_PORTS.values()


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The API key in the headers, as the REST side takes it."""
    direct = headers.get("x-api-key")
    if direct:
        return direct.strip()
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def presented_token(headers: Mapping[str, str]) -> str | None:
    """The session's token in the cookies."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value or None if found is not None else None


def _rights(key: ApiKey) -> tuple[object, ...]:
    return key.scopes, key.accounts, key.symbols, key.user_id
