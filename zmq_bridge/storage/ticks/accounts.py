"""Which account a tick stream belongs to: the wire names a login, a row an account.

A login is unique per broker server only. The session of the tick's terminal, as the desk stored it at hello, decides
between accounts of the same login; a login that only one account has needs no decision.
"""

from sqlalchemy import Connection

FIND = """
SELECT accounts.id, bool_or(terminals.session = %(session)s) AS same_session
FROM accounts LEFT JOIN terminals ON terminals.account_id = accounts.id
WHERE login = %(login)s
GROUP BY accounts.id
"""


def account_of(connection: Connection, login: int, session: int) -> int | None:
    """The account that a terminal's stream belongs to; None while that is not known."""
    rows = connection.exec_driver_sql(FIND, {"login": login, "session": session}).all()
    named = [row.id for row in rows if row.same_session]
    if len(named) == 1:
        return int(named[0])
    return int(rows[0].id) if len(rows) == 1 else None
