"""Limits as stored: set, replaced, ended, never edited; and merged into what risk is given.

A row without source, symbol and magic *sets* the limits of its account, or of all accounts where the account has no
row of its own. Every other row that matches a request can only tighten. One row is in force for each combination;
setting it again ends the one before, so the table is its own history.

Limits of one account are set under its lock, so before or after each decision. Those of all accounts wait for none:
once they are committed every decision that begins sees them, and `await_decisions` says where one that read the old
ones is still under way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from risk import Limits, LimitsError, tighten
from risk.limits import from_mapping, to_mapping
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.locks import EVERYWHERE, Lock, hold
from zmq_bridge.storage.visits import visit_each

SELECTORS = ("source", "symbol", "magic")
REPEAT_WINDOW_S_MAX = 86_400  # orders further back are never read, so no limit may ask for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a row of limits is for; None: whatever it is."""

    account_id: int | None = None
    source: str | None = None
    symbol: str | None = None
    magic: int | None = None  # the strategy

    @property
    def sets(self) -> bool:
        """Whether it sets limits rather than tightens them."""
        return self.source is None and self.symbol is None and self.magic is None


IN_FORCE = """
SELECT id, account_id, source, symbol, magic, limits, actor, created_at FROM risk_limits
WHERE ended_at IS NULL AND (%(account_id)s::bigint IS NULL OR account_id IS NULL OR account_id = %(account_id)s)
ORDER BY id
"""

END = """
UPDATE risk_limits SET ended_at = %(now)s
WHERE ended_at IS NULL AND account_id IS NOT DISTINCT FROM %(account_id)s AND source IS NOT DISTINCT FROM %(source)s
  AND symbol IS NOT DISTINCT FROM %(symbol)s AND magic IS NOT DISTINCT FROM %(magic)s
RETURNING id, limits
"""

CURRENT = """
SELECT id, limits FROM risk_limits
WHERE ended_at IS NULL AND account_id IS NOT DISTINCT FROM %(account_id)s AND source IS NOT DISTINCT FROM %(source)s
  AND symbol IS NOT DISTINCT FROM %(symbol)s AND magic IS NOT DISTINCT FROM %(magic)s
"""

HISTORY = """
SELECT id, account_id, source, symbol, magic, limits, actor, created_at, ended_at FROM risk_limits
WHERE (account_id IS NULL OR account_id = %(account_id)s) AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(rows)s
"""

INSERT = """
INSERT INTO risk_limits (account_id, source, symbol, magic, limits, actor, created_at)
VALUES (%(account_id)s, %(source)s, %(symbol)s, %(magic)s, %(limits)s::jsonb, %(actor)s, %(now)s)
RETURNING id
"""


ACCOUNTS = "SELECT id, login FROM accounts ORDER BY id"


class VersionConflict(Exception):
    """The limits are not (any more) the version that was to be replaced."""

    def __init__(self, expected: int | None, found: int | None) -> None:
        """Say it in one line; None: there are none."""
        super().__init__(f"expected version {expected}, found {found}")
        self.found = found


def set_limits(connection: Connection, scope: Scope, limits: Mapping[str, Any], *, actor: str, now: datetime) -> int:
    """Put limits in force for a scope, in place of those before. Returns the id of the row: their version.

    Args:
        limits: name to value (numbers as text or integers); what is not named keeps its default (or is not tightened).
            Numbers are stored in plain form, whichever way they were written.

    Raises:
        LimitsError: an unknown name or an unusable value.
    """
    wanted = to_mapping(check_window(from_mapping(limits)))
    stored = {name: wanted[name] for name in limits}
    _hold(connection, scope)
    before = end_limits(connection, scope, actor=actor, now=now, recorded=False)
    values = _values(scope) | {"limits": dump_json(stored), "actor": actor, "now": now}
    row_id = int(connection.exec_driver_sql(INSERT, values).scalar_one())
    _record(connection, scope, "limits.set", actor, before, stored)
    return row_id


def end_limits(
    connection: Connection, scope: Scope, *, actor: str, now: datetime, recorded: bool = True
) -> dict[str, Any] | None:
    """End the limits of a scope; return what they were, None where there were none."""
    _hold(connection, scope)
    ended = connection.exec_driver_sql(END, _values(scope) | {"now": now}).one_or_none()
    if ended is None:
        return None
    if recorded:
        _record(connection, scope, "limits.end", actor, ended.limits, None)
    before: dict[str, Any] = ended.limits
    return before


