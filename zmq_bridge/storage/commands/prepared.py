"""Statements that are planned once a connection: for the few queries where planning costs more than running.

PREPARE lives with the server's session, so a pooler in between must keep sessions (PgBouncer: pool_mode = session). A
statement that the server has forgotten, or that a migration made stale, costs its connection: the next one prepares
anew.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

STALE_STATES = frozenset({"26000", "0A000"})  # no such prepared statement; its result type has changed


class Prepared:
    """A named query with `%(name)s` parameters, each of a given Postgres type."""

    def __init__(
        self, name: str, types: Mapping[str, str], query: str, *, first: str = "", last: str = ""
    ) -> None:
        """Describe a statement.

        Args:
            name: unique in the program.
            types: parameter name to Postgres type, every parameter of `query`.
            query: one statement; a literal percent sign is doubled, as ever.
            first: statements that travel in front of each run, with parameters of their own.
            last: statements that travel behind it; then a run returns no rows.
        """
        numbers = {parameter: number for number, parameter in enumerate(types, start=1)}
        body = re.sub(r"%\((\w+)\)s", lambda found: f"${numbers[found[1]]}", query).replace("%%", "%")
        self.name = name
        self.prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {body}"
        self.execute = f"{first}EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in types)}){last}"

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run it, preparing it first where this connection has not seen it."""
        known: set[str] = connection.info.setdefault("prepared", set())
        try:
            if self.name not in known:
                connection.exec_driver_sql(self.prepare, execution_options={"no_parameters": True})
                known.add(self.name)
            return connection.exec_driver_sql(self.execute, dict(values))
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) in STALE_STATES:
                connection.invalidate(error)
            raise
