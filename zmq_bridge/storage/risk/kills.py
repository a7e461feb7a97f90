"""When the kill switch was used for an account, by whom, and who ended it: read from the history of the holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from risk.states import Cause

NEWEST = """
SELECT began_at, reason, actor, account_id IS NULL AS everywhere, ended_at, ended_by FROM holds
WHERE (account_id = %(account)s OR account_id IS NULL) AND cause = %(cause)s ORDER BY id DESC LIMIT %(count)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One use of the switch."""

    began_at: datetime
    reason: str
    actor: str
    everywhere: bool  # it was used for all accounts
    ended_at: datetime | None  # None: it is in force
    ended_by: str | None


def newest_kills(connection: Connection, account_id: int, count: int) -> list[Kill]:
    """Return the last uses for an account or for all of them, newest first."""
    values = {"account": account_id, "cause": Cause.KILL_SWITCH.value, "count": count}
    return [Kill(**row._mapping) for row in connection.exec_driver_sql(NEWEST, values)]
