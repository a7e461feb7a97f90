"""Browser sessions: a random token in a cookie, its SHA-256 here, and the API key whose rights it carries.

A session ends by itself, by signing out, or with its key: a revoked key has no sessions. Like keys, answers are
remembered for `TRUST_S`, and a database out of reach lets nobody in.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from zmq_bridge.storage.audit import record
from zmq_bridge.storage.keyring import TRUST_S, KeyCode, KeyRefused, Keyring
from zmq_bridge.storage.keys import ApiKey, find_by_id, hash_key

LIFETIME = timedelta(hours=12)
TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 100
ENTRIES_MAX = 10_000  # past it everything is forgotten and read again

INSERT = "INSERT INTO sessions (hash, key_id, created_at, expires_at) VALUES (%(hash)s, %(key)s, %(now)s, %(until)s)"
SWEEP = "DELETE FROM sessions WHERE expires_at <= %(now)s"
FIND = "SELECT key_id, expires_at FROM sessions WHERE hash = %(hash)s"
END = "DELETE FROM sessions WHERE hash = %(hash)s RETURNING key_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is signed in."""

    key: ApiKey  # as stored when it was last read
    expires_at: datetime


def start_session(connection: Connection, key: ApiKey, now: datetime) -> tuple[str, datetime]:
    """Open a session with the rights of a key; the token is in the answer and nowhere else. Old ones are removed."""
    token, until = secrets.token_urlsafe(TOKEN_BYTES), now + LIFETIME
    connection.exec_driver_sql(SWEEP, {"now": now})
    values = {"hash": hash_key(token), "key": key.id, "now": now, "until": until}
    connection.exec_driver_sql(INSERT, values)
    record(connection, actor=key.id, action="session.start", subject=f"api_key:{key.id}", after={"expires_at": until})
    return token, until


def end_session(connection: Connection, token: str) -> bool:
    """Close a session. False: there was none."""
    key_id = connection.exec_driver_sql(END, {"hash": hash_key(token)}).scalar_one_or_none()
    if key_id is None:
        return False
    record(connection, actor=key_id, action="session.end", subject=f"api_key:{key_id}")
    return True


def find_session(connection: Connection, token: str) -> Session | None:
    """The session of a token, over or not."""
    row = connection.exec_driver_sql(FIND, {"hash": hash_key(token)}).one_or_none()
    key = None if row is None else find_by_id(connection, row.key_id)
    return None if row is None or key is None else Session(key=key, expires_at=row.expires_at)


class SessionBook:
    """Checks sessions for one process; any number of threads may ask."""

    def __init__(self, engine: Engine, keyring: Keyring, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic seconds, only used to age the memory."""
        self._engine, self._keyring, self._clock = engine, keyring, clock
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, Session | None]] = {}

    def verify(self, token: str, now: datetime) -> Session | KeyRefused:
        """Find out whose browser this is.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database could not be asked; let nobody in.
        """
        session = self._find(token) if len(token) <= TOKEN_CHARS_MAX else None
        if session is None or session.expires_at <= now:
            return KeyRefused(code=KeyCode.SESSION_ENDED, message="This session is over; sign in again.")
        answer = self._keyring.admit(session.key, now)
        return answer if isinstance(answer, KeyRefused) else session

    def forget(self, token: str) -> None:
        """Ask the database about a session anew."""
        with self._lock:
            self._known.pop(hash_key(token), None)

    def _find(self, token: str) -> Session | None:
        hashed = hash_key(token)
        found = self._known.get(hashed)
        if found is not None and self._clock() - found[0] < TRUST_S:
            return found[1]
        asked_at = self._clock()
        with self._engine.connect() as connection:
            session = find_session(connection, token)
        with self._lock:
            if len(self._known) >= ENTRIES_MAX:
                self._known.clear()
            self._known[hashed] = (asked_at, session)
        return session
