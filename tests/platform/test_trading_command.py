"""`zmq-bridge trading` while an account is busy: it is stopped, said to be waiting, and not let go on before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from tests.admission.world import LOGIN, World
from zmq_bridge.cli.trading import BUSY, command
from zmq_bridge.live.connection import open_redis
from zmq_bridge.storage import visits
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, hold

Run = Callable[..., Result]


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    engine, client = create_engine(database), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


@pytest.fixture
def run(database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on this test's database; it does not wait long."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("ZMQ_BRIDGE_SECRET_KEY", "s" * 40)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(visits, "WHOLE_S", 0.5)
    return lambda *words: CliRunner().invoke(command, [*words, "--reason", "storm"])


@pytest.mark.parametrize("which", [[], ["--account", str(LOGIN)]], ids=["all", "one"])
def test_a_busy_account_is_stopped_and_said_to_be_busy(
    world: World, run: Run, which: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        told = run("kill", *which)
        assert (told.exit_code, told.output) == (0, f"account {LOGIN}: halted; busy: {BUSY}\n")
        assert world.state() == "halted"
        assert f"account {LOGIN}: busy: {BUSY}" in CliRunner().invoke(command, []).output
    monkeypatch.setattr(visits, "WHOLE_S", 30.0)
    told = run("kill", *which)
    assert told.output.startswith(f"account {LOGIN}: was halted already; 1 command on its way")


def test_nothing_goes_on_before_a_stop_came_to_every_account(world: World, run: Run) -> None:
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        assert run("halted").output == f"all accounts: halted now, active before\naccount {LOGIN}: busy: {BUSY}\n"
        refused = run("active")
        assert refused.exit_code != 0
        assert f"it has not to [{LOGIN}]: they are busy" in str(refused.exception or refused.output)
        assert world.state() == "halted"
    assert run("active").output == "all accounts: active now, halted before\n"
