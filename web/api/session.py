"""Signing in with an API key: a browser shows it once and gets a session with the key's rights instead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from web import limits, sessions
from web.answer_docs import gives
from web.answers import answer
from web.auth import ANY_KEY, current_key, needs, open_to_all
from web.blueprint import Blueprint
from web.errors import ApiError, Unauthenticated
from web.parts import parts, utc_now
from web.shapes.operations import SignedIn, SignedOut
from zmq_bridge.storage.keyring import KEY_CHARS_MAX, KeyRefused
from zmq_bridge.storage.keys import ApiKey
from zmq_bridge.storage.sessions import Session, end_session, start_session

blueprint = Blueprint("session", __name__, url_prefix="/api/session", description="Signing in, for browsers")


class SignIn(Schema):
    """What a person signs in with."""

    key = fields.String(required=True, validate=validate.Length(min=1, max=KEY_CHARS_MAX), load_only=True)


@blueprint.post("")
@open_to_all
@gives(SignedIn, 201)
@blueprint.arguments(SignIn)
def sign_in(body: dict[str, Any]) -> Response:
    """Open a session with an API key; the cookie that comes back stands for it until it ends."""
    return open_session(body["key"].strip())


@blueprint.get("")
@needs(*ANY_KEY)
@gives(SignedIn)
def who() -> Response:
    """Who is signed in, with which rights, and the token that every change must carry."""
    token = sessions.presented()
    session = None if token is None else parts().sessions.verify(token, utc_now())
    return answer(_described(current_key(), session.expires_at if isinstance(session, Session) else None, token))


@blueprint.delete("")
@needs(*ANY_KEY)
@gives(SignedOut)
def sign_out() -> Response:
    """End the session for good."""
    token = sessions.presented()
    if token is None:
        raise ApiError("SESSION_MISSING", "Expected a session; a key has none to end.")
    with parts().engine.begin() as connection:
        end_session(connection, token)
    parts().sessions.forget(token)
    response = answer({"status": "signed out"})
    sessions.take_cookie(response)
    return response


def open_session(text: str) -> Response:
    """Open a session for the holder of a key, and set its cookie. The one that the browser had ends.

    The token is always a new one: a cookie that somebody planted before is no session afterwards.

    Raises:
        Unauthenticated: not a living key of ours.
        Forbidden: another site made the browser send it.
        TooMany: the key has asked too often; every session is a row, and a line of the audit log.
    """
    sessions.check_site()
    key = parts().keyring.verify(text, utc_now())
    if isinstance(key, KeyRefused):
        limits.spend_stranger()
        raise Unauthenticated(str(key.code), key.message)
    limits.spend(key)
    before = sessions.presented()
    with parts().engine.begin() as connection:
        if before is not None:
            end_session(connection, before)
        token, until = start_session(connection, key, utc_now())
    if before is not None:
        parts().sessions.forget(before)
    response = answer(_described(key, until, token), 201)
    sessions.put_cookie(response, token, until)
    return response


def _described(key: ApiKey, until: datetime | None, token: str | None) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "accounts": None if key.accounts is None else sorted(key.accounts),
        "symbols": None if key.symbols is None else sorted(key.symbols),
        "user_id": key.user_id,
        "expires_at": until,
        "csrf_token": sessions.csrf_token(token) or None,
    }
