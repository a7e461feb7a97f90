"""May a dealing be taken back? Each obstacle in turn; only reading, under the account's lock.

What was dealt can be reversed while its units are still there and its money was not used again; nobody may come to earn
by it, under terms agreed on since, what was earned under those before.
"""

from sqlalchemy import Connection

from ledger.book import changed
from ledger.errors import ImpossibleHistory
from ledger.journal import AccountKind, Transaction, TransactionKind, reverse
from ledger.lots import Lot
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import Price
from zmq_bridge.storage.ledger.history import StoredTransaction, corrections_of
from zmq_bridge.storage.ledger.pool import load_terms

REVERSIBLE = frozenset(
    {
        TransactionKind.SUBSCRIPTION,
        TransactionKind.REDEMPTION,
        TransactionKind.PAYMENT,
        TransactionKind.RELEASE,
        TransactionKind.ADOPTION,
        TransactionKind.CRYSTALLISATION,
    }
)

PAYMENTS = """
SELECT EXISTS (SELECT FROM ledger_suspense WHERE account_id = %(account)s AND request = %(request)s
    AND settled_by LIKE 'payment:%%')
"""

OTHER_TERMS = """
WITH agreed AS (
    SELECT transactions.id, terms.performance_rate AS rate,
        CASE WHEN terms.performance_rate > 0 THEN terms.manager_id END AS earner
    FROM ledger_terms AS terms
    JOIN ledger_transactions AS transactions
      ON transactions.account_id = terms.account_id AND transactions.cause = 'terms:' || terms.id
    WHERE terms.account_id = %(account)s
), before AS (SELECT rate, earner FROM agreed WHERE id < %(since)s ORDER BY id DESC LIMIT 1)
SELECT EXISTS (SELECT FROM agreed WHERE id > %(since)s AND (rate, earner) IS DISTINCT FROM (
    coalesce((SELECT rate FROM before), 0), (SELECT earner FROM before)))
"""
"""Whether gains were charged at another rate, or for another person, at any time since a transaction."""

LOT = "SELECT * FROM ledger_lots WHERE account_id = %(account)s AND lot = %(lot)s"

SETTLED = "SELECT ticket, correction FROM ledger_suspense WHERE account_id = %(account)s AND settled_by = %(cause)s"


def why_not_reversible(connection: Connection, account_id: int, found: StoredTransaction) -> Refused | None:
    """Return why a transaction can't be taken back now; None: it can, if it was not before."""
    original = found.transaction
    return (
        _is_used(connection, account_id, original)
        or _lots_went_on(connection, account_id, original)
        or _reaches_over_terms(connection, account_id, found)
    )


def _is_used(connection: Connection, account_id: int, original: Transaction) -> Refused | None:
    """Refuse what is no dealing, what was paid out, and what used money that the broker changed afterwards."""
    if original.kind not in REVERSIBLE:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, kind=original.kind)
    paid = connection.exec_driver_sql(PAYMENTS, {"account": account_id, "request": original.cause}).scalar_one()
    if original.kind is TransactionKind.REDEMPTION and paid:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, found="paid: reverse its payment first")
    used = connection.exec_driver_sql(SETTLED, {"account": account_id, "cause": original.cause})
    for ticket, correction in used.all():
        if corrections_of(connection, account_id, ticket) > correction:
            said = f"deal {ticket}, whose money it used, was corrected by the difference since"
            return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, found=said)
    return None


def _lots_went_on(connection: Connection, account_id: int, original: Transaction) -> Refused | None:
    """Refuse to take units back that are no longer there."""
    undone = reverse(original, at=original.at, actor="", reason="")
    for change in undone.lots:
        row = connection.exec_driver_sql(LOT, {"account": account_id, "lot": change.lot}).one()
        mark = Price(nav=row.mark_nav, units=row.mark_units)
        lot = Lot(
            lot=row.lot, member=row.user_id, opened=row.opened, units=row.units, units_bought=row.units_bought,
            cost=row.cost, high_water_mark=mark,
        )  # fmt: skip
        try:
            changed(lot, change)
        except ImpossibleHistory as error:
            return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, found=error)
    return None


def _reaches_over_terms(connection: Connection, account_id: int, found: StoredTransaction) -> Refused | None:
    """Refuse what would have somebody earn, under terms agreed on since, what was earned under those before.

    A crystallisation gives the management fee back to whoever manages now; a redemption gives units back whose gain
    was not settled when the terms changed.
    """
    original, manager = found.transaction, load_terms(connection, account_id).fees.manager
    if original.kind is TransactionKind.CRYSTALLISATION:
        earner = next((entry.member for entry in original.entries if entry.kind is AccountKind.FEES_EARNED), None)
        gives_back = any(entry.kind is AccountKind.FEES_ACCRUED for entry in original.entries)
        if gives_back and (earner is None or earner != manager):
            said = f"its fee was earned by user {earner or 'nobody'}, and now user {manager or 'nobody'} manages"
            return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, found=said)
    if original.kind is TransactionKind.REDEMPTION:
        values = {"account": account_id, "since": found.id}
        if connection.exec_driver_sql(OTHER_TERMS, values).scalar_one():
            said = "other performance fees were agreed on since"
            return refuse(RefusalCode.NOT_REVERSIBLE, cause=original.cause, found=said)
    return None
