"""NOTIFY as the desk, the stream and the sender hear it."""

import os

import pytest

from tests.support import wait_until
from zmq_bridge.storage import notices
from zmq_bridge.storage.notices import NoticesLost


def test_a_notice_that_comes_in_with_an_answer_is_not_overslept(engine):
    read_end, write_end = os.pipe()
    with engine.connect() as first, engine.connect() as other:
        listening = notices.listen(first, ["news"])
        other.exec_driver_sql("SELECT pg_notify('news', 'one')")
        other.commit()
        wait_until(
            lambda: listening.exec_driver_sql("SELECT 1").scalar() and notices.take(listening) == [("news", "one")]
        )
        assert not notices.wait(listening, read_end, 0.05)
        assert notices.take(listening) == []
        os.write(write_end, b".")
        assert notices.wait(listening, read_end, 5.0)
    os.close(read_end)
    os.close(write_end)


def test_a_connection_that_ended_is_told_apart_from_silence(engine):
    with engine.connect() as first, engine.connect() as other:
        listening = notices.listen(first, ["news"])
        pid = listening.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        other.commit()
        with pytest.raises(NoticesLost):
            wait_until(lambda: notices.take(listening) is None)
        first.invalidate()


def test_a_listener_whose_server_died_ends_with_the_error_that_found_it(engine):
    """Not with one of the pool's, which would have to give the dead connection back."""
    with pytest.raises(NoticesLost, match="found elsewhere"):
        listen_until_dead(engine)


def listen_until_dead(engine):
    with notices.listening(engine, ["news"]) as connection, engine.connect() as other:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        wait_until(lambda: not lives(other, pid))
        raise NoticesLost("found elsewhere")


def lives(connection, pid):
    found = connection.exec_driver_sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}").all()
    connection.rollback()
    return bool(found)


def test_a_connection_that_listened_is_not_given_back(engine):
    with notices.listening(engine, ["news"]) as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with engine.connect() as other:
        wait_until(lambda: not lives(other, pid))


def test_who_only_listens_hears_soon_that_its_server_is_out_of_reach(engine):
    """Nothing is sent on such a connection: only the system's own question finds out, after two hours if not told."""
    with engine.connect() as connection:
        told = connection.connection.driver_connection.info.dsn_parameters
    assert 0 < int(told["keepalives_idle"]) <= 60
    assert 0 < int(told["tcp_user_timeout"]) <= 60_000
