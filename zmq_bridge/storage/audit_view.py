"""The audit log as people read it: newest first, a page at a time. Read-only.

Two append-only tables are read as one. `audit_log` has a line for every change that a person or the bridge made;
`risk_decisions` has one for everything that was asked of the gate: signals, and what was asked of orders and positions.
The second is the record of its own: the gate writes nothing twice while somebody waits for an answer.

A decision's place is the moment in its id, to the millisecond; where both are of one moment, lines come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.protocol.ids import first_id, id_ms, is_id
from zmq_bridge.storage.filters import Filter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US = timedelta(microseconds=1)
LATEST_US = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // US  # what a cursor that somebody made up is cut to

ACTIONS = {
    "signal.approve": ("approved", False),
    "signal.deny": ("denied", False),
    "request.approve": ("approved", True),
    "request.deny": ("denied", True),
}
"""What a decision is called among the lines: its verdict, and whether it was on a direct request, without a signal."""

Line = dict[str, Any]

LINES = """
SELECT l.id, l.at, l.actor, l.action, l.subject, a.login AS account, l.before, l.after
FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id
WHERE (%(account_ids)s::bigint[] IS NULL OR l.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(status)s::text IS NULL OR l.action = %(status)s)
  AND (%(actor)s::text IS NULL OR l.actor = %(actor)s OR l.actor LIKE '%%(' || %(actor)s || ')')
  AND (%(subject)s::text IS NULL OR l.subject = %(subject)s)
  AND (%(from_at)s::timestamptz IS NULL OR l.at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR l.at < %(to_at)s)
  AND (%(before_at)s::timestamptz IS NULL OR (l.at, l.id) < (%(before_at)s, %(before_id)s))
ORDER BY l.at DESC, l.id DESC LIMIT %(rows)s
"""

DECISIONS = """
SELECT d.id, d.decided_at AS at, COALESCE(k.name || ' (' || k.id || ')', s.source, d.source) AS actor,
       CASE WHEN d.signal_id IS NULL THEN 'request.' ELSE 'signal.' END
           || CASE d.verdict WHEN 'approved' THEN 'approve' ELSE 'deny' END AS action,
       CASE WHEN d.signal_id IS NULL THEN 'decision:' || d.id ELSE 'signal:' || d.signal_id END AS subject,
       a.login AS account, NULL AS before, jsonb_build_object(
           'request', COALESCE(s.request, d.request), 'verdict', d.verdict, 'code', d.code, 'context', d.context,
           'decision_id', d.id, 'signal_id', d.signal_id,
           'command_ids', COALESCE(CASE WHEN d.signal_id IS NULL THEN (
               SELECT jsonb_agg(c.id ORDER BY c.id) FROM commands c WHERE c.decision_id = d.id AND c.signal_id IS NULL
           ) ELSE (
               SELECT jsonb_agg(c.id ORDER BY c.id) FROM commands c
               WHERE c.signal_id = d.signal_id AND c.decision_id = d.id
           ) END, '[]')
       ) AS after
FROM risk_decisions d LEFT JOIN signals s ON s.id = d.signal_id LEFT JOIN accounts a ON a.id = d.account_id
LEFT JOIN api_keys k ON k.id = COALESCE(s.source, d.source)
WHERE (%(account_ids)s::bigint[] IS NULL OR d.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(verdict)s::text IS NULL OR d.verdict = %(verdict)s AND (d.signal_id IS NULL) = %(direct)s)
  AND (%(actor)s::text IS NULL OR COALESCE(s.source, d.source) = %(actor)s
       OR k.name || ' (' || k.id || ')' = %(actor)s)
  AND (%(subject)s::text IS NULL OR 'signal:' || d.signal_id = %(subject)s OR 'decision:' || d.id = %(subject)s)
  AND (%(from_at)s::timestamptz IS NULL OR d.decided_at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR d.decided_at < %(to_at)s)
  AND (%(before_decision)s::text IS NULL OR d.id < %(before_decision)s)
ORDER BY d.id DESC LIMIT %(rows)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines, beside what every list can be cut to; None: all."""

    actor: str | None = None  # name and id of a key, or the id alone
    subject: str | None = None  # as `ticket:7`
    kind: str | None = None  # `changes` or `decisions`


def list_audit(connection: Connection, wanted: Filter, more: Wanted) -> list[Line]:
    """A page of lines, each with its place (`at_us`) for the cursor; the filter's `status` is an action."""
    values = wanted.values() | _place(wanted) | {"actor": more.actor, "subject": more.subject}
    found: list[Line] = []
    if more.kind != "decisions" and wanted.status not in ACTIONS:
        found += [_line(dict(row._mapping)) for row in connection.exec_driver_sql(LINES, values)]
    if more.kind != "changes" and (wanted.status is None or wanted.status in ACTIONS):
        verdict, direct = (None, None) if wanted.status is None else ACTIONS[wanted.status]
        values |= {"verdict": verdict, "direct": direct}
        found += [_decision(dict(row._mapping)) for row in connection.exec_driver_sql(DECISIONS, values)]
    found.sort(key=_order, reverse=True)
    return found[: wanted.limit + 1]


def _place(wanted: Filter) -> Line:
    """Where the page begins: below one line, in both tables."""
    if wanted.after is None:
        return {"before_at": None, "before_id": None, "before_decision": None}
    last, at_us = str(wanted.after[0]), min(int(wanted.after[1]), LATEST_US)
    at = EPOCH + at_us * US
    if is_id(last):
        return {"before_at": at, "before_id": 0, "before_decision": last}
    below = first_id(at_us // 1000 + 1)
    return {"before_at": at, "before_id": int(last), "before_decision": below}


def _line(row: Line) -> Line:
    return {**row, "id": str(row["id"]), "at_us": (row["at"] - EPOCH) // US}


def _decision(row: Line) -> Line:
    return {**row, "at_us": id_ms(row["id"]) * 1000}


def _order(line: Line) -> tuple[int, bool, int, str]:
    """Where a line stands: by moment; of one moment lines above decisions, each by their ids."""
    is_line = not is_id(line["id"])
    return line["at_us"], is_line, int(line["id"]) if is_line else 0, line["id"]