def deciding_accounts(connection: Connection, scope: Scope) -> dict[int, int]:
    """Accounts where a decision may be under way while limits of a scope change: logins by id, for `await_decisions`.

    Read beside the change, so that what is answered about limits in force needs no database any more. An account that
    comes meanwhile begins halted.
    """
    if scope.account_id is not None:
        return {}  # its lock is held
    return {row.id: row.login for row in connection.exec_driver_sql(ACCOUNTS)}


def await_decisions(engine: Engine, logins: Mapping[int, int]) -> list[int]:
    """Wait until no decision is under way that read the limits as they were; the new ones are committed.

    Returns:
        Logins of accounts that stayed busy meanwhile, or that the database went away from: an order may still be
        approved there by the old ones, once.
    """
    come_to = visit_each(engine, list(logins), lambda connection, account_id: True)
    return [login for account_id, login in logins.items() if account_id not in come_to]


def check_version(connection: Connection, scope: Scope, expected: int | None) -> None:
    """Make sure that what is in force for a scope is what somebody saw who wants to replace it; None: nothing.

    Raises:
        VersionConflict: it is not.
    """
    _hold(connection, scope)
    row = connection.exec_driver_sql(CURRENT, _values(scope)).one_or_none()
    found = None if row is None else row.id
    if found != expected:
        raise VersionConflict(expected, found)


def current_limits(connection: Connection, scope: Scope) -> dict[str, Any]:
    """What is stored for just this scope now, and stays so until this transaction ends; {}: nothing."""
    _hold(connection, scope)
    row = connection.exec_driver_sql(CURRENT, _values(scope)).one_or_none()
    return {} if row is None else dict(row.limits)


def limits_history(connection: Connection, account_id: int, *, before: int | None, rows: int) -> list[Row[Any]]:
    """Every version that concerns an account, newest first."""
    values = {"account_id": account_id, "before": before, "rows": rows}
    return list(connection.exec_driver_sql(HISTORY, values))


def list_limits(connection: Connection, account_id: int | None = None) -> list[Row[Any]]:
    """Rows in force, oldest first: all, or those that concern an account."""
    return list(connection.exec_driver_sql(IN_FORCE, {"account_id": account_id}))


def account_limits(connection: Connection, account_id: int) -> Limits:
    """The limits of an account itself, without overrides.

    Raises:
        LimitsError: a stored limit is not usable.
    """
    rows = [dict(row._mapping) for row in list_limits(connection, account_id)]
    return merge([row for row in rows if all(row[name] is None for name in SELECTORS)])


def merge(rows: Sequence[Mapping[str, Any]]) -> Limits:
    """The limits that rows make together.

    Raises:
        LimitsError: a stored limit is not usable.
    """
    bases = [row for row in rows if all(row[name] is None for name in SELECTORS)]
    bases.sort(key=lambda row: (row["account_id"] is not None, row["id"]))
    limits = from_mapping(bases[-1]["limits"] if bases else {})
    for row in rows:
        if row not in bases:
            limits = tighten(limits, row["limits"])
    return check_window(limits)


def check_window(limits: Limits) -> Limits:
    """Refuse a window that reaches further back than orders are read."""
    if limits.repeat_window_s > REPEAT_WINDOW_S_MAX:
        raise LimitsError(f"repeat_window_s: expected at most {REPEAT_WINDOW_S_MAX}, found {limits.repeat_window_s}")
    return limits


def _hold(connection: Connection, scope: Scope) -> None:
    """Keep away decisions of the account, if it is one's, and others who change the same limits."""
    hold(connection, Lock.ADMISSION, scope.account_id or EVERYWHERE)


def _values(scope: Scope) -> dict[str, Any]:
    return {name: getattr(scope, name) for name in ("account_id", *SELECTORS)}


def _record(connection: Connection, scope: Scope, action: str, actor: str, before: Any, after: Any) -> None:
    parts = [f"{name}={value}" for name, value in _values(scope).items() if value is not None]
    subject = f"limits:{' '.join(parts) or 'all'}"
    record(
        connection, actor=actor, action=action, subject=subject, account_id=scope.account_id, before=before, after=after
    )
