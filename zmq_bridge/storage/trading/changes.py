"""Direct requests in the audit log: who asked for what about which ticket, and how the ticket stood before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record

BEFORE = """
SELECT COALESCE(
    (SELECT jsonb_build_object('symbol', symbol, 'side', side, 'volume', volume, 'price_open', price_open, 'sl', sl,
                               'tp', tp)
     FROM positions WHERE account_id = %(account)s AND ticket = %(ticket)s),
    (SELECT jsonb_build_object('symbol', symbol, 'order_type', order_type, 'state', state, 'volume', volume_current,
                               'price', price_open, 'stoplimit', price_stoplimit, 'sl', sl, 'tp', tp,
                               'expiration_msc', expiration_msc)
     FROM orders WHERE account_id = %(account)s AND ticket = %(ticket)s)
)
"""


def record_request(
    connection: Connection, account_id: int, request: Mapping[str, Any], *, action: str, actor: str
) -> None:
    """Add the line of a direct request that was approved, in the transaction that approves it."""
    ticket = request.get("ticket")
    before = None
    if ticket is not None:
        before = connection.exec_driver_sql(BEFORE, {"account": account_id, "ticket": ticket}).scalar_one()
    subject = f"account:{account_id}" if ticket is None else f"ticket:{ticket}"
    record(connection, actor=actor, action=action, subject=subject, account_id=account_id, before=before, after=request)
