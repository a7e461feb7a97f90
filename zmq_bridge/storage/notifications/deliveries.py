"""The outbox: each message on its way to one destination, until it was taken or given up.

At least once: a claim moves `due_at` on by a lease, so what a dead sender had in hand comes round again; it may then
arrive twice, with the same number. Any number of senders may work on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.notifications.destinations import Destination
from zmq_bridge.storage.notifications.events import Event, Severity

ROUTE_MAX = 500
"""News routed in one transaction."""
ERROR_CHARS_MAX = 300
SWEEP_MAX = 1_000
"""News removed in one transaction."""

UNROUTED = f"""
SELECT n.id, n.event, n.severity, n.title, n.body, n.account_id, a.login AS account, n.created_at
FROM notifications n LEFT JOIN accounts a ON a.id = n.account_id
WHERE n.routed_at IS NULL ORDER BY n.id LIMIT {ROUTE_MAX} FOR UPDATE OF n SKIP LOCKED
"""
ROUTED = "UPDATE notifications SET routed_at = %(now)s WHERE id = ANY(%(ids)s)"
INSERT = """
INSERT INTO notification_deliveries (notification_id, destination_id, due_at, digest)
VALUES (%(notification)s, %(destination)s, %(due_at)s, %(digest)s)
ON CONFLICT (notification_id, destination_id) DO NOTHING
RETURNING id
"""
CLAIM = """
WITH due AS (
    SELECT d.id FROM notification_deliveries d JOIN notification_destinations p ON p.id = d.destination_id
    WHERE d.status = 'pending' AND d.due_at <= %(now)s AND p.enabled
    ORDER BY d.due_at, d.id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE notification_deliveries d SET attempts = attempts + 1, due_at = %(leased_until)s
    FROM due WHERE d.id = due.id RETURNING d.*
)
SELECT c.id, c.destination_id, c.digest, c.attempts, n.id AS notification_id, n.event, n.severity, n.title, n.body,
       n.account_id, a.login AS account, n.created_at
FROM claimed c JOIN notifications n ON n.id = c.notification_id LEFT JOIN accounts a ON a.id = n.account_id
ORDER BY c.destination_id, n.id
"""
SENT = """
UPDATE notification_deliveries SET status = 'sent', sent_at = %(now)s, last_error = ''
WHERE id = ANY(%(ids)s) AND status = 'pending'
"""
FAILED = """
UPDATE notification_deliveries
SET last_error = %(error)s, due_at = %(again_at)s, status = CASE WHEN %(given_up)s THEN 'failed' ELSE 'pending' END
WHERE id = ANY(%(ids)s) AND status = 'pending'
"""
NEXT_DUE = """
SELECT min(d.due_at) FROM notification_deliveries d JOIN notification_destinations p ON p.id = d.destination_id
WHERE d.status = 'pending' AND p.enabled
"""
OVERDUE = """
SELECT (SELECT count(*) FROM notifications WHERE routed_at IS NULL AND created_at < now() - %(late)s)
     + (SELECT count(*) FROM notification_deliveries d JOIN notification_destinations p ON p.id = d.destination_id
        WHERE d.status = 'pending' AND p.enabled AND d.due_at < now() - %(late)s)
"""
LIST = """
SELECT n.id, n.event, n.severity, n.title, n.body, a.login AS account, n.created_at,
       COALESCE((
           SELECT jsonb_agg(jsonb_build_object(
               'destination', p.name, 'status', d.status, 'attempts', d.attempts, 'due_at', d.due_at,
               'sent_at', d.sent_at, 'last_error', d.last_error
           ) ORDER BY p.name)
           FROM notification_deliveries d JOIN notification_destinations p ON p.id = d.destination_id
           WHERE d.notification_id = n.id
       ), '[]'::jsonb) AS deliveries
FROM notifications n LEFT JOIN accounts a ON a.id = n.account_id
WHERE (%(account_ids)s::bigint[] IS NULL OR n.account_id = ANY(%(account_ids)s::bigint[]))
  AND (%(status)s::text IS NULL OR n.event = %(status)s)
  AND (%(from_at)s::timestamptz IS NULL OR n.created_at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR n.created_at < %(to_at)s)
  AND (%(after_0)s::bigint IS NULL OR n.id < %(after_0)s)
