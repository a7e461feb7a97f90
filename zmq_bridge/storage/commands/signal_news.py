"""What is told of a signal once it was decided: the query behind the `signals` stream of live state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

SIGNALS_CHANNEL = "signals"
"""NOTIFY channel of decided signals; the payload is the signal's id."""

NEWS = """
SELECT s.id, s.account_id, a.login, s.source, s.symbol, s.action, s.order_type, s.volume, s.risk_percent, s.price,
    s.sl, s.tp, s.status, d.code, d.id AS decision_id, s.created_at
FROM signals s
LEFT JOIN accounts a ON a.id = s.account_id
LEFT JOIN risk_decisions d ON d.signal_id = s.id
WHERE s.id = ANY(%(ids)s)
ORDER BY s.id
"""


def decided_signals(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return these signals with what was decided, oldest first; `account_id` is None where no account was meant."""
    return [dict(row._mapping) for row in connection.exec_driver_sql(NEWS, {"ids": list(ids)})]
