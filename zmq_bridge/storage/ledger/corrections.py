"""Mending the books: nothing is ever changed, so a mistake is answered by a transaction that takes it back.

Every function here is a named person's decision, audited, under the account's lock. What was dealt can be reversed
while its units are still there; what a reversal frees waits in suspense again. What the broker itself changed is the
business of `deal_corrections`.
"""

from sqlalchemy import Connection

from ledger.dealing import adopt_value, release_suspense
from ledger.journal import Transaction, TransactionKind, reverse
from ledger.parts import Dealing
from ledger.refusals import RefusalCode, Refused, refuse
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.fees import open_dealing
from zmq_bridge.storage.ledger.history import find
from zmq_bridge.storage.ledger.journal import append, append_new
from zmq_bridge.storage.ledger.matching import SuspenseItem, suspense, unmatch
from zmq_bridge.storage.ledger.pool import load_pool
from zmq_bridge.storage.ledger.reversibility import why_not_reversible
from zmq_bridge.storage.ledger.settlement import book
from zmq_bridge.storage.locks import Lock, hold

BACK_INTO_SUSPENSE = """
UPDATE ledger_suspense SET settled_by = NULL, request = NULL, reversals = reversals + 1
WHERE account_id = %(account)s AND settled_by = %(cause)s
"""

REQUEST_AFTER = """
UPDATE {table} SET status = %(status)s, refusal = %(reason)s, settled_at = NULL
WHERE account_id = %(account)s AND id = %(id)s
"""

OWED_AGAIN = """
UPDATE redemptions SET status = 'owed', settled_at = NULL
FROM ledger_suspense AS suspense
WHERE suspense.account_id = %(account)s AND suspense.settled_by = %(cause)s
  AND suspense.request = 'redemption:' || redemptions.id
"""

RELEASED = """
UPDATE ledger_suspense SET settled_by = %(cause)s
WHERE account_id = %(account)s AND ticket = %(ticket)s AND settled_by IS NULL
"""


def reverse_transaction(
    connection: Connection, account_id: int, cause: str, *, actor: str, reason: str
) -> Transaction | Refused:
    """Take a dealing back: its money waits in suspense again, its units are gone, its request is cancelled.

    The price may have moved since; the difference is the pool's, as if the dealing had never been made.
    """
    hold(connection, Lock.ADMISSION, account_id)
    found = find(connection, account_id, cause)
    if found is None:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=cause, found="no such transaction")
    original = found.transaction
    obstacle = why_not_reversible(connection, account_id, found)
    if obstacle is not None:
        return obstacle
    state = load_pool(connection, account_id)
    reversal = reverse(original, at=state.now, actor=actor, reason=reason)
    if append(connection, account_id, reversal) is None:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=cause, found="already reversed")
    _free(connection, account_id, original, reason)
    _audit(connection, account_id, "ledger.reverse", cause, actor, reason)
    return reversal


def release_deal(
    connection: Connection, account_id: int, ticket: int, *, actor: str, reason: str
) -> Transaction | Refused:
    """Declare a balance deal in suspense to be the pool's own profit or loss: a bonus, a correction, a charge."""
    opened = _opened(connection, account_id, ticket)
    if isinstance(opened, Refused):
        return opened
    dealing, item = opened
    released = release_suspense(
        dealing, ticket=ticket, amount=item.amount, actor=actor, reason=reason, reversals=item.reversals
    )
    append_new(connection, account_id, released)
    values = {"cause": released.cause, "account": account_id, "ticket": ticket}
    connection.exec_driver_sql(RELEASED, values)
    _audit(connection, account_id, "ledger.release", released.cause, actor, reason)
    return released


def adopt_nav(
    connection: Connection, account_id: int, user_id: int, *, actor: str, reason: str
) -> Transaction | Refused:
    """Give NAV that no unit stands for (profit made before the first member) to a member, at a price of one."""
    hold(connection, Lock.ADMISSION, account_id)
    opened = open_dealing(connection, account_id)
    if isinstance(opened, Refused):
        return opened
    state, dealing = opened
    number = new_id(int(state.now.timestamp() * 1000))
    adopted = adopt_value(dealing, number=number, member=user_id, actor=actor, reason=reason)
    if isinstance(adopted, Transaction):
        book(connection, state, adopted)
        _audit(connection, account_id, "ledger.adopt", adopted.cause, actor, reason)
    return adopted


def _opened(connection: Connection, account_id: int, ticket: int) -> tuple[Dealing, SuspenseItem] | Refused:
    hold(connection, Lock.ADMISSION, account_id)
    item = next((item for item in suspense(connection, account_id) if item.ticket == ticket), None)
    if item is None or item.request is not None:
        return refuse(RefusalCode.DEAL_NOT_IN_SUSPENSE, ticket=ticket, request=item.request if item else None)
    state = load_pool(connection, account_id)
    return Dealing(at=state.now, currency=state.currency, pool=state.pool), item


def _free(connection: Connection, account_id: int, original: Transaction, reason: str) -> None:
    """Put what the transaction had settled back to where it was, and end its request."""
    values = {"account": account_id, "cause": original.cause}
    if original.kind is TransactionKind.PAYMENT:
        connection.exec_driver_sql(OWED_AGAIN, values)
    connection.exec_driver_sql(BACK_INTO_SUSPENSE, values)
    tables = {TransactionKind.SUBSCRIPTION: "subscriptions", TransactionKind.REDEMPTION: "redemptions"}
    table = tables.get(original.kind)
    if table is not None:
        unmatch(connection, account_id, original.cause)  # a deal that did not fit it, and was never settled
        ended = {"status": "cancelled", "reason": f"reversed: {reason}", "id": original.cause.partition(":")[2]}
        connection.exec_driver_sql(REQUEST_AFTER.format(table=table), {**values, **ended})


def _audit(connection: Connection, account_id: int, action: str, cause: str, actor: str, reason: str) -> None:
    record(
        connection, actor=actor, action=action, subject=cause, account_id=account_id,
        before=None, after={"reason": reason},
    )  # fmt: skip
