"""A terminal that can only ask over HTTP: the same books, the same rules, one transaction a request.

Law: an account has one bridge that serves it. A desk holds the account's owner lock for as long as its terminal is
connected; a polling terminal's requests each share it for one transaction, and are refused while a desk has it. Nothing
is acknowledged or handed out before its transaction has committed (the caller answers after these functions returned
and committed). Raises `NotWelcome` with the code that a desk would answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from zmq_bridge.booking.commands import UnsendableCommand, as_of_now, to_command
from zmq_bridge.booking.entering import (
    Entered,
    NotWelcome,
    account_of,
    check_session,
    check_speaks_of_itself,
    enter,
)
from zmq_bridge.booking.events import Stored, store_events
from zmq_bridge.booking.following import follow_snapshot
from zmq_bridge.protocol.commands import Command, TradingStateName
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.published import Event, snapshot_of
from zmq_bridge.storage.commands import outbox
from zmq_bridge.storage.commands.leases import lease_again
from zmq_bridge.storage.locks import Lock, hold, try_hold_shared
from zmq_bridge.storage.trading import state, terminals

DOUBT_GRACE_S = 2.0
"""How long after its time to live a handed-out command without an answer is called unknown."""

PLACE = "desk"
"""The place of a terminal that takes commands, whatever its role is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """What a poll brings."""

    commands: tuple[Command, ...]  # in the order of execution
    trading_state: str  # what the terminal must enforce before it executes them


def update(connection: Connection, hello: Hello, now: datetime) -> Entered:
    """Book what a terminal says of itself and of its account, as a hello and a snapshot in one."""
    check_speaks_of_itself(hello)
    if hello.snapshot is None:
        raise NotWelcome(ErrorCode.MALFORMED, "snapshot", expected="the account's books", found="nothing")
    account = account_of(connection, hello)
    _own(connection, account.id, hello.login)
    state.lock_account(connection, account.id)
    check_session(connection, account.id, hello)
    before = state.latest_place(connection, account.id)
    entered = enter(connection, account.id, hello, now)
    snapshot = snapshot_of(hello.snapshot, hello.login, hello.session)
    place = state.Place(session=snapshot.session, event_seq=snapshot.event_seq, seq=snapshot.seq)
    if before is None or before.key < place.key:
        follow_snapshot(connection, account.id, snapshot, now)
    return entered


def hand_out(connection: Connection, account_id: int, login: int, session: int, limit: int) -> Handout:
    """Claim what waits for the account's terminal, and what it never answered; each on a lease of its own."""
    _own(connection, account_id, login)
    _check_current(connection, account_id, session)
    outbox.expire_queued(connection)
    outbox.doubt_sent(connection, DOUBT_GRACE_S)
    again = _commands(connection, lease_again(connection, account_id, limit), attempt=2)
    claims = outbox.claim(connection, [account_id], limit)
    fresh = [command for each in claims for command in _commands(connection, each.commands, attempt=1)]
    state = cast(TradingStateName, outbox.trading_states(connection, [account_id])[account_id])
    return Handout(commands=tuple(as_of_now(each, state) for each in (*again, *fresh)), trading_state=state)


def confirm(
    connection: Connection, account_id: int, login: int, session: int, events: Sequence[Event], now: datetime
) -> Stored:
    """Book results, deals and orders, each once; they may be acknowledged when this has committed."""
    _own(connection, account_id, login)
    _check_current(connection, account_id, session)
    ahead = [event.session for event in events if event.session > session]
    if ahead:
        raise NotWelcome(
            ErrorCode.MALFORMED, "session", expected=f"events of sessions up to {session}", found=str(ahead[0])
        )
    return store_events(connection, account_id, events, now=now)


def _own(connection: Connection, account_id: int, login: int) -> None:
    """Serve the account for this transaction, after other polls of it, unless a desk does.

    Polls share the owner's lock: the one before us gives its locks back one by one, this one perhaps last.

    Raises:
        NotWelcome: OWNED_ELSEWHERE.
    """
    hold(connection, Lock.POLLED, account_id)
    if not try_hold_shared(connection, Lock.OWNER, account_id):
        raise NotWelcome(ErrorCode.OWNED_ELSEWHERE, "a desk serves this account", found=str(login))


def _check_current(connection: Connection, account_id: int, session: int) -> None:
    latest = terminals.latest_session(connection, account_id, PLACE)
    if latest is None or latest < session:
        raise NotWelcome(ErrorCode.UNKNOWN_SESSION, "expected an account update of this session first")
    if latest > session:
        raise NotWelcome(ErrorCode.SUPERSEDED, "session", expected=f"session {latest}", found=str(session))


def _commands(connection: Connection, rows: Sequence[outbox.OutgoingCommand], *, attempt: int) -> list[Command]:
    found: list[Command] = []
    for row in rows:
        try:
            found.append(to_command(row, attempt=attempt))
        except UnsendableCommand as error:
            outbox.refuse(connection, row.id, f"cannot be sent: {error}")
    return found
