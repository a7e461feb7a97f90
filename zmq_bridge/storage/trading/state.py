"""Queries that keep the account's present: money, positions, working orders, and what is still reserved.

Law: a snapshot replaces the present only when it is newer by (session, event_seq, seq), and ends, in the same
transaction and under `Lock.ADMISSION`, exactly the reservations whose result it already includes. So the risk gate,
which holds the same lock, never sees an order neither reserved nor among the positions.

History is bounded: within one slot of `SNAPSHOT_SLOT_S` an account has one row, rewritten by each newer snapshot, and a
row more for every change of balance or credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.trading import magic

SNAPSHOT_SLOT_S = 10
"""The finest grain of an account's stored history of equity."""

LATEST = """
SELECT id, session, event_seq, seq, received_at, balance, credit
FROM account_snapshots WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1
"""

_FIELDS = (
    "session", "seq", "event_seq", "time_msc", "received_at", "balance", "equity", "credit", "profit", "margin",
    "margin_free", "margin_level", "trade_allowed", "trade_expert",
)  # fmt: skip

INSERT_SNAPSHOT = f"""
INSERT INTO account_snapshots (account_id, {", ".join(_FIELDS)})
VALUES (%(account)s, {", ".join(f"%({name})s" for name in _FIELDS)})
"""

REWRITE_SNAPSHOT = f"""
UPDATE account_snapshots SET {", ".join(f"{name} = %({name})s" for name in _FIELDS)} WHERE id = %(id)s
"""

SEE_AGAIN = """
UPDATE account_snapshots SET seq = %(seq)s, time_msc = %(time_msc)s, received_at = %(received_at)s
WHERE id = (SELECT id FROM account_snapshots WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1)
  AND session = %(session)s AND event_seq = %(event_seq)s AND seq < %(seq)s
"""

REPLACE_POSITIONS = """
WITH incoming AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming (
        ticket bigint, symbol text, side text, volume numeric, price_open numeric, price_current numeric, sl numeric,
        tp numeric, profit numeric, swap numeric, time_msc bigint, magic bigint, comment text)
), gone AS (
    DELETE FROM positions WHERE account_id = %(account)s AND ticket NOT IN (SELECT ticket FROM incoming)
)
INSERT INTO positions AS held (account_id, ticket, symbol, side, volume, price_open, price_current, sl, tp, profit,
    swap, time_msc, magic, comment)
SELECT %(account)s, ticket, symbol, side, volume, price_open, price_current, sl, tp, profit, swap, time_msc, magic,
    comment
FROM incoming
ON CONFLICT (account_id, ticket) DO UPDATE SET
    symbol = excluded.symbol, side = excluded.side, volume = excluded.volume, price_open = excluded.price_open,
    price_current = excluded.price_current, sl = excluded.sl, tp = excluded.tp, profit = excluded.profit,
    swap = excluded.swap, time_msc = excluded.time_msc, magic = excluded.magic, comment = excluded.comment,
    updated_at = now()
WHERE (held.side, held.volume, held.price_open, held.price_current, held.sl, held.tp, held.profit, held.swap)
    IS DISTINCT FROM (excluded.side, excluded.volume, excluded.price_open, excluded.price_current, excluded.sl,
        excluded.tp, excluded.profit, excluded.swap)
"""

REPLACE_ORDERS = """
WITH incoming AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming (
        ticket bigint, symbol text, order_type text, state text, volume_initial numeric, volume_current numeric,
        price_open numeric, price_stoplimit numeric, sl numeric, tp numeric, time_setup_msc bigint,
        expiration_msc bigint, magic bigint, comment text)
), gone AS (
    UPDATE orders SET working = false, updated_at = now()
    WHERE account_id = %(account)s AND working AND ticket NOT IN (SELECT ticket FROM incoming)
)
INSERT INTO orders AS held (account_id, ticket, symbol, order_type, state, working, volume_initial, volume_current,
    price_open, price_stoplimit, sl, tp, time_setup_msc, expiration_msc, magic, comment, command_id)
SELECT %(account)s, ticket, symbol, order_type, state, true, volume_initial, volume_current, price_open,
    price_stoplimit, sl, tp, time_setup_msc, expiration_msc, magic, comment,
    (SELECT id FROM commands WHERE commands.id = incoming.comment AND commands.account_id = %(account)s)
FROM incoming
ON CONFLICT (account_id, ticket) DO UPDATE SET
    state = excluded.state, working = true, volume_current = excluded.volume_current,
    price_open = excluded.price_open, price_stoplimit = excluded.price_stoplimit, sl = excluded.sl, tp = excluded.tp,
    expiration_msc = excluded.expiration_msc, updated_at = now()
WHERE (held.working, held.state, held.volume_current, held.price_open, held.price_stoplimit, held.sl, held.tp,
        held.expiration_msc)
    IS DISTINCT FROM (true, excluded.state, excluded.volume_current, excluded.price_open, excluded.price_stoplimit,
        excluded.sl, excluded.tp, excluded.expiration_msc)
"""

