"""What a hold asks of the terminal, as commands: pending orders cancelled, positions closed.

Driven by the state, not by its change: whoever calls `enforce` again gets what is still missing and nothing twice. So a
terminal that was away when trading was stopped does it when it is back, and an order that slipped through is cancelled
as soon as it is seen. A way out that failed is tried again after `TRY_AGAIN_S`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from risk.states import Hold, cancels_pending, closes_positions, expire, in_force
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.risk.recall import wake

SOURCE = "system:risk"
TTL = timedelta(seconds=60)
TRY_AGAIN_S = 15
LOOKED_AT = 500  # newest commands among which a way out that was tried just now is looked for
CLOSING_DEVIATION_POINTS = 100

UNDER_WAY = f"""
SELECT kind, payload FROM commands
WHERE account_id = %(account)s AND finished_at IS NULL AND kind IN ('cancel_order', 'close_all')
UNION ALL
SELECT kind, payload FROM (
    SELECT kind, payload, finished_at, created_at FROM commands
    WHERE account_id = %(account)s ORDER BY id DESC LIMIT {LOOKED_AT}
) AS newest
WHERE finished_at IS NOT NULL AND kind IN ('cancel_order', 'close_all') AND created_at >= %(since)s
"""
"""Ways out that are on their way, or were tried just now for what holds the account now."""

PRESENT = """
SELECT (SELECT array_agg(ticket ORDER BY ticket) FROM orders WHERE account_id = %(account)s AND working) AS orders,
       (SELECT array_agg(ticket ORDER BY ticket) FROM positions WHERE account_id = %(account)s) AS positions
"""

SEND = """
WITH sent AS (
    INSERT INTO commands (id, account_id, source, kind, payload, expires_at, created_at)
    SELECT id, account_id, source, kind, payload, expires_at, created_at
    FROM jsonb_populate_recordset(NULL::commands, %(rows)s::jsonb)
    RETURNING id
)
SELECT count(*) FROM sent
"""



def enforce(connection: Connection, account_id: int, held: tuple[Hold, ...], now: datetime) -> tuple[str, ...]:
    """Ask for what the holds in force demand and nobody asked for yet; the caller holds the account's lock.

    Returns the ids of the commands that are on their way now.
    """
    if not cancels_pending(held, now):
        return ()
    sent = send(connection, account_id, _wanted(connection, account_id, held, now), source=SOURCE, now=now)
    if sent:
        record(
            connection, actor=SOURCE, action="hold.enforce", subject=f"account:{account_id}", account_id=account_id,
            after={"sent": list(sent), "because": in_force(held, now).reason},
        )  # fmt: skip
    return sent


def send(
    connection: Connection, account_id: int, wanted: list[tuple[str, dict[str, Any]]], *, source: str, now: datetime
) -> tuple[str, ...]:
    """Put commands that add no risk on their way. Returns their ids."""
    now_ms = int(now.timestamp() * 1000)
    ids = [new_id(now_ms) for _ in wanted]
    rows = [
        {"id": command_id, "account_id": account_id, "source": source, "kind": kind, "payload": payload,
         "expires_at": now + TTL, "created_at": now}
        for command_id, (kind, payload) in zip(ids, wanted, strict=True)
    ]  # fmt: skip
    if rows:
        connection.exec_driver_sql(SEND, {"rows": dump_json(rows)})
        wake(connection, account_id)
    return tuple(ids)


def _wanted(
    connection: Connection, account_id: int, held: tuple[Hold, ...], now: datetime
) -> list[tuple[str, dict[str, Any]]]:
    present = connection.exec_driver_sql(PRESENT, {"account": account_id}).one()
    orders, positions = present.orders or [], present.positions or []
    closing = closes_positions(held, now) and positions
    if not orders and not closing:
        return []
    since = max(now - timedelta(seconds=TRY_AGAIN_S), *(hold.at for hold in expire(held, now)))
    under_way = list(connection.exec_driver_sql(UNDER_WAY, {"account": account_id, "since": since}))
    sweeps = [row.payload for row in under_way if row.kind == "close_all" and not row.payload.get("symbol")]
    if closing and not sweeps:
        return [("close_all", {"symbol": "", "cancel_pending": True, "deviation": CLOSING_DEVIATION_POINTS})]
    if any(payload.get("cancel_pending") for payload in sweeps):
        return []
    cancelled = {int(row.payload["order"]) for row in under_way if row.kind == "cancel_order"}
    return [("cancel_order", {"order": each}) for each in orders if each not in cancelled]
