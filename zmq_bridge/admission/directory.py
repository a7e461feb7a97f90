"""Which account a request is about. The sender's rights decide first; nothing is guessed where two are possible."""

import time
from collections.abc import Callable

from sqlalchemy import Connection

from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.plan import Plan, refuse
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.accounts import Account, list_accounts

TRUST_S = 2.0  # so long a second account stays unseen by a request that names none


class Directory:
    """Every account, remembered for a moment, for one process. What a request needs of one never changes.

    An account is never deleted, and its id, login and server never change; anything else about it is read under its
    lock. An account that is not remembered is looked for at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic seconds."""
        self._clock = clock
        self._read_at = float("-inf")
        self._accounts: list[Account] = []

    def find(self, connection: Connection, source: Source, login: int | None, server: str | None) -> Account | Plan:
        """The one account meant, as `find_account` says."""
        found = _choose(self._accounts, source, login, server)
        if isinstance(found, Account) and self._clock() - self._read_at < TRUST_S:
            return found
        read_at = self._clock()
        self._accounts = list_accounts(connection)
        self._read_at = read_at
        return _choose(self._accounts, source, login, server)


def find_account(connection: Connection, source: Source, login: int | None, server: str | None) -> Account | Plan:
    """The one account meant, or why there is none. Without a login: the only one that the sender may use."""
    return _choose(list_accounts(connection), source, login, server)


def _choose(accounts: list[Account], source: Source, login: int | None, server: str | None) -> Account | Plan:
    allowed = [found for found in accounts if source.accounts is None or found.login in source.accounts]
    if login is None:
        return _only(allowed, server)
    if source.accounts is not None and login not in source.accounts:
        return refuse(Code.ACCOUNT_NOT_ALLOWED, account=login)
    return _only([found for found in allowed if found.login == login], server, login)


def _only(accounts: list[Account], server: str | None, login: int | None = None) -> Account | Plan:
    fitting = [found for found in accounts if server is None or found.server == server]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        return refuse(Code.ACCOUNT_UNKNOWN, account=login, server=server)
    return refuse(Code.ACCOUNT_REQUIRED, accounts=[f"{found.login}@{found.server}" for found in fitting])
