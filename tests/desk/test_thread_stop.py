"""A desk at rest stops at once: whoever presses Ctrl-C does not wait for the next sweep of a thread."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.support import wait_until
from zmq_bridge.relay import backfill, claims_thread
from zmq_bridge.relay.backfill import BackfillThread
from zmq_bridge.relay.claims_thread import ClaimsThread


@pytest.mark.parametrize("thread_type", [BackfillThread, ClaimsThread])
def test_a_thread_that_sleeps_until_its_sweep_ends_when_it_is_told(
    thread_type: type[BackfillThread | ClaimsThread], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (backfill, claims_thread):
        monkeypatch.setattr(module, "SWEEP_S", 600.0)
    thread = thread_type(engine, lambda report: True)
    thread.start()
    wait_until(lambda: is_at_rest(engine))
    thread.stop()
    assert not thread.is_alive()


def is_at_rest(engine: Engine) -> bool:
    """Whether another connection to this database has said all it wanted to."""
    with engine.connect() as connection:
        others = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle' AND pid <> pg_backend_pid()"
        )
        return bool(others.scalar())
