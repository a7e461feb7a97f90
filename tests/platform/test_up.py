"""`zmq-bridge up`, end to end: comes up from nothing, works when pasted, stops without a trace, keeps its data."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import zmq

from tests.running import RunningBridge, all_gone
from tests.support import wait_until
from zmq_bridge.cli.preflight import port_is_free
from zmq_bridge.client import Credentials
from zmq_bridge.embedded.postgres import embedded_url

pytestmark = pytest.mark.slow

REFUSED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningBridge]:
    """One for the tests that leave it as they found it."""
    with tempfile.TemporaryDirectory(prefix="zb-up-", ignore_cleanup_errors=True) as home:
        bridge = RunningBridge(Path(home) / "var")
        bridge.start()
        yield bridge
        bridge.abandon()


@pytest.fixture
def bridge() -> Iterator[RunningBridge]:
    """One of the test's own, not started yet."""
    with tempfile.TemporaryDirectory(prefix="zb-up-", ignore_cleanup_errors=True) as home:
        running = RunningBridge(Path(home) / "var")
        yield running
        running.abandon()


def _ask(bridge: RunningBridge, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(embedded_url(bridge.var_dir / "postgres"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def _count(bridge: RunningBridge, table: str) -> int:
    return int(str(_ask(bridge, f"SELECT count(*) FROM {table}")[0][0]))


def _accepted(bridge: RunningBridge) -> dict[str, Any]:
    """Paste the panel's line until its order is accepted: prices may be late for a moment."""
    return wait_until(lambda: _if_accepted(bridge.shell(bridge.curl_line())), 60, "no pasted order was accepted")


def _if_accepted(done: subprocess.CompletedProcess[str]) -> dict[str, Any] | None:
    if done.returncode != 0:  # nobody answered
        return None
    found: dict[str, Any] = json.loads(done.stdout)
    return found if found.get("status") == "accepted" else None


def _wait_for_content_doctor(bridge: RunningBridge) -> None:
    wait_until(lambda: bridge.run("doctor").returncode == 0, 60, "doctor was never content")


def test_it_comes_up_works_when_pasted_stops_and_goes_on_with_its_data(bridge: RunningBridge) -> None:
    bridge.start()
    key = bridge.api_key()
    first = _accepted(bridge)
    filled = "SELECT count(*) FROM deals WHERE signal_id = '{}'".format(first["signal_id"])
    wait_until(lambda: _ask(bridge, filled)[0][0] == 1)
    _wait_for_content_doctor(bridge)
    lines = bridge.run("ticks", "EURUSD", "--count", "3").stdout.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"\S+ \S+ 123456 1\.\d+ 1\.\d+", line) for line in lines), lines
    ticks, processes = _count(bridge, "ticks"), bridge.processes()

    assert bridge.stop(signal.SIGINT) == 0, bridge.text
    wait_until(lambda: all_gone(processes))
    wait_until(lambda: all(port_is_free("127.0.0.1", port) for port in bridge.ports.values()))
    wait_until(lambda: "everything is stopped" in bridge.text)

    bridge.start()
    assert bridge.api_key() == key
    assert _count(bridge, "ticks") >= ticks > 0
    assert _ask(bridge, filled)[0][0] == 1
    wait_until(lambda: _count(bridge, "ticks") > ticks)
    _accepted(bridge)
    wait_until(lambda: _ask(bridge, "SELECT count(*) FROM tick_gaps WHERE state = 'open'")[0][0] == 0, 60)
    assert _ask(bridge, "SELECT * FROM tick_gaps WHERE state = 'lost'") == []
    with bridge.running("ticks", "FOO") as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("FOO was never quoted here; found: EURUSD, ")


def test_nothing_survives_a_killed_up_and_the_next_one_recovers(bridge: RunningBridge) -> None:
    bridge.start()
    key, processes = bridge.api_key(), bridge.processes()
    bridge.stop(signal.SIGKILL)
    bridge.start()  # at once, while the old ones may still be dying
    assert bridge.api_key() == key
    wait_until(lambda: all_gone(processes), 60)


def test_killed_servers_are_noticed_and_started_again(running: RunningBridge) -> None:
    os.kill(running.pid_of("postgres", "-D"), signal.SIGKILL)
    os.kill(running.pid_of("valkey-server"), signal.SIGKILL)
    wait_until(lambda: "postgres runs again" in running.text and "valkey runs again" in running.text, 60)
    assert "postgres was killed by SIGKILL" in running.text
    assert "valkey was killed by SIGKILL" in running.text
    ticks = _count(running, "ticks")
    wait_until(lambda: _count(running, "ticks") > ticks, 60)
    with redis.Redis(port=running.ports["REDIS"]) as client:
        wait_until(lambda: client.exists("tick:EURUSD"), 60)
    _accepted(running)


def test_killed_parts_are_started_again_and_doctor_is_content(running: RunningBridge) -> None:
    for words in (("bridge", "proxy"), ("bridge", "recorder"), ("bridge", "desk"), ("gunicorn",)):
        os.kill(running.pid_of(*words), signal.SIGKILL)
    names = ("proxy", "recorder", "desk", "web")
    wait_until(lambda: all(f"{name} runs again" in running.text for name in names), 60)
    _wait_for_content_doctor(running)


def test_doctor_names_what_has_stopped(running: RunningBridge) -> None:
    _wait_for_content_doctor(running)
    frozen = [running.pid_of("simulate", "terminal"), running.pid_of("bridge", "recorder")]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    restarts = running.text.count("valkey runs again")
    os.kill(running.pid_of("valkey-server"), signal.SIGKILL)  # with it goes what the frozen ones said before
    wait_until(lambda: running.text.count("valkey runs again") > restarts, 60)
    lines = (r"^✗ +recorder", r"^✗ +account 123456: terminal", r"^✓ +proxy")

    def is_told() -> bool:
        told = running.run("doctor")
        return told.returncode == 1 and all(re.search(line, told.stdout, re.MULTILINE) for line in lines)

    try:
        wait_until(is_told, 60, "doctor never named the recorder and the terminal, and nothing else")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    _wait_for_content_doctor(running)


def test_with_servers_of_its_own_nobody_gets_a_key_for_nothing(
    bridge: RunningBridge, empty_database: str, redis_url: str
) -> None:
    bridge.variables = {"DATABASE_URL": empty_database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    bridge.start()
    assert "zb_" not in bridge.text
    assert "keys create" in bridge.text
    assert not (bridge.var_dir / "api_key").exists()
    assert not (bridge.var_dir / "postgres").exists()
    assert not any("valkey" in process.name() for process in bridge.processes())


def test_bridge_and_simulate_run_apart_and_stop_with_zero(database: str, redis_url: str, tmp_path: Path) -> None:
    variables = {"DATABASE_URL": database, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "k" * 40}
    bridge, simulation = RunningBridge(tmp_path / "a" / "var"), RunningBridge(tmp_path / "b" / "var")
    simulation.ports = bridge.ports
    bridge.variables = simulation.variables = variables
    try:
        bridge.begin(command="bridge")
        wait_until(lambda: "desk runs" in bridge.text, 60)
        simulation.begin(command="simulate")
        with redis.Redis.from_url(redis_url) as client:
            wait_until(lambda: client.exists("tick:EURUSD"), 60)
        processes = [*bridge.processes(), *simulation.processes()]
        assert simulation.stop(signal.SIGTERM) == 0, simulation.text
        assert bridge.stop(signal.SIGTERM) == 0, bridge.text
        wait_until(lambda: all_gone(processes))
    finally:
        simulation.abandon()
        bridge.abandon()


def test_taken_ports_are_all_named_and_nothing_is_started(bridge: RunningBridge) -> None:
    with (
        socket.create_server(("127.0.0.1", bridge.ports["FEED"])),
        socket.create_server(("127.0.0.1", bridge.ports["WEB"])),
    ):
        process = bridge.begin()
        assert process.wait(90) == 78
    wait_until(lambda: "choose other ports" in bridge.text)
    assert "ZMQ_BRIDGE_FEED_PORT" in bridge.text
    assert "ZMQ_BRIDGE_WEB_PORT" in bridge.text
    assert not (bridge.var_dir / "postgres").exists()


def test_a_second_up_in_the_same_directory_is_refused(running: RunningBridge) -> None:
    second = running.run("up")
    assert second.returncode == 78
    assert "already runs" in second.stderr
    wait_until(lambda: running.run("status").returncode == 0)


def test_every_tick_of_a_replayed_file_is_stored_once_and_in_order(bridge: RunningBridge, tmp_path: Path) -> None:
    rows = [f"20240102 {10 + n // 3600:02}{n // 60 % 60:02}{n % 60:02}{n % 7:03}" for n in range(3000)]
    quotes = [(1.10 + (n * 7919 % 500) / 1e5) for n in range(3000)]
    file = tmp_path / "EURUSD.csv"
    lines = [f"{row},{bid:.5f},{bid + 0.0001:.5f},0" for row, bid in zip(rows, quotes, strict=True)]
    file.write_text("\n".join(lines) + "\n")
    bridge.start("--replay", str(file), "--speed", "max")
    wait_until(lambda: _count(bridge, "ticks") >= 3000, 60)
    stored = _ask(bridge, "SELECT bid FROM ticks ORDER BY time_msc, id")
    assert [round(float(str(bid)), 5) for (bid,) in stored] == [round(bid, 5) for bid in quotes]
    wait_until(lambda: "is finished: 3000 ticks" in bridge.text)


def test_a_malformed_replay_file_is_named_with_its_line(bridge: RunningBridge, tmp_path: Path) -> None:
    file = tmp_path / "EURUSD.csv"
    file.write_text("20240102 100000000,1.1,1.2,0\nthis is no tick\n")
    bridge.begin("--replay", str(file))
    wait_until(lambda: f"{file}, line 2: expected" in bridge.text, 60)


@pytest.mark.parametrize("mechanism", ["plain", "curve"])
def test_with_an_allow_list_the_bridge_knows_itself_and_its_peers_and_nobody_else(
    bridge: RunningBridge, tmp_path: Path, mechanism: str
) -> None:
    peers = tmp_path / "peers.toml"
    public_key, secret_key = (key.decode() for key in zmq.curve_keypair())
    peer = Credentials(username="vm-1", password="correct horse")
    proof = f'password_sha256 = "{hashlib.sha256(b"correct horse").hexdigest()}"'
    if mechanism == "curve":
        own_public, own_secret = (key.decode() for key in zmq.curve_keypair())
        peer = Credentials(server_key=public_key, public_key=own_public, secret_key=own_secret)
        proof = f'public_key = "{own_public}"'
    peers.write_text(
        f'mechanism = "{mechanism}"\nsecret_key = "{secret_key}"\n[[peers]]\nname = "vm-1"\n{proof}\nlogins = [7]\n'
    )
    bridge.variables = {"ZMQ_BRIDGE_PEERS_FILE": str(peers), "ZMQ_BRIDGE_BIND_HOST": "0.0.0.0"}
    bridge.start("--no-simulate")
    assert _hears(bridge, peer)
    assert not _hears(bridge, Credentials())
    assert not _hears(bridge, Credentials(username="vm-1", password="wrong"))
    _wait_for_content_doctor(bridge)


def _hears(bridge: RunningBridge, credentials: Credentials) -> bool:
    """Whether a subscriber with these credentials is let in and gets the bridge's heartbeat."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        monitor = socket.get_monitor_socket(REFUSED)
        if credentials.username:
            socket.plain_username, socket.plain_password = credentials.username.encode(), credentials.password.encode()
        if credentials.server_key:
            socket.curve_serverkey = credentials.server_key.encode()
            socket.curve_publickey = credentials.public_key.encode()
            socket.curve_secretkey = credentials.secret_key.encode()
        socket.subscribe(b"beat.bridge")
        socket.connect(f"tcp://127.0.0.1:{bridge.ports['SUBSCRIBE']}")
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(monitor, zmq.POLLIN)
        ready = dict(poller.poll(60_000))
        socket.disable_monitor()
        assert ready, "neither let in nor refused"
        return socket in ready


def test_output_to_a_pipe_has_no_control_codes(running: RunningBridge) -> None:
    assert "\x1b" not in running.text


def test_an_ordinary_user_cannot_be_locked_out_by_a_read_only_directory(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    env = {**os.environ, "ZMQ_BRIDGE_VAR_DIR": str(tmp_path / "var")}
    argv = [sys.executable, "-m", "zmq_bridge.cli", "up"]
    told = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=90)
    tmp_path.chmod(0o700)
    assert told.returncode == 78
    assert "ZMQ_BRIDGE_VAR_DIR" in told.stderr


def test_the_opening_deposit_is_the_houses_and_another_member_can_join(running: RunningBridge) -> None:
    settled = "SELECT count(*) FROM subscriptions WHERE status = 'settled'"
    wait_until(lambda: _ask(running, settled)[0][0] == 1, 30, "the House never got its units")
    user = _post(running, "/api/users", {"name": "Ada", "email": "ada@example.org"})["id"]
    wanted = _post(running, f"/api/users/{user}/invest", {"amount": "1000.00"})
    paid = running.run("simulate", "deposit", "1000.00", "--comment", wanted["reference"])
    assert paid.returncode == 0, paid.stdout
    wait_until(lambda: _ask(running, settled)[0][0] == 2, 30, "the deposit never became units")
    report = running.run("ledger", "report")
    assert report.returncode == 0, report.stdout
    values = re.findall(r"^ +(\d+) +\S+ +\S+ +(\d+\.\d\d) +(\S+) *$", report.stdout, re.MULTILINE)
    shares = {member: value for member, value, name in values if name in ("House", "Ada")}
    assert float(shares[str(user)]) == pytest.approx(1000, abs=50), report.stdout  # positions of other tests move it
    assert len(shares) == 2
    verified = running.run("ledger", "verify")
    assert verified.returncode == 0, verified.stdout
    assert "account 123456: sound" in verified.stdout


@pytest.mark.parametrize("amount", ["-5", "0", "1.001", "five", "1e3"])
def test_a_deposit_of_no_amount_is_refused_in_words(running: RunningBridge, amount: str) -> None:
    refused = running.run("simulate", "deposit", "--", amount)
    assert refused.returncode == 2
    assert "expected a positive amount" in refused.stdout + (refused.stderr or "")


def _post(bridge: RunningBridge, path: str, body: dict[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{bridge.ports['WEB']}{path}",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": bridge.api_key(), "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        found: dict[str, Any] = json.loads(response.read())
    return found
