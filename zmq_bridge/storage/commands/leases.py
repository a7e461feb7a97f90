"""Commands for a terminal that asks and goes: handed out on a lease, and handed out again only when it has lapsed.

A lease is the time since a command was last handed out (`sent_at`). Whoever asks takes the rows with SKIP LOCKED and
moves that time in the same statement, so two who ask at once are never handed the same command, and one who asks again
gets it once the answer to the first time must be taken for lost. Which commands may be brought up again at all is
`outbox.UNANSWERED`'s to say: an order that went to another journal only when nobody executes it any more. A recall
waits for no lease.
"""

from __future__ import annotations

from sqlalchemy import Connection

from zmq_bridge.storage.commands.outbox import UNANSWERED, OutgoingCommand

LEASE_S = 5.0
"""How long a handed-out command is not handed out again: longer than an answer of ours may be on its way."""

AGAIN = f"""
WITH again AS ({UNANSWERED}
      AND (sent_at < now() - make_interval(secs => %(quiet_s)s) OR recalled_at > sent_at)
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE commands SET sent_at = now()
FROM again
WHERE commands.id = again.id
RETURNING again.id, again.account_id, again.kind, again.payload, again.expires_at
"""


def lease_again(
    connection: Connection, account_id: int, limit: int, *, lease_s: float = LEASE_S
) -> list[OutgoingCommand]:
    """Hand out again what was handed out and not answered, and whose lease has lapsed; in order."""
    values = {"accounts": [account_id], "limit": limit, "quiet_s": lease_s}
    rows = connection.exec_driver_sql(AGAIN, values).all()
    return [
        OutgoingCommand(
            id=row.id, account_id=row.account_id, kind=row.kind, payload=row.payload, expires_at=row.expires_at
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]
