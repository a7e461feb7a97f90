"""Embedded servers: they keep data through crashes of themselves and of their parent, and refuse in clear words."""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from tests.support import free_port, wait_until
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey, ServerFailed, ServerRefused
from zmq_bridge.embedded.postgres import disk_hint, read_postmaster


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="zb-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home / "pg", log_path=home / "pg.log")
    yield server
    server.stop()


@pytest.fixture
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(home / "valkey", port=free_port(), log_path=home / "valkey.log")
    yield server
    server.stop()


def _run(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(server.url())
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_commit_survives_a_killed_postgres(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    _run(postgres, "CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)")
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, 9)
    assert wait_until(postgres.exit_code) == -9
    postgres.start()
    assert _run(postgres, "SELECT x FROM kept") == [(7,)]


def test_postgres_is_durable_unless_asked_otherwise(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert _run(postgres, f"SHOW {name}") == [("on",)]


def test_postgres_listens_on_a_private_socket_only(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    assert _run(postgres, "SHOW listen_addresses") == [("",)]
    assert (postgres.socket_dir / ".s.PGSQL.5432").is_socket()
    assert stat.S_IMODE(postgres.socket_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [9, 15])
def test_servers_die_with_the_process_that_started_them_and_their_data_stays(home: Path, number: int) -> None:
    port = free_port()
    script = f"""
    import pathlib, time
    from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
    home = pathlib.Path({str(home)!r})
    postgres = EmbeddedPostgres(home / "pg", log_path=home / "pg.log")
    valkey = EmbeddedValkey(home / "valkey", port={port}, log_path=home / "valkey.log")
    postgres.start()
    valkey.start()
    print(postgres.pid, valkey.pid, flush=True)
    time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.stdout.close()
    assert len(pids) == 2
    server = EmbeddedPostgres(home / "pg", log_path=home / "pg.log")
    _run(server, "CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)")
    parent.send_signal(number)
    parent.wait(60)
    server.start()  # at once: it must wait for the dying one
    try:
        assert _run(server, "SELECT x FROM kept") == [(7,)]
        wait_until(lambda: all(_gone(pid) for pid in pids))
    finally:
        server.stop()


def test_a_pid_file_whose_number_now_belongs_to_something_else_is_forgotten(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, 9)
    wait_until(postgres.exit_code)
    pid_file = postgres.data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    assert _run(postgres, "SELECT 1") == [(1,)]


def test_an_interrupted_initialisation_leaves_nothing_that_looks_like_data(postgres: EmbeddedPostgres) -> None:
    half = postgres.data_dir.with_name("pg.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert not half.exists()
    assert _run(postgres, "SELECT current_user::text") == [("zmq_bridge",)]


def test_data_of_another_version_is_refused(postgres: EmbeddedPostgres) -> None:
    postgres.data_dir.mkdir()
    (postgres.data_dir / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServerRefused, match="found: 12"):
        postgres.start()


def test_a_directory_too_deep_for_a_unix_socket_works(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = EmbeddedPostgres(deep / "pg", log_path=home / "pg.log", durable=False)
    server.start()
    try:
        assert _run(server, "SELECT 1") == [(1,)]
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir, ignore_errors=True)


def test_a_strangers_socket_directory_is_not_trusted(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = EmbeddedPostgres(deep / "pg", log_path=home / "pg.log", durable=False)
    server.socket_dir.symlink_to(home)
    try:
        with pytest.raises(ServerRefused, match="Remove it"):
            server.start()
    finally:
        server.socket_dir.unlink()


def test_a_server_that_cannot_start_says_why(postgres: EmbeddedPostgres) -> None:
    broken = EmbeddedPostgres(
        postgres.data_dir, log_path=postgres.log_path, durable=False, options={"shared_buffers": "lots"}
    )
    with pytest.raises(ServerFailed, match='invalid value for parameter "shared_buffers"'):
        broken.start()


def test_stopping_postgres_leaves_no_process_and_no_pid_file(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    assert postgres.pid is not None
    family = [postgres.pid, *(child.pid for child in psutil.Process(postgres.pid).children())]
    postgres.stop()
    wait_until(lambda: all(_gone(pid) for pid in family))
    assert read_postmaster(postgres.data_dir) == (None, "")


def test_streams_survive_a_stop_and_a_start_of_valkey(valkey: EmbeddedValkey) -> None:
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        client.xadd("ticks:EURUSD", {"bid": "1.1"})
    valkey.stop()
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        assert client.xlen("ticks:EURUSD") == 1


def test_a_killed_valkey_is_noticed_and_starts_again(valkey: EmbeddedValkey) -> None:
    valkey.start()
    assert valkey.pid is not None
    os.kill(valkey.pid, 9)
    assert wait_until(valkey.exit_code) == -9
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        assert client.ping()


def garbage(seed: int) -> bytes:
    """Two hundred bytes that are always the same."""
    return random.Random(seed).randbytes(200)


@pytest.mark.parametrize(
    "damage", [b"", b"not a snapshot", b"REDIS0011", *(b"REDIS0011" + garbage(n) for n in range(5))]
)
def test_a_damaged_snapshot_is_put_aside(valkey: EmbeddedValkey, damage: bytes) -> None:
    valkey.data_dir.mkdir(parents=True)
    (valkey.data_dir / "live.rdb").write_bytes(damage)
    valkey.start()
    with redis.Redis.from_url(valkey.url()) as client:
        assert client.dbsize() == 0
    assert (valkey.data_dir / "live.damaged").exists()


def test_a_taken_port_is_named(valkey: EmbeddedValkey) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", valkey.port))
        taken.listen()
        with pytest.raises(ServerRefused, match=str(valkey.port)):
            valkey.start()


def test_a_full_disk_is_explained() -> None:
    assert "df -h" in disk_hint('FATAL: could not write to file "pg_wal/xlogtemp.29": No space left on device')
    assert disk_hint("FATAL: out of memory") == ""
