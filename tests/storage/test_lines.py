"""Lines: kept between transactions, clean when they are lent, and none of them when the server was away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from zmq_bridge.storage.commands import lines as module
from zmq_bridge.storage.commands.lines import Line, Lines
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.engine import create_engine

PID = Prepared("pid", {"anything": "int"}, "SELECT pg_backend_pid() AS pid, %(anything)s AS said")
PUT = Prepared("put", {"number": "int"}, "INSERT INTO numbers VALUES (%(number)s)", first="BEGIN; ")
PUT_AND_COMMIT = Prepared(
    "put_and_commit", {"number": "int"}, "INSERT INTO numbers VALUES (%(number)s)", last="; COMMIT"
)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = create_engine(database, application_name="lines", pool_size=2, pool_overflow=0, pre_ping=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number int PRIMARY KEY)")
    yield engine
    engine.dispose()


@pytest.fixture
def lines(engine: Engine) -> Iterator[Lines]:
    lines = Lines(engine)
    yield lines
    lines.close()


def pid(line: Line) -> int:
    return int(line.run(PID, {"anything": 1})[0].pid)


def numbers(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT number FROM numbers ORDER BY 1").scalars())


def test_the_next_transaction_gets_the_same_connection(lines: Lines) -> None:
    with lines.lend() as line:
        first = pid(line)
    with lines.lend() as line:
        assert pid(line) == first


def test_two_at_once_get_two_and_more_than_the_pool_has(lines: Lines) -> None:
    with lines.lend() as one, lines.lend() as two, lines.lend() as three:
        assert len({pid(one), pid(two), pid(three)}) == 3


def test_what_is_left_open_is_rolled_back_and_its_locks_are_free(engine: Engine, lines: Lines) -> None:
    with lines.lend() as line:
        line.run(PUT, {"number": 1})
    assert numbers(engine) == []
    with lines.lend() as line:
        line.run(PUT, {"number": 1})
        line.run(PUT_AND_COMMIT, {"number": 2})
    assert numbers(engine) == [1, 2]


def test_a_failed_statement_is_told_as_ever_and_the_line_goes_on(engine: Engine, lines: Lines) -> None:
    with lines.lend() as line:
        first = pid(line)
        line.run(PUT_AND_COMMIT, {"number": 1})
        with pytest.raises(IntegrityError) as failed:
            line.run(PUT_AND_COMMIT, {"number": 1})
        assert failed.value.orig is not None
        assert not failed.value.connection_invalidated
    with lines.lend() as line:
        assert pid(line) == first
        line.run(PUT_AND_COMMIT, {"number": 2})
    assert numbers(engine) == [1, 2]


def test_an_error_of_the_borrower_leaves_nothing_open(engine: Engine, lines: Lines) -> None:
    def break_off() -> None:
        with lines.lend() as line:
            line.run(PUT, {"number": 1})
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    with lines.lend() as line:
        line.run(PUT, {"number": 1})
        line.run(PUT_AND_COMMIT, {"number": 3})
    assert numbers(engine) == [1, 3]


def test_one_dead_line_ends_all_that_wait(engine: Engine, lines: Lines, database: str) -> None:
    with lines.lend() as one, lines.lend() as two:
        dead = {pid(one), pid(two)}
    other = create_engine(database)
    with other.begin() as connection:
        for each in dead:
            connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (each,))
    other.dispose()
    with pytest.raises(DBAPIError) as failed, lines.lend() as line:
        pid(line)
    assert failed.value.connection_invalidated
    with lines.lend() as line:
        assert pid(line) not in dead


def test_an_old_line_is_replaced(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    with lines.lend() as line:
        first = pid(line)
    monkeypatch.setattr(module, "POOL_RECYCLE_S", 0)
    with lines.lend() as line:
        assert pid(line) != first
