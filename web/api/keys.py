"""API keys over HTTP: made, listed, rotated, revoked. The text of a key is in one answer and nowhere else.

A key that is for some accounts or symbols makes, sees, rotates and revokes only keys for these, so nobody gets past a
list by way of another key.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy import Connection

from web.answer_docs import gives
from web.answers import answer
from web.api.schemas import ErrorAnswer
from web.auth import ANY_KEY, actor, current_key, needs
from web.blueprint import Blueprint
from web.errors import ApiError, Forbidden, NotFound
from web.parts import parts, utc_now
from web.shapes.operations import Key, KeyMade, Keys
from zmq_bridge.admission.numbers import WholeNumber
from zmq_bridge.admission.schema import BIGINT_MAX, SYMBOL_CHARS_MAX, AwareTime, text
from zmq_bridge.storage.keys import (
    NAME_CHARS_MAX,
    ApiKey,
    KeyRequestError,
    NewKey,
    Scope,
    create_key,
    find_by_id,
    list_keys,
    revoke_key,
    rotate_key,
)
from zmq_bridge.storage.users import get_user

blueprint = Blueprint("keys", __name__, url_prefix="/api/keys", description="API keys")

LISTED_MAX = 1000
OVERLAP_S_MAX = 30 * 86_400


class NewKeyBody(Schema):
    """A key to be made."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    name = text(NAME_CHARS_MAX, required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf([scope.value for scope in Scope])),
        required=True,
        validate=validate.Length(min=1, max=len(Scope)),
    )
    accounts = fields.List(
        WholeNumber(at_least=1, at_most=BIGINT_MAX), load_default=None, validate=validate.Length(max=LISTED_MAX)
    )
    symbols = fields.List(text(SYMBOL_CHARS_MAX), load_default=None, validate=validate.Length(max=LISTED_MAX))
    user_id = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    expires_at = AwareTime(load_default=None)


class RotateBody(Schema):
    """How a key is replaced."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    overlap_s = WholeNumber(
        at_least=0, at_most=OVERLAP_S_MAX, load_default=0, metadata={"description": "how long the old key still works"}
    )


@blueprint.get("")
@needs(Scope.ADMIN)
@gives(Keys)
def listing() -> Response:
    """List every key, living or not, with when it was last used; never its text."""
    with parts().engine.connect() as connection:
        found = [key for key in list_keys(connection) if _is_within(key.accounts, key.symbols)]
    return answer({"keys": [_shown(key) for key in found]})


@blueprint.post("")
@needs(Scope.ADMIN)
@gives(KeyMade, 201)
@blueprint.arguments(NewKeyBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
def create(body: dict[str, Any]) -> Response:
    """Make a key. Its text is in this answer and can't be shown again."""
    now = utc_now()
    if body["expires_at"] is not None and body["expires_at"] <= now:
        raise ApiError("INVALID_FIELD", "expires_at: Expected a time to come.", field="expires_at")
    if not _is_within(body["accounts"], body["symbols"]):
        message = "Expected accounts and symbols of this key's own, which is not for all; found others, or no list."
        raise Forbidden("KEY_TOO_WIDE", message)
    try:
        with parts().engine.begin() as connection:
            if body["user_id"] is not None and get_user(connection, body["user_id"]) is None:
                raise NotFound("USER_UNKNOWN", f"There is no user {body['user_id']}.", field="user_id")
            return _told(create_key(connection, now=now, actor=actor(), **body))
    except KeyRequestError as error:
        raise ApiError("INVALID_FIELD", str(error), field="scopes") from None


@blueprint.post("/<string:key_id>/rotate")
@needs(*ANY_KEY)
@gives(KeyMade, 201)
@blueprint.arguments(RotateBody)
def rotate(body: dict[str, Any], key_id: str) -> Response:
    """Replace a key by a new one with the same rights. A key may replace itself; others only an admin's may."""
    own = key_id in ("self", current_key().id)
    if not own and not current_key().allows(Scope.ADMIN):
        raise NotFound("KEY_UNKNOWN", "There is no such key, or not for this one.")
    with parts().engine.begin() as connection:
        if not own:
            _check_reach(connection, key_id)
        new = rotate_key(
            connection, current_key().id if own else key_id, now=utc_now(), actor=actor(),
            overlap=timedelta(seconds=body["overlap_s"]),
        )  # fmt: skip
    if new is None:
        raise NotFound("KEY_UNKNOWN", "There is no such key, or it does not live any more.")
    parts().keyring.forget()
    return _told(new)


@blueprint.post("/<string:key_id>/revoke")
@needs(Scope.ADMIN)
@gives(Key)
def revoke(key_id: str) -> Response:
    """End a key for good, and every session that was opened with it."""
    with parts().engine.begin() as connection:
        _check_reach(connection, key_id)
        ended = revoke_key(connection, key_id, now=utc_now(), actor=actor())
    if ended is None:
        raise NotFound("KEY_UNKNOWN", "There is no such key, or it was revoked before.")
    parts().keyring.forget()
    return answer(_shown(ended))


def _is_within(accounts: Collection[int] | None, symbols: Collection[str] | None) -> bool:
    """Whether a key with these lists may do nothing that the key of this request may not."""
    own = current_key()
    return (own.accounts is None or (accounts is not None and own.accounts.issuperset(accounts))) and (
        own.symbols is None or (symbols is not None and own.symbols.issuperset(symbols))
    )


def _check_reach(connection: Connection, key_id: str) -> None:
    """Refuse a key that may do more, in the words used for one that does not exist."""
    found = find_by_id(connection, key_id)
    if found is None or not _is_within(found.accounts, found.symbols):
        raise NotFound("KEY_UNKNOWN", "There is no such key, or not for this one.")


def _told(new: NewKey) -> Response:
    return answer({**_shown(new.key), "key": new.text}, 201)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "accounts": None if key.accounts is None else sorted(key.accounts),
        "symbols": None if key.symbols is None else sorted(key.symbols),
        "user_id": key.user_id,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "rotated_from": key.rotated_from,
    }
