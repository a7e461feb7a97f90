"""The command line as a person meets it: help, mistakes, keys; each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import zmq
from click.testing import CliRunner

from risk.states import Cause, Hold
from tests.forked import run_program
from tests.support import free_port
from zmq_bridge.cli import COMMANDS
from zmq_bridge.cli.panel import LivePrice, curl_line
from zmq_bridge.cli.simulate import command as simulate
from zmq_bridge.settings import load_settings
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.risk.holding import impose
from zmq_bridge.storage.risk.trading_state import activate_reconciled

ROOT = Path(__file__).parents[2]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with these variables and no others of ours."""
    ours = ("ZMQ_BRIDGE_", "DATABASE_URL", "REDIS_URL")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return run_program(words, env | {"COLUMNS": "200"} | variables, timeout_s=110)


def test_the_program_starts_as_a_module() -> None:
    """As the supervisor starts its children; what follows forks it, which is quicker."""
    told = subprocess.run(
        [sys.executable, "-m", "zmq_bridge.cli", "keys", "--help"], capture_output=True, text=True, check=False,
        timeout=110,
    )  # fmt: skip
    assert told.returncode == 0
    assert "Usage: zmq-bridge keys" in told.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    told = run(name, "--help")
    assert told.returncode == 0
    assert f"Usage: zmq-bridge {name}" in told.stdout
    assert len(told.stdout.splitlines()) > 4


def test_help_lists_every_command_with_one_line() -> None:
    told = run("--help").stdout
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", told, re.MULTILINE)


def test_an_unknown_command_is_a_usage_error() -> None:
    told = run("statsu")
    assert told.returncode == 2
    assert "No such command" in told.stderr


def test_wrong_settings_are_told_without_a_traceback() -> None:
    told = run("migrate", ZMQ_BRIDGE_WEB_PORT="eighty", ZMQ_BRIDGE_LOG_LEVEL="LOUD")
    assert told.returncode == 78
    assert "2 problem(s) in the settings" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_database_that_does_not_answer_is_told_without_a_traceback(tmp_path: Path) -> None:
    told = run("keys", "list", ZMQ_BRIDGE_VAR_DIR=str(tmp_path))
    assert told.returncode == 1
    assert "Postgres does not answer" in told.stderr
    assert "Traceback" not in told.stderr


