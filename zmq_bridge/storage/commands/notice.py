"""The notice of a new command: what NOTIFY tells the desk, written by admission's own transaction.

Two forms. An account id: something is queued for that account, claim it. A whole command: it was born `sent`, because
the account's desk held `Lock.READY` at `sent_at`. The desk that owned the account then, and does still, hands it out;
nobody else does. Postgres delivers a notice after the commit, in the order of commits, to every connection that
listens. A connection that breaks loses its notices and its locks together: what was born sent for it counts as handed
over and unanswered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from zmq_bridge.storage.commands.outbox import OutgoingCommand
from zmq_bridge.storage.engine import load_json

COMMANDS_CHANNEL = "commands"
"""NOTIFY channel of new commands."""

NOTICE_PAYLOAD_BYTES_MAX = 7_000
"""Postgres carries notices below 8000 bytes; a command whose payload is longer is queued, and claimed."""

NOTICE = """json_build_object(
    'id', id, 'account_id', account_id, 'kind', kind, 'payload', payload, 'expires_at', expires_at, 'sent_at', sent_at,
    'trading_state', (SELECT trading_state FROM trading_states t WHERE t.account_id = command.account_id))::text"""
"""SQL: the second form, of a row named `command`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BornSent:
    """A command that admission wrote for the desk that stood ready."""

    command: OutgoingCommand
    trading_state: str  # what it was admitted in: the terminal must have heard of it before it gets the command
    sent_at: datetime  # the database's clock, just before READY was seen taken


def read_notice(text: str) -> int | BornSent:
    """Read a notice: the account to claim for, or a command to hand out.

    Raises:
        ValueError, LookupError, TypeError, RecursionError: it is neither; anybody who may connect can NOTIFY.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    found = load_json(text)
    command = OutgoingCommand(
        id=str(found["id"]),
        account_id=int(found["account_id"]),
        kind=str(found["kind"]),
        payload=dict(found["payload"]),
        expires_at=_moment(found["expires_at"]),
    )
    return BornSent(command=command, trading_state=str(found["trading_state"]), sent_at=_moment(found["sent_at"]))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {text!r}")
    return moment
