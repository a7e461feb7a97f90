"""What the first migration runs, one module a noun, in an order that foreign keys accept.

This is history, and databases stand on it: what changes is a revision of its own in
`versions/`, with `tables/` beside it.
"""

from zmq_bridge.storage.migrations.initial import (
    access,
    accounts,
    append_only,
    grants,
    ledger,
    market,
    news,
    notifications,
    risk,
    signals,
    system,
    trading,
    users,
)

STATEMENTS: tuple[str, ...] = (
    *append_only.STATEMENTS,
    *accounts.STATEMENTS,
    *market.STATEMENTS,
    *users.STATEMENTS,
    *signals.STATEMENTS,
    *trading.STATEMENTS,
    *risk.STATEMENTS,
    *notifications.STATEMENTS,
    *system.STATEMENTS,
    *access.STATEMENTS,
    *ledger.STATEMENTS,
    *news.STATEMENTS,
    *grants.STATEMENTS,
)
