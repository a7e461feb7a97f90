"""Queries of the outbox: commands on their way to a terminal.

A command is written by admission in the transaction that approved it: born sent where its desk stands ready (`notice`),
else queued. What is queued is claimed here, in order of its id (ULIDs sort by time), and handed out once the claim is
on disk: what still reads `queued` was never handed to anybody, also after a crash of the server, so its time alone may
end it with its reservation (`EXPIRE_QUEUED`). The connection that claims is the one that holds the account's
`Lock.OWNER`, so a desk that lost its connection has lost its right to claim with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.notifications.trading import tell_doubted, tell_unsent
from zmq_bridge.storage.risk.recall import TOLD_EXPIRY
from zmq_bridge.storage.trading.events import end_reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Claimed commands of one account, and the state they were admitted in."""

    account_id: int
    trading_state: str
    """What the terminal must enforce before it executes them."""
    commands: tuple[OutgoingCommand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingCommand:
    """A command as the desk hands it to a terminal."""

    id: str
    """ULID, 26 characters; the comment of the order at the broker."""
    account_id: int
    kind: str
    payload: dict[str, Any]
    """The fields of the wire's command map, without command_id, kind and expires_at_ms; numbers as decimal strings."""
    expires_at: datetime
    """What the terminal is told; long over for one that was recalled (`storage.risk.recall`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """What time has brought about."""

    is_late: bool
    """Something is queued past its time: `expire_queued`."""
    is_waiting: bool
    """Something is queued for one of our accounts: `claim`."""
    is_doubtful: bool
    """Something was sent and not answered in time: `doubt_sent`."""


CLAIM = Prepared(
    "claim_commands",
    {"accounts": "bigint[]", "limit": "int"},
    """
WITH next AS (
    SELECT id FROM commands
    WHERE status = 'queued' AND account_id = ANY(%(accounts)s) AND expires_at > now()
    ORDER BY account_id, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE commands SET status = 'sent', sent_at = now()
FROM next WHERE commands.id = next.id
RETURNING commands.id, commands.account_id, commands.kind, commands.payload, commands.expires_at,
    (SELECT trading_state FROM trading_states WHERE trading_states.account_id = commands.account_id) AS trading_state
""",
)
"""Take what is queued and still alive, and mark it sent; with it comes the state it was admitted in."""

OVERDUE = Prepared(
    "overdue_commands",
    {"accounts": "bigint[]", "grace_s": "float8"},
    """
SELECT EXISTS (SELECT FROM commands WHERE status = 'queued' AND expires_at <= now()) AS is_late,
    EXISTS (SELECT FROM commands WHERE status = 'queued' AND account_id = ANY(%(accounts)s)) AS is_waiting,
    EXISTS (SELECT FROM commands WHERE status = 'sent' AND finished_at IS NULL
            AND expires_at < now() - make_interval(secs => %(grace_s)s)) AS is_doubtful
""",
)
"""What a sweep has to do. Most have nothing, and this is all they ask."""

EXPIRE_QUEUED = """
WITH late AS (
    SELECT id FROM commands
    WHERE status = 'queued' AND expires_at <= now()
    FOR UPDATE SKIP LOCKED
), dead AS (
    UPDATE commands SET status = 'expired', finished_at = now(), message = 'expired before it was sent'
    FROM late WHERE commands.id = late.id
    RETURNING commands.id, commands.account_id
), ended AS (
    UPDATE reservations SET ended_at = now(), end_reason = 'expired'
    FROM dead WHERE reservations.command_id = dead.id AND reservations.ended_at IS NULL
)
SELECT id, account_id FROM dead
"""
"""End what nobody sent in time, together with its reservation; of every account, because an account that no desk owns
has nobody else to do it, and row locks let several desks do it at once."""

DOUBT_SENT = """
WITH silent AS (
    SELECT id FROM commands
    WHERE status = 'sent' AND finished_at IS NULL AND expires_at < now() - make_interval(secs => %(grace_s)s)
    FOR UPDATE SKIP LOCKED
)
UPDATE commands SET status = 'unknown', message = 'no answer within its time to live'
FROM silent WHERE commands.id = silent.id
RETURNING commands.id, commands.account_id
"""
"""Call unknown what was sent and never answered; its reservation stays until the terminal speaks. A row that somebody
else has locked is being answered, or doubted, right now."""

UNANSWERED = f"""
SELECT id, account_id, kind, payload, {TOLD_EXPIRY} AS expires_at FROM commands
WHERE account_id = ANY(%(accounts)s) AND finished_at IS NULL
  AND (status = 'unknown' AND expires_at < now()
       OR (status = 'sent' AND sent_at < now() - make_interval(secs => %(quiet_s)s)
           OR status IN ('sent', 'accepted', 'unknown') AND recalled_at > sent_at)
          AND (expires_at < now()
               OR NOT (kind = 'place_order' OR kind = 'close_position' AND (payload->>'volume')::numeric > 0)
               OR sent_at >= (SELECT journal_since FROM terminals
                              WHERE terminals.account_id = commands.account_id AND role IN ('both', 'desk')
                              ORDER BY session DESC LIMIT 1)))
"""
"""What a terminal must be asked about again. An order or a partial close whose outcome is unknown, or that went to a
session with another journal, only past its time, when nobody executes it any more: that session may still be at it, and
this journal does not know. One that went to this journal may be asked about at once: it tells whether it was begun.
What was recalled since it was told last is told again at once, for a terminal to hear of the recall."""

UNCONFIRMED = f"""{UNANSWERED}
  AND (account_id, id) > (%(after_account)s, %(after_id)s)
ORDER BY account_id, id
LIMIT %(limit)s
"""
"""The next page of it: what nobody can answer for long must not stand before the rest."""

REFUSE = """
UPDATE commands SET status = 'rejected', finished_at = now(), message = %(message)s
WHERE id = %(command)s AND status = 'sent'
"""

TRADING_STATES = Prepared(
    "trading_states",
    {"accounts": "bigint[]"},
    "SELECT account_id, trading_state FROM trading_states WHERE account_id = ANY(%(accounts)s)",
)


def claim(connection: Connection, account_ids: Sequence[int], limit: int) -> list[Claim]:
    """Mark up to `limit` queued commands of these accounts as sent and return them by account, in order."""
    rows = CLAIM.run(connection, {"accounts": list(account_ids), "limit": limit}).all()
    found: dict[int, list[OutgoingCommand]] = {}
    states: dict[int, str] = {}
    for row in sorted(rows, key=lambda row: row.id):
        found.setdefault(row.account_id, []).append(_outgoing(row))
        states[row.account_id] = row.trading_state
    return [
        Claim(account_id=account_id, trading_state=states[account_id], commands=tuple(commands))
        for account_id, commands in found.items()
    ]


def overdue(connection: Connection, account_ids: Sequence[int], grace_s: float) -> Overdue:
    """Say what there is to do: for any account, and of what waits, for these."""
    row = OVERDUE.run(connection, {"accounts": list(account_ids), "grace_s": grace_s}).one()
    return Overdue(is_late=row.is_late, is_waiting=row.is_waiting, is_doubtful=row.is_doubtful)


def expire_queued(connection: Connection) -> list[tuple[str, int]]:
    """Expire unsent commands whose time is over; return (command id, account id) of each."""
    expired = [(row.id, row.account_id) for row in connection.exec_driver_sql(EXPIRE_QUEUED)]
    for command_id, account_id in expired:
        tell_unsent(connection, account_id, command_id)
    return expired


def doubt_sent(connection: Connection, grace_s: float) -> list[tuple[str, int]]:
    """Mark sent commands without an answer as unknown; return (command id, account id) of each."""
    doubted = [(row.id, row.account_id) for row in connection.exec_driver_sql(DOUBT_SENT, {"grace_s": grace_s})]
    for command_id, account_id in doubted:
        tell_doubted(connection, account_id, command_id)
    return doubted


def unconfirmed(
    connection: Connection,
    account_ids: Sequence[int],
    limit: int,
    *,
    quiet_s: float = 0.0,
    after: tuple[int, str] = (0, ""),
) -> list[OutgoingCommand]:
    """Return commands handed over at least `quiet_s` ago and never answered, oldest first of each account.

    Args:
        after: the (account id, command id) behind which to go on.
    """
    values = {
        "accounts": list(account_ids), "limit": limit, "quiet_s": quiet_s, "after_account": after[0],
        "after_id": after[1],
    }  # fmt: skip
    return list(map(_outgoing, connection.exec_driver_sql(UNCONFIRMED, values)))


def refuse(connection: Connection, command_id: str, message: str) -> None:
    """Reject a claimed command that cannot be put on the wire, and end its reservation."""
    connection.exec_driver_sql(REFUSE, {"command": command_id, "message": message})
    end_reservation(connection, command_id, "rejected")


def trading_states(connection: Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Return what each account's terminal must enforce: the strictest of everything that holds the account."""
    rows = TRADING_STATES.run(connection, {"accounts": list(account_ids)})
    return {row.account_id: row.trading_state for row in rows}


def _outgoing(row: Row[Any]) -> OutgoingCommand:
    return OutgoingCommand(
        id=row.id, account_id=row.account_id, kind=row.kind, payload=row.payload, expires_at=row.expires_at
    )
