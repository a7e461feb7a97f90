"""`zmq-bridge migrate`."""

from __future__ import annotations

import click

from zmq_bridge.settings import load_settings
from zmq_bridge.storage.migrations import migrate


@click.command("migrate")
def command() -> None:
    """Bring the database to the newest schema: all of it, or nothing. Safe to run at any time."""
    migrate(load_settings().database_url)
    click.echo("the database has the newest schema")
