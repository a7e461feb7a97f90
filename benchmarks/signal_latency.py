"""From a signal generator's POST to the terminal's hands, admission durably committed; and what it replaces.

Ours: gunicorn, the risk gate, one committed transaction, NOTIFY, the wire. Bare: gunicorn, one INSERT, a push.
The two are asked in turn, a signal each, so both meet the same machine; figures are medians over the rounds. Polled:
the terminal asks once a second.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import redis
import zmq
from sqlalchemy import Engine

from benchmarks.rig import SPAWN, free_port, median, percentile, verdict, wait_until
from benchmarks.signal_parts import Poller, Terminal, Upkeep
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.schema import parse_signal
from zmq_bridge.admission.source import Source
from zmq_bridge.cli.process_table import web_argv
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.relay.desk import DeskSettings, run_desk
from zmq_bridge.settings import load_settings, settings_environment
from zmq_bridge.storage.engine import create_engine, dump_json
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.migrations import migrate
from zmq_bridge.storage.risk.limits import Scope, set_limits

ROUNDS = 11
SIGNALS = 60
"""In each round, of each kind."""
WARM_UP = 40
SETTLE_EVERY = 10
"""Signals; then what was sent counts as sent yesterday."""
AGE = "UPDATE commands SET created_at = created_at - interval '1 day' WHERE created_at > now() - interval '1 hour'"
POLLED = 12
P50_MAX, P99_MAX = 2.0, 3.0
"""Aims: ours over the bare one."""
SIGNAL = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.08300", "tp": "1.08900"}
LOOSE = {
    "max_orders_per_minute": 1_000_000, "max_orders_per_minute_source": 1_000_000, "max_repeats": 1_000_000,
    "max_rejects": 1_000_000, "max_positions": 1_000,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Everything running."""

    ours: http.client.HTTPConnection
    bare: http.client.HTTPConnection
    bare_url: str
    pulled: zmq.Socket[bytes]
    terminal: Terminal
    gate: Gate
    engine: Engine
    api_key: str


