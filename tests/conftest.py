"""Real servers for tests: one Postgres and one Valkey per run, a fresh database per test.

Everything lives in one temporary directory of this run, so runs of different users, and a running `make run`, never
meet. The Postgres here is not durable (fsync off); apart from that it is the embedded server of the product.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import psycopg2.extensions
import pytest
import redis
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from tests import support
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey, ServerFailed, ServerRefused
from zmq_bridge.embedded.postgres import ROLE, SUPERUSER
from zmq_bridge.storage.engine import create_engine

TEMPLATE = "migrated_template"
COPYING = "STRATEGY file_copy"  # several times faster than writing the copy to the log, which nobody needs here
MEMORY = Path("/dev/shm")
MEMORY_FREE_MIN_BYTES = 3_000_000_000
RUN_PREFIX = "zb-run-"
LOCK_TIMEOUT_MS = 60_000  # many workers at one lock take turns, on a busy machine for longer than the product waits
START_TRIES = 5  # a free port can be taken between finding and using it

# Properties are tried on the same examples in every run, however slow the machine is.
FORGIVING = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same everywhere", FORGIVING, derandomize=True)
settings.register_profile("search", FORGIVING)  # HYPOTHESIS_SEARCH=1: looks for new examples
settings.load_profile("search" if os.environ.get("HYPOTHESIS_SEARCH") else "same everywhere")


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """A directory of this run, with a short name (unix sockets live below it)."""
    home = _home()
    _sweep(home)
    directory = Path(tempfile.mkdtemp(prefix=f"{RUN_PREFIX}{os.getpid()}-", dir=home))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(run_dir: Path) -> Iterator[EmbeddedPostgres]:
    """The Postgres server of this run."""
    server = EmbeddedPostgres(
        run_dir / "pg", log_path=run_dir / "postgres.log", durable=False, options={"max_wal_size": "256MB"}
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: EmbeddedPostgres) -> str:
    """Superuser's URL of the maintenance database; only to make and drop databases."""
    return postgres_server.url("postgres", SUPERUSER)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres, postgres_url: str) -> str:
    """Name of a database that has all migrations; each test gets a copy."""
    from zmq_bridge.storage.migrations import migrate

    _maintain(postgres_url, f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}")
    migrate(postgres_server.url(TEMPLATE))
    _maintain(
        postgres_url,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'",
        f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false",
    )
    return TEMPLATE


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, postgres_url: str, migrated_template: str) -> Iterator[str]:
    """URL of a fresh, migrated database of this test's own, as its ordinary owner (no superuser)."""
    yield from _database(postgres_server, postgres_url, migrated_template)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = create_engine(database, application_name="test", lock_timeout_ms=LOCK_TIMEOUT_MS)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres, postgres_url: str) -> Iterator[str]:
    """URL of a database without any table."""
    yield from _database(postgres_server, postgres_url, "template1")


@pytest.fixture(scope="session")
def redis_server(run_dir: Path) -> Iterator[EmbeddedValkey]:
    """The Redis-protocol server of this run."""
    server = start_valkey(run_dir / "valkey")
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedValkey) -> str:
    """URL of the Redis-protocol server, emptied."""
    with redis.Redis.from_url(redis_server.url()) as client:
        client.flushall()
    return redis_server.url()


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nobody uses."""
    return support.free_port()


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Several at once: `free_ports(4)`."""
    return lambda count: [support.free_port() for _ in range(count)]


@pytest.fixture
def wait_until() -> Callable[..., object]:
    """The polling helper as a fixture; see `tests.support.wait_until`."""
    return support.wait_until


def start_valkey(data_dir: Path) -> EmbeddedValkey:
    """A Redis-protocol server on a free port, its data in memory only. The caller stops it."""
    for tries_left in reversed(range(START_TRIES)):
        server = EmbeddedValkey(
            data_dir, port=support.free_port(), log_path=data_dir.with_suffix(".log"), keep=False
        )
        try:
            server.start()
            return server
        except (ServerRefused, ServerFailed):
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _home() -> Path:
    """Memory where there is plenty (a database per test is much quicker there), else the temporary directory."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_FREE_MIN_BYTES:
        return MEMORY
    return Path(tempfile.gettempdir())


def _sweep(home: Path) -> None:
    """Remove what killed runs of this user left behind."""
    for left in home.glob(f"{RUN_PREFIX}*"):
        pid = left.name.removeprefix(RUN_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)) and left.stat().st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)


def _database(server: EmbeddedPostgres, postgres_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    _maintain(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ROLE} {COPYING}")
    yield server.url(name)
    _maintain(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _maintain(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()
