"""The audit log as people read it: newest first, a page at a time. Read-only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.filters import Filter

LIST = """
SELECT l.id, l.at, l.actor, l.action, l.subject, a.login AS account, l.before, l.after
FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id
WHERE (%(account_ids)s::bigint[] IS NULL OR l.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(status)s::text IS NULL OR l.action = %(status)s)
  AND (%(actor)s::text IS NULL OR l.actor = %(actor)s OR l.actor LIKE '%%(' || %(actor)s || ')')
  AND (%(subject)s::text IS NULL OR l.subject = %(subject)s)
  AND (%(from_at)s::timestamptz IS NULL OR l.at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR l.at < %(to_at)s)
  AND (%(after_0)s::bigint IS NULL OR l.id < %(after_0)s)
ORDER BY l.id DESC LIMIT %(rows)s
"""


def list_audit(
    connection: Connection, wanted: Filter, *, actor: str | None, subject: str | None
) -> list[dict[str, Any]]:
    """A page of lines; the filter's `status` is an action."""
    values = wanted.values() | {"actor": actor, "subject": subject}
    return [dict(row._mapping) for row in connection.exec_driver_sql(LIST, values)]
