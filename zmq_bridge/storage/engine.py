"""One engine a process: psycopg2, a bounded pool, a limit on everything that could wait for ever.

Nothing connects here; the first query does. Numbers in JSON come back as `Decimal`, and a `Decimal` goes in as a
string, so no amount ever passes through a float.
"""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy
from sqlalchemy import Connection, Engine, make_url

POOL_SIZE = 10  # connections kept; a caller past POOL_SIZE + POOL_OVERFLOW waits POOL_WAIT_S, then fails
POOL_OVERFLOW = 10
POOL_WAIT_S = 5.0
POOL_RECYCLE_S = 1800
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000  # a transaction left open by a stuck caller ends, and frees its locks
TCP_USER_TIMEOUT_MS = 20_000  # unanswered data for so long: the server is gone
KEEPALIVE_IDLE_S = 30  # so often the system asks after a server that says nothing: who only listens would never know


def create_engine(
    url: str,
    *,
    application_name: str = "zmq-bridge",
    pool_size: int = POOL_SIZE,
    pool_overflow: int = POOL_OVERFLOW,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    pre_ping: bool = True,
) -> Engine:
    """An engine for a Postgres URL (`postgres://`, `postgresql://` or `postgresql+psycopg2://`).

    Args:
        application_name: what an operator sees in pg_stat_activity.
        pre_ping: ask a pooled connection whether it lives before it is used, a round trip. False for who tries again
            with another when it does not, as the gate does.
    """
    return sqlalchemy.create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=pool_overflow,
        pool_timeout=POOL_WAIT_S,
        pool_recycle=POOL_RECYCLE_S,
        pool_pre_ping=pre_ping,
        connect_args={
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
            "keepalives_idle": KEEPALIVE_IDLE_S,
            "options": _options(statement_timeout_ms, lock_timeout_ms),
        },
        json_serializer=dump_json,
        json_deserializer=load_json,
    )


def read_at_one_moment(connection: Connection) -> None:
    """Let a transaction that has just begun see all as it is now, whatever is committed meanwhile; it only reads."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def dump_json(value: Any) -> str:
    """JSON with exact numbers: a `Decimal` as a string, a time in ISO 8601; NaN is refused."""
    return json.dumps(value, default=_as_text, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def dump_rows(value: Any) -> str:
    """The same in a third of the time, for rows that hold no floats: a NaN among them would become null."""
    return orjson.dumps(value, default=_as_text).decode()


def load_json(text: str | bytes) -> Any:
    """JSON with every fractional number as a `Decimal`."""
    return _DECODER.decode(text if isinstance(text, str) else text.decode())


_DECODER = json.JSONDecoder(parse_float=Decimal)  # made once: making one costs more than a small document


def _as_text(value: object) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"A number in a stored document must be finite; found {value}.")
        return f"{value:f}"  # never 0E-8
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    raise TypeError(f"A stored document may hold text, numbers, times, lists and maps; found {type(value).__name__}.")


def _options(statement_timeout_ms: int, lock_timeout_ms: int) -> str:
    settings = {
        "timezone": "UTC",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
