"""The one way to tell people something: a row in the transaction of what happened.

It never fails because of what is told: overlong text is cut and what Postgres can't hold is replaced, since a message
must not undo the booking that it tells of. Who hears it, when and how is decided later, by the sender.
"""

from __future__ import annotations

from sqlalchemy import Connection

from zmq_bridge.storage.notifications.events import Event, Severity

NOTIFICATIONS_CHANNEL = "notifications"
"""NOTIFY channel of committed notifications; the payload is empty."""

TITLE_CHARS_MAX = 200
BODY_CHARS_MAX = 4_000
DEDUPE_CHARS_MAX = 200

INSERT = f"""
WITH told AS (
    INSERT INTO notifications (event, severity, title, body, account_id, dedupe_key)
    VALUES (%(event)s, %(severity)s, %(title)s, %(body)s, %(account)s, %(dedupe_key)s)
    ON CONFLICT (dedupe_key) DO NOTHING
    RETURNING id
)
SELECT id, pg_notify('{NOTIFICATIONS_CHANNEL}', '') FROM told
"""


def notify(
    connection: Connection,
    event: Event,
    *,
    title: str,
    body: str = "",
    account_id: int | None = None,
    severity: Severity | None = None,
    dedupe_key: str | None = None,
) -> int | None:
    """Tell people of an event when this transaction commits.

    Args:
        event: one of the closed list.
        title: one line; what a phone shows. Cut after TITLE_CHARS_MAX.
        body: the figures behind it, plain text. Cut after BODY_CHARS_MAX.
        account_id: our id of the account it is about; None: of none or all.
        severity: None for the event's own.
        dedupe_key: what makes it the same news, as `kind:id`; a second notification with the same key is not told.

    Returns:
        Its id; None when the same was told before.
    """
    values = {
        "event": str(event),
        "severity": str(severity or event.severity),
        "title": _storable(title, TITLE_CHARS_MAX).replace("\n", " "),
        "body": _storable(body, BODY_CHARS_MAX),
        "account": account_id,
        "dedupe_key": None if dedupe_key is None else _storable(dedupe_key, DEDUPE_CHARS_MAX),
    }
    row = connection.exec_driver_sql(INSERT, values).one_or_none()
    return None if row is None else int(row.id)


def _storable(text: str, chars_max: int) -> str:
    """The text as Postgres can hold it: no NUL, no lone surrogates, not too long."""
    sound = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return sound if len(sound) <= chars_max else sound[: chars_max - 3] + "..."
