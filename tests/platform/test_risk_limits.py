"""`zmq-bridge risk limits`: a person sees what an account is held to, and changes it; versions and audit lines stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from tests.admission.world import World
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.cli.risk import command
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
    """The command on this test's database."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("ZMQ_BRIDGE_SECRET_KEY", "s" * 40)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(command, ["limits", *words])


def versions(world: World) -> list[tuple[object, ...]]:
    """What is in force."""
    rows = world.rows(
        "SELECT account_id, source, symbol, magic, limits FROM risk_limits WHERE ended_at IS NULL ORDER BY id"
    )
    return [tuple(row) for row in rows]


def test_a_limit_that_is_set_holds_for_the_next_order_and_is_shown_with_who_set_it(world: World, run: Run) -> None:
    done = run("set", "max_positions=0", "--account", "123456")
    assert done.exit_code == 0, done.output
    assert "max_positions: was not set, is 0" in done.output
    denied = world.buy()
    assert not isinstance(denied, Accepted)
    assert denied.code == "MAX_POSITIONS"
    shown = run("show").output
    assert "account 123456 at Demo-1" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("max_positions ")] == [
        ["max_positions", "0", "10"]
    ]
    assert "account 123456: max_positions=0 (cli" in shown
    [line] = world.rows("SELECT actor, action, after FROM audit_log WHERE action LIKE 'limits.%%'")
    assert (line.actor[:3], line.action, line.after) == ("cli", "limits.set", {"max_positions": 0})


def test_a_change_leaves_the_rest_of_its_row_and_an_empty_value_takes_one_back(world: World, run: Run) -> None:
    account = world.account_id
    run("set", "max_positions=5", "max_lots=1.5", "symbols=EURUSD, GBPUSD", "--account", "123456")
    run("set", "max_positions=6", "--account", "123456")
    whole = {"max_positions": 6, "max_lots": "1.5", "symbols": ["EURUSD", "GBPUSD"]}
    assert versions(world) == [(account, None, None, None, whole)]
    run("set", "max_lots=", "--account", "123456")
    assert versions(world) == [(account, None, None, None, {k: v for k, v in whole.items() if k != "max_lots"})]
    told = run("show", "--history").output
    assert "newest versions: 3 rows" in told
    assert "max_lots=1.5, max_positions=5, symbols=EURUSD,GBPUSD" in told


def test_limits_of_all_accounts_and_of_a_part_of_one_are_rows_of_their_own(world: World, run: Run) -> None:
    run("set", "max_positions=9")
    run("set", "max_lots=2", "--account", "123456", "--symbol", "EURUSD", "--strategy", "7", "--source", "key-1")
    run("set", "hours=[[[1, 0, 3600]]]", "--account", "123456", "--symbol", "GBPUSD")
    assert versions(world) == [
        (None, None, None, None, {"max_positions": 9}),
        (world.account_id, "key-1", "EURUSD", 7, {"max_lots": "2"}),
        (world.account_id, None, "GBPUSD", None, {"hours": [[[1, 0, 3600]]]}),
    ]
    told = run("show").output
    assert "all accounts: max_positions=9" in told
    assert "account 123456, source key-1, symbol EURUSD, strategy 7: max_lots=2" in told
    ended = run("end", "--account", "123456", "--symbol", "GBPUSD")
    assert (ended.exit_code, ended.output) == (0, "ended\n")
    assert len(versions(world)) == 2
    assert run("end", "--account", "123456", "--symbol", "GBPUSD").exit_code != 0


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(world: World, run: Run) -> None:
    assert run("set", "max_positions=5", "--version", "0").exit_code == 0
    [(seen,)] = world.rows("SELECT id FROM risk_limits WHERE ended_at IS NULL")
    assert run("set", "max_positions=6", "--version", str(seen)).exit_code == 0
    late = run("set", "max_positions=7", "--version", str(seen))
    assert late.exit_code != 0
    assert f"expected version {seen}, found" in str(late.exception)
    assert run("end", "--version", "0").exit_code != 0
    assert versions(world) == [(None, None, None, None, {"max_positions": 6})]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["max_position=5"], "unknown limits: max_position"),
        (["max_positions=many"], "max_positions: expected int, found 'many'"),
        (["max_positions=NaN"], "max_positions: expected int"),
        (["max_lots=Infinity"], "max_lots: expected a finite Decimal"),
        (["max_lots=-1"], "max_lots: expected 0 to"),
        (["max_positions"], "expected NAME=VALUE, found 'max_positions'"),
        (["hours=monday"], "hours: expected groups"),
        (["max_lots=1", "--account", "5"], "expected one of the known accounts (123456 at Demo-1), found 5"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_changes_nothing(
    world: World, run: Run, words: list[str], told: str
) -> None:
    result = run("set", *words)
    assert result.exit_code != 0
    assert told in result.output + str(result.exception)
    assert versions(world) == []


def test_stored_limits_that_nobody_can_read_are_said_to_deny_everything(world: World, run: Run) -> None:
    world.run("INSERT INTO risk_limits (limits, actor) VALUES ('{\"max_lots\": \"broken\"}', 'x')")
    result = run("show")
    assert result.exit_code != 0
    assert "everything is denied: max_lots" in str(result.exception)


@pytest.mark.parametrize("words", [["set", "max_positions=3"], ["end"]])
def test_limits_of_all_accounts_name_who_is_busy_and_are_in_force_all_the_same(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(visits, "WHOLE_S", 0.3)
    run("set", "max_positions=4")
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        done = run(*words)
    assert (done.exit_code, "busy, or not come to: 123456" in done.output) == (0, True), done.output
    assert [row[-1] for row in versions(world)] == ([{"max_positions": 3}] if len(words) > 1 else [])
    monkeypatch.setattr(visits, "WHOLE_S", 30)
    assert "busy" not in run("set", "max_positions=5").output
