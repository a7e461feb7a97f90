"""Queries about who speaks for an account: its terminals, and the symbols they describe.

Sessions of one place (feed, desk, or both) only ever grow: a terminal with a lower session number than was stored is
an older program, and its word would be taken for older news. What a terminal says of symbols is believed; `tradable` is
the operator's and stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.engine import dump_json

LATEST_SESSION = """
SELECT max(session) FROM terminals
WHERE account_id = %(account)s AND (role = %(role)s OR role = 'both' OR %(role)s = 'both')
"""
"""The roles feed and desk live side by side; `both` takes the place of either."""

UPSERT_TERMINAL = """
INSERT INTO terminals AS known (account_id, role, session, program, version, build, server_offset_s, clock_skew_ms,
    state)
VALUES (%(account)s, %(role)s, %(session)s, %(program)s, %(version)s, %(build)s, %(server_offset_s)s,
    %(clock_skew_ms)s, 'connected')
ON CONFLICT (account_id, role) DO UPDATE SET
    session = excluded.session, program = excluded.program, version = excluded.version, build = excluded.build,
    server_offset_s = excluded.server_offset_s, clock_skew_ms = excluded.clock_skew_ms, state = 'connected',
    connected_at = CASE WHEN known.session = excluded.session THEN known.connected_at ELSE now() END,
    last_seen_at = now()
"""

MARK_TERMINAL = """
WITH marked AS (
    UPDATE terminals SET state = %(state)s, last_seen_at = %(last_seen_at)s
    WHERE account_id = %(account)s AND role = %(role)s AND session = %(session)s
    RETURNING account_id
)
SELECT pg_notify('events', account_id::text) FROM marked
"""

SAY_STATE = """
UPDATE terminals SET trading_state = %(state)s, trading_state_at = now()
WHERE account_id = %(account)s AND session = %(session)s AND role IN ('both', 'desk')
"""

_SPEC_COLUMNS = (
    "digits", "point", "tick_size", "tick_value", "contract_size", "volume_min", "volume_max", "volume_step",
)  # fmt: skip

UPSERT_SYMBOLS = f"""
INSERT INTO symbols AS known (account_id, symbol, spec, {", ".join(_SPEC_COLUMNS)})
SELECT %(account)s, spec->>'symbol', spec, (spec->>'digits')::smallint,
    {", ".join(f"(spec->>'{name}')::numeric" for name in _SPEC_COLUMNS[1:])}
FROM jsonb_array_elements(%(specs)s::jsonb) AS spec
ON CONFLICT (account_id, symbol) DO UPDATE SET
    spec = excluded.spec, {", ".join(f"{name} = excluded.{name}" for name in _SPEC_COLUMNS)}, updated_at = now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A terminal as its hello describes it."""

    role: str
    session: int
    program: str
    version: str
    build: int
    server_offset_s: int
    """Trade server's clock minus UTC."""
    clock_skew_ms: int
    """The terminal's UTC clock minus ours, when its hello came in."""


def latest_session(connection: Connection, account_id: int, role: str) -> int | None:
    """Return the greatest session stored of the terminals whose place `role` would take; None when there is none."""
    values = {"account": account_id, "role": role}
    found: int | None = connection.exec_driver_sql(LATEST_SESSION, values).scalar()
    return found


def upsert_terminal(connection: Connection, account_id: int, speaker: Speaker) -> None:
    """Store who speaks in a role from now on."""
    values = {name: getattr(speaker, name) for name in Speaker.__slots__}
    connection.exec_driver_sql(UPSERT_TERMINAL, {**values, "account": account_id})


def mark_terminal(
    connection: Connection, account_id: int, role: str, session: int, *, state: str, last_seen_at: datetime
) -> None:
    """Store that a terminal is connected or disconnected, unless a newer session took its place."""
    values = {"account": account_id, "role": role, "session": session, "state": state, "last_seen_at": last_seen_at}
    connection.exec_driver_sql(MARK_TERMINAL, values)


def note_enforced_state(connection: Connection, account_id: int, session: int, state: str) -> None:
    """Store what a terminal says it enforces; the word of an earlier session no longer counts."""
    connection.exec_driver_sql(SAY_STATE, {"account": account_id, "session": session, "state": state})


def upsert_symbols(connection: Connection, account_id: int, specs: Sequence[Mapping[str, Any]]) -> None:
    """Store the broker's specifications."""
    if specs:
        connection.exec_driver_sql(UPSERT_SYMBOLS, {"account": account_id, "specs": dump_json(specs)})
