"""Does the broker have what the ledger says? Asked after every account snapshot, and on demand.

A snapshot is compared only when it can be: every event it includes is stored, and no later one. Then the broker's
balance must be the sum of the deals, to less than a cent. Late and re-ordered deals are thus waited for, not
reported. A session that has not agreed yet is given `SETTLE_S`, because a terminal that starts re-reads its deal
history.

An agreement is what everything else waits for: it carries the floating profit that prices are made of, settles what was
matched, and runs the fees that are due.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row

from ledger.money import MONEY_DIGITS_MAX, half_even_to, scaled
from ledger.refusals import Refused
from ledger.units import Pool, Price
from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.storage.ledger.breaks import Break, BreakReason, close_agreed, mark_reconciled, open_break, open_breaks
from zmq_bridge.storage.ledger.fees import run_fees
from zmq_bridge.storage.ledger.matching import match_waiting
from zmq_bridge.storage.ledger.pool import keep_price, load_pool
from zmq_bridge.storage.ledger.prices import SNAPSHOT, last_kept
from zmq_bridge.storage.ledger.settlement import Settled, settle_matched
from zmq_bridge.storage.locks import Lock, hold

SETTLE_S = 10.0  # how long a new session may take to re-read its deals before a difference is a break
PRICE_EVERY_S = 3_600  # how often the price is kept when nobody deals and nothing moves
PRICE_PAUSE_S = 60  # how often at most
PRICE_MOVE = Fraction(1, 1000)  # a move by more is kept, so that the history has the troughs of a day

COMPARE = """
SELECT accounts.currency_digits AS digits, clock_timestamp() AS now,
    coalesce(state.session, 0) AS session, state.session_at, state.agreed_at, state.agreed_session,
    coalesce((SELECT balance FROM ledger_accounts
        WHERE account_id = accounts.id AND kind = 'broker' AND user_id IS NULL), 0) AS balance,
    coalesce((SELECT balance FROM ledger_accounts
        WHERE account_id = accounts.id AND kind = 'credit' AND user_id IS NULL), 0) AS credit,
    known.stored, seen.before, seen.after
FROM accounts
LEFT JOIN ledger_reconciliations AS state ON state.account_id = accounts.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN state.session = %(session)s THEN state.stored_seq ELSE 0 END AS stored
) AS known
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE seq <= %(event_seq)s) AS before,
           count(*) FILTER (WHERE seq > %(event_seq)s) AS after
    FROM terminal_events
    WHERE account_id = %(account)s AND session = %(session)s AND seq > known.stored
) AS seen
WHERE accounts.id = %(account)s
"""
"""What the books say, how many of the snapshot's events are stored, and how many past it."""

SEEN = """
INSERT INTO ledger_reconciliations AS state (account_id, session, session_at, stored_seq)
VALUES (%(account)s, %(session)s, %(received_at)s, %(stored)s)
ON CONFLICT (account_id) DO UPDATE SET
    session_at = CASE WHEN state.session = excluded.session THEN state.session_at ELSE excluded.session_at END,
    stored_seq = CASE WHEN state.session = excluded.session THEN greatest(state.stored_seq, excluded.stored_seq)
                      ELSE excluded.stored_seq END,
    session = excluded.session
RETURNING session_at
"""

AGREED = """
UPDATE ledger_reconciliations SET agreed_at = %(received_at)s, agreed_session = %(session)s,
    agreed_transaction_id = coalesce((SELECT max(id) FROM ledger_transactions WHERE account_id = %(account)s), 0),
    balance = %(balance)s, equity = %(equity)s, credit = %(credit)s
WHERE account_id = %(account)s
"""