def test_keys_are_made_listed_and_revoked(database: str, redis_url: str) -> None:
    servers = {"DATABASE_URL": database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    made = run("keys", "create", "my bot", "--scope", "signal", "--account", "123456", **servers)
    key = made.stdout.strip()
    assert re.fullmatch(r"zb_[0-9a-f]{12}_[\w-]{43}", key)
    listed = run("keys", "list", **servers).stdout
    assert "my bot" in listed
    assert key not in listed
    key_id = re.search(r"\b[0-9A-Z]{26}\b", listed)
    assert key_id is not None
    assert run("keys", "revoke", key_id.group(), **servers).returncode == 0
    assert "revoked" in run("keys", "list", **servers).stdout
    again = run("keys", "revoke", key_id.group(), **servers)
    assert again.returncode != 0
    assert "living key" in again.stderr


@pytest.mark.parametrize(("more", "said"), [(("--user", "99"), "found 99"), ((), "found scope member and no user")])
def test_a_members_key_needs_a_member_that_exists(
    database: str, redis_url: str, more: tuple[str, ...], said: str
) -> None:
    servers = {"DATABASE_URL": database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    told = run("keys", "create", "hers", "--scope", "member", *more, **servers)
    assert told.returncode == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_status_says_what_is_down_and_fails(database: str) -> None:
    port = str(free_port())
    nothing = {"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{port}/none", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    helped = run("status", "--help").stdout
    assert "Exit code 1 when any part is down" in " ".join(helped.split())
    for servers in (nothing, {"DATABASE_URL": database, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}):
        told = run("status", **servers, ZMQ_BRIDGE_SECRET_KEY="k" * 40, ZMQ_BRIDGE_WEB_PORT=port, COLUMNS="80")
        assert told.returncode == 1, told.stdout
        assert re.search(r"^\S.* down ", told.stdout, re.MULTILINE)


def test_tables_fit_a_terminal_of_80_columns_and_a_pipe_has_a_row_a_line(database: str, redis_url: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        for login in (7, 123456789):
            ensure_account(
                connection, login=login, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging",
                leverage=100,
            )  # fmt: skip
        create_key(
            connection, name="a key with quite a long name", scopes=["read", "trade", "signal"], now=datetime.now(UTC),
            actor="test", symbols=["EURUSD", "GBPUSD", "USDJPY"],
        )  # fmt: skip
    engine.dispose()
    servers = {"DATABASE_URL": database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    for words in (["status"], ["keys", "list"], ["notifications", "events"]):
        shown = run(*words, **servers, COLUMNS="80", FORCE_COLOR="1").stdout
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown.splitlines()]
        assert lines
        if words != ["status"]:
            assert max(map(len, lines)) <= 80, shown
        else:
            assert "account      7" in "\n".join(lines)
    piped = run("keys", "list", **servers, COLUMNS="80").stdout
    assert any("a key with quite a long name" in line and "EURUSD GBPUSD USDJPY" in line for line in piped.splitlines())
    assert re.search(r"^123456789 +halted", run("status", **servers, COLUMNS="80").stdout, re.MULTILINE)


def test_trading_is_halted_for_everybody_and_for_one_account_with_a_reason(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        account = ensure_account(
            connection, login=7, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging", leverage=100
        )
    servers = {"DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    assert run("trading", "halted", **servers).returncode == 2
    assert run("trading", "halted", "--reason", "test", **servers).stdout == "all accounts: halted now, active before\n"
    told = run("trading", "active", "--account", "7", "--reason", "test", **servers).stdout
    assert told == "account 7: still halted, not active: not reconciled yet\n"
    with engine.begin() as connection:
        activate_reconciled(connection, account.id, datetime.now(UTC))
    unknown = run("trading", "halted", "--account", "8", "--reason", "test", **servers)
    assert "expected a known login (7), found 8" in unknown.stderr
    shown = run("trading", **servers).stdout
    assert shown.startswith("all accounts: halted\n")
    assert re.search(r"^7 +Demo +halted +test +cli", shown, re.MULTILINE)
    assert "account 7: halted: all accounts: test; lifted by `zmq-bridge trading active --reason WHY`" in shown
    assert run("trading", "active", "--reason", "test", **servers).stdout == "all accounts: active now, halted before\n"
    assert re.search(r"^7 +Demo +active", run("trading", **servers).stdout, re.MULTILINE)
    with engine.connect() as connection:
        written = connection.exec_driver_sql("SELECT actor FROM audit_log WHERE action = 'trading_state.set'").all()
    assert len(written) == 3
    assert all(row.actor.startswith("cli") for row in written)
    engine.dispose()


def test_the_kill_switch_is_used_and_what_a_person_lifts_is_lifted_by_name(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        account = ensure_account(
            connection, login=7, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging", leverage=100
        )
        activate_reconciled(connection, account.id, datetime.now(UTC))
    servers = {"DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    because = ("--reason", "x")
    for wrong in (
        ["kill"], ["kill", "--reason", " "], ["halted", "--close", *because], ["kill", "7", *because],
        ["adopt", "x", "--account", "7", *because], ["release-strategy", *because],
    ):  # fmt: skip
        assert run("trading", *wrong, **servers).returncode == 2
    told = run("trading", "kill", "--close", "--account", "7", "--reason", "storm", **servers).stdout
    assert told == "account 7: halted; 1 command on its way, 0 orders stopped unsent, 0 recalled\n"
    again = run("trading", "kill", "--reason", "storm", "--account", "7", **servers).stdout
    assert again == "account 7: was halted already; 0 commands on their way, 0 orders stopped unsent, 0 recalled\n"
    shown = run("trading", **servers).stdout
    assert "the terminal has not acknowledged yet; left: 0 pending orders, 0 positions; 1 command without a" in shown
    for nothing in (["reset-drawdown"], ["release-strategy", "7"]):
        told = run("trading", *nothing, "--account", "7", "--reason", "x", **servers).stdout
        assert told == "nothing was latched\n"
    told = run("trading", "adopt", "5", "--account", "7", "--reason", "x", **servers).stdout
    assert told == "no open position or working order has this ticket\n"
    told = run("trading", "active", "--account", "7", "--reason", "over", **servers).stdout
    assert told == "account 7: active now, halted before\n"
    engine.dispose()


def test_a_database_without_schema_is_told_so(empty_database: str) -> None:
    told = run("keys", "list", DATABASE_URL=empty_database, ZMQ_BRIDGE_SECRET_KEY="k" * 40)
    assert told.returncode == 78
    assert "zmq-bridge migrate" in told.stderr
    assert "Traceback" not in told.stderr


def test_migrate_brings_an_empty_database_up_and_may_be_repeated(empty_database: str) -> None:
    servers = {"DATABASE_URL": empty_database, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    assert run("migrate", **servers).returncode == 0
    assert run("migrate", **servers).returncode == 0
    assert run("keys", "list", **servers).stdout.startswith("no keys yet")


def test_doctor_names_what_is_down_and_what_works(database: str, tmp_path: Path) -> None:
    told = run(
        "doctor", DATABASE_URL=database, ZMQ_BRIDGE_SECRET_KEY="k" * 40, ZMQ_BRIDGE_VAR_DIR=str(tmp_path),
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", ZMQ_BRIDGE_FEED_PORT=str(free_port()),
    )  # fmt: skip
    lines = {line.split()[1]: line for line in told.stdout.splitlines() if line[:1] in "✓!✗"}
    assert told.returncode == 1
    assert lines["schema"].startswith("✓")
    assert lines["Redis"].startswith("✗")
    assert lines["proxy"].startswith("✗")
    assert "fsync" in lines["Postgres"]  # the tests' server is not durable, and a doctor must see that


def test_doctor_does_not_take_another_directorys_desk_for_ours(database: str, redis_url: str) -> None:
    """Its ports answer, but the figures that a desk of ours would write are not there."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as ask, context.socket(zmq.ROUTER) as submit:
        told = run(
            "doctor", DATABASE_URL=database, REDIS_URL=redis_url, ZMQ_BRIDGE_SECRET_KEY="k" * 40,
            ZMQ_BRIDGE_TERMINAL_PORT=str(ask.bind_to_random_port("tcp://127.0.0.1")),
            ZMQ_BRIDGE_STRATEGY_PORT=str(submit.bind_to_random_port("tcp://127.0.0.1")),
        )  # fmt: skip
    assert told.returncode == 1
    assert "expected its fresh figures in bridge:stats" in told.stdout
    assert "another directory" in told.stdout


def test_doctor_takes_a_proxy_that_stands_still_for_no_proxy(database: str, redis_url: str) -> None:
    """The system still accepts its connections; nobody says the first bytes of ZeroMQ on them."""
    with socket.create_server(("127.0.0.1", 0)) as feed, socket.create_server(("127.0.0.1", 0)) as subscribe:
        ports = feed.getsockname()[1], subscribe.getsockname()[1]
        told = run(
            "doctor", DATABASE_URL=database, REDIS_URL=redis_url, ZMQ_BRIDGE_SECRET_KEY="k" * 40,
            ZMQ_BRIDGE_FEED_PORT=str(ports[0]), ZMQ_BRIDGE_SUBSCRIBE_PORT=str(ports[1]),
        )  # fmt: skip
    assert told.returncode == 1
    expected = f"expected an answer of ZeroMQ on port {ports[0]} (terminals publish), {ports[1]} (strategies subscribe)"
    assert expected in " ".join(told.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--symbols", "EURUSD,FOO"], "--symbols: expected some of EURUSD, "),
        (["--replay", "EURUSD.csv"], "EURUSD.csv: expected a known tick format"),
        (["--replay", "EURUSD.csv", "--symbols", "A,B"], "one symbol for each of the 1 replayed files, found 2"),
        (["--replay", "nowhere.csv"], "'nowhere.csv' does not exist"),
        (["--speed", "0"], "expected a number above 0 or max"),
    ],
)
@pytest.mark.parametrize("command", ["up", "simulate"])
def test_a_simulation_that_cannot_be_fed_is_refused_before_anything_starts(
    command: str, words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("EURUSD.csv").write_text("these are,no ticks\n")
    told = run(command, *words, ZMQ_BRIDGE_VAR_DIR=str(tmp_path / "var"), PYTHONPATH=str(ROOT))
    assert told.returncode in (2, 78)
    assert expected in told.stderr
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("command", ["deposit", "withdraw"])
@pytest.mark.parametrize("amount", ["-5", "-0.01", "0", "1e3", "5.001", "--5", "lots"])
def test_what_is_no_amount_of_money_is_refused_by_what_was_found(command: str, amount: str) -> None:
    told = CliRunner().invoke(simulate, [command, amount])
    assert told.exit_code == 2
    assert f"AMOUNT: expected a positive amount like 500.00, found '{amount}'" in told.output


def test_doctor_names_a_database_without_schema(empty_database: str, redis_url: str) -> None:
    told = run("doctor", DATABASE_URL=empty_database, REDIS_URL=redis_url, ZMQ_BRIDGE_SECRET_KEY="k" * 40)
    assert told.returncode == 1
    assert "never migrated" in told.stdout
    assert "zmq-bridge migrate" in told.stdout


def test_the_bridge_refuses_an_open_bind_without_credentials() -> None:
    told = run("bridge", "proxy", ZMQ_BRIDGE_BIND_HOST="0.0.0.0")
    assert told.returncode == 78
    assert "ZMQ_BRIDGE_PEERS_FILE" in told.stderr


def test_a_taken_port_ends_the_proxy_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = run("bridge", "proxy", ZMQ_BRIDGE_FEED_PORT=str(port), ZMQ_BRIDGE_SUBSCRIBE_PORT=str(free_port()))
    assert told.returncode == 1
    assert f"{port}: the port is taken" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_curl_line_survives_a_shell_and_risks_little() -> None:
    price = LivePrice(login=7, symbol="EURUSD", bid=Decimal("1.12120"), ask=Decimal("1.12128"), digits=5)
    words = shlex.split(curl_line(load_settings({}, env_file=os.devnull), "zb_x_y'z", price))
    signal = json.loads(words[words.index("-d") + 1])
    assert "X-API-Key: zb_x_y'z" in words
    assert signal["sl"] < 1.12120 < 1.12128 < signal["tp"]
    reward, risk = Decimal(str(signal["tp"])) - price.ask, price.ask - Decimal(str(signal["sl"]))
    assert reward / risk > 2
    assert all(Decimal(str(signal[name])) == round(Decimal(str(signal[name])), 5) for name in ("sl", "tp"))


def test_what_a_limit_has_latched_is_shown_and_lifted_by_a_named_person(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        account = ensure_account(
            connection, login=7, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging", leverage=100
        )
        latched = Hold(
            cause=Cause.DRAWDOWN, reason="drawdown limit reached", actor="limit:drawdown", at=datetime.now(UTC)
        )
        impose(connection, account.id, latched)
        connection.exec_driver_sql(
            "INSERT INTO strategy_latches (account_id, strategy, reason, latched_at) VALUES (%s, '9', 'x', now())",
            (account.id,),
        )
    servers = {"DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    shown = run("trading", **servers).stdout
    assert "drawdown limit reached; lifted by" in shown
    assert "strategy 9" in shown
    assert run("trading", "reset-drawdown", "--account", "7", **servers).returncode == 2
    why = ("--account", "7", "--reason", "looked at it")
    assert run("trading", "reset-drawdown", *why, **servers).stdout == "lifted\n"
    assert run("trading", "reset-drawdown", *why, **servers).stdout == "nothing was latched\n"
    assert run("trading", "release-strategy", "9", *why, **servers).stdout == "lifted\n"
    assert run("trading", "release-strategy", *why, **servers).returncode == 2
    assert "drawdown" not in run("trading", **servers).stdout
    engine.dispose()
