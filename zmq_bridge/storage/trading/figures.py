"""The bridge's figures as operators watch them: executions, queues, gaps, money, at this moment. Read-only, bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

WINDOW_S = 3600
"""Executions of the last hour count."""

ACCOUNTS = """
SELECT a.id, a.login,
    snapshot.balance, snapshot.equity, extract(epoch FROM now() - snapshot.received_at)::float8 AS snapshot_age_s,
    (SELECT count(*) FROM positions p WHERE p.account_id = a.id) AS positions,
    (SELECT count(*) FROM commands c WHERE c.account_id = a.id AND c.status = 'queued') AS commands_queued,
    (SELECT count(*) FROM commands c WHERE c.account_id = a.id AND c.finished_at IS NULL) AS commands_open,
    (SELECT count(*) FROM commands c WHERE c.account_id = a.id AND c.finished_at IS NULL AND c.status = 'unknown')
        AS commands_unknown,
    (SELECT count(*) FROM tick_gaps g WHERE g.account_id = a.id AND g.state = 'open') AS gaps_open,
    (SELECT COALESCE(sum(g.lost - COALESCE(g.found, 0)), 0)::bigint FROM tick_gaps g
     WHERE g.account_id = a.id AND g.state = 'lost') AS ticks_lost,
    (SELECT count(*) FROM ledger_breaks b WHERE b.account_id = a.id AND b.closed_at IS NULL) AS breaks_open,
    price.nav, price.units,
    risk.nav_index, risk.nav_index_peak
FROM accounts a
LEFT JOIN LATERAL (
    SELECT balance, equity, received_at FROM account_snapshots s WHERE s.account_id = a.id ORDER BY id DESC LIMIT 1
) snapshot ON true
LEFT JOIN LATERAL (
    SELECT nav, units FROM ledger_prices l WHERE l.account_id = a.id ORDER BY at DESC, id DESC LIMIT 1
) price ON true
LEFT JOIN risk_state risk ON risk.account_id = a.id
ORDER BY a.id
"""

EXECUTIONS = """
SELECT a.login, count(*) FILTER (WHERE c.status = 'done') AS done,
       count(*) FILTER (WHERE c.status = 'rejected') AS rejected,
       count(*) FILTER (WHERE c.status = 'expired') AS expired,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM c.finished_at - s.created_at)
       ) FILTER (WHERE c.status = 'done') AS latencies_s
FROM commands c
JOIN accounts a ON a.id = c.account_id
JOIN signals s ON s.id = c.signal_id
WHERE c.created_at > now() - make_interval(secs => %(window_s)s) AND c.kind = 'place_order'
GROUP BY a.login
"""
"""`ix_commands_openings` finds them; openings only, because what is closed needs no quick price."""

DECISIONS = """
SELECT verdict, code, count(*) AS decisions FROM risk_decisions
WHERE account_id = ANY(%(accounts)s) AND id > %(since)s GROUP BY verdict, code
"""

NOTIFICATIONS = """
SELECT (SELECT count(*) FROM notifications WHERE routed_at IS NULL)
     + (SELECT count(*) FROM notification_deliveries WHERE status = 'pending')
"""

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """What became of an account's openings of the last hour."""

    login: int
    done: int
    rejected: int
    expired: int
    latencies_s: tuple[float, ...]  # from the signal's admission to its result, at QUANTILES; empty: none was done

    @property
    def success_ratio(self) -> float | None:
        """Executed of all that ended; None: nothing ended."""
        ended = self.done + self.rejected + self.expired
        return self.done / ended if ended else None


def accounts_figures(connection: Connection) -> list[dict[str, Any]]:
    """Every account's figures."""
    return [dict(row._mapping) for row in connection.exec_driver_sql(ACCOUNTS)]


def executions(connection: Connection, window_s: int = WINDOW_S) -> list[Executions]:
    """Executions of the last hour by account."""
    return [
        Executions(**{**row._mapping, "latencies_s": tuple(map(float, row.latencies_s or ()))})
        for row in connection.exec_driver_sql(EXECUTIONS, {"window_s": window_s})
    ]


def decisions(connection: Connection, account_ids: list[int], since_id: str) -> list[dict[str, Any]]:
    """How often each code was said since an id, which is a moment."""
    values = {"accounts": account_ids, "since": since_id}
    return [dict(row._mapping) for row in connection.exec_driver_sql(DECISIONS, values)]


def notifications_pending(connection: Connection) -> int:
    """How many notifications wait to be sent."""
    return int(connection.exec_driver_sql(NOTIFICATIONS).scalar_one())