def main() -> None:
    """Measure and print."""
    with running() as rig:
        for _ in range(WARM_UP):
            one_of_ours(rig), one_bare(rig)
        rounds = [one_round(rig) for _ in range(ROUNDS)]
        show("HTTP to the terminal's hands, durable", rounds)
        show_aims(rounds)
        gate_ms = [one_through_the_gate(rig) for _ in range(ROUNDS * SIGNALS // 4)]
        print(f"{'gate.admit to the terminal':<42} {line(gate_ms)}")
        polled_ms = poll(rig)
        print(f"{'one-second HTTP polling':<42} {line(polled_ms)}")
        ours_ms = [each for ours, _ in rounds for each in ours]
        print(f"polling is {median(polled_ms) / median(ours_ms):.0f} times slower at the median")


def one_round(rig: Rig) -> tuple[list[float], list[float]]:
    """One signal of each kind in turn; return the milliseconds of ours and of the bare ones."""
    pairs = []
    for number in range(SIGNALS):
        if number % SETTLE_EVERY == 0:
            settle(rig.engine)
        pairs.append((one_of_ours(rig), one_bare(rig)))
    return [ours for ours, _ in pairs], [bare for _, bare in pairs]


def settle(engine: Engine) -> None:
    """A while passes: the account is one that sends some orders a minute, as limits want it, not sixty a second."""
    with engine.begin() as connection:
        connection.exec_driver_sql(AGE)


def one_of_ours(rig: Rig) -> float:
    """Send a signal over HTTP; return the milliseconds until the terminal had the command."""
    rig.terminal.wait_until_quiet()
    began_s = time.perf_counter()
    status, body = post(rig.ours, "/api/signal", SIGNAL, {"X-API-Key": rig.api_key})
    if status != 202:
        raise RuntimeError(f"expected 202, found {status}: {body}")
    return (rig.terminal.wait_for(body["command_id"]) - began_s) * 1000


def one_bare(rig: Rig) -> float:
    """Send a signal to the bare route; return the milliseconds until its push arrived."""
    signal = {**SIGNAL, "id": str(random.random())}
    began_s = time.perf_counter()
    rig.bare.request("POST", "/signal", json.dumps(signal), {"Content-Type": "application/json"})
    rig.pulled.recv()
    took_ms = (time.perf_counter() - began_s) * 1000
    rig.bare.getresponse().read()
    return took_ms


def one_through_the_gate(rig: Rig) -> float:
    """Admit a signal in this process; return the milliseconds until the terminal had the command."""
    rig.terminal.wait_until_quiet()
    began_s = time.perf_counter()
    answer = rig.gate.admit(parse_signal(SIGNAL), Source(id="bench"))
    command_id = getattr(answer, "command_id", None)
    if not command_id:
        raise RuntimeError(f"expected an accepted signal, found {answer}")
    return (rig.terminal.wait_for(command_id) - began_s) * 1000


def poll(rig: Rig) -> list[float]:
    """Milliseconds until a terminal that asks once a second has a signal that came at any moment."""
    rig.bare.close()  # idle for long: gunicorn has given it up; it opens again by itself
    poller = Poller(rig.bare_url + "/poll")
    poller.start()
    took_ms = []
    for _ in range(POLLED):
        time.sleep(random.random())
        name = str(random.random())
        began_s = time.perf_counter()
        post(rig.bare, "/polled", {"id": name}, {})
        wait_until(lambda name=name: name in poller.arrived, "a polled signal")  # type: ignore[misc]  # bound early
        took_ms.append((poller.arrived[name] - began_s) * 1000)
    poller.stop()
    return took_ms


def post(
    client: http.client.HTTPConnection, path: str, body: object, headers: dict[str, str]
) -> tuple[int, dict[str, str]]:
    """POST JSON on a connection that is kept."""
    client.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
    reply = client.getresponse()
    return reply.status, json.loads(reply.read())


def show(what: str, rounds: list[tuple[list[float], list[float]]]) -> None:
    """Print the figures of both kinds."""
    print(f"{what}: {len(rounds)} rounds of {SIGNALS} pairs")
    print(f"{'ours (web, gate, commit, notice, wire)':<42} {line([each for ours, _ in rounds for each in ours])}")
    print(f"{'bare (Flask, one INSERT, push)':<42} {line([each for _, bare in rounds for each in bare])}")


def show_aims(rounds: list[tuple[list[float], list[float]]]) -> None:
    """Print the ratios: medians over the rounds."""
    p50 = median([median(ours) / median(bare) for ours, bare in rounds])
    p99 = median([percentile(ours, 99) / percentile(bare, 99) for ours, bare in rounds])
    print(f"ratio p50 {p50:.2f} (aim at most {P50_MAX}: {verdict(p50 <= P50_MAX)})", end="; ")
    print(f"p99 {p99:.2f} (aim at most {P99_MAX}: {verdict(p99 <= P99_MAX)})")


def line(took_ms: list[float]) -> str:
    """p50 and p99 in words."""
    return f"p50 {median(took_ms):7.2f} ms   p99 {percentile(took_ms, 99):7.2f} ms"


@contextmanager
def running() -> Iterator[Rig]:
    """Embedded durable servers, desk, web, the bare application; everything stopped and removed afterwards."""
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="bench-"))
        home.chmod(0o755)
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        database_url, redis_url = servers(stack, home)
        engine = create_engine(database_url)
        stack.callback(engine.dispose)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        desk = start_desk(stack, database_url, redis_url)
        terminal = Terminal(context, desk.terminal_endpoint, desk.subscribe_endpoint)
        terminal.hello()
        terminal.start()
        stack.callback(terminal.stop)
        client = redis.Redis.from_url(redis_url)
        upkeep = Upkeep(terminal, client)
        upkeep.start()
        stack.callback(upkeep.stop)
        api_key = prepare(engine)
        push_port, bare_port = free_port(), free_port()
        pulled = context.socket(zmq.PULL)
        pulled.bind(f"tcp://127.0.0.1:{push_port}")
        stack.callback(pulled.close)
        start_bare(stack, home, database_url, push_port, bare_port)
        yield Rig(
            ours=http.client.HTTPConnection("127.0.0.1", start_web(stack, home, database_url, redis_url)),
            bare=http.client.HTTPConnection("127.0.0.1", bare_port), bare_url=f"http://127.0.0.1:{bare_port}",
            pulled=pulled, terminal=terminal, gate=Gate(engine, LiveReader(client)), engine=engine,
            api_key=api_key,
        )  # fmt: skip


