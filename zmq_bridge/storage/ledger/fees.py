"""Terms of an account and the fee runs that follow from them: accrued as time passes, crystallised when a period ends.

The management fee is booked up to now before anybody deals, so that nobody buys into or escapes another's fee. Period
names (`2026-11`, `2026-Q4`, `2026`) are part of a run's cause, so a period is crystallised once.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from ledger.dealing import Dealing, accrue_fee, crystallise_fees
from ledger.errors import InvalidTerms
from ledger.fees import accrue_management
from ledger.journal import Transaction, TransactionKind, terms_cause
from ledger.refusals import Refused
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.journal import append, append_new
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

PERIODS = ("month", "quarter", "year")
ACCRUE_EVERY_S = 3_600  # how often a fee is accrued when nobody deals

INSERT_TERMS = """
INSERT INTO ledger_terms
    (account_id, management_rate, performance_rate, manager_id, period, price_min, price_max, actor, at)
VALUES (%(account)s, %(management)s, %(performance)s, %(manager)s, %(period)s, %(low)s, %(high)s, %(actor)s, %(now)s)
RETURNING id
"""

LAST_CARRY = """
SELECT (detail ->> 'carry')::numeric FROM ledger_transactions
WHERE account_id = %(account)s AND kind = 'accrual' ORDER BY id DESC LIMIT 1
"""

ACCRUED_AT = """
INSERT INTO ledger_reconciliations (account_id, accrued_at) VALUES (%(account)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET accrued_at = excluded.accrued_at
"""


def set_terms(connection: Connection, account_id: int, terms: Terms, *, actor: str) -> None:
    """Agree on new terms from now on; what the old ones earned is booked first.

    Raises:
        InvalidTerms: an unknown period.
    """
    if terms.period not in PERIODS:
        raise InvalidTerms(f"expected a period of {', '.join(PERIODS)}, found {terms.period!r}")
    hold(connection, Lock.ADMISSION, account_id)
    before = load_terms(connection, account_id)
    state = load_pool(connection, account_id)
    if not accrue_until_now(connection, state, before):
        connection.exec_driver_sql(ACCRUED_AT, {"account": account_id, "now": state.now})
    values = {
        "account": account_id,
        "management": terms.fees.management_rate,
        "performance": terms.fees.performance_rate,
        "manager": terms.fees.manager,
        "period": terms.period,
        "low": terms.band.minimum,
        "high": terms.band.maximum,
        "actor": actor,
        "now": state.now,
    }
    number = connection.exec_driver_sql(INSERT_TERMS, values).scalar_one()
    append_new(connection, account_id, _agreement(number, terms, actor, state.now))
    record(
        connection, actor=actor, action="ledger.terms", subject=f"account:{account_id}", account_id=account_id,
        before=shown_terms(before), after=shown_terms(terms),
    )  # fmt: skip


def crystallise_by_hand(
    connection: Connection, account_id: int, *, actor: str, reason: str
) -> Transaction | Refused | None:
    """Turn every fee that is due into units now, on a person's word; the running period ends none the less."""
    hold(connection, Lock.ADMISSION, account_id)
    period = f"{load_pool(connection, account_id).now:%Y-%m-%dT%H:%M:%S.%f}"
    run = crystallise_now(connection, account_id, period=period)
    if isinstance(run, Transaction):
        record(
            connection, actor=actor, action="ledger.crystallise", subject=run.cause, account_id=account_id,
            after={"reason": reason},
        )  # fmt: skip
    return run


def terms_detail(terms: Terms, actor: str) -> dict[str, str]:
    """Write terms down as the chain tells them: rates move money, so nobody may edit them unseen."""
    return {**{name: str(value) for name, value in shown_terms(terms).items()}, "actor": actor}


def accrue_until_now(connection: Connection, state: PoolNow, terms: Terms) -> bool:
    """Book the management fee since it was last booked; False when there is none to book."""
    if not terms.fees.management_rate or state.pool.units == 0:
        return False
    since = state.accrued_at or state.now
    elapsed_s = Decimal(int((state.now - since).total_seconds() * 1_000)).scaleb(-3)
    if state.accrued_at is not None and elapsed_s <= 0:
        return False
    carry = connection.exec_driver_sql(LAST_CARRY, {"account": state.account_id}).scalar() or Decimal(0)
    accrual = accrue_management(state.pool.nav, terms.fees, elapsed_s, carry, state.pool.digits)
    dealing = Dealing(at=state.now, currency=state.currency, pool=state.pool, terms=terms.fees)
    append(connection, state.account_id, accrue_fee(dealing, period=state.now.isoformat(), accrual=accrual))
    connection.exec_driver_sql(ACCRUED_AT, {"account": state.account_id, "now": state.now})
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
    """Accrue when it is time to, and crystallise the period that has ended; None when nothing was due.

    The caller holds the account's lock. Called at every agreement of ledger and broker.
    """
    terms = load_terms(connection, account_id)
    if not (terms.fees.management_rate or terms.fees.performance_rate):
        return None
    state = load_pool(connection, account_id)
    if state.accrued_at is None:
        connection.exec_driver_sql(ACCRUED_AT, {"account": account_id, "now": state.now})
        return None
    ended = _period(state.server_time(state.accrued_at), terms.period)
    due = ended != _period(state.server_time(state.now), terms.period)
    if not due and (state.now - state.accrued_at).total_seconds() < ACCRUE_EVERY_S:
        return None
    if not due:
        accrue_until_now(connection, state, terms)
        return None
    return crystallise_now(connection, account_id, period=ended)


def crystallise_now(connection: Connection, account_id: int, *, period: str) -> Transaction | Refused | None:
    """Turn every fee that is due into units of the manager, under the name of a period; None when nothing is due."""
    hold(connection, Lock.ADMISSION, account_id)
    opened = open_dealing(connection, account_id)
    if isinstance(opened, Refused):
        return opened
    state, dealing = opened
    lots = load_lots(connection, account_id) if dealing.terms.performance_rate else []
    run = crystallise_fees(dealing, period=period, lots=lots, accrued=state.accrued)
    connection.exec_driver_sql(ACCRUED_AT, {"account": account_id, "now": state.now})
    if isinstance(run, Transaction) and append(connection, account_id, run) is not None:
        keep_price(connection, state, run.cause)
        return run
    return run if isinstance(run, Refused) else None


def _agreement(number: int, terms: Terms, actor: str, now: datetime) -> Transaction:
    detail = terms_detail(terms, actor)
    return Transaction(cause=terms_cause(number), kind=TransactionKind.TERMS, at=now, entries=(), detail=detail)


def _period(moment: datetime, length: str) -> str:
    if length == "year":
        return f"{moment:%Y}"
    if length == "quarter":
        return f"{moment:%Y}-Q{(moment.month + 2) // 3}"
    return f"{moment:%Y-%m}"


def shown_terms(terms: Terms) -> dict[str, str | int | None]:
    """Write terms down as the audit log, the chain and the API show them."""
    return {
        "management_rate": _plain(terms.fees.management_rate),
        "performance_rate": _plain(terms.fees.performance_rate),
        "manager": terms.fees.manager,
        "period": terms.period,
        "price_min": _plain(terms.band.minimum),
        "price_max": _plain(terms.band.maximum),
    }


def _plain(figure: Decimal) -> str:
    """Write a number in one way, however many zeros it came with."""
    return f"{figure.normalize():f}"
