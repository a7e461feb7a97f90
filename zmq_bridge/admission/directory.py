"""Which account a request is about. The sender's rights decide first; nothing is guessed where two are possible."""

from sqlalchemy import Connection

from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.plan import Plan, refuse
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.accounts import Account, find_accounts, list_accounts


def find_account(connection: Connection, source: Source, login: int | None, server: str | None) -> Account | Plan:
    """The one account meant, or why there is none. Without a login: the only one that the sender may use."""
    if login is None and source.accounts is not None and len(source.accounts) == 1:
        (login,) = source.accounts
    if login is None:
        every = list_accounts(connection)
        return _only([found for found in every if source.accounts is None or found.login in source.accounts], server)
    if source.accounts is not None and login not in source.accounts:
        return refuse(Code.ACCOUNT_NOT_ALLOWED, account=login)
    return _only(find_accounts(connection, login), server, login)


def _only(accounts: list[Account], server: str | None, login: int | None = None) -> Account | Plan:
    fitting = [found for found in accounts if server is None or found.server == server]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        return refuse(Code.ACCOUNT_UNKNOWN, account=login, server=server)
    return refuse(Code.ACCOUNT_REQUIRED, accounts=[f"{found.login}@{found.server}" for found in fitting])
