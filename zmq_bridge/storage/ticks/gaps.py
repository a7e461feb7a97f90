"""The list of what is missing: every gap is a row until the terminal's history filled it or said that it can't.

`filled` is one of which as many ticks came back as were lost, or, where nobody knows how many were, one whose whole
stretch the terminal's history covers. Any other is `lost`, and says how many of them `found` counts.
Opening and closing notify `gaps` with the account id, so the desk asks for the ticks and the recorder tells
subscribers. A gap outlives every process.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row

GapState = Literal["open", "filled", "lost"]

OPEN = """
INSERT INTO tick_gaps (account_id, symbol, session, from_msc, to_msc, lost, seq_last, reason)
VALUES (%(account)s, %(symbol)s, %(session)s, %(from)s, %(to)s, %(lost)s, %(seq_last)s, %(reason)s)
RETURNING id
"""

CLOSE = """
UPDATE tick_gaps SET state = %(state)s, found = %(found)s, closed_at = now()
WHERE id = %(id)s AND state = 'open'
RETURNING account_id
"""

LIST_OPEN = """
SELECT gap.*, login FROM tick_gaps gap JOIN accounts ON accounts.id = account_id
WHERE state = 'open' AND account_id = %(account)s
ORDER BY gap.id
LIMIT %(limit)s
"""

LIST_NEWS = """
SELECT gap.*, login FROM tick_gaps gap JOIN accounts ON accounts.id = account_id
WHERE gap.id > %(after)s OR (gap.id = ANY(%(known)s) AND state <> 'open')
ORDER BY gap.id
LIMIT %(limit)s
"""

LAST_ID = "SELECT coalesce(max(id), 0) FROM tick_gaps"

NOTE = "UPDATE tick_gaps SET reason = reason || '; ' || %(note)s WHERE id = %(id)s AND state = 'open'"

GAPS_CHANNEL = "gaps"
"""NOTIFY channel of gaps that opened or closed; the payload is the account's id."""

NOTIFY = f"SELECT pg_notify('{GAPS_CHANNEL}', %(account)s::text)"

GAPS_PER_LIST_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGap:
    """A row of `tick_gaps`."""

    id: int
    account_id: int
    login: int
    symbol: str

    session: int
    """Of the terminal whose stream showed it."""

    from_msc: int
    to_msc: int
    """Server clock, both ends included."""

    lost: int | None
    """Ticks known to be missing; None = unknown."""

    seq_last: int | None
    """Number of the last one missing in its session; None = unknown."""

    found: int | None
    """Ticks that came back; None = not closed yet, or not counted."""

    state: GapState
    reason: str


def open_gap(
    connection: Connection, account_id: int, symbol: str, *,
    session: int, from_msc: int, to_msc: int, lost: int | None, reason: str, seq_last: int | None = None,
) -> int:  # fmt: skip
    """Store a gap and notify; return its id. `reason` is for people."""
    values = {
        "account": account_id, "symbol": symbol, "session": session, "from": from_msc, "to": to_msc, "lost": lost,
        "seq_last": seq_last, "reason": reason,
    }  # fmt: skip
    gap_id: int = connection.exec_driver_sql(OPEN, values).scalar_one()
    connection.exec_driver_sql(NOTIFY, {"account": account_id})
    return gap_id


def close_gap(
    connection: Connection, gap_id: int, state: Literal["filled", "lost"], found: int | None = None
) -> bool:
    """End a gap and notify; False when it was closed before. `found`: ticks that came back; None = not counted."""
    account_id = connection.exec_driver_sql(CLOSE, {"id": gap_id, "state": state, "found": found}).scalar()
    if account_id is None:
        return False
    connection.exec_driver_sql(NOTIFY, {"account": account_id})
    return True


def note_gap(connection: Connection, gap_id: int, note: str) -> None:
    """Add to an open gap's reason, for people: why it cannot be filled."""
    connection.exec_driver_sql(NOTE, {"id": gap_id, "note": note})


def open_gaps(connection: Connection, account_id: int, limit: int = GAPS_PER_LIST_MAX) -> list[TickGap]:
    """The account's open gaps, oldest first."""
    return [_gap(row) for row in connection.exec_driver_sql(LIST_OPEN, {"account": account_id, "limit": limit})]


def gap_news(
    connection: Connection, after_id: int, known_open: Collection[int], limit: int = GAPS_PER_LIST_MAX
) -> list[TickGap]:
    """Gaps opened after `after_id`, and those of `known_open` that are closed by now."""
    values = {"after": after_id, "known": sorted(known_open), "limit": limit}
    return [_gap(row) for row in connection.exec_driver_sql(LIST_NEWS, values)]


def last_gap_id(connection: Connection) -> int:
    """The id of the newest gap; 0 when there is none."""
    found: int = connection.exec_driver_sql(LAST_ID).scalar_one()
    return found


def _gap(row: Row[tuple[object, ...]]) -> TickGap:
    return TickGap(**{name: getattr(row, name) for name in TickGap.__slots__})
