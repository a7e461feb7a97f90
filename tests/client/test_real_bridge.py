"""The client and the examples against a whole running bridge with its simulated terminal."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.running import RunningBridge
from tests.support import wait_until
from zmq_bridge.client import Accepted, AsyncClient, Client, ClientOptions, Denied, RequestRefused, Tick

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
HISTORY = 5000  # live ticks are among them for minutes, however late they are stored


@pytest.fixture(scope="module")
def bridge() -> Iterator[RunningBridge]:
    """A bridge whose simulated market runs twenty times as fast as a real one."""
    with tempfile.TemporaryDirectory(prefix="zb-client-", ignore_cleanup_errors=True) as home:
        running = RunningBridge(Path(home) / "var")
        try:
            running.start("--speed", "20", "--symbols", "EURUSD,USDJPY")
            running.be_patient()
            yield running
        finally:
            running.abandon()


@pytest.fixture(scope="module")
def environment(bridge: RunningBridge) -> dict[str, str]:
    """What the client and the examples read."""
    url = f"http://127.0.0.1:{bridge.ports['WEB']}"
    return bridge.env | {"ZMQ_BRIDGE_API_KEY": bridge.api_key(), "ZMQ_BRIDGE_URL": url}


@pytest.fixture
def options(environment: dict[str, str]) -> ClientOptions:
    """Options of a client of this bridge."""
    return ClientOptions.from_environment(environment)


@contextmanager
def _running(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_the_ten_lines_print_ticks(environment: dict[str, str]) -> None:
    program = EXAMPLES / "ten_lines.py"
    assert len(program.read_text().splitlines()) <= 12
    with _running(environment, str(program), "EURUSD") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(20)]
    assert {line[0] for line in lines} == {"EURUSD"}
    assert all(Decimal(bid) < Decimal(ask) for _, _, bid, ask in lines)


def test_the_ten_lines_end_without_a_word_when_nobody_reads_on(environment: dict[str, str]) -> None:
    piped = f"{shlex.quote(sys.executable)} {shlex.quote(str(EXAMPLES / 'ten_lines.py'))} EURUSD | head -n 2"
    done = subprocess.run(["sh", "-c", piped], env=environment, capture_output=True, text=True, timeout=110, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_the_signal_generator_is_accepted_over_http(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "http_signal.py"), "USDJPY", "SELL"],
        env=environment, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    status, _, body = done.stdout.partition(" ")
    assert (status, json.loads(body)["status"]) == ("202", "accepted")


def test_the_moving_average_strategy_comes_to_a_signal_and_hears_its_fate(environment: dict[str, str]) -> None:
    with _running(environment, str(EXAMPLES / "moving_average.py"), "EURUSD") as process:
        assert process.stdout is not None
        said = iter(process.stdout)  # "waiting" may stand between, while the market here is slow
        assert next(line for line in said if not line.startswith("waiting")).startswith("following EURUSD")
        line = next(line for line in said if line.startswith(("BUY EURUSD: ", "SELL EURUSD: ")))
    assert "accepted, signal " in line or "denied, " in line, line


def _signal(client: Client, volume: str = "0.01") -> dict[str, object]:
    price = client.price("EURUSD")
    assert price.bid < price.ask
    digits = Decimal("0.00001")
    return {
        "symbol": "EURUSD", "action": "BUY", "volume": Decimal(volume),
        "sl": (price.bid * Decimal("0.995")).quantize(digits), "tp": (price.ask * Decimal("1.01")).quantize(digits),
    }  # fmt: skip


def test_a_signal_is_accepted_once_whatever_is_repeated_and_its_deal_comes_back(options: ClientOptions) -> None:
    with Client(options) as client:
        signal = _signal(client)
        first = client.submit(signal, idempotency_key="client-test-1")
        again = client.submit(signal, idempotency_key="client-test-1")
        assert isinstance(first, Accepted)
        assert isinstance(again, Accepted)
        assert (first.duplicate, again.duplicate) == (False, True)
        assert (again.signal_id, again.command_id) == (first.signal_id, first.command_id)
        found = wait_until(
            lambda: _done(client.query("signal", signal_id=first.signal_id)), 60, "the signal was never executed"
        )
        assert [command["status"] for command in found["commands"]] == ["done"]
        comments = wait_until(lambda: _if_has(client, first.command_id), 60, "the position was never reported")
        assert comments.count(first.command_id) == 1


def _if_has(client: Client, command_id: str) -> list[str] | None:
    """Comments of the open positions, once a snapshot has brought the one of the command."""
    comments = [each["comment"] for each in client.query("positions", symbol="EURUSD")]
    return comments if command_id in comments else None


def _done(signal: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]] | None:
    return signal if signal["commands"] and all(each["status"] == "done" for each in signal["commands"]) else None


def test_a_signal_without_a_stop_is_denied_with_a_code(options: ClientOptions) -> None:
    with Client(options) as client:
        answer = client.submit({**_signal(client), "sl": None})
    assert isinstance(answer, Denied)
    assert "STOP" in answer.code or "SL" in answer.code


def test_what_is_not_a_signal_is_refused_by_its_field(options: ClientOptions) -> None:
    with Client(options) as client, pytest.raises(RequestRefused) as caught:
        client.submit({**_signal(client), "action": "HOLD"})
    assert (caught.value.code, caught.value.field) == ("INVALID_FIELD", "signal.action")


def test_a_wrong_key_is_refused(options: ClientOptions) -> None:
    stranger = ClientOptions(strategy_port=options.strategy_port, api_key="zb_000000000000_nonsense")
    with Client(stranger) as client, pytest.raises(RequestRefused) as caught:
        client.query("status")
    assert caught.value.code == "UNAUTHENTICATED"


def test_history_goes_on_where_live_ticks_begin(options: ClientOptions) -> None:
    with Client(options) as client, client.ticks("EURUSD") as feed:
        live = [next(feed) for _ in range(20)]
        assert [tick.seq for tick in live] == list(range(live[0].seq, live[0].seq + 20))
        wanted = {Tick(*tick[2:8]) for tick in live}
        stored = wait_until(lambda: _if_all(client.history("EURUSD", HISTORY), wanted), 60, "never stored")
        assert [tick.time_msc for tick in stored] == sorted(tick.time_msc for tick in stored)
        assert feed.lost == 0


def _if_all(stored: list[Tick], wanted: set[Tick]) -> list[Tick] | None:
    return stored if wanted <= set(stored) else None


def test_the_asyncio_client_does_the_same(options: ClientOptions) -> None:
    async def work() -> tuple[list[str], object, int]:
        async with AsyncClient(options) as client:
            feed = client.ticks("EURUSD", "USDJPY", max_age_s=30.0)
            seen: list[str] = []
            while set(seen) != {"EURUSD", "USDJPY"}:
                seen.append((await anext(feed)).symbol)
            status, history = await asyncio.gather(client.query("status"), client.history("EURUSD", 5))
            return seen, status["accounts"][0]["terminal"], len(history)

    seen, terminal, count = asyncio.run(asyncio.wait_for(work(), 90))
    assert set(seen) == {"EURUSD", "USDJPY"}
    assert (terminal, count) == ("connected", 5)