def servers(stack: ExitStack, home: Path) -> tuple[str, str]:
    """Postgres, durable, and Valkey."""
    postgres = EmbeddedPostgres(home / "pg", log_path=home / "postgres.log")
    postgres.start()
    stack.callback(postgres.stop)
    valkey = EmbeddedValkey(home / "valkey", port=free_port(), log_path=home / "valkey.log", keep=False)
    valkey.start()
    stack.callback(valkey.stop)
    migrate(postgres.url())
    return postgres.url(), valkey.url()


def start_desk(stack: ExitStack, database_url: str, redis_url: str) -> DeskSettings:
    """The desk in a process of its own."""
    ports = [f"tcp://127.0.0.1:{free_port()}" for _ in range(3)]
    settings = DeskSettings(
        terminal_endpoint=ports[0], strategy_endpoint=ports[1], subscribe_endpoint=ports[2],
        database_url=database_url, redis_url=redis_url,
    )  # fmt: skip
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=desk_main, args=(settings, theirs), daemon=True)
    process.start()
    stack.callback(process.join, 15)
    stack.callback(process.terminate)
    ours.recv()
    return settings


def desk_main(settings: DeskSettings, pipe: Connection) -> None:
    """Main of the desk's process."""
    run_desk(settings, lambda *endpoints: pipe.send("ready"))


def prepare(engine: Engine) -> str:
    """Wait until the account may trade, loosen what counts orders, make a key."""
    query = "SELECT account_id FROM trading_states WHERE trading_state = 'active'"
    wait_until(lambda: value(engine, query) is not None, "the account is not active")
    now = datetime.now(UTC)
    with engine.begin() as connection:
        account_id = int(connection.exec_driver_sql(query).scalar_one())
        set_limits(connection, Scope(account_id=account_id), LOOSE, actor="bench", now=now)
        connection.exec_driver_sql(
            "INSERT INTO correlations (account_id, as_of, symbols, links) VALUES (%s, %s, %s, '{}')"
            " ON CONFLICT DO NOTHING",
            (account_id, now, dump_json(["EURUSD"])),
        )
        connection.exec_driver_sql("CREATE TABLE bare_signals (id text PRIMARY KEY, body jsonb NOT NULL)")
        return create_key(connection, name="bench", scopes=["signal"], now=now, actor="bench").text


def value(engine: Engine, query: str) -> object:
    """The one value of a query; None when there is no row."""
    with engine.connect() as connection:
        found: object = connection.exec_driver_sql(query).scalar()
    return found


def start_web(stack: ExitStack, home: Path, database_url: str, redis_url: str) -> int:
    """Our gunicorn; return its port."""
    variables = {
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "ZMQ_BRIDGE_SECRET_KEY": "s" * 40,
        "ZMQ_BRIDGE_VAR_DIR": str(home / "var"), "ZMQ_BRIDGE_WEB_PORT": str(free_port()),
    }  # fmt: skip
    settings = load_settings(variables, env_file="/dev/null")
    start_http(stack, home / "web.log", web_argv(settings), settings_environment(settings), settings.web_port)
    return settings.web_port


def start_bare(stack: ExitStack, home: Path, database_url: str, push_port: int, port: int) -> None:
    """The bare application under the same gunicorn."""
    argv = [
        sys.executable, "-m", "gunicorn", "benchmarks.signal_parts:bare_application()", "--bind", f"127.0.0.1:{port}",
        "--worker-class", "gthread", "--workers", "1", "--threads", "16", "--no-control-socket",
    ]  # fmt: skip
    variables = {"BARE_DATABASE_URL": database_url, "BARE_PUSH_ENDPOINT": f"tcp://127.0.0.1:{push_port}"}
    start_http(stack, home / "bare.log", argv, {**os.environ, **variables}, port)


def start_http(stack: ExitStack, log_path: Path, argv: list[str], env: dict[str, str], port: int) -> None:
    """Start a server and wait until it accepts."""
    log = stack.enter_context(log_path.open("w"))
    process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)

    def accepts() -> bool:
        if process.poll() is not None:
            raise RuntimeError(log_path.read_text())
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            client.connect()
        except OSError:
            return False
        client.close()
        return True

    wait_until(accepts, str(log_path))


if __name__ == "__main__":
    main()
