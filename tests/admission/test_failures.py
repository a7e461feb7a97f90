"""Servers that fail at the worst moment: nothing half done, nothing claimed that is not so."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
import redis
from sqlalchemy import Engine

from tests.admission.world import BUY, World, position
from zmq_bridge.admission.answers import Accepted, Code, Denied, Unavailable
from zmq_bridge.admission.directory import Directory
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.requests import CloseAll
from zmq_bridge.admission.schema import parse_signal
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.storage.commands.lines import Line
from zmq_bridge.storage.commands.outcome import WRITE_ALL
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, hold


class Interrupted:
    """Live state as it is, with something happening while it is read: between the gate's reading and its writing."""

    def __init__(self, client: redis.Redis, happening: Callable[[], object]) -> None:
        self._reader, self._happening = LiveReader(client), happening

    @contextmanager
    def asking(self, login: int):
        yield lambda: self.market(login)

    def market(self, login: int):
        self._happening()
        return self._reader.market(login)


@pytest.fixture
def victim(database: str) -> Iterator[Engine]:
    """An engine whose connections can be told from others'."""
    engine = create_engine(database, application_name="victim", lock_timeout_ms=300)
    yield engine
    engine.dispose()


def kill_victim(world: World) -> None:
    """End every connection of the victim, as a crash or a restart of the server would."""
    world.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'")


def nothing_stored(world: World) -> bool:
    tables = ("signals", "risk_decisions", "commands", "reservations")
    return not any(world.count(table) for table in tables)


def test_a_connection_lost_between_reading_and_writing_leaves_nothing(world, victim):
    gate = Gate(victim, Interrupted(world.client, lambda: kill_victim(world)), clock=world.clock)
    world.freshen()
    answer = gate.admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Unavailable)
    assert answer.code == Code.DATABASE_UNAVAILABLE
    assert nothing_stored(world)


def interrupted_times(world: World, times: int) -> Interrupted:
    """Live state whose first readings cost the victim its connections."""
    lives = iter([kill_victim] * times)

    def kill_once() -> None:
        for kill in lives:
            kill(world)
            return

    return Interrupted(world.client, kill_once)


def test_one_dead_connection_is_replaced_within_the_request(world, victim):
    gate = Gate(victim, interrupted_times(world, 1), clock=world.clock)
    world.freshen()
    answer = gate.admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Accepted), answer
    assert [row.id for row in world.rows("SELECT id FROM commands")] == [answer.command_id]


def test_the_same_key_may_be_tried_again_after_a_lost_connection(world, victim):
    gate = Gate(victim, interrupted_times(world, 2), clock=world.clock)
    world.freshen()
    signal = parse_signal(BUY | {"idempotency_key": "k"})
    assert isinstance(gate.admit(signal, world.source), Unavailable)
    again = gate.admit(signal, world.source)
    assert isinstance(again, Accepted)
    assert not again.duplicate


def test_a_pool_without_pings_survives_a_restart_of_the_server(world, database):
    engine = create_engine(database, application_name="victim", pre_ping=False)
    gate = Gate(engine, LiveReader(world.client), clock=world.clock)
    world.freshen()
    assert isinstance(gate.admit(parse_signal(BUY), world.source), Accepted)
    kill_victim(world)
    assert isinstance(gate.admit(parse_signal(BUY | {"volume": "0.02"}), world.source), Accepted)
    engine.dispose()


def test_an_account_that_appears_makes_a_request_without_one_ambiguous_soon(world, engine):
    seconds = iter([0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 3.0])
    directory = Directory(clock=lambda: next(seconds))
    with engine.connect() as connection:
        assert directory.find(connection, world.source, None, None).id == world.account_id
    world.add_account(777)
    with engine.connect() as connection:
        assert directory.find(connection, world.source, None, None).id == world.account_id  # remembered for 2 s
        assert directory.find(connection, world.source, 777, None).login == 777  # looked for at once
        assert directory.find(connection, world.source, None, None).code == Code.ACCOUNT_REQUIRED


@pytest.fixture
def at_the_write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let something happen just before the gate's last statement, which writes and commits, is sent."""
    send = Line.run

    def install(happening: Callable[[Callable[[], object]], object], times: int = 1) -> None:
        left = iter(range(times))

        def run(line: Line, statement: Any, values: Any) -> list[Any]:
            if statement is WRITE_ALL and next(left, None) is not None:
                happening(lambda: send(line, statement, values))
            return send(line, statement, values)

        monkeypatch.setattr(Line, "run", run)

    return install


def test_connections_lost_before_the_commit_leave_nothing_and_it_says_so(world, victim, at_the_write):
    at_the_write(lambda commit: kill_victim(world), times=2)
    world.freshen()
    answer = Gate(victim, LiveReader(world.client), clock=world.clock).admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Unavailable)
    assert answer.code == Code.DATABASE_UNAVAILABLE
    assert nothing_stored(world)


