"""Queries behind `status` and `doctor`: how things stand, in one look. They read only, and never decide anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Row

from risk import Limits
from risk.numbers import ONE_PERCENT
from risk.states import in_force
from zmq_bridge.storage.locks import Lock
from zmq_bridge.storage.migrations import configuration
from zmq_bridge.storage.risk.holding import plain_holds, standing
from zmq_bridge.storage.risk.holds import Hold, effective_state, holds
from zmq_bridge.storage.trading.probes import Judged, judge_figures

DISAGREEMENT_SHARE = float(Limits().max_disagreement_percent * ONE_PERCENT)
"""At which the terminal's figures are said to disagree; an account's own limits may be tighter."""

STANDING = """
SELECT accounts.id, login, server, currency,
    (SELECT count(*) FROM positions WHERE positions.account_id = accounts.id) AS positions,
    (SELECT count(*) FROM commands WHERE commands.account_id = accounts.id AND finished_at IS NULL) AS commands_open,
    (SELECT count(*) FROM commands WHERE commands.account_id = accounts.id AND status = 'unknown') AS commands_unknown,
    (SELECT count(*) FROM tick_gaps WHERE tick_gaps.account_id = accounts.id AND state = 'open') AS gaps_open,
    lost.gaps AS gaps_lost, lost.ticks AS ticks_lost,
    EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = %(owner)s AND objid = accounts.id::oid AND objsubid = 2
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS served
FROM accounts, LATERAL (
    SELECT count(*) AS gaps, COALESCE(sum(lost - COALESCE(found, 0)), 0)::bigint AS ticks FROM tick_gaps
    WHERE tick_gaps.account_id = accounts.id AND state = 'lost'
) AS lost
ORDER BY accounts.id
"""
"""One row an account; `served`: some desk holds the account's owner lock right now."""

SERVER = """
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS database_bytes,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
    current_setting('max_connections')::int AS connections_max,
    now() AS clock
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """How one account stands."""

    id: int
    login: int
    server: str
    currency: str
    trading_state: str  # active, reducing or halted: the strictest of everything that holds it
    holds: tuple[Hold, ...]  # why it may not open positions; none: it may
    positions: int  # open now
    commands_open: int  # not finished yet
    commands_unknown: int  # sent, outcome not known yet
    gaps_open: int  # tick gaps still to be filled
    gaps_lost: int  # tick gaps that the terminal could not fill
    ticks_lost: int  # ticks known to be missing in these for good
    served: bool  # a desk owns the account now
    judged: Judged  # the terminal's own figures against ours


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStanding:
    """How the database server stands."""

    version: str
    database_bytes: int
    durable: bool  # False: a power cut may lose commits
    connections: int  # to this database, all programs
    connections_max: int  # of the server
    clock: datetime  # aware


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStanding:
    """Which revision the schema has, and which this program needs."""

    found: str | None  # None: never migrated
    expected: str

    @property
    def current(self) -> bool:
        """True when they agree."""
        return self.found == self.expected


def accounts_standing(connection: Connection) -> list[AccountStanding]:
    """Every account, oldest first."""
    rows = connection.exec_driver_sql(STANDING, {"owner": int(Lock.OWNER)}).all()
    judged = judge_figures(connection, [row.id for row in rows], DISAGREEMENT_SHARE)
    return [_standing(row, holds(connection, row.id), judged[row.id]) for row in rows]


def _standing(row: Row[Any], held: tuple[Hold, ...], judged: Judged) -> AccountStanding:
    return AccountStanding(**row._mapping, holds=held, trading_state=effective_state(held), judged=judged)


def global_trading_state(connection: Connection) -> str:
    """What every account may do at most: active, reducing or halted."""
    return str(in_force(plain_holds(standing(connection, None)), datetime.now(UTC)).state)


def server_standing(connection: Connection) -> ServerStanding:
    """The server itself."""
    return ServerStanding(**connection.exec_driver_sql(SERVER).one()._mapping)


def schema_standing(connection: Connection) -> SchemaStanding:
    """The schema's revision against the newest one this program knows."""
    scripts = ScriptDirectory.from_config(configuration(connection))
    expected = scripts.get_current_head()
    assert expected is not None
    return SchemaStanding(found=MigrationContext.configure(connection).get_current_revision(), expected=expected)
