"""Breaks: where the ledger and the broker disagree. While one is open nobody deals and no new position is opened.

Opening one halts the account (a hold: positions may still be closed, pending orders are cancelled), queues an alert for
people and keeps the deals since the last agreement. One that came from a balance closes when the two agree again; any
can be closed by a named person. Closing the last one ends the hold, and no other.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from risk.states import Cause, Hold, Lift
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.notifications import words as said
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify
from zmq_bridge.storage.risk.holding import impose, lift

BREAK_DEALS_MAX = 200  # deals kept with a break; the newest of them
FREEZE_REASON = "ledger and broker disagree; see ledger report"
AGREEMENT = "agreement"  # who closed a break that nobody had to close


class BreakReason(StrEnum):
    """What disagrees."""

    BALANCE = "BALANCE"  # the broker's balance is not the sum of its deals
    CREDIT = "CREDIT"  # the broker's credit is not the sum of its credit deals
    DEAL_CHANGED = "DEAL_CHANGED"  # a deal came back with other amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A disagreement, with what is needed to find its cause."""

    id: int
    account_id: int
    reason: BreakReason
    expected: Decimal  # by the ledger
    found: Decimal  # at the broker
    session: int  # of the snapshot that showed it
    event_seq: int
    since_transaction_id: int | None  # newest ledger transaction at the last agreement; None = never agreed
    deals: list[dict[str, Any]]  # posted since: cause, at, type, symbol, amount
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None


INSERT_BREAK = """
INSERT INTO ledger_breaks
    (account_id, reason, expected, found, session, event_seq, since_transaction_id, deals, opened_at)
SELECT accounts.id, %(reason)s, %(expected)s, %(found)s, %(session)s, %(event_seq)s, state.agreed_transaction_id,
    coalesce((SELECT jsonb_agg(deal ORDER BY id) FROM (
        SELECT id, jsonb_build_object('cause', cause, 'at', at, 'type', detail ->> 'type',
            'symbol', detail ->> 'symbol', 'amount', detail ->> 'amount') AS deal
        FROM ledger_transactions
        WHERE account_id = accounts.id AND kind = 'deal' AND id > coalesce(state.agreed_transaction_id, 0)
        ORDER BY id DESC LIMIT %(deals_max)s) AS newest), '[]'::jsonb),
    clock_timestamp()
FROM accounts LEFT JOIN ledger_reconciliations AS state ON state.account_id = accounts.id
WHERE accounts.id = %(account)s
ON CONFLICT (account_id, reason) WHERE closed_at IS NULL DO UPDATE
    SET expected = excluded.expected, found = excluded.found, session = excluded.session,
        event_seq = excluded.event_seq
RETURNING *, (xmax = 0) AS is_new
"""
"""One open break for each reason; a snapshot that shows it again brings its figures up to date."""

CLOSE = """
UPDATE ledger_breaks SET closed_at = clock_timestamp(), closed_by = %(by)s
WHERE account_id = %(account)s AND closed_at IS NULL AND reason = ANY(%(reasons)s)
RETURNING id, reason, closed_at
"""

OPEN = "SELECT * FROM ledger_breaks WHERE account_id = %(account)s AND closed_at IS NULL ORDER BY id"

SET_RECONCILED = """
UPDATE risk_state SET reconciled = %(reconciled)s WHERE account_id = %(account)s AND reconciled <> %(reconciled)s
"""


def open_break(
    connection: Connection,
    account_id: int,
    reason: BreakReason,
    *,
    expected: Decimal,
    found: Decimal,
    session: int = 0,
    event_seq: int = 0,
    about: str = "",
) -> Break:
    """Record a disagreement, freeze the account and tell people; the caller holds the account's lock.

    Args:
        about: what people are told besides the figures.
    """
    values = {"account": account_id, "reason": str(reason), "expected": expected, "found": found}
    values |= {"session": session, "event_seq": event_seq, "deals_max": BREAK_DEALS_MAX}
    row = connection.exec_driver_sql(INSERT_BREAK, values).one()
    broken = read_break(row._mapping)
    if row.is_new:
        _freeze(connection, broken)
        _alert(connection, broken, about)
    mark_reconciled(connection, account_id, reconciled=False)
    return broken


def open_breaks(connection: Connection, account_id: int) -> list[Break]:
    """Return the breaks that are open, oldest first."""
    return [read_break(row._mapping) for row in connection.exec_driver_sql(OPEN, {"account": account_id})]


def close_agreed(connection: Connection, account_id: int) -> int:
    """Close the breaks that an agreement ends, and give the account back; return how many."""
    return _close(connection, account_id, (BreakReason.BALANCE, BreakReason.CREDIT), AGREEMENT)


def accept_break(connection: Connection, account_id: int, reason: BreakReason, *, actor: str, note: str) -> bool:
    """Close a break on a person's word; the next snapshot opens it again if the figures still differ."""
    hold(connection, Lock.ADMISSION, account_id)
    closed = _close(connection, account_id, (reason,), actor)
    if closed:
        record(
            connection, actor=actor, action="ledger.accept_break", subject=f"account:{account_id}",
            account_id=account_id, before={"reason": str(reason)}, after={"note": note},
        )  # fmt: skip
    return bool(closed)


def mark_reconciled(connection: Connection, account_id: int, *, reconciled: bool) -> None:
    """Tell risk whether ledger and broker agree."""
    connection.exec_driver_sql(SET_RECONCILED, {"account": account_id, "reconciled": reconciled})


def _close(connection: Connection, account_id: int, reasons: tuple[BreakReason, ...], by: str) -> int:
    values = {"account": account_id, "by": by, "reasons": [str(reason) for reason in reasons]}
    closed = connection.exec_driver_sql(CLOSE, values).all()
    if closed and not open_breaks(connection, account_id):
        how = Lift.RECONCILED if by == AGREEMENT else Lift.PERSON
        lift(connection, account_id, Cause.RECONCILIATION_BREAK, how, actor=by, now=closed[0].closed_at)
        title = "ledger and broker agree again" if by == AGREEMENT else f"the break was accepted by {by}"
        notify(connection, Event.RECONCILIATION_MENDED, title=title, account_id=account_id)
    return len(closed)


def _freeze(connection: Connection, broken: Break) -> None:
    """Halt the account until the last break is closed."""
    held = Hold(cause=Cause.RECONCILIATION_BREAK, reason=FREEZE_REASON, actor="ledger", at=broken.opened_at)
    impose(connection, broken.account_id, held)


def _alert(connection: Connection, broken: Break, about: str) -> None:
    gap = broken.found - broken.expected
    figures = f"expected {said.amount(broken.expected)}, found {said.amount(broken.found)}"
    notify(
        connection,
        Event.RECONCILIATION_BREAK,
        title=f"{said.words(broken.reason)}: the ledger and the broker disagree by {said.amount(gap)}",
        body=f"{about + ': ' if about else ''}{figures}; "
        "dealing and new positions are frozen; "
        f"deals since the last agreement: {dump_json(broken.deals)}",
        account_id=broken.account_id,
    )


def read_break(row: Any) -> Break:
    """Make a break of its row."""
    known = {name: row[name] for name in Break.__slots__}
    return Break(**{**known, "reason": BreakReason(row["reason"])})
