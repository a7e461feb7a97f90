"""Where money becomes units and units become money: every matched request, at the NAV just before it.

A subscription takes its deposit out of suspense and buys units. A redemption burns units and owes what they fetched
(`owed`); the withdrawal in suspense then pays it. Each step is one ledger transaction. What can't be settled now stays
matched, with the reason beside it, and is tried again at the next agreement of ledger and broker.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from ledger.dealing import pay_redemption, settle_redemption, settle_subscription
from ledger.journal import AccountKind, Transaction, redemption_cause
from ledger.money import total
from ledger.parts import Dealing
from ledger.refusals import RefusalCode, Refused, refuse
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.fees import open_dealing
from zmq_bridge.storage.ledger.journal import append_new
from zmq_bridge.storage.ledger.matching import SUBSCRIPTION, TABLES, unmatch
from zmq_bridge.storage.ledger.pool import PoolNow, keep_price, load_lots, load_pool
from zmq_bridge.storage.locks import Lock, hold

BATCH_MAX = 100  # requests settled in one database transaction; the next agreement takes the next ones

MATCHED = f"""
SELECT suspense.ticket, suspense.amount, suspense.request, suspense.reversals,
    coalesce(subscriptions.user_id, redemptions.user_id) AS user_id,
    coalesce(subscriptions.id, redemptions.id) AS id,
    coalesce(subscriptions.status, redemptions.status) AS status,
    coalesce(redemptions.full_exit, false) AS full_exit
FROM ledger_suspense AS suspense
LEFT JOIN subscriptions ON suspense.request = 'subscription:' || subscriptions.id
LEFT JOIN redemptions ON suspense.request = 'redemption:' || redemptions.id
WHERE suspense.account_id = %(account)s AND suspense.settled_by IS NULL AND suspense.request IS NOT NULL
ORDER BY coalesce(subscriptions.refusal, redemptions.refusal, '') ~ '^(AMOUNT|CLAIM)',
    suspense.booked_at, suspense.ticket
LIMIT {BATCH_MAX}
"""
"""Oldest first; those that only a person can mend come last, so that they never keep the others out of the batch."""

REDEMPTION = """
SELECT id, user_id, amount, full_exit, status FROM redemptions
WHERE id = %(id)s AND account_id = %(account)s FOR UPDATE
"""

OUT_OF_SUSPENSE = """
UPDATE ledger_suspense SET settled_by = %(cause)s
WHERE account_id = %(account)s AND ticket = %(ticket)s AND settled_by IS NULL
"""

SETTLED = """
UPDATE {table} SET status = %(status)s, refusal = NULL, units = coalesce(%(units)s, units),
    settled_amount = coalesce(%(amount)s, settled_amount),
    settled_at = CASE WHEN %(status)s = 'settled' THEN %(now)s ELSE settled_at END
WHERE id = %(id)s
"""

REFUSED = """
UPDATE {table} SET refusal = %(refusal)s
WHERE id = %(id)s AND refusal IS DISTINCT FROM %(refusal)s AND status NOT IN ('settled', 'cancelled')
"""

OWED = """
SELECT settled_amount - coalesce((SELECT sum(-amount) FROM ledger_suspense
    WHERE account_id = %(account)s AND request = 'redemption:' || redemptions.id AND settled_by IS NOT NULL), 0)
FROM redemptions WHERE id = %(id)s AND account_id = %(account)s
"""
"""What the units of one redemption fetched, less what was paid for it; a member may have several at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A request that was just settled, or priced and now owed."""

    request: str  # `subscription:ID` or `redemption:ID`
    user_id: int
    amount: Decimal  # paid in, or what the units fetched
    units: Decimal  # bought or burned


def settle_matched(connection: Connection, account_id: int) -> list[Settled | Refused]:
    """Settle every matched request whose price can be told now; the caller holds the account's lock."""
    rows = connection.exec_driver_sql(MATCHED, {"account": account_id}).all()
    results = []
    for row in rows:
        result = _settle(connection, account_id, row)
        if isinstance(result, Refused):
            table = TABLES[row.request.partition(":")[0]]
            connection.exec_driver_sql(REFUSED.format(table=table), {"refusal": str(result), "id": row.id})
        results.append(result)
    return results


def price_redemption(connection: Connection, account_id: int, request_id: str, *, actor: str) -> Settled | Refused:
    """Burn the units of a pending redemption at the price of now, before the money leaves the broker.

    Use it for a full exit: it says how much to withdraw. The withdrawal then pays what is owed.
    """
    hold(connection, Lock.ADMISSION, account_id)
    row = connection.exec_driver_sql(REDEMPTION, {"id": request_id, "account": account_id}).one_or_none()
    if row is None:
        return refuse(RefusalCode.REQUEST_NOT_FOUND, request=request_id, account=account_id)
    if row.status != "pending":
        return refuse(RefusalCode.REQUEST_NOT_PENDING, request=request_id, status=row.status)
    done = _burn(connection, account_id, row, None if row.full_exit else row.amount)
    if isinstance(done, Settled):
        after = {"amount": done.amount, "units": done.units}
        record(
            connection, actor=actor, action="ledger.price", subject=done.request, account_id=account_id,
            before={"status": row.status}, after=after,
        )  # fmt: skip
    return done


