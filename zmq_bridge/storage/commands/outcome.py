"""What a decision comes to, stored in one statement, with NOTIFY `commands` and `signals` (signal id), and its COMMIT.

A command is born `sent` where a desk stands ready for its account (it holds `Lock.READY`): the notice carries the
command, and the desk hands it out without another transaction. Else it is born `queued`, and the notice is the account
id. The gate's shared try of that lock and the desk's own exclude each other, so there is no moment between the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from zmq_bridge.storage.commands.lines import Line
from zmq_bridge.storage.commands.notice import COMMANDS_CHANNEL, NOTICE, NOTICE_PAYLOAD_BYTES_MAX
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.commands.signal_news import SIGNALS_CHANNEL
from zmq_bridge.storage.engine import dump_rows
from zmq_bridge.storage.locks import Lock

HANDED_AT = f"""
SELECT moment FROM (SELECT clock_timestamp() AS moment OFFSET 0) AS asked
WHERE NOT pg_try_advisory_xact_lock_shared({int(Lock.READY)}, %(account)s)
"""
"""A moment at which a desk stood ready for the account; none: there was no such desk, and there will be none before the
commit.

Taken before the lock is tried, so a desk that owns the account since before then is the one that stood ready."""

WRITE = f"""
WITH signal AS (
    INSERT INTO signals SELECT * FROM jsonb_populate_recordset(NULL::signals, %(signals)s::jsonb) RETURNING id
), decision AS (
    INSERT INTO risk_decisions SELECT * FROM jsonb_populate_recordset(NULL::risk_decisions, %(decisions)s::jsonb)
), command AS (
    INSERT INTO commands
        (id, account_id, signal_id, decision_id, source, kind, payload, expires_at, created_at, status, sent_at)
    SELECT id, account_id, signal_id, decision_id, source, kind, payload, expires_at, created_at,
        CASE WHEN handed_at IS NULL THEN 'queued' ELSE 'sent' END, handed_at
    FROM (
        SELECT *,
            CASE WHEN octet_length(payload::text) <= {NOTICE_PAYLOAD_BYTES_MAX} THEN ({HANDED_AT}) END AS handed_at
        FROM jsonb_populate_recordset(NULL::commands, %(commands)s::jsonb)) AS new
    RETURNING id, account_id, kind, payload, expires_at, sent_at
), reservation AS (
    INSERT INTO reservations (command_id, account_id, symbol, side, volume, risk, margin, notional, slots, created_at)
    SELECT command_id, account_id, symbol, side, volume, risk, margin, notional, slots, created_at
    FROM jsonb_populate_recordset(NULL::reservations, %(reservations)s::jsonb)
), latch AS (
    INSERT INTO strategy_latches (account_id, strategy, reason, latched_at)
    SELECT account_id, strategy, reason, latched_at
    FROM jsonb_populate_recordset(NULL::strategy_latches, %(latches)s::jsonb)
    ON CONFLICT DO NOTHING
)
SELECT
    (SELECT count(pg_notify('{COMMANDS_CHANNEL}', notice)) FROM (
        SELECT CASE WHEN sent_at IS NULL THEN account_id::text ELSE {NOTICE} END AS notice
        FROM command ORDER BY id) AS notices),
    (SELECT count(pg_notify('{SIGNALS_CHANNEL}', id)) FROM signal)
"""
"""All or nothing. A key that somebody else used first, through another account, breaks it off (`KeyTaken`)."""

WRITE_ALL = Prepared(
    "gate_write",
    {"account": "int", **dict.fromkeys(("signals", "decisions", "commands", "reservations", "latches"), "text")},
    WRITE,
    last="; COMMIT",
)
KEYS = frozenset({"uq_signals_source_idempotency_key", "uq_risk_decisions_source_idempotency_key"})


class KeyTaken(Exception):
    """A transaction of another account used the key first; nothing of this one was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The rows that one decision makes; each a mapping of column to value, of the table it is named after."""

    signals: Sequence[dict[str, Any]]  # one, or none for a direct request
    decisions: Sequence[dict[str, Any]]  # one
    commands: Sequence[dict[str, Any]]
    reservations: Sequence[dict[str, Any]]
    latches: Sequence[dict[str, Any]]


def write(line: Line, outcome: Outcome, account_id: int | None) -> None:
    """Store an outcome and commit.

    Raises:
        KeyTaken: its key is somebody else's.
        DBAPIError: anything else; whether it is stored is not known.
    """
    rows: dict[str, Any] = {name: dump_rows(getattr(outcome, name)) for name in Outcome.__slots__}
    try:
        line.run(WRITE_ALL, {"account": account_id, **rows})
    except IntegrityError as error:
        violated = getattr(error.orig, "diag", None)
        if violated is not None and violated.constraint_name in KEYS:
            raise KeyTaken from error
        raise
