"""Where messages go: named addresses (apprise URLs), sealed or in the environment, each with its quiet hours.

Nothing here returns an address but `Destination.sealed` to the sender, and no audit line holds one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from zmq_bridge.storage.audit import record

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}\Z")
VARIABLE = re.compile(r"NOTIFY_URL_[A-Z0-9_]{1,50}\Z")
"""Only these: no other secret of the environment can be named as an address."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+\Z")
URL_CHARS_MAX = 2_000

INSERT = """
INSERT INTO notification_destinations (name, secret, variable, quiet_from, quiet_to, quiet_zone)
VALUES (%(name)s, %(secret)s, %(variable)s, %(quiet_from)s, %(quiet_to)s, %(quiet_zone)s)
ON CONFLICT (name) DO NOTHING
RETURNING *
"""
ENABLE = "UPDATE notification_destinations SET enabled = %(enabled)s WHERE name = %(name)s RETURNING *"
DELETE = "DELETE FROM notification_destinations WHERE name = %(name)s RETURNING *"


class DestinationError(ValueError):
    """A destination can't be as asked; says what was expected and what was found, never the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When only critical news goes out; the rest waits for the end."""

    begins: time  # on the clock of the zone; included
    ends: time  # excluded; before `begins`: over midnight
    zone: str  # IANA name


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place that messages go to."""

    id: int
    name: str
    sealed: bytes | None = field(repr=False)  # the address, sealed; None: it is in the environment
    variable: str | None  # the environment variable that holds it
    enabled: bool
    quiet: QuietHours | None


def add_destination(
    connection: Connection,
    name: str,
    *,
    sealed: bytes | None = None,
    variable: str | None = None,
    quiet: QuietHours | None = None,
    actor: str,
) -> Destination:
    """Add a place that messages can go to; rules say which do.

    Raises:
        DestinationError: a name that is taken or not one, not exactly one address, or quiet hours without sense.
    """
    if not NAME.match(name):
        raise DestinationError(f"Expected a name of letters, digits, . _ - and at most 50 characters; found {name!r}.")
    if (sealed is None) == (variable is None):
        raise DestinationError("Expected an address, or the variable that holds it, and not both.")
    if variable is not None and not VARIABLE.match(variable):
        raise DestinationError(f"Expected a variable called NOTIFY_URL_ and capitals; found {variable!r}.")
    _check(quiet)
    values = {
        "name": name, "secret": sealed, "variable": variable, "quiet_from": quiet.begins if quiet else None,
        "quiet_to": quiet.ends if quiet else None, "quiet_zone": quiet.zone if quiet else "UTC",
    }  # fmt: skip
    row = connection.exec_driver_sql(INSERT, values).one_or_none()
    if row is None:
        raise DestinationError(f"Expected a name of its own; found {name!r}, which there is already.")
    made = _destination(row)
    record(connection, actor=actor, action="notification_destination.add", subject=f"notification_destination:{name}",
           after=public(made))  # fmt: skip
    return made


def enable_destination(connection: Connection, name: str, *, enabled: bool, actor: str) -> Destination | None:
    """Let a destination get messages, or none for now. None: there is no such destination."""
    before = find_destination(connection, name)
    row = connection.exec_driver_sql(ENABLE, {"name": name, "enabled": enabled}).one_or_none()
    if row is None or before is None:
        return None
    record(connection, actor=actor, action="notification_destination.enable" if enabled else
           "notification_destination.disable", subject=f"notification_destination:{name}",
           before={"enabled": before.enabled}, after={"enabled": enabled})  # fmt: skip
    return _destination(row)


def remove_destination(connection: Connection, name: str, *, actor: str) -> bool:
    """Forget a destination with its rules, and what waits for it. False: there is no such destination."""
    row = connection.exec_driver_sql(DELETE, {"name": name}).one_or_none()
    if row is None:
        return False
    record(connection, actor=actor, action="notification_destination.remove",
           subject=f"notification_destination:{name}", before=public(_destination(row)))  # fmt: skip
    return True


def list_destinations(connection: Connection) -> list[Destination]:
    """Every destination by name."""
    rows = connection.exec_driver_sql("SELECT * FROM notification_destinations ORDER BY name")
    return [_destination(row) for row in rows]


def find_destination(connection: Connection, name: str) -> Destination | None:
    """The destination with a name."""
    rows = connection.exec_driver_sql("SELECT * FROM notification_destinations WHERE name = %s", (name,))
    row = rows.one_or_none()
    return None if row is None else _destination(row)


def checked_url(url: str) -> str:
    """The address, if it looks like one.

    Raises:
        DestinationError: it does not; the message leaves it out.
    """
    if len(url) > URL_CHARS_MAX or not URL.match(url):
        raise DestinationError(
            f"Expected an apprise URL like mailto://... or json://..., at most {URL_CHARS_MAX} characters; "
            f"found {len(url)} characters that are none."
        )
    return url


def public(destination: Destination) -> dict[str, Any]:
    """What anybody may be shown of a destination: everything but its address."""
    quiet = destination.quiet
    return {
        "name": destination.name,
        "address": f"environment variable {destination.variable}" if destination.variable else "stored, sealed",
        "enabled": destination.enabled,
        "quiet_from": f"{quiet.begins:%H:%M}" if quiet else None,
        "quiet_to": f"{quiet.ends:%H:%M}" if quiet else None,
        "quiet_zone": quiet.zone if quiet else None,
    }


def _check(quiet: QuietHours | None) -> None:
    if quiet is None:
        return
    if quiet.begins == quiet.ends:
        raise DestinationError(f"Expected quiet hours that begin and end at different times; found {quiet.begins}.")
    try:
        ZoneInfo(quiet.zone)
    except (KeyError, ValueError, OSError):
        raise DestinationError(f"Expected a time zone like Europe/Berlin; found {quiet.zone!r}.") from None


def _destination(row: Row[Any]) -> Destination:
    quiet = None
    if row.quiet_from is not None:
        quiet = QuietHours(begins=row.quiet_from, ends=row.quiet_to, zone=row.quiet_zone)
    return Destination(
        id=row.id, name=row.name, sealed=None if row.secret is None else bytes(row.secret), variable=row.variable,
        enabled=row.enabled, quiet=quiet,
    )  # fmt: skip
