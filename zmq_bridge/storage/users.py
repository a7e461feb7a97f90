"""Members as people: made, found, listed, deactivated. Their money is the ledger's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.audit import record


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A member of the community."""

    id: int
    name: str
    email: str  # unique, letters' case aside
    status: str  # active or inactive
    created_at: datetime


INSERT = """
INSERT INTO users (name, email) VALUES (%(name)s, %(email)s)
ON CONFLICT (lower(email)) DO NOTHING
RETURNING id, name, email, status, created_at
"""

FIND = "SELECT id, name, email, status, created_at FROM users WHERE id = %(id)s"

LIST = """
SELECT id, name, email, status, created_at FROM users
WHERE id > %(after)s AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY id LIMIT %(limit)s
"""

LOCK = "SELECT id, name, email, status, created_at FROM users WHERE id = %(id)s FOR NO KEY UPDATE"
"""Keeps out `keep`, and not those who only name the member: they hold the account's lock, which is taken after this."""

KEEP = "SELECT status FROM users WHERE id = %(id)s FOR SHARE"

SET_STATUS = """
UPDATE users SET status = %(status)s WHERE id = %(id)s RETURNING id, name, email, status, created_at
"""

ACTIVE, INACTIVE = "active", "inactive"


def create_user(connection: Connection, *, name: str, email: str, actor: str) -> User | None:
    """Make a member. None: somebody has this e-mail address already."""
    row = connection.exec_driver_sql(INSERT, {"name": name, "email": email}).one_or_none()
    if row is None:
        return None
    user = _user(row)
    after = {"name": user.name, "email": user.email}
    record(connection, actor=actor, action="user.create", subject=f"user:{user.id}", after=after)
    return user


def get_user(connection: Connection, user_id: int) -> User | None:
    """The member with an id."""
    row = connection.exec_driver_sql(FIND, {"id": user_id}).one_or_none()
    return None if row is None else _user(row)


def names_of(connection: Connection, user_ids: Iterable[int]) -> dict[int, str]:
    """The names of members, by id."""
    query = "SELECT id, name FROM users WHERE id = ANY(%(ids)s::bigint[])"
    return {row.id: row.name for row in connection.exec_driver_sql(query, {"ids": list(user_ids)})}


def keep_active(connection: Connection, user_id: int) -> bool:
    """Say whether a member is active, and keep it so until this transaction ends. Before any account's lock."""
    return connection.exec_driver_sql(KEEP, {"id": user_id}).scalar() == ACTIVE


def list_users(connection: Connection, *, after: int = 0, limit: int = 50, status: str | None = None) -> list[User]:
    """Members by id, those after `after`; with a status, only those."""
    values = {"after": after, "limit": limit, "status": status}
    return [_user(row) for row in connection.exec_driver_sql(LIST, values)]


def set_user_status(connection: Connection, user_id: int, status: str, *, actor: str, reason: str) -> User | None:
    """Activate or deactivate a member; what is so already stays without a line. None: there is no such member.

    An inactive member invests no more; what they own stays theirs, and they can take it out.
    """
    row = connection.exec_driver_sql(LOCK, {"id": user_id}).one_or_none()
    if row is None or row.status == status:
        return None if row is None else _user(row)
    user = _user(connection.exec_driver_sql(SET_STATUS, {"id": user_id, "status": status}).one())
    record(
        connection, actor=actor, action="user.status", subject=f"user:{user_id}",
        before={"status": row.status}, after={"status": status, "reason": reason},
    )  # fmt: skip
    return user


def _user(row: Row[Any]) -> User:
    return User(**row._mapping)
