"""The audit log: who changed what, before and after, and who asked the gate for what. It can be read here, and changed
nowhere."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from web.answer_docs import gives_page
from web.answers import answer
from web.auth import needs
from web.blueprint import Blueprint
from web.paging import ListQuery, Row, page, to_filter
from web.parts import parts
from web.shapes.operations import AuditLine
from zmq_bridge.admission.schema import BIGINT_MAX, text
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.storage.audit_view import Wanted, list_audit
from zmq_bridge.storage.keys import Scope

blueprint = Blueprint("audit", __name__, url_prefix="/api/audit", description="Audit log")

WORD_CHARS_MAX = 100


class AuditQuery(ListQuery):
    """Which lines."""

    class Meta:
        """A line belongs to an account or to none, never to a symbol."""

        exclude = ("symbol",)

    action = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "as `key.revoke`, `signal.deny`"})
    actor = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "name and id, or the id alone"})
    subject = text(WORD_CHARS_MAX, load_default=None, metadata={"description": "as `signal:<id>`"})
    kind = fields.String(
        load_default=None,
        validate=validate.OneOf(["changes", "decisions"]),
        metadata={"description": "what was changed, or what the gate was asked for"},
    )


@blueprint.get("")
@needs(Scope.ADMIN)
@gives_page("lines", AuditLine)
@blueprint.arguments(AuditQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List lines of the audit log, newest first."""
    with parts().engine.connect() as connection:
        wanted = to_filter(connection, {**query, "symbol": None, "status": query["action"]}, _line_id, int)
        more = Wanted(actor=query["actor"], subject=query["subject"], kind=query["kind"])
        found = list_audit(connection, wanted, more)
    return answer(page("lines", found, query["limit"], "id", "at_us", shown=_shown))


def _line_id(text: str) -> str:
    """The id of a line: a number, or a decision's.

    Raises:
        ValueError: it is neither.
    """
    return text if is_id(text) else str(min(int(text), BIGINT_MAX))


def _shown(line: Row) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "at_us"}
