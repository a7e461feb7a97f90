"""What risk remembers of an account between signals: the day's reference and the NAV index.

`follow` brings it up to date with every snapshot on which ledger and broker agree: only then is every deposit and
withdrawal known, and none of them is mistaken for profit or loss. The arithmetic is `risk.day`'s and that of
`risk.nav_index`. What is reached becomes a hold (`holding`); the drawdown latch is one that a named person ends here,
because drawdown then counts from the price of that moment.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from risk.day import add_flow, roll_over
from risk.nav_index import NavIndexError, reset, start, update
from risk.snapshot import AccountState, DayReference, MarginMode, NavIndex
from risk.states import Cause, Lift
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.risk.holding import lift

log = logging.getLogger(__name__)

READ = """
SELECT a.login, a.currency, a.currency_digits, a.leverage, a.margin_mode,
       s.received_at, s.balance, s.equity, s.credit, s.margin, s.margin_free,
       t.server_offset_s, r.server_day, r.daily_reference, r.net_flows_today,
       r.nav_index, r.nav_index_peak, r.nav_units,
       COALESCE(r.flows_total, 0) AS flows_seen,
       (SELECT COALESCE(sum(profit), 0) FROM deals WHERE account_id = a.id AND type = 'balance') AS flows_total
FROM accounts a
LEFT JOIN risk_state r ON r.account_id = a.id
LEFT JOIN LATERAL (SELECT * FROM account_snapshots WHERE account_id = a.id ORDER BY id DESC LIMIT 1) s ON true
LEFT JOIN LATERAL (
    SELECT server_offset_s FROM terminals WHERE account_id = a.id AND role IN ('both', 'desk')
    ORDER BY session DESC LIMIT 1
) t ON true
WHERE a.id = %(account)s
"""

WRITE = """
INSERT INTO risk_state AS r (account_id, server_day, daily_reference, net_flows_today, nav_index, nav_index_peak,
    nav_units, flows_total, reconciled)
VALUES (%(account)s, %(server_day)s, %(reference)s, %(net_flows)s, %(price)s, %(peak)s, %(units)s, %(flows_total)s,
    true)
ON CONFLICT (account_id) DO UPDATE SET
    server_day = excluded.server_day, daily_reference = excluded.daily_reference,
    net_flows_today = excluded.net_flows_today, nav_index = excluded.nav_index,
    nav_index_peak = excluded.nav_index_peak, nav_units = excluded.nav_units,
    flows_total = excluded.flows_total, reconciled = true, updated_at = now()
"""

RESET = """
UPDATE risk_state SET nav_index = %(price)s, nav_index_peak = %(peak)s, updated_at = now()
WHERE account_id = %(account)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The state after a snapshot."""

    day: DayReference
    nav_index: NavIndex


def follow(connection: Connection, account_id: int, now: datetime) -> Followed | None:
    """Bring risk's memory up to date with the account's latest snapshot.

    The caller holds the account's lock, and ledger and broker agree on this snapshot. None: there is no snapshot or no
    terminal yet, or the flows do not fit the money (logged; the memory stays as it is, and old memory denies).
    """
    row = connection.exec_driver_sql(READ, {"account": account_id}).one()
    if row.received_at is None or row.server_offset_s is None:
        return None
    try:
        followed = _advance(row, now)
    except NavIndexError as error:
        log.error("risk state does not follow: account_id=%d: %s", account_id, error)
        return None
    _write(connection, account_id, row, followed)
    return followed


def reset_drawdown(connection: Connection, account_id: int, *, actor: str, now: datetime) -> bool:
    """Lift the drawdown latch; drawdown counts from here. False: it was not set. The caller holds the account's lock.

    Raises:
        ValueError: no name was given.
    """
    if not actor.strip():
        raise ValueError("A drawdown latch is reset by a named person; found no name.")
    if not lift(connection, account_id, Cause.DRAWDOWN, Lift.PERSON, actor=actor, now=now):
        return False
    row = connection.exec_driver_sql(READ, {"account": account_id}).one()
    index = reset(_index(row))
    connection.exec_driver_sql(RESET, {"account": account_id, "price": index.price, "peak": index.peak})
    record(
        connection, actor=actor, action="drawdown.reset", subject=f"account:{account_id}", account_id=account_id,
        before={"nav_index": row.nav_index, "nav_index_peak": row.nav_index_peak},
        after={"nav_index": index.price, "nav_index_peak": index.peak},
    )  # fmt: skip
    return True


def release_strategy(connection: Connection, account_id: int, strategy: str, *, actor: str) -> bool:
    """Let a strategy that repeated itself trade again. False: it was not stopped."""
    query = "DELETE FROM strategy_latches WHERE account_id = %s AND strategy = %s RETURNING reason, latched_at"
    row = connection.exec_driver_sql(query, (account_id, strategy)).one_or_none()
    if row is None:
        return False
    before = {"reason": row.reason, "latched_at": row.latched_at}
    subject = f"strategy:{strategy}"
    record(connection, actor=actor, action="strategy.release", subject=subject, account_id=account_id, before=before)
    return True


def _advance(row: Row[Any], now: datetime) -> Followed:
    account, flow = _account(row), row.flows_total - row.flows_seen
    nav = account.equity - account.credit
    known = row.server_day is not None
    day = roll_over(_day(row) if known else None, account, now, row.server_offset_s)
    if known and day.server_day == row.server_day:
        day = add_flow(day, flow)
    return Followed(day=day, nav_index=update(_index(row), nav, flow) if known else start(nav))


def _write(connection: Connection, account_id: int, row: Row[Any], followed: Followed) -> None:
    day, index = followed.day, followed.nav_index
    values = {"account": account_id, "flows_total": row.flows_total}
    values |= {"server_day": day.server_day, "reference": day.reference, "net_flows": day.net_flows}
    values |= {"price": index.price, "peak": index.peak, "units": index.units}
    connection.exec_driver_sql(WRITE, values)


def _account(row: Row[Any]) -> AccountState:
    return AccountState(
        login=row.login,
        currency=row.currency,
        digits=row.currency_digits,
        leverage=row.leverage,
        margin_mode=MarginMode(row.margin_mode),
        balance=row.balance,
        equity=row.equity,
        credit=row.credit,
        margin=row.margin,
        margin_free=row.margin_free,
        trade_allowed=True,
        as_of=row.received_at,
    )


def _day(row: Row[Any]) -> DayReference:
    return DayReference(server_day=row.server_day, reference=row.daily_reference, net_flows=row.net_flows_today)


def _index(row: Row[Any]) -> NavIndex:
    return NavIndex(price=row.nav_index, peak=row.nav_index_peak, units=row.nav_units)
