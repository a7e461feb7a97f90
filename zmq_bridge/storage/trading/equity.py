"""An account's money over time, thinned out for drawing: the last snapshot of each stretch of time. Read-only.

Stretches begin at the same moments whoever asks and whenever, so a curve that is asked for again keeps its points; they
are as short as what there is to draw allows. Beside them stands the first snapshot of all: a curve has both its ends.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

Record = dict[str, Any]

HOUR_S, DAY_S = 3600, 86_400
STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, HOUR_S, 2 * HOUR_S, 4 * HOUR_S, 8 * HOUR_S, DAY_S, 2 * DAY_S,
    7 * DAY_S, 14 * DAY_S, 28 * DAY_S, 56 * DAY_S, 182 * DAY_S, 364 * DAY_S, 3640 * DAY_S,
)  # fmt: skip
"""Lengths of stretches, in seconds; the longest holds whatever may be asked for."""
ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday: where a stretch begins, and so every other

ENDS = """
SELECT min(received_at) AS first, max(received_at) AS last FROM account_snapshots
WHERE account_id = %(account_id)s AND received_at >= %(from_at)s AND received_at < %(to_at)s
"""

FIRST_AND_LASTS = """
SELECT DISTINCT ON (is_first, stretch) received_at, balance, equity, credit FROM (
    SELECT id, received_at, balance, equity, credit, received_at = %(first)s AS is_first,
           date_bin(%(step_s)s * interval '1 second', received_at, %(origin)s) AS stretch
    FROM account_snapshots
    WHERE account_id = %(account_id)s AND received_at >= %(from_at)s AND received_at < %(to_at)s
) AS inside ORDER BY is_first DESC, stretch, received_at DESC, id DESC
"""


def equity_curve(
    connection: Connection, account_id: int, *, from_at: datetime, to_at: datetime, points: int
) -> list[Record]:
    """The account's money, oldest first.

    Args:
        from_at: aware, included.
        to_at: aware, not included, after `from_at`.
        points: at most so many; the first and the last are among them, of one only the last.
    """
    values = {"account_id": account_id, "from_at": from_at, "to_at": to_at, "origin": ORIGIN}
    ends = connection.exec_driver_sql(ENDS, values).one()
    if ends.first is None:
        return []
    values |= {"first": ends.first, "step_s": step_s(ends.last - ends.first, points)}
    found = [dict(row._mapping) for row in connection.exec_driver_sql(FIRST_AND_LASTS, values)]
    return found if len(found) <= points else _ends(found, points)


def _ends(found: list[Record], points: int) -> list[Record]:
    """The first, and as many of the last as there is room for; where the longest stretches are still too many."""
    return found[-1:] if points == 1 else [found[0], *found[1 - points :]]


def step_s(span: timedelta, points: int) -> int:
    """How long a stretch is, in seconds, so that those a span touches and its first moment are at most so many."""
    fitting = (step for step in STEPS_S if span.total_seconds() / step + 2 <= points - 1)
    return next(fitting, STEPS_S[-1])
