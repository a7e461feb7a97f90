"""The fee runs that follow from an account's terms: accrued as time passes, crystallised when a period ends.

The management fee is booked up to now before anybody deals, so that nobody buys into or escapes another's fee. Period
names (`2026-11`, `2026-Q4`, `2026`) are part of a run's cause, so a period is crystallised once.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from ledger.fee_dealing import accrue_fee, crystallise_fees
from ledger.fees import accrue_management
from ledger.journal import Transaction
from ledger.parts import Dealing
from ledger.refusals import Refused
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.journal import append
from zmq_bridge.storage.ledger.pool import (
    PoolNow,
    Terms,
    dealing_now,
    keep_price,
    load_lots,
    load_pool,
    load_terms,
)
from zmq_bridge.storage.locks import Lock, hold

ACCRUE_EVERY_S = 3_600  # how often a fee is accrued when nobody deals
MICROSECOND = timedelta(microseconds=1)

LAST_CARRY = """
SELECT (detail ->> 'carry')::numeric FROM ledger_transactions
WHERE account_id = %(account)s AND kind = 'accrual' ORDER BY id DESC LIMIT 1
"""

ACCRUED_AT = """
INSERT INTO ledger_reconciliations (account_id, accrued_at) VALUES (%(account)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET accrued_at = excluded.accrued_at
"""

CRYSTALLISED_AT = """
INSERT INTO ledger_reconciliations (account_id, crystallised_at) VALUES (%(account)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET crystallised_at = excluded.crystallised_at
"""


def crystallise_by_hand(
    connection: Connection, account_id: int, *, actor: str, reason: str
) -> Transaction | Refused | None:
    """Turn every fee that is due into units now, on a person's word; the running period ends none the less."""
    hold(connection, Lock.ADMISSION, account_id)
    run = crystallise_now(connection, account_id, period=moment_of(load_pool(connection, account_id)))
    if isinstance(run, Transaction):
        record(
            connection, actor=actor, action="ledger.crystallise", subject=run.cause, account_id=account_id,
            after={"reason": reason},
        )  # fmt: skip
    return run


def accrue_until_now(connection: Connection, state: PoolNow, terms: Terms) -> bool:
    """Book the management fee since it was last booked; False when there is none to book."""
    if not terms.fees.management_rate:
        return False
    if state.accrued_at is None or state.pool.units == 0:  # time without units is borne by nobody
        note(connection, ACCRUED_AT, state)
        return False
    elapsed_s = Decimal((state.now - state.accrued_at) // MICROSECOND).scaleb(-6)
    if elapsed_s <= 0:
        return False
    carry = connection.exec_driver_sql(LAST_CARRY, {"account": state.account_id}).scalar() or Decimal(0)
    accrual = accrue_management(state.pool.nav, terms.fees, elapsed_s, carry, state.pool.digits)
    dealing = Dealing(at=state.now, currency=state.currency, pool=state.pool, terms=terms.fees)
    append(connection, state.account_id, accrue_fee(dealing, period=state.now.isoformat(), accrual=accrual))
    note(connection, ACCRUED_AT, state)
    return True


def open_dealing(connection: Connection, account_id: int) -> tuple[PoolNow, Dealing] | Refused:
    """Open the pool for one dealing: fees booked up to now, so that nobody buys into another's."""
    terms = load_terms(connection, account_id)
    state = load_pool(connection, account_id)
    dealing = dealing_now(state, terms)
    if isinstance(dealing, Refused):
        return dealing
    if accrue_until_now(connection, state, terms):
        state = load_pool(connection, account_id)
        dealing = dealing_now(state, terms)
    return dealing if isinstance(dealing, Refused) else (state, dealing)


def run_fees(connection: Connection, account_id: int) -> Transaction | Refused | None:
    """Crystallise the period that has ended, as soon as there is a price, or accrue when it is time to; None: neither.

    The caller holds the account's lock. Called at every agreement of ledger and broker.
    """
    terms = load_terms(connection, account_id)
    if not terms.fees.charges:
        return None
    state = load_pool(connection, account_id)
    run = end_period(connection, state, terms)
    if run is not None and not isinstance(run, Refused):
        return run
    if state.accrued_at is None or (state.now - state.accrued_at).total_seconds() >= ACCRUE_EVERY_S:
        accrue_until_now(connection, load_pool(connection, account_id), terms)
    return run


def crystallise_now(
    connection: Connection, account_id: int, *, period: str, every_lot: bool = False
) -> Transaction | Refused | None:
    """Turn every fee that is due into units of the manager, under the name of a period; None when nothing is due.

    Args:
        every_lot: other terms follow, see `ledger.fee_dealing.crystallise_fees`.
    """
    hold(connection, Lock.ADMISSION, account_id)
    opened = open_dealing(connection, account_id)
    if isinstance(opened, Refused):
        return opened
    state, dealing = opened
    lots = load_lots(connection, account_id) if dealing.terms.performance_rate or every_lot else []
    run = crystallise_fees(dealing, period=period, lots=lots, accrued=state.accrued, every_lot=every_lot)
    if isinstance(run, Transaction) and append(connection, account_id, run) is not None:
        keep_price(connection, state, run.cause)
        return run
    return run if isinstance(run, Refused) else None


def end_period(connection: Connection, state: PoolNow, terms: Terms) -> Transaction | Refused | None:
    """Crystallise the period that has ended; None: it goes on, or nothing was due. Refused leaves nothing behind."""
    if state.crystallised_at is None:
        note(connection, CRYSTALLISED_AT, state)
        return None
    ended = _period(state.server_time(state.crystallised_at), terms.period)
    if ended == _period(state.server_time(state.now), terms.period):
        return None
    with connection.begin_nested() as attempt:
        run = crystallise_now(connection, state.account_id, period=ended)
        if isinstance(run, Refused):
            attempt.rollback()
            return run
    note(connection, CRYSTALLISED_AT, state)
    return run


def note(connection: Connection, statement: str, state: PoolNow) -> None:
    """Move one of the account's two marks in time to now."""
    connection.exec_driver_sql(statement, {"account": state.account_id, "now": state.now})


def moment_of(state: PoolNow) -> str:
    """Name a run that ends no period."""
    return f"{state.now:%Y-%m-%dT%H:%M:%S.%f}"


def _period(moment: datetime, length: str) -> str:
    if length == "year":
        return f"{moment:%Y}"
    if length == "quarter":
        return f"{moment:%Y}-Q{(moment.month + 2) // 3}"
    return f"{moment:%Y-%m}"
