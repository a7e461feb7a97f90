"""An account's money over time, thinned out for drawing: the last snapshot of each stretch of time. Read-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

Record = dict[str, Any]

QUERY = """
SELECT DISTINCT ON (stretch) received_at, balance, equity, credit FROM (
    SELECT id, received_at, balance, equity, credit,
           date_bin(%(step_s)s * interval '1 second', received_at, %(from_at)s) AS stretch
    FROM account_snapshots
    WHERE account_id = %(account_id)s AND received_at >= %(from_at)s AND received_at < %(to_at)s
) AS inside ORDER BY stretch, id DESC
"""


def equity_curve(
    connection: Connection, account_id: int, *, from_at: datetime, to_at: datetime, points: int
) -> list[Record]:
    """The account's money, oldest first.

    Args:
        from_at: aware, included.
        to_at: aware, not included, after `from_at`.
        points: at most so many, and one more; the span is cut into as many equal stretches.
    """
    step_s = max(1, -int(-(to_at - from_at).total_seconds() // points))
    values = {"account_id": account_id, "from_at": from_at, "to_at": to_at, "step_s": step_s}
    return [dict(row._mapping) for row in connection.exec_driver_sql(QUERY, values)]
