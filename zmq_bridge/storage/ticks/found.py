"""How many of the ticks that a gap lost are there by now: counted in the stored ticks, so that no restart forgets it.

A stream's numbers count ticks. So between the last tick stored before the gap and the first one stored behind it there
should be as many rows without a number of this session as there are numbers between the two. What is short of that
was not found. A terminal's history may hold more than its live feed did (MT5 merges ticks that come at once): more rows
than numbers are no loss. It may hold fewer: those are lost, and said to be.

Gaps of one session may lie in one stretch of time (a beat showed the first, a jump the next). Each number is then
counted for one gap only: those of a gap that is still open are not expected yet, and what an earlier one was short of
is not short a second time.
"""

from sqlalchemy import Connection

from zmq_bridge.storage.ticks.gaps import TickGap

COUNT = """
WITH gaps AS (
    SELECT id, lost, found, state, seq_last FROM tick_gaps
    WHERE account_id = %(account)s AND symbol = %(symbol)s AND session = %(session)s
), stretch AS MATERIALIZED (
    SELECT time_msc, id, session, seq FROM ticks
    WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s
), before AS (
    SELECT time_msc, id, seq FROM stretch WHERE session = %(session)s AND seq BETWEEN 1 AND %(last)s - %(lost)s
    ORDER BY seq DESC LIMIT 1
), behind AS (
    SELECT time_msc, id, seq FROM stretch WHERE session = %(session)s AND seq > %(last)s ORDER BY seq LIMIT 1
), ends AS (
    SELECT COALESCE(before.seq, 0) AS first, COALESCE(before.time_msc, %(from)s) AS first_msc,
        COALESCE(before.id, 0) AS first_id,
        COALESCE(behind.seq, (SELECT max(seq_last) FROM gaps) + 1) AS last,
        COALESCE(behind.time_msc, %(to)s + 1) AS last_msc, COALESCE(behind.id, 0) AS last_id
    FROM (SELECT) AS one LEFT JOIN before ON true LEFT JOIN behind ON true
)
SELECT ends.last - ends.first - 1 AS numbers,
    (SELECT count(*) FROM stretch
     WHERE (session = 0 OR session <> %(session)s AND time_msc > %(from)s)
       AND (time_msc, id) > (first_msc, first_id) AND (time_msc, id) < (last_msc, last_id)) AS present,
    (SELECT COALESCE(sum(CASE WHEN state = 'open' THEN lost ELSE lost - COALESCE(found, lost) END), 0)::bigint
     FROM gaps WHERE id <> %(id)s AND seq_last > ends.first AND seq_last < ends.last) AS others
FROM ends
"""
"""Numbers between the stored ticks around a gap, rows there that are not of these numbers, and what other gaps answer
for. Without a tick behind it, everything from the terminal's history counts."""

COUNT_HISTORY = """
SELECT count(*) FROM ticks
WHERE account_id = %(account)s AND symbol = %(symbol)s AND time_msc BETWEEN %(from)s AND %(to)s AND session = 0
"""
"""Where numbers say nothing: what the terminal's history alone brought."""


def ticks_found(connection: Connection, gap: TickGap) -> int:
    """Count what came back of a gap; where its size is known, never more than that. Its cursor must be locked."""
    values = {
        "account": gap.account_id, "symbol": gap.symbol, "from": gap.from_msc, "to": gap.to_msc, "id": gap.id,
        "session": gap.session, "last": gap.seq_last, "lost": gap.lost,
    }  # fmt: skip
    if gap.lost is None or gap.seq_last is None:
        brought: int = connection.exec_driver_sql(COUNT_HISTORY, values).scalar_one()
        return brought if gap.lost is None else min(brought, gap.lost)
    row = connection.exec_driver_sql(COUNT, values).one()
    short: int = max(0, row.numbers - row.others - row.present)
    return max(0, gap.lost - short)
