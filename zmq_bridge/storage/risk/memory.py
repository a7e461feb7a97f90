"""What risk remembers of an account between signals: the day's reference, the NAV index, the latches.

`follow` brings it up to date with every snapshot on which ledger and broker agree: only then is every deposit and
withdrawal known, and none of them is mistaken for profit or loss. The arithmetic is `risk.day`'s and that of
`risk.nav_index`; what is reached is latched here: a daily loss until the next server day, a drawdown until a named
person resets it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from risk import Limits, LimitsError
from risk.day import add_flow, day_ends_at, loss_allowed, loss_today, roll_over
from risk.nav_index import NavIndexError, latch, reset, start, update
from risk.snapshot import AccountState, DayReference, MarginMode, NavIndex
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify
from zmq_bridge.storage.risk.limits import account_limits

log = logging.getLogger(__name__)

READ = """
SELECT a.login, a.currency, a.currency_digits, a.leverage, a.margin_mode,
       s.received_at, s.balance, s.equity, s.credit, s.margin, s.margin_free,
       t.server_offset_s, r.server_day, r.daily_reference, r.net_flows_today,
       r.nav_index, r.nav_index_peak, r.nav_units, r.drawdown_latched, r.halted_until,
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
    nav_units, drawdown_latched, drawdown_latched_at, halted_until, flows_total, reconciled)
VALUES (%(account)s, %(server_day)s, %(reference)s, %(net_flows)s, %(price)s, %(peak)s, %(units)s, %(latched)s,
    CASE WHEN %(latched)s THEN %(now)s END, %(halted_until)s, %(flows_total)s, true)
ON CONFLICT (account_id) DO UPDATE SET
    server_day = excluded.server_day, daily_reference = excluded.daily_reference,
    net_flows_today = excluded.net_flows_today, nav_index = excluded.nav_index,
    nav_index_peak = excluded.nav_index_peak, nav_units = excluded.nav_units,
    drawdown_latched = excluded.drawdown_latched,
    drawdown_latched_at = CASE WHEN r.drawdown_latched THEN r.drawdown_latched_at ELSE excluded.drawdown_latched_at END,
    halted_until = excluded.halted_until, flows_total = excluded.flows_total, reconciled = true, updated_at = now()
"""

RESET = """
UPDATE risk_state SET nav_index = %(price)s, nav_index_peak = %(peak)s, drawdown_latched = false,
    drawdown_reset_by = %(actor)s, drawdown_reset_at = %(now)s, updated_at = now()
WHERE account_id = %(account)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The state after a snapshot."""

    day: DayReference
    nav_index: NavIndex
    halted_until: datetime | None  # the daily loss was reached: nothing is opened before


def follow(connection: Connection, account_id: int, now: datetime) -> Followed | None:
    """Bring risk's memory up to date with the account's latest snapshot.

    The caller holds the account's lock, and ledger and broker agree on this snapshot. None: there is no snapshot or no
    terminal yet, or the flows do not fit the money (logged; the memory stays as it is, and old memory denies).
    """
    row = connection.exec_driver_sql(READ, {"account": account_id}).one()
    if row.received_at is None or row.server_offset_s is None:
        return None
    limits = _limits(connection, account_id)
    try:
        followed = _advance(row, limits, now)
    except NavIndexError as error:
        log.error("risk state does not follow: account_id=%d: %s", account_id, error)
        return None
    _write(connection, account_id, row, followed, now)
    _tell(connection, account_id, row, followed)
    return followed


def reset_drawdown(connection: Connection, account_id: int, *, actor: str, now: datetime) -> bool:
    """Lift the drawdown latch; drawdown counts from here. False: it was not set. The caller holds the account's lock.

    Raises:
        ValueError: no name was given.
    """
    if not actor.strip():
        raise ValueError("A drawdown latch is reset by a named person; found no name.")
    row = connection.exec_driver_sql(READ, {"account": account_id}).one()
    if not row.drawdown_latched:
        return False
    index = reset(_index(row))
    values = {"account": account_id, "price": index.price, "peak": index.peak, "actor": actor, "now": now}
    connection.exec_driver_sql(RESET, values)
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


def _advance(row: Row[Any], limits: Limits, now: datetime) -> Followed:
    account, flow = _account(row), row.flows_total - row.flows_seen
    nav = account.equity - account.credit
    known = row.server_day is not None
    day = roll_over(_day(row) if known else None, account, now, row.server_offset_s)
    if known and day.server_day == row.server_day:
        day = add_flow(day, flow)
    index = latch(update(_index(row), nav, flow) if known else start(nav), limits)
    return Followed(day=day, nav_index=index, halted_until=_halt(row, day, account, limits, now))


def _halt(row: Row[Any], day: DayReference, account: AccountState, limits: Limits, now: datetime) -> datetime | None:
    """When trading may go on: a loss once reached halts the rest of the day, whatever equity does since."""
    if row.halted_until is not None and row.halted_until > now:
        halted_until: datetime = row.halted_until
        return halted_until
    reached = loss_today(day, account) >= loss_allowed(day, limits)
    return day_ends_at(now, row.server_offset_s) if reached else None


def _write(connection: Connection, account_id: int, row: Row[Any], followed: Followed, now: datetime) -> None:
    day, index = followed.day, followed.nav_index
    values = {"account": account_id, "now": now, "halted_until": followed.halted_until, "flows_total": row.flows_total}
    values |= {"server_day": day.server_day, "reference": day.reference, "net_flows": day.net_flows}
    values |= {"price": index.price, "peak": index.peak, "units": index.units, "latched": index.latched}
    connection.exec_driver_sql(WRITE, values)


def _tell(connection: Connection, account_id: int, row: Row[Any], followed: Followed) -> None:
    """Leave a line in the audit log, and wake people, when something was reached just now."""
    reached = {
        "daily_loss": followed.halted_until if row.halted_until != followed.halted_until else None,
        "drawdown": "until a named person resets it"
        if followed.nav_index.latched and not row.drawdown_latched
        else None,
    }
    for limit, until in reached.items():
        if until is not None:
            after = {"limit": limit, "halted_until": until, "equity": row.equity}
            record(
                connection, actor="risk", action="limit.reached", subject=f"account:{account_id}",
                account_id=account_id, after=after,
            )  # fmt: skip
            title = f"{limit}: limit reached, no new positions until {until}"
            notify(connection, Event.RISK_LIMIT, title=title, body=f"equity {row.equity}", account_id=account_id)


def _limits(connection: Connection, account_id: int) -> Limits:
    """The account's limits; where they can't be read the gate denies everything, and the defaults latch."""
    try:
        return account_limits(connection, account_id)
    except LimitsError as error:
        log.error("stored limits are not usable: account_id=%d: %s", account_id, error)
        return Limits()


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
    peak: Decimal = row.nav_index_peak
    return NavIndex(price=row.nav_index, peak=peak, units=row.nav_units, latched=row.drawdown_latched)
