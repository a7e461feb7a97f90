"""Is it alive, and can it trade: each dependency, each terminal's heartbeat, the age of the data.

Open to everybody, because monitors have no key. A stranger learns states, from a look that is `REMEMBERED_S` old at
most, so that asking often costs the database nothing. Who has a key that may read learns the ages of each terminal, as
of now. Liveness asks nothing of anybody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app
from sqlalchemy.exc import SQLAlchemyError

from web.answer_docs import gives
from web.answers import answer
from web.auth import open_to_all, shows_credentials, visitor
from web.blueprint import Blueprint
from web.errors import ApiError
from web.parts import now_ms, parts
from web.shapes.account import Alive, Health, Ready
from zmq_bridge.live.errors import LiveError
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.keys import ApiKey, Scope
from zmq_bridge.storage.risk.holds import effective_state, holds

blueprint = Blueprint("health", __name__, description="Health")

DATA_AGE_MS_MAX = 60_000  # older than this, market data is reported as stale
REMEMBERED_S = 1.0  # how old a stranger's answer may be
EXTENSION = "zmq_bridge.health"

Part = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found when somebody looked last."""

    postgres: Part
    redis: Part
    terminals: list[Part]

    @property
    def serves(self) -> bool:
        """Whether requests can be answered."""
        return _ok(self.postgres) and _ok(self.redis)

    @property
    def takes_signals(self) -> bool:
        """Whether a signal can be accepted for some account."""
        return self.serves and any(terminal["state"] == "connected" for terminal in self.terminals)


class Memory:
    """The last look of this process. One request looks; who asks meanwhile gets the look before, and waits for none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[float, Look] | None = None

    def look(self) -> Look:
        """What was found `REMEMBERED_S` ago at most, or while that is being found anew, before."""
        if (found := self._found) is not None and time.monotonic() - found[0] <= REMEMBERED_S:
            return found[1]
        if not self._lock.acquire(blocking=found is None):
            assert found is not None
            return found[1]
        try:
            if self._found is found:
                self._found = (time.monotonic(), look_now())
            assert self._found is not None
            return self._found[1]
        finally:
            self._lock.release()


blueprint.record_once(lambda state: state.app.extensions.setdefault(EXTENSION, Memory()))


@blueprint.get("/health/live")
@open_to_all
@gives(Alive)
def liveness() -> Response:
    """Answer as long as this process can answer anything."""
    return answer({"status": "ok"})


@blueprint.get("/health/ready")
@open_to_all
@gives(Ready)
@gives(Ready, 503)
def readiness() -> Response:
    """Whether requests can be served here: Postgres and Redis answer. 200, else 503; terminals are `/health`'s."""
    found = _remembered()
    body = {"status": "ok" if found.serves else "unavailable", "postgres": found.postgres, "redis": found.redis}
    return answer(body, 200 if found.serves else 503)


@blueprint.get("/health")
@open_to_all
@gives(Health)
@gives(Health, 503)
def health() -> Response:
    """Every dependency; with a key that may read, every terminal and data age. 200 when signals can be accepted."""
    reader = _reader()
    found = _remembered() if reader is None else look_now()
    body = {"status": "ok" if found.takes_signals else "degraded", "postgres": found.postgres, "redis": found.redis}
    more = {"terminals_connected": sum(terminal["state"] == "connected" for terminal in found.terminals)}
    if reader is not None:
        more["terminals"] = [each for each in found.terminals if _may_see(reader, each)]
    return answer(body | more, 200 if found.takes_signals else 503)


def look_now() -> Look:
    """Ask every part."""
    database, accounts = _database()
    redis = _checked(parts().live.ping)
    terminals = [_terminal(number, *account) for number, account in enumerate(accounts, start=1)] if _ok(redis) else []
    return Look(postgres=database, redis=redis, terminals=terminals)


def _remembered() -> Look:
    memory: Memory = current_app.extensions[EXTENSION]
    return memory.look()


def _reader() -> ApiKey | None:
    """Whose request this is, if somebody's who may read; None: a stranger's, or nobody can say."""
    if not shows_credentials():
        return None
    try:
        found = visitor()
    except (SQLAlchemyError, ApiError):  # also who has asked too often: whether we are well is nobody's secret
        return None
    return found if found is not None and (found.allows(Scope.READ) or found.allows(Scope.TRADE)) else None


def _may_see(reader: ApiKey, terminal: Part) -> bool:
    return reader.accounts is None or terminal["account"] in reader.accounts


def _database() -> tuple[Part, list[tuple[Account, str]]]:
    """The database, and every account with what it may do."""
    try:
        with parts().engine.connect() as connection:
            accounts = list_accounts(connection)
            return {"state": "ok"}, [(found, effective_state(holds(connection, found.id))) for found in accounts]
    except SQLAlchemyError as error:
        return {"state": "down", "message": f"Postgres does not answer ({type(error).__name__})."}, []


def _checked(ask: Callable[[], None]) -> Part:
    try:
        ask()
    except LiveError:
        return {"state": "down", "message": "Redis does not answer."}
    return {"state": "ok"}


def _ok(part: Part) -> bool:
    return bool(part["state"] == "ok")


def _terminal(number: int, account: Account, trading_state: str) -> Part:
    """One account's terminal."""
    now = now_ms()
    try:
        life = parts().live.terminal(account.login)
        quotes = parts().live.quotes(account.login).values()
    except LiveError as error:
        return {"terminal": number, "account": account.login, "state": "unknown", "message": type(error).__name__}
    trading = life.trading() if life else None
    ages = [quote.age_ms(now) for quote in quotes]
    return {
        "terminal": number,
        "account": account.login,
        "state": "connected" if trading else "disconnected",
        "trading_state": trading_state,
        "heartbeat_age_ms": now - trading.last_seen_ms if trading else None,
        "data_age_ms": min(ages) if ages else None,
        "data": "stale" if not ages or min(ages) > DATA_AGE_MS_MAX else "fresh",
    }
