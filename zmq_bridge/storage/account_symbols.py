"""Which symbols an account may trade: a list of an operator's, or none, which means all that the broker offers.

The list decides `symbols.tradable`, which the gate reads; a symbol that a terminal describes later is decided by the
same list when it comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from zmq_bridge.storage.audit import record
from zmq_bridge.storage.locks import Lock, hold

READ = "SELECT symbols FROM account_symbols WHERE account_id = %(account)s"
EVERY = "SELECT account_id, symbols FROM account_symbols"
STORE = """
INSERT INTO account_symbols (account_id, symbols, actor, updated_at)
VALUES (%(account)s, %(symbols)s::text[], %(actor)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE
    SET symbols = excluded.symbols, actor = excluded.actor, updated_at = excluded.updated_at
"""
REMOVE = "DELETE FROM account_symbols WHERE account_id = %(account)s"
APPLY = """
UPDATE symbols SET tradable = %(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s::text[])
WHERE account_id = %(account)s
"""


def allowed_symbols(connection: Connection, account_id: int) -> list[str] | None:
    """The symbols that an account may trade; None: all."""
    found: list[str] | None = connection.exec_driver_sql(READ, {"account": account_id}).scalar_one_or_none()
    return found


def allowed_everywhere(connection: Connection) -> dict[int, list[str]]:
    """The list of every account that has one."""
    return {row.account_id: list(row.symbols) for row in connection.exec_driver_sql(EVERY)}


def set_allowed_symbols(
    connection: Connection, account_id: int, symbols: Sequence[str] | None, *, actor: str, now: datetime
) -> None:
    """Set the list, or take it away with None; from this transaction's end on the gate goes by it."""
    hold(connection, Lock.ADMISSION, account_id)
    before = allowed_symbols(connection, account_id)
    after = None if symbols is None else sorted(set(symbols))
    values = {"account": account_id, "symbols": after, "actor": actor, "now": now}
    connection.exec_driver_sql(REMOVE if after is None else STORE, values)
    connection.exec_driver_sql(APPLY, values)
    record(connection, actor=actor, action="account.set_symbols", subject=f"account:{account_id}",
           account_id=account_id, before={"symbols": before}, after={"symbols": after})  # fmt: skip
