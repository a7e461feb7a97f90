"""Signals as people read them: each with its decision, its commands and what became of them. Read-only.

Newest first; ULIDs sort by time, so the cursor of a page is the id of its last signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.filters import Filter

Record = dict[str, Any]

STATUSES = ("admitted", "denied", "queued", "sent", "accepted", "done", "rejected", "expired", "unknown")
"""What a list may be cut to: the decision on a signal, or where one of its commands stands."""

_SIGNAL = """
SELECT s.id, a.login AS account, s.source, s.symbol, s.action, s.side, s.order_type, s.volume,
       s.risk_percent, s.price, s.stoplimit, s.sl, s.tp, s.magic, s.comment, s.confidence, s.timeframe, s.reasons,
       s.status, s.created_at, s.expires_at,
       d.id AS decision_id, d.verdict, d.code, d.context,
       COALESCE((
           SELECT jsonb_agg(jsonb_build_object(
               'id', c.id, 'kind', c.kind, 'status', c.status, 'created_at', c.created_at, 'sent_at', c.sent_at,
               'finished_at', c.finished_at, 'retcode', c.retcode, 'retcode_name', c.retcode_name,
               'order', c.order_ticket, 'deal', c.deal_ticket, 'position', c.position_ticket,
               'filled_volume', c.filled_volume::text, 'fill_price', c.fill_price::text, 'message', c.message
           ) ORDER BY c.id) FROM commands c WHERE c.signal_id = s.id), '[]'::jsonb) AS commands
FROM signals s
LEFT JOIN accounts a ON a.id = s.account_id
LEFT JOIN LATERAL (
    SELECT id, verdict, code, context FROM risk_decisions WHERE signal_id = s.id ORDER BY id DESC LIMIT 1
) d ON true
"""

LIST = (
    _SIGNAL
    + """
WHERE (%(account_ids)s::bigint[] IS NULL OR s.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(symbols)s::text[] IS NULL OR s.symbol = ANY(%(symbols)s::text[]))
  AND (%(status)s::text IS NULL OR s.status = %(status)s
       OR EXISTS (SELECT FROM commands c WHERE c.signal_id = s.id AND c.status = %(status)s))
  AND (%(from_at)s::timestamptz IS NULL OR s.created_at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR s.created_at < %(to_at)s)
  AND (%(after_0)s::text IS NULL OR s.id < %(after_0)s)
ORDER BY s.id DESC LIMIT %(rows)s
"""
)

GET = _SIGNAL + "WHERE s.id = %(id)s"

NAMED = (
    _SIGNAL
    + """
WHERE s.id = ANY(%(ids)s::text[])
   OR s.id IN (SELECT signal_id FROM commands WHERE id = ANY(%(command_ids)s::text[]))
ORDER BY s.id
"""
)

DEALS = """
SELECT ticket, position_ticket AS position, order_ticket AS order, symbol, type, entry, volume, price,
       profit + cent AS profit, commission + cent AS commission, swap + cent AS swap, fee + cent AS fee, time_msc
FROM deals JOIN (SELECT id, round(0::numeric, currency_digits) AS cent FROM accounts) a ON a.id = deals.account_id
WHERE signal_id = %(id)s ORDER BY time_msc, ticket
"""
"""Amounts have the decimals of the account's currency: a zero that has them is added."""

EXECUTIONS = f"""
{_SIGNAL}
WHERE s.idempotency_key LIKE 'execute:%%' AND s.idempotency_key LIKE 'execute:' || %(id)s || ':%%'
ORDER BY s.id
"""
"""Signals that executed a stored one again; the first condition finds the partial index."""

REQUEST = "SELECT request FROM signals WHERE id = %(id)s"
ACCOUNT = "SELECT account_id FROM signals WHERE id = %(id)s"


def list_signals(connection: Connection, wanted: Filter) -> list[Record]:
    """A page of signals."""
    return _records(connection, LIST, wanted.values())


def get_signal(connection: Connection, signal_id: str) -> Record | None:
    """One signal, with the deals that came of it."""
    found = _records(connection, GET, {"id": signal_id})
    return {**found[0], "deals": _records(connection, DEALS, {"id": signal_id})} if found else None


def signals_named(
    connection: Connection, ids: Sequence[str] = (), *, command_ids: Sequence[str] = ()
) -> list[Record]:
    """These signals, and those that these commands came of, oldest first."""
    return _records(connection, NAMED, {"ids": list(ids), "command_ids": list(command_ids)})


def executions(connection: Connection, signal_id: str) -> list[Record]:
    """The signals that executed this stored one again, oldest first."""
    return _records(connection, EXECUTIONS, {"id": signal_id})


def stored_request(connection: Connection, signal_id: str) -> Record:
    """A signal as it was validated; it must exist."""
    found: Record = connection.exec_driver_sql(REQUEST, {"id": signal_id}).scalar_one()
    return found


def account_id_of(connection: Connection, signal_id: str) -> int | None:
    """The id of the account that a signal is for; None: of none, it was denied before that was clear. It must exist."""
    found: int | None = connection.exec_driver_sql(ACCOUNT, {"id": signal_id}).scalar_one()
    return found


def may_have_acted(signal: Record) -> bool:
    """Whether anything was, is being, or may have been done at the broker because of a signal."""
    return any(command["status"] not in ("rejected", "expired") for command in signal["commands"])


def _records(connection: Connection, query: str, values: Record) -> list[Record]:
    return [dict(row._mapping) for row in connection.exec_driver_sql(query, values)]
