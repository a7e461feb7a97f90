"""The two servers: do they answer, are they what we need, does the schema fit."""

from __future__ import annotations

from typing import cast

import redis
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.cli.checks.finding import Finding, bad, good, warn
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveError
from zmq_bridge.settings import Settings
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.trading.overview import ServerStanding, schema_standing, server_standing

POSTGRES_MAJOR_MIN = 16
CONNECTIONS_SHARE_MAX = 0.8
MEMORY_SHARE_MAX = 0.8
START_EMBEDDED = "start it with `zmq-bridge up`; its log is {log}"


def check_postgres(settings: Settings) -> list[Finding]:
    """Reachable, new enough, durable, not full, and migrated."""
    engine = create_engine(settings.database_url, application_name="zmq-bridge doctor", pool_size=1)
    try:
        with engine.connect() as connection:
            return [_server(server_standing(connection)), _schema(connection)]
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        start = START_EMBEDDED.format(log=settings.log_dir / "postgres.log")
        mend = start if settings.embedded_postgres else "check DATABASE_URL, the server and the network between"
        return [bad("Postgres", f"expected an answer, found: {said[0] if said else type(error).__name__}", mend)]
    finally:
        engine.dispose()


def check_redis(settings: Settings) -> Finding:
    """Reachable, and with room left."""
    try:
        with open_redis(settings.redis_url) as client:
            found = cast(dict[str, object], client.info())
    except (redis.RedisError, LiveError, OSError) as error:
        start = START_EMBEDDED.format(log=settings.log_dir / "valkey.log")
        mend = start if settings.embedded_redis else "check REDIS_URL, the server and the network between"
        return bad("Redis", f"expected an answer, found: {error}; without it no new risk is taken", mend)
    return _redis(found)


def _redis(found: dict[str, object]) -> Finding:
    version = found.get("valkey_version") or found.get("redis_version")
    used, most = int(str(found["used_memory"])), int(str(found.get("maxmemory", 0)))
    text = f"{found.get('server_name', 'redis')} {version}, {used / 1e6:.0f} MB used"
    if most and used > most * MEMORY_SHARE_MAX:
        return warn("Redis", f"{text} of {most / 1e6:.0f} MB", "raise maxmemory, or look for keys that are not ours")
    return good("Redis", text)


def _server(found: ServerStanding) -> Finding:
    text = (
        f"Postgres {found.version}, {found.database_bytes / 1e6:.0f} MB, "
        f"{found.connections} of {found.connections_max} connections"
    )
    if int(found.version.split(".")[0]) < POSTGRES_MAJOR_MIN:
        return bad("Postgres", f"expected {POSTGRES_MAJOR_MIN} or newer, found {text}", "upgrade the server")
    if not found.durable:
        return bad("Postgres", f"{text}; fsync or full_page_writes is off: a power cut loses money", "turn both on")
    if found.connections > found.connections_max * CONNECTIONS_SHARE_MAX:
        return warn("Postgres", text, "raise max_connections, or run fewer web threads")
    return good("Postgres", text)


def _schema(connection: Connection) -> Finding:
    schema = schema_standing(connection)
    if schema.current:
        return good("schema", f"revision {schema.found}, the newest")
    found = schema.found or "none: the database was never migrated"
    return bad("schema", f"expected revision {schema.expected}, found {found}", "run `zmq-bridge migrate`")