ORDER BY n.id DESC LIMIT %(rows)s
"""
DELIVERIES_OF = """
SELECT p.name AS destination, d.status, d.attempts, d.due_at, d.sent_at, d.last_error
FROM notification_deliveries d JOIN notification_destinations p ON p.id = d.destination_id
WHERE d.notification_id = %(id)s ORDER BY p.name
"""
SWEEP = f"""
DELETE FROM notifications WHERE id IN (
    SELECT id FROM (
        SELECT id, created_at, routed_at FROM notifications ORDER BY id LIMIT {SWEEP_MAX}
    ) AS oldest
    WHERE created_at < %(before)s AND routed_at IS NOT NULL
)
"""
"""Only the oldest are looked at, so that there is never a scan of all; their deliveries go with them."""
TEST = """
WITH told AS (
    INSERT INTO notifications (event, severity, title, body, routed_at)
    VALUES (%(event)s, %(severity)s, %(title)s, %(body)s, now()) RETURNING id
), queued AS (
    INSERT INTO notification_deliveries (notification_id, destination_id)
    SELECT id, %(destination)s FROM told RETURNING id
)
SELECT told.id AS id, pg_notify('notifications', '') FROM told, queued
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What people are to be told."""

    id: int
    event: str
    severity: Severity
    title: str
    body: str
    account_id: int | None
    account: int | None  # login
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message in a sender's hands."""

    id: int
    destination_id: int
    digest: bool  # may go out together with others
    attempts: int  # this one counted
    news: News


def unrouted(connection: Connection) -> list[News]:
    """News that no rule was asked about yet, locked for this transaction."""
    return [_news(row, row.id) for row in connection.exec_driver_sql(UNROUTED)]


def queue(connection: Connection, news_id: int, destination_id: int, *, due_at: datetime, digest: bool) -> None:
    """Put a message on its way, once."""
    values = {"notification": news_id, "destination": destination_id, "due_at": due_at, "digest": digest}
    connection.exec_driver_sql(INSERT, values)


def mark_routed(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Note that the rules were asked."""
    connection.exec_driver_sql(ROUTED, {"ids": list(ids), "now": now})


def claim(connection: Connection, *, now: datetime, leased_until: datetime, limit: int) -> list[Delivery]:
    """Take messages that are due into our hands until the lease ends."""
    rows = connection.exec_driver_sql(CLAIM, {"now": now, "leased_until": leased_until, "limit": limit})
    return [_delivery(row) for row in rows]


def mark_sent(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Note that messages were taken."""
    connection.exec_driver_sql(SENT, {"ids": list(ids), "now": now})


def mark_failed(connection: Connection, ids: Sequence[int], *, error: str, again_at: datetime, given_up: bool) -> None:
    """Note that messages were not taken, and when to try again, if ever."""
    values = {"ids": list(ids), "error": error[:ERROR_CHARS_MAX], "again_at": again_at, "given_up": given_up}
    connection.exec_driver_sql(FAILED, values)


def next_due(connection: Connection) -> datetime | None:
    """When the next message is due; None: none waits."""
    found: datetime | None = connection.exec_driver_sql(NEXT_DUE).scalar()
    return found


def overdue(connection: Connection, late: timedelta) -> int:
    """How many messages should have been looked at so long ago: no sender runs, or it can't keep up."""
    return int(connection.exec_driver_sql(OVERDUE, {"late": late}).scalar_one())


def sweep(connection: Connection, before: datetime) -> int:
    """Remove news that is older, with what became of it, also what still waits for a destination that is switched off.

    Returns:
        How many; `SWEEP_MAX`: there may be more.
    """
    return connection.exec_driver_sql(SWEEP, {"before": before}).rowcount


def send_test(connection: Connection, destination: Destination, *, actor: str) -> int:
    """Put a test message on its way to one destination, past rules and quiet hours; return the notification's id."""
    values = {
        "event": str(Event.TEST), "severity": str(Event.TEST.severity), "title": "Test message",
        "body": f"Sent to {destination.name} by {actor}. Messages arrive.", "destination": destination.id,
    }  # fmt: skip
    return int(connection.exec_driver_sql(TEST, values).one().id)


def deliveries_of(connection: Connection, notification_id: int) -> list[dict[str, Any]]:
    """What became of one notification, a line a destination."""
    return [dict(row._mapping) for row in connection.exec_driver_sql(DELIVERIES_OF, {"id": notification_id})]


def list_notifications(connection: Connection, wanted: Filter) -> list[dict[str, Any]]:
    """A page of notifications, newest first, each with its deliveries; `status` is the event."""
    return [dict(row._mapping) for row in connection.exec_driver_sql(LIST, wanted.values())]


def _delivery(row: Row[Any]) -> Delivery:
    news = _news(row, row.notification_id)
    return Delivery(id=row.id, destination_id=row.destination_id, digest=row.digest, attempts=row.attempts, news=news)


def _news(row: Row[Any], news_id: int) -> News:
    return News(
        id=news_id, event=row.event, severity=Severity(row.severity), title=row.title, body=row.body,
        account_id=row.account_id, account=row.account, created_at=row.created_at,
    )  # fmt: skip
