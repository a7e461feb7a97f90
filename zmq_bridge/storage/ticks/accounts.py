"""Which account a tick stream belongs to: the wire names a login, a row an account.

A login is unique per broker server only. The session of the tick's terminal, as the desk stored it at hello, decides
between accounts of the same login; a login that only one account has needs no decision. Any number of speakers costs
one query: who makes sessions up must not keep the others waiting.
"""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection

from zmq_bridge.storage.ticks.copy import INT8_MAX

Speaker = tuple[int, int]
"""(login, session)"""

FIND = """
SELECT accounts.id, login, session FROM accounts LEFT JOIN terminals ON terminals.account_id = accounts.id
WHERE login = ANY(%(logins)s::bigint[])
"""


def accounts_of(connection: Connection, speakers: Collection[Speaker]) -> dict[Speaker, int]:
    """The accounts that these terminals' streams belong to; a speaker whose account is not known is left out."""
    logins = list({login for login, _ in speakers if login <= INT8_MAX})
    sessions: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row in connection.exec_driver_sql(FIND, {"logins": logins}) if logins else ():
        sessions[row.login][row.id].add(row.session)
    found = {speaker: _decide(sessions.get(speaker[0], {}), speaker[1]) for speaker in speakers}
    return {speaker: account_id for speaker, account_id in found.items() if account_id is not None}


def _decide(sessions: dict[int, set[int]], session: int) -> int | None:
    """Choose between the accounts of one login by the sessions that they have."""
    named = [account_id for account_id, known in sessions.items() if session in known]
    if len(named) == 1:
        return named[0]
    return next(iter(sessions)) if len(sessions) == 1 else None
