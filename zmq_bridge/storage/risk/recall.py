"""Openings on their way when a hold begins: an order is good only in the state that it was approved in.

What nobody has claimed ends here, with its reservation. What was marked sent may have been delivered, and only the
terminal knows: it is recalled, also when the terminal has said that it does not know yet, for it may send a change of
prices once more as long as that has time. A recalled command is told with a time that is long over (`TOLD_EXPIRY`), and
at once: a terminal that has not begun it answers `expired`, one that has says what became of it, and none repeats it.
Until then it keeps its reservation, and setting the account active again brings nothing back. A recall never goes to
another journal before the command's own time is over (`storage.commands.outbox.UNANSWERED`): an earlier session may
still be at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record

ADDS_RISK = """
(kind = 'place_order'
 OR EXISTS (SELECT FROM reservations r WHERE r.command_id = commands.id AND r.ended_at IS NULL)
 OR kind IN ('modify_order', 'modify_position')
    AND EXISTS (SELECT FROM risk_decisions d WHERE d.id = commands.decision_id AND d.checks <> '[]'))
"""
"""What no account may begin that is less than active. A change of prices that only eases passes in every state, and so
is decided without a check; one that was judged would be denied now, also where it was found to add nothing."""

STOP_QUEUED = f"""
WITH dead AS (
    UPDATE commands SET status = 'expired', finished_at = now(), message = %(message)s
    WHERE account_id = %(account)s AND status = 'queued' AND {ADDS_RISK}
    RETURNING id
), ended AS (
    UPDATE reservations SET ended_at = now(), end_reason = 'expired'
    FROM dead WHERE reservations.command_id = dead.id AND reservations.ended_at IS NULL
)
SELECT id FROM dead ORDER BY id
"""

RECALL_SENT = f"""
UPDATE commands SET recalled_at = clock_timestamp(), message = %(message)s
WHERE account_id = %(account)s
  AND status IN ('sent', 'accepted', 'unknown') AND finished_at IS NULL AND recalled_at IS NULL AND {ADDS_RISK}
RETURNING id
"""
"""Runs behind the other: what a desk claimed in between is sent by now. By the clock that `sent_at` is of."""

RECALLED = """
SELECT id, account_id FROM commands
WHERE account_id = ANY(%(accounts)s) AND finished_at IS NULL AND recalled_at IS NOT NULL
ORDER BY id
"""

TOLD_EXPIRY = "CASE WHEN recalled_at IS NULL THEN expires_at ELSE timestamptz '1970-01-01 00:00:00.001+00' END"
"""SQL: until when a terminal is told that it may begin a command; one that was recalled never, by nobody's clock."""

WAKE = """
SELECT pg_notify('commands', id::text) FROM accounts
WHERE %(account)s::bigint IS NULL OR id = %(account)s::bigint
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What became of the openings of one account that were on their way."""

    stopped: tuple[str, ...] = ()  # ended: nobody had claimed them
    recalled: tuple[str, ...] = ()  # may have been delivered: the terminal says


def end_openings(connection: Connection, account_id: int, *, reason: str, actor: str) -> Recalled:
    """End what is on its way and adds risk. The caller holds the account's lock."""
    why = {"account": account_id, "message": f"stopped before it was sent: {reason}"}
    stopped = connection.exec_driver_sql(STOP_QUEUED, why).scalars().all()
    why = {"account": account_id, "message": f"recalled: {reason}"}
    recalled = sorted(connection.exec_driver_sql(RECALL_SENT, why).scalars())
    if stopped or recalled:
        record(
            connection, actor=actor, action="openings.end", subject=f"account:{account_id}", account_id=account_id,
            after={"stopped": list(stopped), "recalled": recalled, "because": reason},
        )  # fmt: skip
    return Recalled(stopped=tuple(stopped), recalled=tuple(recalled))


def recalled_commands(connection: Connection, account_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the commands of these accounts that were recalled and not answered yet, by account."""
    rows = connection.exec_driver_sql(RECALLED, {"accounts": list(account_ids)}).all()
    return {
        account: tuple(row.id for row in rows if row.account_id == account)
        for account in sorted({row.account_id for row in rows})
    }


def wake(connection: Connection, account_id: int | None) -> None:
    """Make the desk look at the account (None: at all) when this commits: at its commands, and at what it may do."""
    connection.exec_driver_sql(WAKE, {"account": account_id})
