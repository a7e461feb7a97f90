"""Taking back what a signal asked for, before a terminal has it.

Only a command that is still queued can be taken back, and only under the lock that a claim would need: a row that a
desk is claiming at this moment is left to it. What was handed over is the terminal's to answer.
"""

from __future__ import annotations

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import Lock, hold

CANCEL = """
WITH waiting AS (
    SELECT id FROM commands
    WHERE account_id = %(account)s AND signal_id = %(signal)s AND status = 'queued'
    FOR UPDATE SKIP LOCKED
), dead AS (
    UPDATE commands SET status = 'expired', finished_at = now(), message = 'cancelled before it was sent'
    FROM waiting WHERE commands.id = waiting.id
    RETURNING commands.id
), ended AS (
    UPDATE reservations SET ended_at = now(), end_reason = 'expired'
    FROM dead WHERE reservations.command_id = dead.id AND reservations.ended_at IS NULL
)
SELECT id FROM dead ORDER BY id
"""

RESTING = """
SELECT DISTINCT o.ticket FROM commands c JOIN orders o ON o.account_id = c.account_id AND o.ticket = c.order_ticket
WHERE c.account_id = %(account)s AND c.signal_id = %(signal)s AND o.working ORDER BY o.ticket
"""


def cancel_queued(connection: Connection, account_id: int, signal_id: str, *, actor: str) -> list[str]:
    """End the signal's commands that nobody has claimed, and free what they reserved; return their ids."""
    hold(connection, Lock.ADMISSION, account_id)
    values = {"account": account_id, "signal": signal_id}
    ids = [str(row.id) for row in connection.exec_driver_sql(CANCEL, values)]
    if ids:
        record(connection, actor=actor, action="signal.cancel", subject=f"signal:{signal_id}", account_id=account_id,
               before={"commands": ids, "status": "queued"}, after={"status": "expired"})  # fmt: skip
    return ids


def resting_orders(connection: Connection, account_id: int, signal_id: str) -> list[int]:
    """Tickets of the pending orders that rest at the broker because of a signal."""
    values = {"account": account_id, "signal": signal_id}
    return [int(row.ticket) for row in connection.exec_driver_sql(RESTING, values)]
