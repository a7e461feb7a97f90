"""Limits: what is in force for an account, how it came about, and how it is changed. Every version is kept."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import Connection

from risk import Limits, LimitsError
from risk.limits import to_mapping
from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.risk_bodies import EndLimitsBody, HistoryQuery, LimitsBody
from web.api.schemas import AccountQuery, ErrorAnswer
from web.auth import actor, current_key, needs
from web.blueprint import Blueprint
from web.errors import ApiError, Conflict, Forbidden, NotFound
from web.paging import Row, page, read_cursor
from web.parts import parts, utc_now
from web.shapes.limits import LimitsEnded, LimitsInForce, LimitsSet, LimitsVersion
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.risk.limits import (
    Scope as LimitsOf,
)
from zmq_bridge.storage.risk.limits import (
    VersionConflict,
    account_limits,
    await_decisions,
    check_version,
    deciding_accounts,
    end_limits,
    limits_history,
    list_limits,
    set_limits,
)

blueprint = Blueprint("limits", __name__, url_prefix="/api/risk/limits", description="Limits of risk")


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives(LimitsInForce)
@blueprint.arguments(AccountQuery, location="query")
def in_force(query: dict[str, Any]) -> Response:
    """The account's limits, every row that they and its overrides come from, and the defaults."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        rows = list_limits(connection, account.id)
        try:
            merged: dict[str, Any] | None = to_mapping(account_limits(connection, account.id))
            problem = None
        except LimitsError as error:
            merged, problem = None, str(error)
    body = {"account": account.login, "limits": merged, "problem": problem}
    rows_shown = [_shown(row._asdict(), account.login) for row in rows]
    return answer({**body, "rows": rows_shown, "defaults": to_mapping(Limits())})


@blueprint.put("")
@needs(Scope.ADMIN)
@gives(LimitsSet, 201)
@blueprint.arguments(LimitsBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(409, schema=ErrorAnswer)
def replace(body: dict[str, Any]) -> Response:
    """Put limits in force for an account, or for one source, symbol or strategy of it, which can only tighten.

    With `version` (the id of what is to be replaced; null: nothing was there) a change that somebody else made
    meanwhile is answered 409. Limits of all accounts wait for none that is busy: `waiting` names those where a decision
    that read the old ones is still under way.
    """
    with parts().engine.begin() as connection:
        scope = _scope(connection, body)
        try:
            if "version" in body:
                check_version(connection, scope, body["version"])
            version = set_limits(connection, scope, body["limits"], actor=actor(), now=utc_now())
            deciding = deciding_accounts(connection, scope)
        except LimitsError as error:
            raise ApiError("INVALID_FIELD", f"limits: {error}", field="limits") from None
        except VersionConflict as conflict:
            raise Conflict("LIMITS_CHANGED", f"The limits were changed meanwhile: {conflict}.") from None
    return answer({"version": version, "waiting": await_decisions(parts().engine, deciding)}, 201)


@blueprint.delete("")
@needs(Scope.ADMIN)
@gives(LimitsEnded)
@blueprint.arguments(EndLimitsBody)
@blueprint.alt_response(404, schema=ErrorAnswer)
def end(body: dict[str, Any]) -> Response:
    """End the limits of a scope: what lies below (the rows for all accounts, the defaults) is in force again."""
    with parts().engine.begin() as connection:
        scope = _scope(connection, body)
        ended = end_limits(connection, scope, actor=actor(), now=utc_now())
        deciding = deciding_accounts(connection, scope)
    if ended is None:
        raise NotFound("LIMITS_UNKNOWN", "There are no limits for just this scope.")
    return answer({"ended": ended, "waiting": await_decisions(parts().engine, deciding)})


@blueprint.get("/history")
@needs(Scope.READ, Scope.TRADE)
@gives_page("versions", LimitsVersion)
@blueprint.arguments(HistoryQuery, location="query")
def history(query: dict[str, Any]) -> Response:
    """Every version that concerns the account, newest first: who set what, and until when it was in force."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        cursor = read_cursor(query["cursor"], int)
        before = None if cursor is None else cursor[0]
        rows = limits_history(connection, account.id, before=before, rows=query["limit"] + 1)
    found = [_shown(row._asdict(), account.login) for row in rows]
    return answer(page("versions", found, query["limit"], "version"))


def _scope(connection: Connection, body: dict[str, Any]) -> LimitsOf:
    """What limits are for.

    Raises:
        Forbidden: all accounts, and the key is for some of them.
    """
    selectors = {"source": body["source"], "symbol": body["symbol"], "magic": body["strategy"]}
    if not body["everywhere"]:
        return LimitsOf(account_id=chosen_account(connection, body["account"]).id, **selectors)
    if current_key().accounts is not None:
        raise Forbidden("ACCOUNT_NOT_ALLOWED", "Expected a key for all accounts; found one for some.")
    return LimitsOf(account_id=None, **selectors)


def _shown(row: Row, login: int) -> dict[str, Any]:
    return {
        "version": row["id"],
        "account": None if row["account_id"] is None else login,
        "source": row["source"],
        "symbol": row["symbol"],
        "strategy": row["magic"],
        "limits": row["limits"],
        "actor": row["actor"],
        "created_at": row["created_at"],
        "ended_at": row.get("ended_at"),
    }
