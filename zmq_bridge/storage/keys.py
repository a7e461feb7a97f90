"""API keys: made once, shown once, stored only as a SHA-256 of 256 random bits.

A key reads `zb_<prefix>_<secret>`. The prefix is public and finds the row; the hash of the whole key is compared in
constant time. (A slow hash would protect nothing: there is no dictionary of 256-bit secrets.)
Checking keys at the speed of requests is `keyring`'s work; here is what is stored.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.audit import record

MARK = "zb"  # first part of every key, so that secret scanners can find a leaked one
SECRET_BYTES = 32
PREFIX_BYTES = 6
NAME_CHARS_MAX = 100


class Scope(StrEnum):
    """What a key lets its holder do. `admin` includes the others."""

    SIGNAL = "signal"  # send signals
    READ = "read"  # read state
    TRADE = "trade"  # close, modify, cancel, switch the trading state
    ADMIN = "admin"
    TERMINAL = "terminal"  # speak for a terminal
    MEMBER = "member"  # a member's own page, and nothing of anybody else's


class KeyRequestError(ValueError):
    """A key can't be made or changed as asked; the message says what was expected and what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as stored, without its secret."""

    id: str  # ULID; the `source` of the signals it sends
    name: str
    prefix: str
    hash: bytes  # SHA-256 of the whole key
    scopes: frozenset[Scope]
    accounts: frozenset[int] | None  # logins it may speak of; None: all
    symbols: frozenset[str] | None  # symbols it may trade; None: all
    user_id: int | None  # the member whose key it is
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    rotated_from: str | None  # id of the key that this one replaced

    def allows(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made, with the only copy of its text."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """Leave the secret out of logs."""
        return f"NewKey(id={self.key.id!r}, text='{MARK}_{self.key.prefix}_...')"


INSERT = """
INSERT INTO api_keys (id, name, prefix, hash, scopes, accounts, symbols, user_id, created_at, expires_at, rotated_from)
VALUES (%(id)s, %(name)s, %(prefix)s, %(hash)s, %(scopes)s::text[], %(accounts)s::bigint[], %(symbols)s::text[],
        %(user_id)s, %(created_at)s, %(expires_at)s, %(rotated_from)s)
RETURNING *
"""

REVOKE = "UPDATE api_keys SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING *"

EXPIRE = """
UPDATE api_keys SET expires_at = LEAST(expires_at, %(at)s)
WHERE id = %(id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
RETURNING *
"""


def create_key(
    connection: Connection,
    *,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    actor: str,
    accounts: Iterable[int] | None = None,
    symbols: Iterable[str] | None = None,
    user_id: int | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key. Its text is in the answer and nowhere else.

    Raises:
        KeyRequestError: no scope, an unknown scope, an empty or overlong name, a member's key without its member, or
            with another scope.
    """
    parts = {
        "name": _checked_name(name),
        "scopes": sorted(_checked_scopes(scopes, user_id)),
        "accounts": None if accounts is None else sorted(accounts),
        "symbols": None if symbols is None else sorted(symbols),
        "user_id": user_id,
        "expires_at": expires_at,
        "rotated_from": None,
    }
    new = _insert(connection, parts, now)
    record(connection, actor=actor, action="key.create", subject=f"api_key:{new.key.id}", after=_public(new.key))
    return new


def rotate_key(
    connection: Connection, key_id: str, *, now: datetime, actor: str, overlap: timedelta = timedelta(0)
) -> NewKey | None:
    """Replace a key by a new one with the same rights; the old one ends after `overlap`. None: no such living key."""
    old = find_by_id(connection, key_id)
    row = connection.exec_driver_sql(EXPIRE, {"id": key_id, "at": now + overlap, "now": now}).one_or_none()
    if row is None or old is None:
        return None
    parts = {
        "name": old.name,
        "scopes": sorted(old.scopes),
        "accounts": None if old.accounts is None else sorted(old.accounts),
        "symbols": None if old.symbols is None else sorted(old.symbols),
        "user_id": old.user_id,
        "expires_at": old.expires_at,  # rotating gives nobody more time
        "rotated_from": old.id,
    }
    new = _insert(connection, parts, now)
    record(
        connection, actor=actor, action="key.rotate", subject=f"api_key:{old.id}", before=_public(old),
        after=_public(new.key),
    )  # fmt: skip
    return new


def revoke_key(connection: Connection, key_id: str, *, now: datetime, actor: str) -> ApiKey | None:
    """End a key for good. None: there is no such key, or it was revoked before."""
    row = connection.exec_driver_sql(REVOKE, {"id": key_id, "now": now}).one_or_none()
    if row is None:
        return None
    key = _key(row)
    record(connection, actor=actor, action="key.revoke", subject=f"api_key:{key.id}", before=_public(key))
    return key


def list_keys(connection: Connection) -> list[ApiKey]:
    """Every key, living or not, oldest first."""
    return [_key(row) for row in connection.exec_driver_sql("SELECT * FROM api_keys ORDER BY id")]


def find_by_prefix(connection: Connection, prefix: str) -> ApiKey | None:
    """The key with a prefix, living or not."""
    row = connection.exec_driver_sql("SELECT * FROM api_keys WHERE prefix = %s", (prefix,)).one_or_none()
    return None if row is None else _key(row)


def find_by_id(connection: Connection, key_id: str) -> ApiKey | None:
    """The key with an id, living or not."""
    row = connection.exec_driver_sql("SELECT * FROM api_keys WHERE id = %s", (key_id,)).one_or_none()
    return None if row is None else _key(row)


def touch(connection: Connection, key_id: str, now: datetime) -> None:
    """Note that a key was used."""
    connection.exec_driver_sql("UPDATE api_keys SET last_used_at = %s WHERE id = %s", (now, key_id))


def hash_key(text: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _insert(connection: Connection, parts: dict[str, Any], now: datetime) -> NewKey:
    prefix = secrets.token_hex(PREFIX_BYTES)
    text = f"{MARK}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    made = {"id": new_id(int(now.timestamp() * 1000)), "prefix": prefix, "hash": hash_key(text), "created_at": now}
    return NewKey(key=_key(connection.exec_driver_sql(INSERT, parts | made).one()), text=text)


def _checked_name(name: str) -> str:
    if not 0 < len(name.strip()) <= NAME_CHARS_MAX:
        raise KeyRequestError(f"A key's name has 1 to {NAME_CHARS_MAX} characters; found {len(name.strip())}.")
    return name.strip()


def _checked_scopes(scopes: Iterable[str], user_id: int | None) -> frozenset[Scope]:
    asked = frozenset(scopes)
    unknown = sorted(asked - set(Scope))
    if unknown or not asked:
        raise KeyRequestError(
            f"Expected at least one scope of {', '.join(Scope)}; found {', '.join(unknown) or 'none'}."
        )
    if (Scope.MEMBER in asked) != (user_id is not None):
        raise KeyRequestError(
            f"A key of scope member names its user, and no other key does; found {_asked(asked, user_id)}."
        )
    if Scope.MEMBER in asked and len(asked) > 1:
        raise KeyRequestError(
            f"A member's key has no other scope: it is for one person's own data; found {_asked(asked, user_id)}."
        )
    return frozenset(map(Scope, asked))


def _key(row: Row[Any]) -> ApiKey:
    fields = dict(row._mapping)
    return ApiKey(
        **fields
        | {
            "hash": bytes(row.hash),
            "scopes": frozenset(map(Scope, row.scopes)),
            "accounts": None if row.accounts is None else frozenset(row.accounts),
            "symbols": None if row.symbols is None else frozenset(row.symbols),
        }
    )


def _public(key: ApiKey) -> dict[str, Any]:
    """What the audit log may hold of a key."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "accounts": None if key.accounts is None else sorted(key.accounts),
        "symbols": None if key.symbols is None else sorted(key.symbols),
        "user_id": key.user_id,
        "expires_at": key.expires_at,
    }


def _asked(scopes: Iterable[str], user_id: int | None) -> str:
    """What was asked for, in words."""
    whose = "no user" if user_id is None else f"user {user_id}"
    return f"{'scope' if len(asked := sorted(scopes)) == 1 else 'scopes'} {', '.join(asked)} and {whose}"
