"""Positions and orders that no command of ours opened, and the person who answers for each.

Until somebody does, the watch keeps the account in reducing; the next snapshot then finds nothing to hold it for.
"""

from datetime import datetime

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record

ADOPT = """
INSERT INTO adoptions (account_id, ticket, actor, reason, adopted_at)
SELECT %(account)s, %(ticket)s, %(actor)s, %(reason)s, %(now)s
WHERE EXISTS (SELECT FROM positions WHERE account_id = %(account)s AND ticket = %(ticket)s)
   OR EXISTS (SELECT FROM orders WHERE account_id = %(account)s AND ticket = %(ticket)s AND working)
ON CONFLICT (account_id, ticket) DO UPDATE SET actor = excluded.actor, reason = excluded.reason,
    adopted_at = excluded.adopted_at
RETURNING ticket
"""


def adopt(connection: Connection, account_id: int, ticket: int, *, actor: str, reason: str, now: datetime) -> bool:
    """Answer for a ticket. False: no open position or working order has it.

    Raises:
        ValueError: no name, or no reason.
    """
    if not actor.strip() or not reason.strip():
        raise ValueError(f"A ticket is adopted by a named person for a reason; found {actor!r}, {reason!r}.")
    values = {"account": account_id, "ticket": ticket, "actor": actor, "reason": reason, "now": now}
    if connection.exec_driver_sql(ADOPT, values).one_or_none() is None:
        return False
    record(
        connection, actor=actor, action="ticket.adopt", subject=f"ticket:{ticket}", account_id=account_id,
        after={"reason": reason},
    )  # fmt: skip
    return True
