"""Who is asking: the text of an API key against what is stored, at the speed of requests.

Answers are remembered for `TRUST_S`, so a revoked key is refused everywhere at most that long after it was revoked
(and at once in the process that was told with `forget`). The database out of reach means no answer, never a yes.
"""

import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine

from zmq_bridge.storage.keys import MARK, ApiKey, find_by_prefix, hash_key, touch

TRUST_S = 2.0
ENTRIES_MAX = 10_000  # past it everything is forgotten and read again
KEY_CHARS_MAX = 200
TOUCH_EVERY = timedelta(minutes=1)  # how exact `last_used_at` is


class KeyCode(StrEnum):
    """Why a key was refused."""

    KEY_MISSING = "KEY_MISSING"
    KEY_UNKNOWN = "KEY_UNKNOWN"  # malformed, unknown prefix, or wrong secret: a stranger learns no more
    KEY_REVOKED = "KEY_REVOKED"
    KEY_EXPIRED = "KEY_EXPIRED"
    SESSION_ENDED = "SESSION_ENDED"  # a browser's; unknown or over


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRefused:
    """Nobody we know, or nobody we let in any more."""

    code: KeyCode
    message: str


class Keyring:
    """Checks keys for one process; any number of threads may ask."""

    def __init__(self, engine: Engine, *, trust_s: float = TRUST_S, clock: Callable[[], float] = time.monotonic):
        """`clock` is monotonic seconds, only used to age the memory."""
        self._engine, self._trust_s, self._clock = engine, trust_s, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, ApiKey | None]] = {}
        self._used: dict[str, datetime] = {}  # key id -> when we last stored a use; as many as there are keys

    def verify(self, text: str | None, now: datetime) -> ApiKey | KeyRefused:
        """Find out whose key this is.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database could not be asked; let nobody in.
        """
        if not text:
            return KeyRefused(code=KeyCode.KEY_MISSING, message="Expected an API key; found none.")
        key = self._find(_prefix(text))
        if key is None or not hmac.compare_digest(key.hash, hash_key(text)):
            return KeyRefused(code=KeyCode.KEY_UNKNOWN, message="This API key is not one of ours.")
        return self.admit(key, now)

    def admit(self, key: ApiKey, now: datetime) -> ApiKey | KeyRefused:
        """Let in the holder of a key that was recognised, if it lives, and note its use."""
        answer = _living(key, now)
        if answer is key:
            self._note_use(key, now)
        return answer

    def forget(self) -> None:
        """Ask the database about every key anew."""
        with self._lock:
            self._known.clear()

    def _find(self, prefix: str) -> ApiKey | None:
        found = self._known.get(prefix)
        if found is not None and self._clock() - found[0] < self._trust_s:
            return found[1]
        asked_at = self._clock()
        key = self._read(prefix)
        with self._lock:
            if len(self._known) >= ENTRIES_MAX:
                self._known.clear()
            self._known[prefix] = (asked_at, key)
        return key

    def _read(self, prefix: str) -> ApiKey | None:
        if not prefix:
            return None
        with self._engine.connect() as connection:
            return find_by_prefix(connection, prefix)

    def _note_use(self, key: ApiKey, now: datetime) -> None:
        """Store that the key was used, once a `TOUCH_EVERY`."""
        with self._lock:
            last = self._used.get(key.id, key.last_used_at)
            if last is not None and now - last < TOUCH_EVERY:
                return
            self._used[key.id] = now
        with self._engine.begin() as connection:
            touch(connection, key.id, now)


def _prefix(text: str) -> str:
    """The public part of a key, or nothing where the text is no key."""
    if len(text) > KEY_CHARS_MAX or "\x00" in text or not text.isascii():
        return ""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    return prefix if mark == MARK and secret else ""


def _living(key: ApiKey, now: datetime) -> ApiKey | KeyRefused:
    if key.revoked_at is not None:
        return KeyRefused(code=KeyCode.KEY_REVOKED, message=f"This API key was revoked at {key.revoked_at:%c} UTC.")
    if key.expires_at is not None and key.expires_at <= now:
        return KeyRefused(code=KeyCode.KEY_EXPIRED, message=f"This API key expired at {key.expires_at:%c} UTC.")
    return key