def test_a_connection_lost_before_the_commit_is_replaced_and_the_order_stored_once(world, victim, at_the_write):
    at_the_write(lambda commit: kill_victim(world))
    world.freshen()
    answer = Gate(victim, LiveReader(world.client), clock=world.clock).admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Accepted), answer
    assert not answer.duplicate
    assert [row.id for row in world.rows("SELECT id FROM commands")] == [answer.command_id]


def test_a_commit_whose_confirmation_is_lost_is_found_and_accepted(world, victim, at_the_write):
    def commit_and_kill(commit: Callable[[], object]) -> None:
        commit()
        kill_victim(world)

    at_the_write(commit_and_kill)
    world.freshen()
    answer = Gate(victim, LiveReader(world.client), clock=world.clock).admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Accepted), answer
    assert not answer.duplicate
    assert [row.id for row in world.rows("SELECT id FROM commands")] == [answer.command_id]


def test_a_commit_that_nobody_can_look_up_is_called_unknown(world, victim, postgres_url, at_the_write):
    name = victim.url.database

    def commit_and_close_the_door(commit: Callable[[], object]) -> None:
        commit()
        door = psycopg2.connect(postgres_url)
        door.autocommit = True
        door.cursor().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        door.close()
        kill_victim(world)

    at_the_write(commit_and_close_the_door)
    world.freshen()
    answer = Gate(victim, LiveReader(world.client), clock=world.clock).admit(parse_signal(BUY), world.source)
    assert isinstance(answer, Unavailable)
    assert answer.code == Code.OUTCOME_UNKNOWN
    assert answer.signal_id is not None


def test_without_the_database_nothing_is_decided(world, database):
    unreachable = create_engine(database.replace("/test_", "/gone_"))
    answer = Gate(unreachable, LiveReader(world.client)).admit(parse_signal(BUY), world.source)
    assert answer.code == Code.DATABASE_UNAVAILABLE
    assert nothing_stored(world)


def test_an_account_that_stays_locked_is_not_waited_for_for_ever(world, victim):
    gate = Gate(victim, LiveReader(world.client), clock=world.clock)
    world.freshen()
    with world.engine.begin() as connection:
        hold(connection, Lock.ADMISSION, world.account_id)
        assert gate.admit(parse_signal(BUY), world.source).code == Code.DATABASE_UNAVAILABLE
    assert nothing_stored(world)
    assert isinstance(gate.admit(parse_signal(BUY), world.source), Accepted)


def test_a_wait_for_the_lock_makes_a_quote_older(world, engine):
    """The moment of the decision is the moment of its turn, not of its arrival."""
    world.freshen()
    gate = Gate(engine, Interrupted(world.client, lambda: later(world)), clock=world.clock)
    assert gate.admit(parse_signal(BUY), world.source).code in ("QUOTE_STALE", "TERMINAL_SILENT", "ACCOUNT_STALE")


def later(world: World) -> None:
    """A quarter of a minute passes."""
    world.clock.now += timedelta(seconds=15)


def test_without_redis_nothing_is_opened_and_everything_can_be_closed(world, free_port):
    gone = open_redis(f"redis://127.0.0.1:{free_port}")
    gate = Gate(world.engine, LiveReader(gone), clock=world.clock)
    world.freshen()
    world.snapshot(positions=[position(1)])
    denied = gate.admit(parse_signal(BUY), world.source)
    assert isinstance(denied, Denied)
    assert denied.code == Code.LIVE_STATE_UNAVAILABLE
    assert world.count("commands") == 0
    assert isinstance(gate.admit(parse_signal({"symbol": "EURUSD", "action": "CLOSE"}), world.source), Accepted)
    assert isinstance(gate.request(CloseAll(), world.source), Accepted)


def test_a_redis_that_never_answers_is_given_up_soon(world):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = open_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}", answer_timeout_s=0.2)
        began = time.monotonic()
        answer = Gate(world.engine, LiveReader(hung), clock=world.clock).admit(parse_signal(BUY), world.source)
        assert time.monotonic() - began < 10
    assert answer.code == Code.LIVE_STATE_UNAVAILABLE


def test_a_statement_that_the_server_forgot_costs_one_answer_only(world, engine):
    assert isinstance(world.buy(volume="0.01"), Accepted)
    with world.gate._lines.lend() as line:
        line.connection.exec_driver_sql("DEALLOCATE ALL")
    assert world.buy(volume="0.01").code == Code.DATABASE_UNAVAILABLE
    assert isinstance(world.buy(volume="0.01"), Accepted)
