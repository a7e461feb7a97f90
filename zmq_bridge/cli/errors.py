"""Failures in words: every expected failure becomes a message and an exit code, never a traceback.

Exit codes: 1 it failed and may work later; 2 wrong usage (click's own); 78 the settings or the machine must be changed
first, which also tells a supervisor not to try again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from zmq_bridge.cli.services import ServiceFailed
from zmq_bridge.cli.supervisor import EXIT_POINTLESS, GaveUp
from zmq_bridge.embedded import EmbeddedError
from zmq_bridge.environment import SettingsError

EXIT_FAILED = 1
EXIT_USAGE = 2
SERVERS_HINT = (
    "`zmq-bridge up` runs the embedded servers; DATABASE_URL and REDIS_URL name others. `zmq-bridge doctor` checks."
)


class CannotRun(Exception):
    """This command can't do its work as things are; the message says what to change."""


class CannotRunNow(CannotRun):
    """Like `CannotRun`, but the same try may work a moment later."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn expected failures into their message on stderr and their exit code."""
    try:
        yield
    except Exception as error:
        told = describe(error)
        if told is None:
            raise
        message, code = told
        click.secho("zmq-bridge: ", fg="red", bold=True, nl=False, err=True)
        click.echo(message, err=True)
        sys.exit(code)


def describe(error: Exception) -> tuple[str, int] | None:
    """What to tell a person about an expected failure, and the exit code; None for a defect of ours."""
    if isinstance(error, CannotRunNow):
        return str(error), EXIT_FAILED
    if isinstance(error, SettingsError | CannotRun):
        return str(error), EXIT_POINTLESS
    if isinstance(error, EmbeddedError | GaveUp | ServiceFailed):
        return str(error), EXIT_FAILED
    return _describe_library(error)


def _describe_library(error: Exception) -> tuple[str, int] | None:
    """Failures of libraries that only some commands load; importing them all here would slow every command."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & {"zmq_bridge.sockets.context.OpenBindRefused", "zmq_bridge.simulator.errors.TickFileError"}:
        return str(error), EXIT_POINTLESS
    if names & {"zmq_bridge.sockets.context.SocketError", "zmq_bridge.simulator.errors.SimulatorError"}:
        return str(error), EXIT_FAILED
    if "sqlalchemy.exc.OperationalError" in names:
        said = str(getattr(error, "orig", error)).strip()
        return f"Postgres does not answer: {said}\n{SERVERS_HINT}", EXIT_FAILED
    if names & {"redis.exceptions.ConnectionError", "zmq_bridge.live.errors.LiveUnavailable"}:
        return f"Redis does not answer: {error}\n{SERVERS_HINT}", EXIT_FAILED
    if "zmq_bridge.storage.keys.KeyRequestError" in names:
        return str(error), EXIT_USAGE
    if "sqlalchemy.exc.ProgrammingError" in names and "UndefinedTable" in str(getattr(error, "orig", "").__class__):
        return "the database has no schema yet; `zmq-bridge migrate` makes it", EXIT_POINTLESS
    return None
