"""Members as people: made, found, listed, deactivated. Their money is the ledger's."""

from __future__ import annotations

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
WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
"""


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


def list_users(connection: Connection, *, after: int = 0, limit: int = 50) -> list[User]:
    """Members by id, those after `after`."""
    return [_user(row) for row in connection.exec_driver_sql(LIST, {"after": after, "limit": limit})]


def _user(row: Row[Any]) -> User:
    return User(**row._mapping)
