"""Terms of an account: who earns which fees and how often, and the prices between which units are dealt in.

Law: new terms count from now on and never reach back. Where another rate or another manager counts, what the old terms
earned becomes units first, and lots begin again at the price of that moment; without a price the old terms stay. Terms
are told by the chain of transactions, because rates move money.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from ledger.errors import InvalidTerms
from ledger.fees import FeeTerms
from ledger.journal import Transaction, TransactionKind, terms_cause
from ledger.refusals import RefusalCode, Refused
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.fees import (
    ACCRUED_AT,
    CRYSTALLISED_AT,
    accrue_until_now,
    crystallise_now,
    end_period,
    moment_of,
    note,
)
from zmq_bridge.storage.ledger.journal import append_new
from zmq_bridge.storage.ledger.pool import PoolNow, Terms, load_pool, load_terms
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.users import keep_active

PERIODS = ("month", "quarter", "year")

INSERT_TERMS = """
INSERT INTO ledger_terms
    (account_id, management_rate, performance_rate, manager_id, period, price_min, price_max, actor, at)
VALUES (%(account)s, %(management)s, %(performance)s, %(manager)s, %(period)s, %(low)s, %(high)s, %(actor)s, %(now)s)
RETURNING id
"""


def set_terms(connection: Connection, account_id: int, terms: Terms, *, actor: str) -> Refused | None:
    """Agree on new terms from now on; what the old ones earned is booked first, or they stay.

    Returns:
        None when they are agreed on; else why what the old ones earned can't be settled now.

    Raises:
        InvalidTerms: an unknown period.
    """
    if terms.period not in PERIODS:
        raise InvalidTerms(f"expected a period of {', '.join(PERIODS)}, found {terms.period!r}")
    hold(connection, Lock.ADMISSION, account_id)
    before = load_terms(connection, account_id)
    state = load_pool(connection, account_id)
    refused = _settle_before(connection, state, before, terms)
    if refused is not None:
        return refused
    number = _insert(connection, account_id, terms, actor, state.now)
    append_new(connection, account_id, _agreement(number, terms, actor, state.now))
    record(
        connection, actor=actor, action="ledger.terms", subject=f"account:{account_id}", account_id=account_id,
        before=shown_terms(before), after=shown_terms(terms),
    )  # fmt: skip
    return None


def may_manage(connection: Connection, account_id: int, user_id: int) -> bool:
    """Say whether new terms may name this member as the manager: an active one, or the one that they name already.

    Who manages may have become inactive; terms that pay them less, or deal in another band, must still be possible.
    Holds the member as they are, and then the account's lock: what it says is so until this transaction ends.
    """
    is_active = keep_active(connection, user_id)
    hold(connection, Lock.ADMISSION, account_id)
    return is_active or load_terms(connection, account_id).fees.manager == user_id


def terms_detail(terms: Terms, actor: str) -> dict[str, str]:
    """Write terms down as the chain tells them: rates move money, so nobody may edit them unseen."""
    return {**{name: str(value) for name, value in shown_terms(terms).items()}, "actor": actor}


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


def _insert(connection: Connection, account_id: int, terms: Terms, actor: str, now: datetime) -> int:
    values = {
        "account": account_id,
        "management": terms.fees.management_rate,
        "performance": terms.fees.performance_rate,
        "manager": terms.fees.manager,
        "period": terms.period,
        "low": terms.band.minimum,
        "high": terms.band.maximum,
        "actor": actor,
        "now": now,
    }
    number: int = connection.exec_driver_sql(INSERT_TERMS, values).scalar_one()
    return number


def _settle_before(connection: Connection, state: PoolNow, before: Terms, after: Terms) -> Refused | None:
    """Book what the old terms earned, as units where another rate, or another person, counts from now on."""
    if before.period != after.period and before.fees.charges:
        ended = end_period(connection, state, before)
        if isinstance(ended, Refused):
            return ended
        state = load_pool(connection, state.account_id)
    if before.period != after.period or not before.fees.charges or not state.pool.units:
        note(connection, CRYSTALLISED_AT, state)  # the new period begins now
    if _must_settle(state, before.fees, after.fees):
        run = crystallise_now(connection, state.account_id, period=moment_of(state), every_lot=True)
        if isinstance(run, Refused) and not _has_nothing_to_take(state, run):
            return run
        note(connection, ACCRUED_AT, state)
        note(connection, CRYSTALLISED_AT, state)
    elif not accrue_until_now(connection, state, before):
        note(connection, ACCRUED_AT, state)
    return None


def _must_settle(state: PoolNow, before: FeeTerms, after: FeeTerms) -> bool:
    """Say whether by waiting what the old terms earned would be charged at another rate, or go to another person."""
    another = before.manager != after.manager
    ends = another or (before.charges and not after.charges)
    owed = ends and before.manager is not None and bool(state.accrued or before.management_rate)
    other_rate = another or before.performance_rate != after.performance_rate
    gains = other_rate and bool(before.performance_rate or after.performance_rate)
    return bool(state.pool.units or state.accrued) and (owed or gains)


def _has_nothing_to_take(state: PoolNow, refused: Refused) -> bool:
    """Say whether units are worth nothing: no lot stands above its mark then, and no fee is owed but what is booked."""
    return refused.code is RefusalCode.NAV_NOT_POSITIVE and not state.accrued


def _agreement(number: int, terms: Terms, actor: str, now: datetime) -> Transaction:
    detail = terms_detail(terms, actor)
    return Transaction(cause=terms_cause(number), kind=TransactionKind.TERMS, at=now, entries=(), detail=detail)


def _plain(figure: Decimal) -> str:
    """Write a number in one way, however many zeros it came with."""
    return f"{figure.normalize():f}"
