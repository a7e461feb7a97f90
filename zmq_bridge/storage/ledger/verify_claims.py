"""Do suspense and requests say what the chain of transactions says?

Both are rows that change as money moves, so no hash protects them; but everything about money in them was booked. What
a balance deal brought, what became of it, and what a request bought or fetched is compared here with the entries, both
ways: a row that says something else is found, and so is one that is missing. The chain itself is `verify`'s.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

BOOKED = """
WITH booked AS (
    SELECT transactions.cause, transactions.kind, sum(entries.amount) AS amount
    FROM ledger_accounts AS accounts
    JOIN ledger_entries AS entries ON entries.ledger_account_id = accounts.id
    JOIN ledger_transactions AS transactions ON transactions.id = entries.transaction_id
    WHERE accounts.account_id = %(account)s AND accounts.kind = 'suspense'
    GROUP BY transactions.cause, transactions.kind
), standing AS (
    SELECT cause, kind, amount FROM booked
    WHERE NOT EXISTS (SELECT FROM ledger_transactions
                      WHERE account_id = %(account)s AND cause = 'reversal:' || booked.cause)
)
"""
"""What every transaction did to suspense, and of these the ones that were not taken back."""

SUSPENSE = f"""
{BOOKED}, deals AS (SELECT cause, -amount AS amount FROM booked WHERE kind = 'deal'), mine AS (
    SELECT 'deal:' || ticket || CASE WHEN correction > 0 THEN ':corrected:' || correction ELSE '' END AS cause,
        amount, settled_by
    FROM ledger_suspense WHERE account_id = %(account)s
)
SELECT coalesce(mine.cause, deals.cause) AS cause, deals.amount AS expected, mine.amount AS found,
    mine.settled_by, settling.amount AS settled
FROM mine FULL JOIN deals USING (cause)
LEFT JOIN standing AS settling ON settling.cause = mine.settled_by
WHERE mine.amount IS DISTINCT FROM deals.amount
   OR (mine.settled_by IS NOT NULL AND settling.amount IS DISTINCT FROM mine.amount)
ORDER BY 1
"""
"""Balance deals in suspense that are not what was booked, or not settled by what they say."""

WAITING = f"""
{BOOKED}
SELECT coalesce((SELECT sum(amount) FROM ledger_suspense WHERE account_id = %(account)s AND settled_by IS NULL), 0)
        AS found,
    coalesce((SELECT -sum(amount) FROM booked), 0) AS expected
"""

REQUESTS = """
WITH moved AS (
    SELECT transactions.cause,
        coalesce(max(accounts.user_id) FILTER (WHERE accounts.kind IN ('contributions', 'redemptions')),
                 max(accounts.user_id) FILTER (WHERE accounts.kind = 'units' AND entries.amount < 0)) AS user_id,
        coalesce(sum(abs(entries.amount)) FILTER (WHERE accounts.kind IN ('contributions', 'redemptions')), 0) AS amount
    FROM ledger_transactions AS transactions
    JOIN ledger_entries AS entries ON entries.transaction_id = transactions.id
    JOIN ledger_accounts AS accounts ON accounts.id = entries.ledger_account_id
    WHERE transactions.account_id = %(account)s AND transactions.kind IN ('subscription', 'redemption')
      AND NOT EXISTS (SELECT FROM ledger_transactions AS undone
                      WHERE undone.account_id = %(account)s AND undone.cause = 'reversal:' || transactions.cause)
    GROUP BY transactions.cause
), burned AS (
    SELECT transactions.cause, changes.user_id, abs(sum(changes.units)) AS units
    FROM ledger_lot_changes AS changes JOIN ledger_transactions AS transactions
      ON transactions.id = changes.transaction_id
    WHERE changes.account_id = %(account)s AND transactions.kind IN ('subscription', 'redemption')
    GROUP BY transactions.cause, changes.user_id
), paid AS (
    SELECT request AS cause, -sum(amount) AS amount FROM ledger_suspense
    WHERE account_id = %(account)s AND settled_by IS NOT NULL GROUP BY request
), asked AS (
    SELECT 'subscription:' || id AS cause, user_id, status, settled_amount, units, false AS owes FROM subscriptions
    WHERE account_id = %(account)s AND status = 'settled'
    UNION ALL
    SELECT 'redemption:' || id, user_id, status, settled_amount, units, status = 'owed' FROM redemptions
    WHERE account_id = %(account)s AND status IN ('owed', 'settled')
)
SELECT coalesce(asked.cause, moved.cause) AS cause, asked.status, asked.user_id, asked.settled_amount, asked.units,
    moved.user_id AS moved_user_id, moved.amount AS moved_amount, burned.units AS moved_units, paid.amount AS paid
FROM asked FULL JOIN moved USING (cause)
LEFT JOIN burned ON burned.cause = moved.cause AND burned.user_id = moved.user_id
LEFT JOIN paid ON paid.cause = moved.cause
WHERE asked.user_id IS DISTINCT FROM moved.user_id OR asked.settled_amount IS DISTINCT FROM moved.amount
   OR asked.units IS DISTINCT FROM burned.units
   OR (asked.cause LIKE 'redemption:%%' AND asked.owes <> (moved.amount > coalesce(paid.amount, 0)))
ORDER BY 1
"""
"""Settled requests that are not what was booked for them, and the other way round."""


def claim_problems(connection: Connection, account_id: int) -> Iterator[str]:
    """Compare suspense and requests with the chain."""
    values = {"account": account_id}
    for row in connection.exec_driver_sql(SUSPENSE, values):
        if row.expected != row.found:
            yield f"suspense: {row.cause}: expected {row.expected} as it was posted, found {row.found}"
        else:
            settled = f"expected {row.found} to be settled by {row.settled_by}"
            yield f"suspense: {row.cause}: {settled}, found {row.settled}"
    waiting = connection.exec_driver_sql(WAITING, values).one()
    if waiting.expected != waiting.found:
        yield f"suspense: expected {waiting.expected} to wait for a match, found {waiting.found}"
    for row in connection.exec_driver_sql(REQUESTS, values):
        booked = f"user {row.moved_user_id}, {row.moved_amount}, {row.moved_units} units, {row.paid or 0} paid"
        said = f"{row.status}, user {row.user_id}, {row.settled_amount}, {row.units} units"
        yield f"request {row.cause}: expected what was booked ({booked}), found {said}"
