"""Decisions as people read them: what was asked, what every check measured and allowed, what was read, the verdict.

Written by the gate and never changed. Newest first; ULIDs sort by time, so a page's cursor is the id of its last one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.filters import Filter

Record = dict[str, Any]

VERDICTS = ("approved", "denied")

_DECISION = """
SELECT d.id, d.signal_id, d.account_id, a.login AS account, d.verdict, d.code, d.context, d.decided_at,
       COALESCE(s.source, d.source) AS source, COALESCE(s.symbol, d.inputs->'intent'->>'symbol') AS symbol,
       COALESCE(s.action, d.request->>'request') AS action,
       CASE WHEN d.signal_id IS NULL THEN (
           SELECT array_agg(c.id ORDER BY c.id) FROM commands c WHERE c.decision_id = d.id AND c.signal_id IS NULL
       ) ELSE (
           SELECT array_agg(c.id ORDER BY c.id) FROM commands c WHERE c.signal_id = d.signal_id AND c.decision_id = d.id
       ) END AS command_ids
"""
"""Commands are found by an index in either case: by their signal, or where there is none by the decision."""

_FROM = """
FROM risk_decisions d LEFT JOIN signals s ON s.id = d.signal_id LEFT JOIN accounts a ON a.id = d.account_id
"""

LIST = f"""{_DECISION}{_FROM}
WHERE (%(account_ids)s::bigint[] IS NULL OR d.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbols)s::text[] IS NULL OR COALESCE(s.symbol, d.inputs->'intent'->>'symbol') = ANY(%(symbols)s::text[]))
  AND (%(status)s::text IS NULL OR d.verdict = %(status)s)
  AND (%(code)s::text IS NULL OR d.code = %(code)s)
  AND (%(from_at)s::timestamptz IS NULL OR d.decided_at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR d.decided_at < %(to_at)s)
  AND (%(after_0)s::text IS NULL OR d.id < %(after_0)s)
ORDER BY d.id DESC LIMIT %(rows)s
"""

GET = f"""{_DECISION}, d.checks, d.inputs, COALESCE(s.request, d.request) AS request{_FROM}
WHERE d.id = %(id)s
"""


def list_decisions(connection: Connection, wanted: Filter, code: str | None = None) -> list[Record]:
    """A page of decisions, without their checks and inputs; `wanted.status` is a verdict."""
    rows = connection.exec_driver_sql(LIST, wanted.values() | {"code": code})
    return [dict(row._mapping) for row in rows]


def get_decision(connection: Connection, decision_id: str) -> Record | None:
    """One decision, whole."""
    row = connection.exec_driver_sql(GET, {"id": decision_id}).one_or_none()
    return None if row is None else dict(row._mapping)
