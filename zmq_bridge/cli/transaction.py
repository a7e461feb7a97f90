"""One database transaction of a command, and who is responsible for it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from zmq_bridge.settings import load_settings
from zmq_bridge.storage.engine import create_engine


@contextmanager
def database(command: str) -> Iterator[Engine]:
    """The database of the settings, for a command of more than one transaction."""
    engine = create_engine(load_settings().database_url, application_name=f"zmq-bridge {command}", pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def transaction(command: str) -> Iterator[Connection]:
    """A transaction on the database of the settings; committed when the block ends well."""
    with database(command) as engine, engine.begin() as connection:
        yield connection


def actor() -> str:
    """Who runs this command, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
