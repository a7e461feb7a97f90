"""A database of an older revision is brought to the newest with everything that is in it."""

import hashlib
import secrets
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.storage.test_schema import differences
from zmq_bridge.embedded import EmbeddedPostgres
from zmq_bridge.embedded.postgres import SUPERUSER
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.migrations import configuration, migrate
from zmq_bridge.storage.migrations.initial import STATEMENTS
from zmq_bridge.storage.migrations.versions import r0002_stops_corrections_heads as second

RELEASED = {
    "0001": (STATEMENTS, "473b01a1e11e87af"),
    "0002": ((*second.STOPS, *second.CORRECTIONS, *second.HEADS, *second.RIGHTS), "b11498a840f28bb0"),
}
HASHES = [f"{number}" * 64 for number in range(4)]


@pytest.fixture
def url(postgres_server: EmbeddedPostgres, empty_database: str) -> str:
    """Of an empty database, for one who may make roles."""
    return postgres_server.url(empty_database.partition("?")[0].rpartition("/")[2], SUPERUSER)


@pytest.fixture
def first(url: str) -> Iterator[Engine]:
    """A database at the first revision, with three accounts, prices of two and a deposit in suspense."""
    engine = create_engine(url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        for number, login in enumerate((7, 8, 9)):
            connection.exec_driver_sql(
                "INSERT INTO accounts (id, login, server, currency, currency_digits, margin_mode, leverage)"
                " VALUES (%s, %s, 'Demo', 'USD', 2, 'hedging', 100)",
                (number, login),
            )
        for account, digest in ((0, HASHES[0]), (1, HASHES[1]), (0, HASHES[2]), (0, HASHES[3])):
            connection.exec_driver_sql(
                "INSERT INTO ledger_prices (account_id, at, server_day, nav, units, cause, hash)"
                " VALUES (%s, now(), current_date, 100, 100, 'test', %s)",
                (account, digest),
            )
        connection.exec_driver_sql(
            "INSERT INTO ledger_suspense (account_id, ticket, amount, time_msc, booked_at) VALUES (0, 5, 100, 1, now())"
        )
    yield engine
    engine.dispose()


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_revision_stays_as_databases_were_made_with_it(revision):
    """Whoever needs another schema adds a revision; only then may somebody's database follow."""
    statements, known = RELEASED[revision]
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    assert digest.startswith(known), f"revision {revision} was changed: undo that and add a revision in versions/"


def test_an_old_database_becomes_what_the_tables_describe(first, url):
    migrate(url)
    with first.connect() as connection:
        assert differences(connection) == []
        suspense = connection.exec_driver_sql("SELECT account_id, ticket, correction, amount FROM ledger_suspense")
        assert suspense.all() == [(0, 5, 0, 100)]


def test_prices_kept_before_are_counted(first, url):
    migrate(url)
    with first.begin() as connection:
        heads = "SELECT account_id, prices, hash FROM ledger_price_heads ORDER BY account_id"
        assert connection.exec_driver_sql(heads).all() == [(0, 3, HASHES[3]), (1, 1, HASHES[1])]
        connection.exec_driver_sql(
            "INSERT INTO ledger_prices (account_id, at, server_day, nav, units, cause, hash)"
            " SELECT 2, at, server_day, nav, units, cause, hash FROM ledger_prices WHERE account_id = 1"
        )
        assert connection.exec_driver_sql(heads).all()[2] == (2, 1, HASHES[1])


def test_a_role_of_the_application_may_go_on(first, url):
    """It was granted what it needs before, and works with the new tables as with the old ones: no more, no less."""
    role = f"app_{secrets.token_hex(4)}"
    with first.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
        connection.exec_driver_sql(f"SELECT zmq_bridge_grant('{role}')")
    try:
        migrate(url)
        with first.connect() as connection:
            connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
            connection.exec_driver_sql("DELETE FROM stops_outstanding")
            connection.exec_driver_sql("SELECT * FROM ledger_price_heads").all()
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.exec_driver_sql("UPDATE ledger_price_heads SET prices = 0")
            connection.rollback()
    finally:
        with first.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(first, url):
    with first.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE ledger_price_heads (mine int)")
    with pytest.raises(DBAPIError, match="ledger_price_heads"):
        migrate(url)
    with first.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0001"
        assert connection.exec_driver_sql("SELECT to_regclass('stops_outstanding')").scalar_one() is None
