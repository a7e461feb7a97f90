"""The schema's history. `migrate(url)` brings a database to the newest revision: all of it, or nothing.

No alembic.ini: the configuration is here, in code. Any number of processes may call `migrate` at once: one works, the
others wait for it and then find nothing left to do.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, hold

MIGRATION_TIMEOUT_MS = 600_000  # a migration may rewrite a large table, and others wait for it meanwhile


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, bound to a connection."""
    config = Config()
    config.set_main_option("script_location", "zmq_bridge.storage:migrations")
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> None:
    """Upgrade the database at `url` to the newest revision, in one transaction."""
    engine = create_engine(
        url,
        application_name="zmq-bridge migrate",
        statement_timeout_ms=MIGRATION_TIMEOUT_MS,
        lock_timeout_ms=MIGRATION_TIMEOUT_MS,
    )
    try:
        with engine.begin() as connection:
            hold(connection, Lock.MIGRATION)
            command.upgrade(configuration(connection), "head")
    finally:
        engine.dispose()
