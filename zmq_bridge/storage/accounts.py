"""Trading accounts: made when a terminal first speaks for one, found by login, never deleted.

An account is (login, server); our `id` stands for it everywhere else. Its trading state is what its holds add up to
(`risk.holding`), read through the view `trading_states`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.risk.trading_state import start_halted


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as stored."""

    id: int
    login: int
    server: str
    name: str
    company: str
    currency: str  # deposit currency
    currency_digits: int
    margin_mode: str  # netting, exchange or hedging
    leverage: int  # 100 means 1:100
    trading_state: str  # active, reducing or halted: the strictest of everything that holds it
    trading_state_reason: str
    trading_state_actor: str
    trading_state_at: datetime
    created_at: datetime


ENSURE = """
INSERT INTO accounts AS known (login, server, name, company, currency, currency_digits, margin_mode, leverage)
VALUES (%(login)s, %(server)s, %(name)s, %(company)s, %(currency)s, %(currency_digits)s, %(margin_mode)s, %(leverage)s)
ON CONFLICT (login, server) DO UPDATE SET
    name = excluded.name, company = excluded.company, currency_digits = excluded.currency_digits,
    margin_mode = excluded.margin_mode, leverage = excluded.leverage
WHERE known.currency = excluded.currency
RETURNING id, xmax = 0 AS is_new
"""
"""Make an account, or bring its description up to date. No row: the same account in another currency."""


SELECT = """
SELECT accounts.*, trading_state, trading_state_reason, trading_state_actor, trading_state_at
FROM accounts JOIN trading_states ON trading_states.account_id = accounts.id
"""

BY_ID = f"{SELECT} WHERE id = %(account)s"
BY_LOGIN = Prepared("accounts_by_login", {"login": "bigint"}, f"{SELECT} WHERE login = %(login)s ORDER BY id")
EVERY = Prepared("accounts_all", {"above": "bigint"}, f"{SELECT} WHERE id > %(above)s ORDER BY id")

AT_RISK = f"""
{SELECT}
WHERE EXISTS (SELECT FROM terminals WHERE account_id = accounts.id)
  AND NOT EXISTS (SELECT FROM holds WHERE account_id = accounts.id AND cause = 'terminal_lost' AND ended_at IS NULL)
  AND (EXISTS (SELECT FROM positions WHERE account_id = accounts.id)
       OR EXISTS (SELECT FROM orders WHERE account_id = accounts.id AND working)
       OR EXISTS (SELECT FROM reservations WHERE account_id = accounts.id AND ended_at IS NULL))
ORDER BY id
"""

MAKE_ALONE = "LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"


class AccountConflictError(ValueError):
    """A terminal describes a known account in a way that can't be true."""


def ensure_account(
    connection: Connection,
    *,
    login: int,
    server: str,
    currency: str,
    currency_digits: int,
    margin_mode: str,
    leverage: int,
    name: str = "",
    company: str = "",
) -> Account:
    """Make the account of a terminal, or update its description. A new one starts halted.

    Raises:
        AccountConflictError: the account is known with another currency; its books would be nonsense.
    """
    values = {"login": login, "server": server, "currency": currency, "currency_digits": currency_digits}
    values |= {"margin_mode": margin_mode, "leverage": leverage, "name": name, "company": company}
    row = connection.exec_driver_sql(ENSURE, values).one_or_none()
    if row is None:
        raise AccountConflictError(f"Account {login} of {server} has another currency on our books; found {currency}.")
    if row.is_new:
        start_halted(connection, row.id, datetime.now(UTC))
    found = get_account(connection, row.id)
    assert found is not None
    return found


def get_account(connection: Connection, account_id: int) -> Account | None:
    """The account with our id."""
    row = connection.exec_driver_sql(BY_ID, {"account": account_id}).one_or_none()
    return None if row is None else _account(row)


def find_accounts(connection: Connection, login: int) -> list[Account]:
    """The accounts with a login: one, unless two servers use the same number."""
    return [_account(row) for row in BY_LOGIN.run(connection, {"login": login})]


def list_accounts(connection: Connection) -> list[Account]:
    """Every account, oldest first."""
    return [_account(row) for row in EVERY.run(connection, {"above": 0})]


def accounts_at_risk(connection: Connection) -> list[Account]:
    """Accounts with something at risk, whose terminal is not known to be lost; oldest first."""
    return [_account(row) for row in connection.exec_driver_sql(AT_RISK)]


def make_alone(connection: Connection) -> None:
    """Keep everybody else from making an account until this transaction ends."""
    connection.exec_driver_sql(MAKE_ALONE)


def _account(row: Row[Any]) -> Account:
    return Account(**row._mapping)
