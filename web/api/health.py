"""Is it alive, and can it trade: each dependency, each terminal's heartbeat, the age of the data.

Open to everybody, because monitors have no key; so it tells states and ages, no logins and no money.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from web.answers import answer
from web.auth import open_to_all
from web.parts import now_ms, parts
from zmq_bridge.live.errors import LiveError
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.risk.holds import effective_state, holds

blueprint = Blueprint("health", __name__, description="Health")

DATA_AGE_MS_MAX = 60_000  # older than this, market data is reported as stale

Part = dict[str, Any]

_STATE = {"content": {"application/json": {"schema": {"type": "object", "required": ["status"]}}}}
STATES = {"200": {"description": "All is well", **_STATE}, "503": {"description": "What is not", **_STATE}}


@blueprint.get("/health/live")
@open_to_all
def liveness() -> Response:
    """Answer as long as this process can answer anything."""
    return answer({"status": "ok"})


@blueprint.get("/health/ready")
@open_to_all
@blueprint.doc(responses=STATES)
def readiness() -> Response:
    """Whether requests can be served here: Postgres and Redis answer. 200, else 503; terminals are `/health`'s."""
    database, _ = _database()
    redis = _checked(parts().live.ping)
    ready = _ok(database) and _ok(redis)
    body = {"status": "ok" if ready else "unavailable", "postgres": database, "redis": redis}
    return answer(body, 200 if ready else 503)


@blueprint.get("/health")
@open_to_all
@blueprint.doc(responses=STATES)
def health() -> Response:
    """Every dependency, terminal and data age. 200 when signals can be accepted, else 503."""
    database, accounts = _database()
    redis = _checked(parts().live.ping)
    terminals = [_terminal(number, *account) for number, account in enumerate(accounts, start=1)] if _ok(redis) else []
    ready = _ok(database) and _ok(redis) and any(terminal["state"] == "connected" for terminal in terminals)
    body = {"status": "ok" if ready else "degraded", "postgres": database, "redis": redis, "terminals": terminals}
    return answer(body, 200 if ready else 503)


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
    """One account's terminal, by number: a login is nobody's business here."""
    now = now_ms()
    try:
        life = parts().live.terminal(account.login)
        quotes = parts().live.quotes(account.login).values()
    except LiveError as error:
        return {"terminal": number, "state": "unknown", "message": type(error).__name__}
    trading = life.trading() if life else None
    ages = [quote.age_ms(now) for quote in quotes]
    return {
        "terminal": number,
        "state": "connected" if trading else "disconnected",
        "trading_state": trading_state,
        "heartbeat_age_ms": now - trading.last_seen_ms if trading else None,
        "data_age_ms": min(ages) if ages else None,
        "data": "stale" if not ages or min(ages) > DATA_AGE_MS_MAX else "fresh",
    }