def book(connection: Connection, state: PoolNow, transaction: Transaction) -> None:
    """Book a dealing, and the price it was made at."""
    append_new(connection, state.account_id, transaction)
    keep_price(connection, state, transaction.cause)


def _settle(connection: Connection, account_id: int, row: Row[Any]) -> Settled | Refused:
    if row.status not in ("matched", "owed"):
        return refuse(RefusalCode.REQUEST_NOT_PENDING, request=row.id, status=row.status)
    if row.request.startswith(SUBSCRIPTION):
        return _buy(connection, account_id, row)
    if row.status == "owed":
        return _pay(connection, account_id, row)
    with connection.begin_nested() as savepoint:
        done = _burn(connection, account_id, row, None if row.full_exit else -row.amount)
        paid = done if isinstance(done, Refused) else _pay(connection, account_id, row)
        if isinstance(paid, Refused):
            savepoint.rollback()
            return paid
    return done


def _buy(connection: Connection, account_id: int, row: Row[Any]) -> Settled | Refused:
    opened = open_dealing(connection, account_id)
    if isinstance(opened, Refused):
        return opened
    state, dealing = opened
    bought = settle_subscription(dealing, request=row.id, member=row.user_id, cash=row.amount)
    if isinstance(bought, Refused):
        return bought
    book(connection, state, bought)
    units = bought.lots[0].units
    _out_of_suspense(connection, account_id, row.ticket, bought.cause)
    _update(connection, "subscriptions", row.id, "settled", state, amount=row.amount, units=units)
    return Settled(request=row.request, user_id=row.user_id, amount=row.amount, units=units)


def _burn(connection: Connection, account_id: int, row: Row[Any], cash: Decimal | None) -> Settled | Refused:
    opened = open_dealing(connection, account_id)
    if isinstance(opened, Refused):
        return opened
    state, dealing = opened
    lots = load_lots(connection, account_id, row.user_id)
    redeemed = settle_redemption(dealing, request=row.id, member=row.user_id, cash=cash, lots=lots)
    if isinstance(redeemed, Refused):
        return redeemed
    book(connection, state, redeemed)
    amount, units = _sum(redeemed, AccountKind.REDEMPTIONS), -_sum(redeemed, AccountKind.UNITS, row.user_id)
    status = "owed" if amount else "settled"  # less than a cent is left to the others, and nothing is wired
    _update(connection, "redemptions", row.id, status, state, amount=amount, units=units)
    return Settled(request=redemption_cause(row.id), user_id=row.user_id, amount=amount, units=units)


def _pay(connection: Connection, account_id: int, row: Row[Any]) -> Settled | Refused:
    """Pay what a redemption owes with a withdrawal; paid in full, it is settled and lets go of what else it claimed."""
    state = load_pool(connection, account_id)
    dealing = Dealing(at=state.now, currency=state.currency, pool=state.pool)
    owed = connection.exec_driver_sql(OWED, {"account": account_id, "id": row.id}).scalar() or Decimal(0)
    paid = pay_redemption(
        dealing, ticket=row.ticket, member=row.user_id, cash=-row.amount, owed=owed, reversals=row.reversals
    )
    if isinstance(paid, Refused):
        return paid
    append_new(connection, account_id, paid)
    _out_of_suspense(connection, account_id, row.ticket, paid.cause)
    status = "settled" if owed == -row.amount else "owed"
    _update(connection, "redemptions", row.id, status, state)
    if status == "settled":
        unmatch(connection, account_id, row.request)
    return Settled(request=row.request, user_id=row.user_id, amount=-row.amount, units=Decimal(0))


def _sum(transaction: Transaction, kind: AccountKind, member: int | None = None) -> Decimal:
    return total(e.amount for e in transaction.entries if e.kind is kind and member in (None, e.member))


def _out_of_suspense(connection: Connection, account_id: int, ticket: int, cause: str) -> None:
    connection.exec_driver_sql(OUT_OF_SUSPENSE, {"cause": cause, "account": account_id, "ticket": ticket})


def _update(
    connection: Connection,
    table: str,
    request_id: str,
    status: str,
    state: PoolNow,
    *,
    amount: Decimal | None = None,
    units: Decimal | None = None,
) -> None:
    values = {"status": status, "amount": amount, "units": units, "now": state.now, "id": request_id}
    connection.exec_driver_sql(SETTLED.format(table=table), values)
