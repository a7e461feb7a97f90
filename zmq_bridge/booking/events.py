"""What a terminal says becomes a row, once.

Law: the caller acknowledges an event only after the transaction that `store_events` worked in has committed. An event
seen before is acknowledged again and does nothing. An event that cannot be booked (unreadable, a contradiction, a
number that Postgres refuses) must not stand before the others for ever: it is kept raw with the reason, acknowledged,
told to people, and the account takes no new risk until a person has looked. A database that is away is not the event's
fault: that error goes up, nothing is acknowledged, and the terminal resends.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from risk.states import Cause, Hold
from zmq_bridge.protocol.published import CommandResult, Event, TradingState, Unreadable
from zmq_bridge.protocol.values import Deal, Order, Spec
from zmq_bridge.storage.commands.life import Step
from zmq_bridge.storage.ledger.posting import post_deal
from zmq_bridge.storage.notifications.events import Event as News
from zmq_bridge.storage.notifications.tell import notify
from zmq_bridge.storage.notifications.trading import tell_deal, tell_result
from zmq_bridge.storage.risk.holding import impose
from zmq_bridge.storage.trading import events as rows
from zmq_bridge.storage.trading.state import end_covered, lock_account
from zmq_bridge.storage.trading.terminals import note_enforced_state, upsert_symbols

log = logging.getLogger(__name__)

UNBOOKED = "an event of the terminal could not be booked; see notifications"
"""Reason of the hold; only a named person lifts it."""

RAW_CHARS_MAX = 2000
"""How much of an unreadable event goes into the notification; the whole of it is in terminal_events."""


class Unbookable(Exception):
    """An event contradicts the books, or says what no book can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch of events, valid once the transaction has committed."""

    acks: tuple[tuple[int, int], ...]
    """(session, seq) of every event of the batch."""
    fresh: tuple[Event, ...]
    """Those booked now for the first time, in the order given."""
    poisoned: tuple[Event, ...]
    """Those kept raw because they could not be booked."""


def store_events(connection: Connection, account_id: int, events: Sequence[Event], *, now: datetime) -> Stored:
    """Book a batch of one account's events in the caller's transaction.

    Raises:
        SQLAlchemyError: the database is away or busy; nothing may be acknowledged.
    """
    lock_account(connection, account_id)
    try:
        with connection.begin_nested():
            fresh = [event for event in events if _book(connection, account_id, event, now)]
        poisoned: list[Event] = []
    except (Unbookable, SQLAlchemyError, ValueError, ArithmeticError) as error:
        _raise_if_not_the_events_fault(error)
        fresh, poisoned = _store_one_by_one(connection, account_id, events, now)
    if fresh:
        end_covered(connection, account_id)
        rows.notify(connection, rows.EVENTS_CHANNEL, str(account_id))
    return Stored(acks=tuple(event.key for event in events), fresh=tuple(fresh), poisoned=tuple(poisoned))


def _store_one_by_one(
    connection: Connection, account_id: int, events: Sequence[Event], now: datetime
) -> tuple[list[Event], list[Event]]:
    """Book each event in a savepoint of its own, so that a bad one fails alone."""
    fresh, poisoned = [], []
    for event in events:
        try:
            with connection.begin_nested():
                if _book(connection, account_id, event, now):
                    fresh.append(event)
        except (Unbookable, SQLAlchemyError, ValueError, ArithmeticError) as error:
            _raise_if_not_the_events_fault(error)
            if _quarantine(connection, account_id, event, error, now):
                poisoned.append(event)
    return fresh, poisoned


def _book(connection: Connection, account_id: int, event: Event, now: datetime) -> bool:
    """Book one event; False when it was booked before."""
    data = _plain(event)
    if not rows.insert_event(connection, account_id, event.session, event.seq, kind=event.kind, data=data):
        return False
    match event.data:
        case Deal() as deal:
            _book_deal(connection, account_id, deal, data, now)
        case CommandResult():
            _book_result(connection, account_id, event, data)
        case Order():
            rows.upsert_order(connection, account_id, data)
        case Spec():
            upsert_symbols(connection, account_id, [data])
        case TradingState(state=state):
            note_enforced_state(connection, account_id, event.session, event.seq, state)
        case Unreadable(problem=problem):
            raise Unbookable(problem)
    return True


def _book_deal(connection: Connection, account_id: int, deal: Deal, data: dict[str, Any], now: datetime) -> None:
    """Store and post a deal; one that is known is compared with what was posted, since brokers do correct deals."""
    booked = rows.insert_deal(connection, account_id, data)
    post_deal(connection, account_id, deal)
    if booked is not None:
        tell_deal(connection, account_id, data, command_id=booked.command_id, now=now)


def _book_result(connection: Connection, account_id: int, event: Event, data: dict[str, Any]) -> None:
    done = rows.apply_result(connection, account_id, event.session, event.seq, data)
    if done.step is Step.REFUSE:
        raise Unbookable(
            f"command {data['command_id']}: expected a status that may follow {done.before}, found {data['status']}"
        )
    if done.step is Step.APPLY:
        tell_result(connection, account_id, data)
    if done.step is None:
        log.info("result of a command without a row: account_id=%d command_id=%s", account_id, data["command_id"])


def _quarantine(connection: Connection, account_id: int, event: Event, error: Exception, now: datetime) -> bool:
    """Keep an event that could not be booked, tell people, take no new risk; False when that was done before."""
    reason, kind = _reason(error), _storable(event.kind)
    data = _plain(event)
    if not rows.insert_event(
        connection, account_id, event.session, event.seq, kind=kind, data=_storable(data), error=reason
    ):
        return False
    log.error(
        "event not booked: account_id=%d session=%d seq=%d kind=%s: %s",
        account_id, event.session, event.seq, kind, reason,
    )  # fmt: skip
    notify(
        connection,
        News.EVENT_NOT_BOOKED,
        title=f"A {kind} of the terminal could not be booked",
        body=f"session={event.session} seq={event.seq}: {reason}. Data: {repr(data)[:RAW_CHARS_MAX]}",
        account_id=account_id,
    )
    impose(connection, account_id, Hold(cause=Cause.EVENT_UNBOOKED, reason=UNBOOKED, actor="desk", at=now))
    return True


def _plain(event: Event) -> dict[str, Any]:
    return event.data.raw if isinstance(event.data, Unreadable) else asdict(event.data)


def _storable(value: Any) -> Any:
    """Keep what Postgres can hold; show the rest (a NUL in a text, a name of a field too) as Python would."""
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(each) for each in value]
    return repr(value) if isinstance(value, str) and "\0" in value else value


def _reason(error: Exception) -> str:
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(origin).split())


def _raise_if_not_the_events_fault(error: Exception) -> None:
    if isinstance(error, (OperationalError, InterfaceError)):
        raise error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        raise error
    if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
        raise error
