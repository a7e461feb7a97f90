"""The audit log: who changed what, before and after. It can be read here, and changed nowhere."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from web.answers import answer
from web.auth import needs
from web.paging import ListQuery, page, to_filter
from web.parts import parts
from zmq_bridge.admission.schema import text
from zmq_bridge.storage.audit_view import list_audit
from zmq_bridge.storage.keys import Scope

blueprint = Blueprint("audit", __name__, url_prefix="/api/audit", description="Audit log")

WORD_CHARS_MAX = 100


class AuditQuery(ListQuery):
    """Which lines."""

    class Meta:
        """A line belongs to an account or to none, never to a symbol."""

        exclude = ("symbol",)

    action = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "as `key.revoke`"})
    actor = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "name and id, or the id alone"})
    subject = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "as `ticket:7`"})


@blueprint.get("")
@needs(Scope.ADMIN)
@blueprint.arguments(AuditQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List lines of the audit log, newest first."""
    with parts().engine.connect() as connection:
        wanted = to_filter(connection, {**query, "symbol": None, "status": query["action"]}, int)
        found = list_audit(connection, wanted, actor=query["actor"], subject=query["subject"])
    return answer(page("lines", found, query["limit"], "id"))
