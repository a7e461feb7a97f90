"""Queries that book what a terminal says: each event once, each deal once, each result onto its command.

Every function takes an open connection and leaves the transaction to its caller, who acknowledges only after commit.
Everything here may be repeated and may come in any order: a deal before the result that caused it, a result before its
order, all of it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.commands.life import FINAL, NEVER_EXECUTED, Status, Step, step
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.trading import magic

EVENTS_CHANNEL = "events"
"""NOTIFY channel of committed events; the payload is the account id."""

INSERT_EVENT = """
INSERT INTO terminal_events (account_id, session, seq, kind, data, error)
VALUES (%(account)s, %(session)s, %(seq)s, %(kind)s, %(data)s, %(error)s)
ON CONFLICT DO NOTHING
RETURNING 1
"""
"""Its key is what makes a resent event harmless."""

INSERT_DEAL = """
WITH cause AS (
    SELECT id, signal_id FROM commands
    WHERE account_id = %(account)s
      AND (id = %(comment)s OR (%(order)s > 0 AND order_ticket = %(order)s))
    ORDER BY (id = %(comment)s) DESC, id
    LIMIT 1
), opening AS (
    SELECT signal_id FROM deals
    WHERE account_id = %(account)s AND position_ticket = %(position)s AND %(position)s > 0 AND signal_id IS NOT NULL
    ORDER BY ticket
    LIMIT 1
)
INSERT INTO deals (account_id, ticket, order_ticket, position_ticket, symbol, type, entry, volume, price, profit,
    commission, swap, fee, time_msc, magic, comment, reason, sl, tp, command_id, signal_id)
SELECT %(account)s, %(ticket)s, %(order)s, %(position)s, %(symbol)s, %(type)s, %(entry)s, %(volume)s, %(price)s,
    %(profit)s, %(commission)s, %(swap)s, %(fee)s, %(time_msc)s, %(magic)s, %(comment)s, %(reason)s, %(sl)s, %(tp)s,
    (SELECT id FROM cause),
    coalesce((SELECT signal_id FROM cause), (SELECT signal_id FROM opening))
ON CONFLICT DO NOTHING
RETURNING command_id, signal_id
"""
"""A deal belongs to the command whose id is its comment, else to the one with its order; a stop's deal has neither and
belongs to the signal that opened its position."""

SIGNAL_OF_POSITION = """
UPDATE deals SET signal_id = %(signal)s
WHERE account_id = %(account)s AND position_ticket = %(position)s AND signal_id IS NULL
"""
"""Closing deals that came before the opening one."""

DEALS_OF_COMMAND = """
UPDATE deals SET command_id = %(command)s, signal_id = coalesce(%(signal)s, signal_id)
WHERE account_id = %(account)s AND command_id IS NULL
  AND (ticket = ANY(%(deals)s) OR (%(order)s > 0 AND order_ticket = %(order)s))
RETURNING position_ticket
"""
"""Deals that came before the result of their command."""

LOCK_COMMAND = """
SELECT status, sent_at, signal_id FROM commands WHERE id = %(command)s AND account_id = %(account)s FOR UPDATE
"""

APPLY_RESULT = """
UPDATE commands SET
    status = %(status)s,
    finished_at = CASE WHEN %(final)s THEN now() END,
    retcode = %(retcode)s, retcode_name = %(retcode_name)s, message = %(message)s,
    order_ticket = coalesce(nullif(%(order)s, 0), order_ticket),
    deal_ticket = coalesce(nullif(%(deal)s, 0), deal_ticket),
    position_ticket = coalesce(nullif(%(position)s, 0), position_ticket),
    filled_volume = %(volume)s, fill_price = %(price)s,
    result_session = %(session)s, result_seq = %(seq)s
WHERE id = %(command)s
"""

ADD_TO_RESULT = """
UPDATE commands SET
    order_ticket = coalesce(nullif(%(order)s, 0), order_ticket),
    deal_ticket = coalesce(nullif(%(deal)s, 0), deal_ticket),
    position_ticket = coalesce(nullif(%(position)s, 0), position_ticket),
    filled_volume = greatest(%(volume)s, filled_volume)
WHERE id = %(command)s
"""
"""A final result told again may know of more deals."""

END_RESERVATION = """
UPDATE reservations SET ended_at = now(), end_reason = %(reason)s
WHERE command_id = %(command)s AND ended_at IS NULL
"""

UPSERT_ORDER = """
INSERT INTO orders (account_id, ticket, symbol, order_type, state, working, volume_initial, volume_current, price_open,
    price_stoplimit, sl, tp, time_setup_msc, expiration_msc, magic, comment, command_id)
VALUES (%(account)s, %(ticket)s, %(symbol)s, %(order_type)s, %(state)s, false, %(volume_initial)s, %(volume_current)s,
    %(price_open)s, %(price_stoplimit)s, %(sl)s, %(tp)s, %(time_setup_msc)s, %(expiration_msc)s, %(magic)s, %(comment)s,
    (SELECT id FROM commands WHERE account_id = %(account)s AND id = %(comment)s))