END_COVERED = """
UPDATE reservations SET
    ended_at = now(),
    end_reason = CASE WHEN commands.filled_volume > 0 THEN 'filled' ELSE 'reconciled' END
FROM commands
WHERE commands.id = reservations.command_id
  AND reservations.account_id = %(account)s
  AND reservations.ended_at IS NULL
  AND commands.status = 'done'
  AND (commands.result_session, commands.result_seq) <= (%(session)s, %(event_seq)s)
RETURNING reservations.command_id
"""
"""A later session's snapshot includes every result of an earlier one: hence the comparison of pairs."""

WORKING_ORDERS = """
SELECT ticket, symbol, order_type, state, volume_initial, volume_current, price_open, price_stoplimit, sl, tp,
    time_setup_msc, expiration_msc, magic, comment, command_id, updated_at
FROM orders
WHERE account_id = %(account)s AND working AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
ORDER BY ticket
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a snapshot stands in the sequence of what a terminal said."""

    session: int
    event_seq: int
    """The last event of the session that it includes; 0 = none."""
    seq: int
    """Its own number; 0 = it came with the hello."""

    @property
    def key(self) -> tuple[int, int, int]:
        """Order places by this."""
        return (self.session, self.event_seq, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What keeping a snapshot did."""

    applied: bool
    """False: something newer is kept already."""
    ended: tuple[str, ...]
    """Commands whose reservation ended."""


def lock_account(connection: Connection, account_id: int) -> None:
    """Make this transaction wait for, and hold off, the risk gate of the account."""
    hold(connection, Lock.ADMISSION, account_id)


def latest_place(connection: Connection, account_id: int) -> Place | None:
    """Return the place of the snapshot that is the account's present."""
    row = _latest(connection, account_id)
    return None if row is None else Place(session=row.session, event_seq=row.event_seq, seq=row.seq)


def keep_snapshot(
    connection: Connection,
    account_id: int,
    place: Place,
    *,
    account: Mapping[str, Any],
    positions: Sequence[Mapping[str, Any]],
    orders: Sequence[Mapping[str, Any]],
    time_msc: int,
    received_at: datetime,
) -> Kept:
    """Make a snapshot the account's present. The caller holds the account's lock (`lock_account`)."""
    latest = _latest(connection, account_id)
    if latest is not None and (latest.session, latest.event_seq, latest.seq) >= place.key:
        return Kept(applied=False, ended=end_covered(connection, account_id))
    values = {
        **account, "account": account_id, "session": place.session, "seq": place.seq, "event_seq": place.event_seq,
        "time_msc": time_msc, "received_at": received_at,
    }  # fmt: skip
    if latest is not None and _same_slot(latest, values):
        connection.exec_driver_sql(REWRITE_SNAPSHOT, {**values, "id": latest.id})
    else:
        connection.exec_driver_sql(INSERT_SNAPSHOT, values)
    connection.exec_driver_sql(REPLACE_POSITIONS, {"account": account_id, "rows": _rows(positions)})
    connection.exec_driver_sql(REPLACE_ORDERS, {"account": account_id, "rows": _rows(orders)})
    return Kept(applied=True, ended=_end(connection, account_id, place.session, place.event_seq))


def see_again(
    connection: Connection, account_id: int, place: Place, time_msc: int, received_at: datetime
) -> bool:
    """Note that the account's present was seen again, unchanged; False: something else is its present now."""
    values = {
        "account": account_id, "session": place.session, "event_seq": place.event_seq, "seq": place.seq,
        "time_msc": time_msc, "received_at": received_at,
    }  # fmt: skip
    return connection.exec_driver_sql(SEE_AGAIN, values).rowcount == 1


def end_covered(connection: Connection, account_id: int) -> tuple[str, ...]:
    """End the reservations that the account's present already includes; the caller holds the account's lock."""
    latest = _latest(connection, account_id)
    return () if latest is None else _end(connection, account_id, latest.session, latest.event_seq)


def working_orders(connection: Connection, account_id: int, *, symbol: str | None = None) -> list[dict[str, Any]]:
    """Return the pending orders that rest at the broker, as of the last snapshot."""
    rows = connection.exec_driver_sql(WORKING_ORDERS, {"account": account_id, "symbol": symbol})
    return [dict(row._mapping) for row in rows]


def _rows(told: Sequence[Mapping[str, Any]]) -> str:
    return dump_json([magic.stored(row) for row in told])


def _latest(connection: Connection, account_id: int) -> Row[Any] | None:
    return connection.exec_driver_sql(LATEST, {"account": account_id}).first()


def _same_slot(latest: Row[Any], values: Mapping[str, Any]) -> bool:
    same_money = (latest.balance, latest.credit) == (values["balance"], values["credit"])
    return same_money and _slot(latest.received_at) == _slot(values["received_at"])


def _slot(moment: datetime) -> int:
    return int(moment.timestamp()) // SNAPSHOT_SLOT_S


def _end(connection: Connection, account_id: int, session: int, event_seq: int) -> tuple[str, ...]:
    values = {"account": account_id, "session": session, "event_seq": event_seq}
    return tuple(row.command_id for row in connection.exec_driver_sql(END_COVERED, values))
