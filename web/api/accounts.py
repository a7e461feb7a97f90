"""Which account a request is about, and whether the key may speak of it."""

from __future__ import annotations

from sqlalchemy import Connection

from web.auth import current_key
from web.errors import ApiError, NotFound
from zmq_bridge.storage.accounts import Account, list_accounts


def visible_accounts(connection: Connection) -> list[Account]:
    """The accounts that the key of this request may speak of."""
    allowed = current_key().accounts
    return [account for account in list_accounts(connection) if allowed is None or account.login in allowed]


def visible_ids(connection: Connection, login: int | None) -> list[int]:
    """Ids of the visible accounts; of one login when it is given.

    Raises:
        NotFound: there is no such account, or not for this key.
    """
    accounts = visible_accounts(connection)
    return [account.id for account in accounts] if login is None else [_only(accounts, login).id]


def chosen_account(connection: Connection, login: int | None) -> Account:
    """The account with a login; without one, the only account that the key may speak of.

    Raises:
        NotFound: no such account, or not for this key.
        ApiError: several accounts, and the request names none.
    """
    accounts = visible_accounts(connection)
    if login is not None:
        return _only(accounts, login)
    if not accounts:
        raise NotFound("ACCOUNT_UNKNOWN", "No terminal has connected yet, so there is no account.")
    if len(accounts) > 1:
        logins = ", ".join(str(account.login) for account in accounts)
        raise ApiError("ACCOUNT_REQUIRED", f"Expected `account`, one of {logins}; found none.", field="account")
    return accounts[0]


def _only(accounts: list[Account], login: int) -> Account:
    found = [account for account in accounts if account.login == login]
    if not found:
        raise NotFound("ACCOUNT_UNKNOWN", f"There is no account {login}, or not for this key.", field="account")
    if len(found) > 1:
        servers = ", ".join(account.server for account in found)
        raise ApiError("ACCOUNT_AMBIGUOUS", f"Account {login} exists on several servers: {servers}.", field="account")
    return found[0]
