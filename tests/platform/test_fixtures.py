"""The shared fixtures themselves: isolated, empty, and as an ordinary role."""

import subprocess
import sys

import psycopg2
import redis

from tests import support


def _run(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def test_a_test_database_is_used_by_a_role_that_is_no_superuser(empty_database: str) -> None:
    assert _run(empty_database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_a_test_database_starts_without_tables(empty_database: str) -> None:
    count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert _run(empty_database, count) == [(0,)]
    assert _run(empty_database, "CREATE TABLE left_over (x int); " + count) == [(1,)]


def test_a_test_database_starts_without_tables_again(empty_database: str) -> None:
    test_a_test_database_starts_without_tables(empty_database)


def test_redis_is_emptied_before_each_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_is_emptied_before_each_test_again(redis_url: str) -> None:
    test_redis_is_emptied_before_each_test(redis_url)


PORTS_OF_ANOTHER_RUN = """
from tests.support import free_port
print(*(free_port() for _ in range(200)), flush=True)
input()
"""


def test_free_ports_are_never_handed_out_twice_by_whatever_run_of_this_machine() -> None:
    ask = [sys.executable, "-c", PORTS_OF_ANOTHER_RUN]
    with (
        subprocess.Popen(ask, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(ask, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second,
    ):
        ports = [support.free_port() for _ in range(200)]
        for other in (first, second):
            assert other.stdout is not None
            ports += map(int, other.stdout.readline().split())
        for other in (first, second):
            other.communicate("\n")
    assert len(set(ports)) == len(ports) == 600
