"""The audit log: who changed what, before and after. Append-only; the database refuses anything else.

Written in the transaction of the change itself, so a change without its line, or a line without its change, can't be.
"""

from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.engine import dump_json

RECORD = """
INSERT INTO audit_log (actor, action, subject, account_id, before, after)
VALUES (%(actor)s, %(action)s, %(subject)s, %(account_id)s, %(before)s::jsonb, %(after)s::jsonb)
RETURNING id
"""


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    account_id: int | None = None,
    before: Any = None,
    after: Any = None,
) -> int:
    """Add a line to the audit log.

    Args:
        actor: API key id, person, or `system`.
        action: what was done, as `noun.verb`: `key.revoke`, `trading_state.set`.
        subject: what it was done to, as `kind:id`.
        before: the state that was replaced; None where there was none.
        after: the state from now on; None where there is none.
    """
    values = {"actor": actor, "action": action, "subject": subject, "account_id": account_id}
    documents = {"before": _text(before), "after": _text(after)}
    return int(connection.exec_driver_sql(RECORD, values | documents).scalar_one())


def _text(state: Any) -> str | None:
    return None if state is None else dump_json(state)
