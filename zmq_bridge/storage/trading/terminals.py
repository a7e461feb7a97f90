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
from zmq_bridge.storage.notifications.trading import tell_terminal

HANDOVER_S = 1.5
"""How long after a hello is booked its predecessor may still be handed commands: longer than a hello may wait."""

LATEST_SESSION = """
SELECT max(session) FROM terminals
WHERE account_id = %(account)s AND (role = %(role)s OR role = 'both' OR %(role)s = 'both')
"""
"""The roles feed and desk live side by side; `both` takes the place of either."""

UPSERT_TERMINAL = """
WITH before AS (
    SELECT session, journal, journal_since, state FROM terminals
    WHERE account_id = %(account)s AND role IN ('both', 'desk') AND %(role)s IN ('both', 'desk')
    ORDER BY session DESC LIMIT 1
), same AS (
    SELECT journal_since FROM before
    WHERE session = %(session)s
       OR journal <> '' AND journal = %(journal)s AND session = %(journal_session)s
)
INSERT INTO terminals AS known (account_id, role, session, program, version, build, server_offset_s, clock_skew_ms,
    state, journal, journal_since)
VALUES (%(account)s, %(role)s, %(session)s, %(program)s, %(version)s, %(build)s, %(server_offset_s)s,
    %(clock_skew_ms)s, 'connected', %(journal)s,
    coalesce((SELECT journal_since FROM same),
        now() + CASE WHEN (SELECT state FROM before) = 'connected' THEN make_interval(secs => %(handover_s)s)
                     ELSE interval '0' END))
ON CONFLICT (account_id, role) DO UPDATE SET
    session = excluded.session, program = excluded.program, version = excluded.version, build = excluded.build,
    server_offset_s = excluded.server_offset_s, clock_skew_ms = excluded.clock_skew_ms, state = 'connected',
    journal = excluded.journal, journal_since = excluded.journal_since,
    connected_at = CASE WHEN known.session = excluded.session THEN known.connected_at ELSE now() END,
    last_seen_at = now()
RETURNING EXISTS (SELECT FROM same)
"""
"""A journal goes on when the session that held the trading place last is the one this journal knew last: a copy of it,
or another program in between, would be another one. Where a live session is superseded, commands may go to it for a
moment more."""

MARK_TERMINAL = """
WITH marked AS (
    UPDATE terminals SET state = %(state)s, last_seen_at = %(last_seen_at)s
    WHERE account_id = %(account)s AND role = %(role)s AND session = %(session)s
    RETURNING account_id
)
SELECT pg_notify('events', account_id::text) FROM marked
"""

SAY_STATE = """
UPDATE terminals SET trading_state = %(state)s, trading_state_at = now(), trading_state_session = %(session)s,
    trading_state_seq = %(seq)s
WHERE account_id = %(account)s AND role IN ('both', 'desk')
  AND (coalesce(trading_state_session, 0), coalesce(trading_state_seq, 0)) < (%(session)s, %(seq)s)
"""

_SPEC_COLUMNS = (
    "digits", "point", "tick_size", "tick_value", "contract_size", "volume_min", "volume_max", "volume_step",
)  # fmt: skip

UPSERT_SYMBOLS = f"""
INSERT INTO symbols AS known (account_id, symbol, probe, probed_at, spec, {", ".join(_SPEC_COLUMNS)}, tradable)
SELECT %(account)s, spec->>'symbol', probe, CASE WHEN probe IS NOT NULL THEN now() END, spec,
    (spec->>'digits')::smallint,
    {", ".join(f"(spec->>'{name}')::numeric" for name in _SPEC_COLUMNS[1:])},
    coalesce((SELECT spec->>'symbol' = ANY(symbols) FROM account_symbols WHERE account_id = %(account)s), true)
FROM (
    SELECT told - 'probe' AS spec, nullif(told->'probe', 'null') AS probe
    FROM jsonb_array_elements(%(specs)s::jsonb) AS told
) AS incoming
ON CONFLICT (account_id, symbol) DO UPDATE SET
    spec = excluded.spec, {", ".join(f"{name} = excluded.{name}" for name in _SPEC_COLUMNS)},
    updated_at = CASE WHEN known.spec IS DISTINCT FROM excluded.spec THEN now() ELSE known.updated_at END,
    seen_at = now(), probe = coalesce(excluded.probe, known.probe),
    probed_at = coalesce(excluded.probed_at, known.probed_at)
"""
"""What is told again unchanged is seen again, and no more: `updated_at` makes every gate read specifications anew."""


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
    journal: str = ""
    """Identity of its journal file; "" = it has none."""
    journal_session: int = 0
    """The last session of an earlier start in that file; 0 = none."""


def latest_session(connection: Connection, account_id: int, role: str) -> int | None:
    """Return the greatest session stored of the terminals whose place `role` would take; None when there is none."""
    values = {"account": account_id, "role": role}
    found: int | None = connection.exec_driver_sql(LATEST_SESSION, values).scalar()
    return found


def upsert_terminal(connection: Connection, account_id: int, speaker: Speaker) -> bool:
    """Store who speaks in a role from now on; True: it trades on with the journal of whoever did last."""
    values = {name: getattr(speaker, name) for name in Speaker.__slots__}
    values |= {"account": account_id, "handover_s": HANDOVER_S}
    return bool(connection.exec_driver_sql(UPSERT_TERMINAL, values).scalar_one())


def mark_terminal(
    connection: Connection, account_id: int, role: str, session: int, *, state: str, last_seen_at: datetime
) -> None:
    """Store that a terminal is connected or disconnected, unless a newer session took its place."""
    values = {"account": account_id, "role": role, "session": session, "state": state, "last_seen_at": last_seen_at}
    if connection.exec_driver_sql(MARK_TERMINAL, values).first() is not None:
        tell_terminal(connection, account_id, role, session, state=state, last_seen_at=last_seen_at)


def note_enforced_state(connection: Connection, account_id: int, session: int, seq: int, state: str) -> None:
    """Store what a terminal says it enforces; of two words the later one counts, whichever comes first."""
    values = {"account": account_id, "session": session, "seq": seq, "state": state}
    connection.exec_driver_sql(SAY_STATE, values)


def upsert_symbols(connection: Connection, account_id: int, specs: Sequence[Mapping[str, Any]]) -> None:
    """Store the broker's specifications."""
    if specs:
        connection.exec_driver_sql(UPSERT_SYMBOLS, {"account": account_id, "specs": dump_json(specs)})
