"""Hearing NOTIFY on a connection of one's own: the few lines that are easily got wrong.

A notice also comes in with the answer to a query, and then the descriptor says nothing: `take` before waiting, not only
after. A connection that ended raises `NoticesLost`; what was notified meanwhile must be looked up. A connection that
listens is never given back to the pool: it would hear on, and a dead one fails there with an error that nobody expects.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg2
from sqlalchemy import Connection, Engine


class NoticesLost(Exception):
    """The connection ended; listen anew on another, and look up what may have been missed."""


@contextmanager
def listening(engine: Engine, channels: Iterable[str]) -> Iterator[Connection]:
    """A connection that listens to channels and commits by itself; it is closed at the end, whatever ended it."""
    with engine.connect() as connection:
        try:
            yield listen(connection, channels)
        finally:
            connection.invalidate()


def listen(connection: Connection, channels: Iterable[str]) -> Connection:
    """Listen to channels; returns the connection to use from now on, which commits by itself."""
    listening = connection.execution_options(isolation_level="AUTOCOMMIT")
    for channel in channels:
        listening.exec_driver_sql(f"LISTEN {channel}")
    return listening


def take(connection: Connection) -> list[tuple[str, str]]:
    """The notices that have come in, as (channel, payload).

    Raises:
        NoticesLost: the connection has ended.
    """
    link = _link(connection)
    try:
        link.poll()
    except psycopg2.Error as error:
        raise NoticesLost(" ".join(str(error).split()) or type(error).__name__) from error
    found = [(notice.channel, notice.payload) for notice in link.notifies]
    link.notifies.clear()
    return found


def wait(connection: Connection, stop: int, timeout_s: float | None = None) -> bool:
    """Wait until something comes in or `stop` can be read, or the time is over; True: `stop` can be read."""
    readable, _, _ = select.select([_link(connection), stop], [], [], timeout_s)
    return stop in readable


def _link(connection: Connection) -> Any:
    return cast(Any, connection.connection.driver_connection)
