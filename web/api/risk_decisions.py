"""Decisions: a list of them, and one with everything that it rested on."""

from __future__ import annotations

from typing import Any

from flask import Response

from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.risk_bodies import DecisionQuery
from web.auth import current_key, needs
from web.blueprint import Blueprint
from web.errors import NotFound
from web.paging import Row, page, to_filter
from web.parts import parts
from web.shapes.risk import Decision, WholeDecision
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.risk.decisions import get_decision, list_decisions

blueprint = Blueprint("decisions", __name__, url_prefix="/api/risk/decisions", description="What risk decided, and why")


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives_page("decisions", Decision)
@blueprint.arguments(DecisionQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List decisions, newest first."""
    with parts().engine.connect() as connection:
        wanted = to_filter(connection, {**query, "status": query["verdict"]}, str)
        found = list_decisions(connection, wanted, query["code"])
    return answer(page("decisions", found, query["limit"], "id", shown=_shown))


@blueprint.get("/<decision_id>")
@needs(Scope.READ, Scope.TRADE)
@gives(WholeDecision)
def one(decision_id: str) -> Response:
    """One decision: what was asked, what was read, each check's value and limit, and the verdict."""
    with parts().engine.connect() as connection:
        found = get_decision(connection, decision_id) if is_id(decision_id) else None
    if found is None or not _visible(found):
        raise NotFound("DECISION_UNKNOWN", f"There is no decision {decision_id!r}, or not for this key.")
    return answer(_shown(found))


def _visible(decision: Row) -> bool:
    """A key for some accounts or symbols sees theirs, and nothing that is about none."""
    key = current_key()
    return (key.accounts is None or decision["account"] in key.accounts) and (
        key.symbols is None or decision["symbol"] in key.symbols
    )


def _shown(decision: Row) -> dict[str, Any]:
    shown = {**decision, "command_ids": decision["command_ids"] or []}
    del shown["account_id"]
    return shown