ON CONFLICT (account_id, ticket) DO UPDATE SET
    state = excluded.state, volume_current = excluded.volume_current, price_open = excluded.price_open,
    price_stoplimit = excluded.price_stoplimit, sl = excluded.sl, tp = excluded.tp,
    expiration_msc = excluded.expiration_msc,
    working = orders.working AND excluded.state IN ('started', 'placed', 'partial'),
    updated_at = now()
WHERE orders.state NOT IN ('canceled', 'filled', 'rejected', 'expired')
"""
"""An event may end an order's work but never begin it: which orders work is said by snapshots, which know their place
in the sequence. A final state is not overwritten by an older event that comes late."""

LATEST_DEAL = "SELECT max(time_msc) FROM deals WHERE account_id = %(account)s"

NOTIFY = "SELECT pg_notify(%(channel)s, %(payload)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What a deal was tied to."""

    command_id: str | None
    """None: nobody here asked for it (a stop, a person at the terminal, a deposit)."""
    signal_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStep:
    """What a result did to its command."""

    step: Step | None
    """None: no such command of this account."""
    before: Status | None
    signal_id: str | None


def insert_event(
    connection: Connection,
    account_id: int,
    session: int,
    seq: int,
    *,
    kind: str,
    data: Mapping[str, Any],
    error: str | None = None,
) -> bool:
    """Store an event under its identity; False when it was stored before."""
    values = {"account": account_id, "session": session, "seq": seq, "kind": kind, "error": error}
    return connection.exec_driver_sql(INSERT_EVENT, {**values, "data": dump_json(data)}).first() is not None


def insert_deal(connection: Connection, account_id: int, deal: Mapping[str, Any]) -> Booked | None:
    """Store a deal and tie it to its command and signal; None when the ticket was stored before."""
    row = connection.exec_driver_sql(INSERT_DEAL, {**magic.stored(deal), "account": account_id}).first()
    if row is None:
        return None
    if row.signal_id is not None and deal["position"]:
        _spread_signal(connection, account_id, row.signal_id, deal["position"])
    return Booked(command_id=row.command_id, signal_id=row.signal_id)


def apply_result(
    connection: Connection, account_id: int, session: int, seq: int, result: Mapping[str, Any]
) -> ResultStep:
    """Move a command on by what the terminal says of it, if its life allows the step."""
    command_id, status = result["command_id"], Status(result["status"])
    row = connection.exec_driver_sql(LOCK_COMMAND, {"command": command_id, "account": account_id}).first()
    if row is None:
        return ResultStep(step=None, before=None, signal_id=None)
    before = Status(row.status)
    todo = step(before, status, was_sent=row.sent_at is not None)
    if todo is Step.APPLY:
        values = {**result, "command": command_id, "session": session, "seq": seq, "final": status in FINAL}
        connection.exec_driver_sql(APPLY_RESULT, values)
        _tie_deals(connection, account_id, result, row.signal_id)
        if status in NEVER_EXECUTED:
            end_reservation(connection, command_id, status.value)
    elif todo is Step.REPEAT and status is Status.DONE:
        connection.exec_driver_sql(ADD_TO_RESULT, {**result, "command": command_id})
        _tie_deals(connection, account_id, result, row.signal_id)
    return ResultStep(step=todo, before=before, signal_id=row.signal_id)


def end_reservation(connection: Connection, command_id: str, reason: str) -> None:
    """End a command's reservation, once."""
    connection.exec_driver_sql(END_RESERVATION, {"command": command_id, "reason": reason})


def upsert_order(connection: Connection, account_id: int, order: Mapping[str, Any]) -> None:
    """Store the state of an order that an event tells of."""
    connection.exec_driver_sql(UPSERT_ORDER, {**magic.stored(order), "account": account_id})


def latest_deal_msc(connection: Connection, account_id: int) -> int | None:
    """Return the server time of the newest stored deal; None when there is none."""
    found: int | None = connection.exec_driver_sql(LATEST_DEAL, {"account": account_id}).scalar()
    return found


def notify(connection: Connection, channel: str, payload: str) -> None:
    """Wake the listeners of `channel` when this transaction commits."""
    connection.exec_driver_sql(NOTIFY, {"channel": channel, "payload": payload})


def _tie_deals(connection: Connection, account_id: int, result: Mapping[str, Any], signal_id: str | None) -> None:
    values = {
        "account": account_id,
        "command": result["command_id"],
        "signal": signal_id,
        "order": result["order"],
        "deals": _tickets(result),
    }
    positions = {row.position_ticket for row in connection.exec_driver_sql(DEALS_OF_COMMAND, values)}
    if signal_id is not None:
        for position in positions - {0}:
            _spread_signal(connection, account_id, signal_id, position)


def _tickets(result: Mapping[str, Any]) -> Sequence[int]:
    return [ticket for ticket in {result["deal"], *result["deals"]} if ticket]


def _spread_signal(connection: Connection, account_id: int, signal_id: str, position: int) -> None:
    values = {"account": account_id, "signal": signal_id, "position": position}
    connection.exec_driver_sql(SIGNAL_OF_POSITION, values)