ANYTHING_WAITS = "SELECT EXISTS (SELECT FROM ledger_suspense WHERE account_id = %(account)s AND settled_by IS NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Ledger and broker agree."""

    balance: Decimal
    closed: int  # breaks that this ended
    settled: tuple[Settled | Refused, ...]  # matched requests that were tried now


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The two can't be compared yet; the next snapshot may."""

    reason: str  # OLD_SNAPSHOT, EVENTS_MISSING, EVENTS_AHEAD or SESSION_SETTLING


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Ledger and broker disagree; the account is frozen."""

    breaks: tuple[Break, ...]


def reconcile(
    connection: Connection, account_id: int, snapshot: Snapshot, *, received_at: datetime
) -> Agreed | Waiting | Broken:
    """Compare the ledger with an account snapshot, in the caller's transaction.

    Args:
        received_at: aware; when the snapshot came in. Prices are made of it while it is fresh.
    """
    hold(connection, Lock.ADMISSION, account_id)
    values = {"account": account_id, "session": snapshot.session, "event_seq": snapshot.event_seq}
    row = connection.exec_driver_sql(COMPARE, values).one()
    if snapshot.session < row.session:
        return Waiting(reason="OLD_SNAPSHOT")
    wait = _reason_to_wait(row, snapshot)
    seen = {**values, "received_at": received_at, "stored": row.stored if wait else snapshot.event_seq}
    session_at = connection.exec_driver_sql(SEEN, seen).scalar_one()
    if wait is not None:
        return Waiting(reason=wait)
    wrong = _differences(row, snapshot)
    if not wrong:
        return _agree(connection, account_id, row, snapshot, received_at)
    young = (received_at - session_at).total_seconds() < SETTLE_S
    if young and row.agreed_session != snapshot.session and not open_breaks(connection, account_id):
        return Waiting(reason="SESSION_SETTLING")
    return Broken(breaks=tuple(_broken(connection, account_id, snapshot, *figures) for figures in wrong))


def last_agreement(connection: Connection, account_id: int) -> datetime | None:
    """Return when ledger and broker last agreed; None: never."""
    query = "SELECT agreed_at FROM ledger_reconciliations WHERE account_id = %(account)s"
    found: datetime | None = connection.exec_driver_sql(query, {"account": account_id}).scalar()
    return found


def _reason_to_wait(row: Row[Any], snapshot: Snapshot) -> str | None:
    if snapshot.event_seq < row.stored or row.after:
        return "EVENTS_AHEAD"
    if row.stored + row.before < snapshot.event_seq:
        return "EVENTS_MISSING"
    return None


def _differences(row: Row[Any], snapshot: Snapshot) -> list[tuple[BreakReason, Decimal, Decimal]]:
    """Return what differs by a cent or more, as (reason, expected, found)."""
    cent = scaled(1, row.digits)
    pairs = (
        (BreakReason.BALANCE, row.balance, _amount(snapshot.account.balance)),
        (BreakReason.CREDIT, row.credit, _amount(snapshot.account.credit)),
    )
    return [(reason, ours, theirs) for reason, ours, theirs in pairs if abs(theirs - ours) >= cent]


def _broken(
    connection: Connection, account_id: int, snapshot: Snapshot, reason: BreakReason, expected: Decimal, found: Decimal
) -> Break:
    return open_break(
        connection,
        account_id,
        reason,
        expected=expected,
        found=found,
        session=snapshot.session,
        event_seq=snapshot.event_seq,
    )


def _agree(connection: Connection, account_id: int, row: Row[Any], snapshot: Snapshot, received_at: datetime) -> Agreed:
    account = snapshot.account
    values = {
        "account": account_id,
        "received_at": received_at,
        "session": snapshot.session,
        "balance": _amount(account.balance),
        "equity": _amount(account.equity),
        "credit": _amount(account.credit),
    }
    connection.exec_driver_sql(AGREED, values)
    closed = close_agreed(connection, account_id)
    mark_reconciled(connection, account_id, reconciled=True)
    settled: list[Settled | Refused] = []
    if connection.exec_driver_sql(ANYTHING_WAITS, values).scalar():
        match_waiting(connection, account_id)
        settled = settle_matched(connection, account_id)
    run_fees(connection, account_id)
    _keep_price(connection, account_id, row.now)
    return Agreed(balance=row.balance, closed=closed, settled=tuple(settled))


def _keep_price(connection: Connection, account_id: int, now: datetime) -> None:
    last = last_kept(connection, account_id)
    age_s = PRICE_EVERY_S if last is None else (now - last.at).total_seconds()
    if age_s < PRICE_PAUSE_S:
        return
    state = load_pool(connection, account_id)
    if state.pool.units and (age_s >= PRICE_EVERY_S or last is None or _moved(last.price, state.pool)):
        keep_price(connection, state, SNAPSHOT)


def _moved(before: Price, pool: Pool) -> bool:
    """Say whether a unit is worth noticeably more or less than when its price was last kept."""
    if not before.units or before.nav <= 0:
        return True
    return abs(Fraction(pool.nav) / Fraction(pool.units) / before.ratio - 1) > PRICE_MOVE


def _amount(amount: Decimal) -> Decimal:
    return half_even_to(amount, MONEY_DIGITS_MAX)
