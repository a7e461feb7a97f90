"""The migrations make exactly the tables that `tables/` describes, and keep what must not change from changing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.migrations import migrate
from zmq_bridge.storage.tables import audit_log, metadata

MIGRATORS = 4


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": same_default}
    )
    return list(compare_metadata(context, metadata))


def same_default(context, found, expected, found_default, expected_type, expected_default) -> bool:
    """Whether defaults differ. Alembic cannot compare nextval(): a named sequence is compared as text."""
    if found_default and "ticks_id_seq" in found_default:
        return bool(found_default != expected_default)
    return None  # type: ignore[return-value]  # None: let Alembic compare


def test_the_tables_are_what_the_migrations_made(engine):
    with engine.connect() as connection:
        assert differences(connection) == []


def test_a_column_that_only_the_tables_know_is_noticed(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE signals DROP COLUMN comment")
        assert len(differences(connection)) == 1


def test_many_migrate_an_empty_database_at_once(empty_database):
    with ThreadPoolExecutor(MIGRATORS) as pool:
        list(pool.map(migrate, [empty_database] * MIGRATORS))
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
    engine.dispose()


def test_a_second_migration_keeps_the_data(database, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users (name, email) VALUES ('Ann', 'ann@example.org')")
    migrate(database)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM users").scalars().all() == ["Ann"]


def test_a_migration_that_fails_leaves_nothing_behind(empty_database):
    engine = create_engine(empty_database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE settings (mine int)")  # the last table of the initial migration
    with pytest.raises(DBAPIError, match="settings"):
        migrate(empty_database)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["settings"]
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "TRUNCATE accounts CASCADE",
    ],
)
def test_the_audit_log_only_grows(engine, change):
    with engine.begin() as connection:
        connection.execute(audit_log.insert().values(actor="ann", action="test", subject="test:1"))
    with pytest.raises(IntegrityError, match="APPEND_ONLY"), engine.begin() as connection:
        connection.exec_driver_sql(change)
    with engine.connect() as connection:
        assert connection.execute(audit_log.select()).one().actor == "ann"


def test_a_statement_that_takes_too_long_is_ended(database):
    engine = create_engine(database, statement_timeout_ms=50)
    with pytest.raises(OperationalError, match="statement timeout"), engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    engine.dispose()
