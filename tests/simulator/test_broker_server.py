"""The broker's process over TCP: requests, refusals, pushes with flow control, replay, restart."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.world import HISTDATA, MONDAY_MSC, TRUEFX, free_of_costs, rows, running_broker
from tests.support import free_port, wait_until
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.broker_server import GenerateFeed, ReplayFeed, ReplayFile
from zmq_bridge.simulator.errors import BrokerRefused, BrokerUnreachable, JournalError, SimulatorError
from zmq_bridge.simulator.generator import TickStream, generate
from zmq_bridge.simulator.tickfiles import write_tick_file

Running = tuple[BrokerClient, int]
STREAM = TickStream(symbol="EURUSD", price=1.1, digits=5, spread_points=8)


def quote(client: BrokerClient, bid: float = 1.1, ask: float = 1.1001, symbol: str = "EURUSD", at: int = 0) -> None:
    client.call("inject", ticks={symbol: rows((MONDAY_MSC + at, bid, ask))})


def buy(volume: float = 0.1, **more: Any) -> dict[str, Any]:
    return {"action": "deal", "symbol": "EURUSD", "type": "buy", "volume": volume, **more}


def raw(port: int, *lines: bytes) -> list[dict[str, Any]]:
    """Send lines, close our side, and read every answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"".join(lines))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return [json.loads(line) for line in answer.splitlines()]


def take(client: BrokerClient, count: int, *, done: bool = True) -> dict[str, list[Tick]]:
    """Take ticks until there are `count` in all."""
    taken: dict[str, list[Tick]] = {}

    def enough() -> bool:
        select.select([client], [], [], 1)
        for push in client.pushes():
            if push["push"] == "ticks":
                for symbol, ticks in push["ticks"].items():
                    taken.setdefault(symbol, []).extend(map(Tick._make, ticks))
                if done:
                    client.tell({"op": "done", "n": push["n"]})
        return sum(map(len, taken.values())) >= count

    wait_until(enough)
    return taken


def tick_file(directory: Path, count: int, start_msc: int = MONDAY_MSC, seed: int = 1) -> tuple[Path, list[Tick]]:
    source = generate(seed, (STREAM,), start_msc)
    ticks = [next(source)[1] for _ in range(count)]
    path = directory / "eurusd.csv"
    write_tick_file(path, ticks, digits=5)
    return path, ticks


def test_a_trade_from_quote_to_books(broker: Running) -> None:
    client, _ = broker
    quote(client)
    result = client.call("send", request=buy(comment="c", sl=1.09, magic=2**63 + 1))
    assert (result["retcode"], result["retcode_name"], result["price"], result["volume"]) == (
        10009, "DONE", 1.1001, 0.1
    )  # fmt: skip
    snapshot = client.call("snapshot")
    position = snapshot["positions"][0]
    assert (position["ticket"], position["profit"], position["price_current"]) == (result["order"], -1.0, 1.1)
    assert (position["sl"], position["magic"], position["comment"]) == (1.09, 2**63 + 1, "c")
    assert snapshot["account"]["equity"] == 9999.0
    assert client.call("deal", ticket=result["deal"])["position"] == result["order"]
    assert client.call("order", ticket=result["order"])["state"] == "filled"
    assert client.call("find_comment", comment="c")["deals"][0]["ticket"] == result["deal"]
    books = client.call("books")
    assert (books["balance"], books["equity"], len(books["deals"])) == ("10000.00", "9999.00", 2)


def test_calculations_as_the_terminal_api_has_them(broker: Running) -> None:
    client, _ = broker
    assert client.call("calc_margin", symbol="USDJPY", type="buy", volume=1, price=151.2) == 1000.0
    assert client.call("calc_margin", symbol="EURUSD", type="buy", volume=1, price=1.1) is None  # no rate yet
    quote(client)
    assert client.call("calc_margin", symbol="EURUSD", type="buy", volume=1, price=1.1) == 1100.1
    assert client.call(
        "calc_profit", symbol="EURUSD", type="sell", volume=0.5, price_open=1.1, price_close=1.0955
    ) == 225.0  # fmt: skip
    assert client.call("symbol", symbol="EURUSD")["tick_value"] == 1.0
    quote(client, 150.0, 150.02, "USDJPY")
    assert client.call("symbol", symbol="USDJPY")["tick_value"] == pytest.approx(0.1 * 1000 / 150)


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ({"op": "fly"}, "op: expected one of"),
        ({}, "op: expected a name"),
        ({"op": "symbol", "symbol": "NOSUCH"}, "symbol: expected a listed one"),
        ({"op": "deal", "ticket": -1}, "ticket: expected a whole number"),
        ({"op": "deal", "ticket": True}, "ticket: expected a whole number"),
        ({"op": "send"}, "request: expected an object"),
        ({"op": "send", "request": {"symbol": "EURUSD"}}, "with an action"),
        ({"op": "send", "request": {"action": "deal", "volumes": 1}}, "request: expected fields out of"),
        ({"op": "send", "request": {"action": "jump"}}, "action: expected one of"),
        ({"op": "send", "request": {"action": "deal", "volume": "x"}}, "volume: expected a finite number"),
        ({"op": "send", "request": {"action": "deal", "volume": "NaN"}}, "volume: expected a finite number"),
        ({"op": "cash", "amount": "x"}, "amount: expected a finite number"),
        ({"op": "fault", "kind": "answer", "colour": 1}, "fault: expected fields out of"),
        ({"op": "replay", "files": []}, "files: expected a list"),
        ({"op": "replay", "files": ["/nowhere/eurusd.csv"]}, "No such file"),
        ({"op": "replay", "files": ["x"], "speed": -1}, "speed: expected a number above 0"),
        ({"op": "inject", "ticks": {"EURUSD": [[1, 1.2, 1.1, 0, 0, 6]]}}, "tick: expected"),
        ({"op": "inject", "ticks": {"EUR": [[1, 1.1, 1.2, 0, 0, 6]]}}, "expected a currency pair"),
        ({"op": "list_symbol", "symbol": "EURUSD", "digits": -3}, "digits: expected a whole number"),
        ({"op": "list_symbol", "symbol": "EURUSD", "colour": 1}, "symbol: expected fields out of"),
        ({"op": "copy_ticks_range", "symbol": "EURUSD"}, "from_msc: expected a whole number"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_by_name_and_changes_nothing(
    broker: Running, asked: dict[str, Any], needed: str
) -> None:
    client, port = broker
    before = client.call("books")
    (answer,) = raw(port, json.dumps({"id": "me", **asked}).encode() + b"\n")
    assert (answer["id"], answer["ok"], answer["error"]["code"]) == ("me", False, "REFUSED")
    assert needed in answer["error"]["message"]
    assert client.call("books") == before


@pytest.mark.parametrize("line", [b"{", b"[]", b"null", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_lines_that_are_no_request_get_an_error_and_the_next_is_answered(broker: Running, line: bytes) -> None:
    bad, good = raw(broker[1], line + b"\n", b'{"id": 5, "op": "account"}\n')
    assert bad["error"]["code"] == "MALFORMED"
    assert (good["id"], good["ok"]) == (5, True)


def test_a_line_without_end_loses_only_its_own_connection(broker: Running) -> None:
    client, port = broker
    try:
        raw(port, b"x" * 3_000_000)
    except OSError:
        pass
    assert client.call("account")["login"] == 123456


def test_subscribers_hear_ticks_and_transactions_and_others_do_not(broker: Running) -> None:
    client, port = broker
    client.call("subscribe")
    quote(client)
    client.call("send", request=buy())
    pushes = client.pushes()
    assert [push.get("type", push["push"]) for push in pushes] == [
        "ticks", "order_add", "deal_add", "order_delete", "history_add"
    ]  # fmt: skip
    with BrokerClient("127.0.0.1", port) as other:
        quote(client, at=1)
        other.call("account")
        assert other.pushes() == []


def test_a_lost_answer_is_a_timeout_and_the_connection_goes_on(broker: Running) -> None:
    _, port = broker
    with BrokerClient("127.0.0.1", port, timeout_s=2.5) as client:
        quote(client)
        client.call("fault", kind="lose_answer")
        with pytest.raises(BrokerUnreachable, match=r"a reply within 2\.5 s"):
            client.call("send", request=buy())
        assert len(client.call("books")["positions"]) == 1


def test_history_is_paged_by_skip_and_both_ends_are_included(broker: Running) -> None:
    client, _ = broker
    ticks = rows(*((MONDAY_MSC + n // 2, 1.1, 1.1001) for n in range(20)))
    client.call("inject", ticks={"EURUSD": ticks})
    asked = {"symbol": "EURUSD", "from_msc": MONDAY_MSC + 2, "to_msc": MONDAY_MSC + 4}
    first = client.call("copy_ticks_range", **asked, limit=4)
    second = client.call("copy_ticks_range", **asked, skip=4, limit=4)
    third = client.call("copy_ticks_range", **asked, skip=6)
    assert [len(answer["ticks"]) for answer in (first, second, third)] == [4, 2, 0]
    assert [answer["complete"] for answer in (first, second, third)] == [False, True, True]
    assert [Tick._make(row) for row in first["ticks"] + second["ticks"]] == ticks[4:10]
    assert first["oldest_msc"] == MONDAY_MSC
    assert len(client.call("copy_ticks", symbol="EURUSD", from_msc=MONDAY_MSC + 9, count=50)) == 2
    assert [Tick._make(row) for row in client.call("copy_ticks", symbol="EURUSD", count=3)] == ticks[-3:]


def test_ticks_of_a_symbol_may_not_run_backwards(broker: Running) -> None:
    client, _ = broker
    quote(client, at=5)
    with pytest.raises(BrokerRefused, match="expected ticks from"):
        quote(client, at=4)


def test_a_replay_waits_for_its_subscriber_and_loses_nothing_at_full_speed(tmp_path: Path) -> None:
    path, ticks = tick_file(tmp_path, 20_000)
    with running_broker(feed=ReplayFeed(files=(ReplayFile(path=path),), speed=None)) as (client, _):
        wait_until(lambda: client.call("status")["feed"]["state"] == "waiting")
        assert client.call("status")["now_msc"] == ticks[0].time_msc  # the account was opened at the file's start
        client.call("subscribe", window=1000)
        assert take(client, 20_000) == {"EURUSD": ticks}
        wait_until(lambda: client.call("status")["feed"]["state"] == "finished")


def test_a_replay_stands_still_while_its_subscriber_is_busy(tmp_path: Path) -> None:
    path, ticks = tick_file(tmp_path, 5000)
    with running_broker() as (client, _):
        client.call("subscribe", window=600)
        client.call("replay", files=[str(path)], speed="max")
        taken = take(client, 600, done=False)["EURUSD"]
        wait_until(lambda: client.call("status")["feed"]["state"] == "waiting")
        assert client.call("status")["feed"]["ticks"] < 600 + 1024 + 1
        assert taken == ticks[:600]
        client.tell({"op": "done", "n": 600})
        assert take(client, 4400)["EURUSD"] == ticks[600:]


def test_a_subscriber_that_goes_away_stops_the_replay_until_the_next_comes(tmp_path: Path) -> None:
    path, _ = tick_file(tmp_path, 5000)
    with running_broker() as (client, port):
        with BrokerClient("127.0.0.1", port) as first:
            first.call("subscribe", window=500)
            client.call("replay", files=[str(path)], speed="max")
            take(first, 500, done=False)
        wait_until(lambda: client.call("status")["feed"]["state"] == "waiting")
        left = 5000 - client.call("status")["feed"]["ticks"]
        with BrokerClient("127.0.0.1", port) as second:
            second.call("subscribe")
            take(second, left)
        assert len(client.call("copy_ticks_range", symbol="EURUSD", from_msc=0, to_msc=2**50)["ticks"]) == 5000


def test_a_slow_subscriber_of_a_live_market_is_told_what_it_missed() -> None:
    account = BrokerConfig(symbols=free_of_costs("EURUSD"), history_ticks_max=100)
    with running_broker(account=account) as (client, port), BrokerClient("127.0.0.1", port) as slow:
        slow.call("subscribe", window=10)
        for start in range(0, 500, 50):
            ticks = rows(*((MONDAY_MSC + n, 1.1, 1.1001) for n in range(start, start + 50)))
            client.call("inject", ticks={"EURUSD": ticks})
        slow.call("account")
        pushes = slow.pushes()
        assert [len(push["ticks"]["EURUSD"]) for push in pushes] == [10]
        slow.tell({"op": "done", "n": 10})
        slow.call("account")
        (push,) = slow.pushes()
        missed = push["skipped"]["EURUSD"]
        assert push["ticks"]["EURUSD"][0][0] == MONDAY_MSC + 10 + missed
        assert missed == 500 - 10 - len(client.call("copy_ticks", symbol="EURUSD", count=1000))


def test_replayed_speed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "eurusd.csv"
    write_tick_file(path, rows(*((MONDAY_MSC + n * 1000, 1.1, 1.1001) for n in range(10))), digits=5)
    with running_broker() as (client, _):
        client.call("subscribe")
        began = time.monotonic()
        client.call("replay", files=[str(path)], speed=10)
        take(client, 10)
        assert 0.85 < time.monotonic() - began < 8.0  # nine seconds of the file


def test_pausing_stops_the_ticks_and_resuming_goes_on_where_it_was(tmp_path: Path) -> None:
    path, ticks = tick_file(tmp_path, 3000)
    with running_broker(is_paused=True) as (client, _):
        client.call("subscribe", window=100_000)
        client.call("replay", files=[str(path)], speed="max")
        assert client.call("status")["feed"]["state"] == "paused"
        assert client.pushes() == []
        client.call("feed_resume")
        assert take(client, 3000)["EURUSD"] == ticks


def test_a_replay_that_would_set_the_clock_back_is_moved_by_whole_weeks(tmp_path: Path) -> None:
    path, ticks = tick_file(tmp_path, 100)
    with running_broker() as (client, _):
        client.call("subscribe", window=10_000)
        assert client.call("replay", files=[str(path)], speed="max") == {"shift_ms": 0}
        assert take(client, 100)["EURUSD"] == ticks
        week = 7 * 86_400_000
        assert client.call("replay", files=[str(path)], speed="max") == {"shift_ms": week}
        moved = take(client, 100)["EURUSD"]
        assert moved == [tick._replace(time_msc=tick.time_msc + week) for tick in ticks]


def test_a_malformed_file_stops_the_replay_and_says_where(tmp_path: Path) -> None:
    path, _ = tick_file(tmp_path, 10)
    with path.open("a") as file:
        file.write("nonsense\n")
    with running_broker() as (client, _):
        client.call("subscribe")
        client.call("replay", files=[str(path)], speed="max")
        feed = wait_until(lambda: (f := client.call("status")["feed"])["state"] == "failed" and f)
        assert "line 11: expected" in feed["error"]
        assert feed["ticks"] == 10
        assert len(take(client, 10)["EURUSD"]) == 10
        client.call("replay", files=[{"path": str(path), "policy": "skip"}], speed="max")
        wait_until(lambda: client.call("status")["feed"]["state"] == "finished")


def test_symbols_of_a_file_are_listed_and_told(tmp_path: Path) -> None:
    path = tmp_path / "audnzd.csv"
    write_tick_file(path, rows((MONDAY_MSC, 1.08, 1.0801)), digits=5)
    with running_broker() as (client, _):
        client.call("subscribe")
        client.call("replay", files=[str(path)], speed="max")
        assert [push["spec"]["symbol"] for push in client.pushes() if push["push"] == "symbol"] == ["AUDNZD"]


def test_generated_ticks_come_by_themselves_at_the_servers_clock() -> None:
    with running_broker(feed=GenerateFeed(seed=1, speed=20.0), server_offset_s=7200) as (client, _):
        client.call("subscribe")
        taken = take(client, 60)
        assert {"EURUSD", "GBPUSD", "USDJPY", "XAUUSD"} <= set(taken)
        assert abs(taken["EURUSD"][0].time_msc - time.time() * 1000 - 7_200_000) < 60_000


@pytest.mark.skipif(not (HISTDATA.exists() and TRUEFX.exists()), reason="needs ../shared/data")
def test_the_real_files_replay_completely_and_merged_by_time() -> None:
    with running_broker() as (client, _):
        client.call("subscribe")
        client.call("replay", files=[str(HISTDATA), str(TRUEFX)], speed="max")
        taken = take(client, 10_500)
        assert {symbol: len(ticks) for symbol, ticks in taken.items()} == {"EURUSD": 9500, "USDJPY": 1000}


def test_books_prices_and_tick_history_survive_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "broker.journal"
    whole = {"symbol": "EURUSD", "from_msc": 0, "to_msc": 2**62}
    with running_broker(journal_path=journal) as (client, _):
        quote(client)
        history = client.call("copy_ticks_range", **whole)
        assert history["ticks"] != []
        client.call("send", request=buy())
        client.call("cash", amount="250.50", comment="Deposit")
        before = client.call("books")
    with running_broker(journal_path=journal) as (client, _):
        assert client.call("books") == before
        assert client.call("status")["now_msc"] == MONDAY_MSC
        assert client.call("copy_ticks_range", **whole) == history


def test_a_replay_that_was_cut_off_goes_on_where_it_stood_and_begins_anew_only_after_its_end(tmp_path: Path) -> None:
    path, ticks = tick_file(tmp_path, 3000)
    settings = {
        "feed": ReplayFeed(files=(ReplayFile(path=path),), speed=None), "journal_path": tmp_path / "broker.journal",
    }  # fmt: skip
    whole = {"symbol": "EURUSD", "from_msc": 0, "to_msc": 2**50, "limit": 5000}
    for _ in range(2):
        with running_broker(**settings) as (client, _):
            client.call("subscribe", window=700)
            take(client, 700, done=False)  # and it stands still until it is stopped
    with running_broker(**settings) as (client, _):
        played = len(client.call("copy_ticks_range", **whole)["ticks"])
        assert 1400 <= played < 3000
        client.call("subscribe", window=10_000)
        assert take(client, 3000 - played)["EURUSD"] == ticks[played:]
        finished(client)
        assert [Tick._make(row) for row in client.call("copy_ticks_range", **whole)["ticks"]] == ticks
    with running_broker(**settings) as (client, _):
        client.call("subscribe", window=10_000)
        week = 7 * 86_400_000
        assert take(client, 3000)["EURUSD"] == [tick._replace(time_msc=tick.time_msc + week) for tick in ticks]


def finished(client: BrokerClient) -> None:
    """Wait for the end of a replay."""
    wait_until(lambda: client.call("status")["feed"]["state"] == "finished")


def test_two_brokers_cannot_share_books_or_port(tmp_path: Path) -> None:
    with running_broker(journal_path=tmp_path / "j") as (_, port):
        with pytest.raises(JournalError, match="another process"), running_broker(journal_path=tmp_path / "j"):
            pass
        code = (
            "from zmq_bridge.simulator.broker_server import *\n"
            f"run_broker(BrokerSettings(port={port}, feed=None))"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"expected 127.0.0.1:{port} to be free" in other.stderr


def test_a_broker_killed_at_any_moment_has_every_deal_that_it_answered(tmp_path: Path) -> None:
    """SIGKILL while orders pour in: what was answered DONE is in the books of the next life, once."""
    journal, port = tmp_path / "broker.journal", free_port()
    code = (
        "from pathlib import Path\nfrom zmq_bridge.simulator.broker_server import *\n"
        f"run_broker(BrokerSettings(port={port}, journal_path=Path({str(journal)!r}), feed=None))"
    )
    answered: list[int] = []
    for trial in range(3):
        process = subprocess.Popen([sys.executable, "-c", code])
        client = wait_until(lambda: _connected(port))
        quote(client, at=trial)
        deals = [deal["ticket"] for deal in client.call("books")["deals"]]
        assert set(answered) <= set(deals)
        assert len(deals) == len(set(deals))
        try:
            for number in range(1000):
                answered.append(client.call("send", request=buy(0.01))["deal"])
                if number == 10 + trial * 7:
                    os.kill(process.pid, signal.SIGKILL)
        except BrokerUnreachable:
            pass
        process.wait(60)
        client.close()
    with running_broker(journal_path=journal) as (client, _):
        books = client.call("books")
        assert set(answered) <= {deal["ticket"] for deal in books["deals"]}
        volume = sum((D(position["volume"]) for position in books["positions"]), D(0))
        assert volume == D("0.01") * (len(books["deals"]) - 1)


def _connected(port: int) -> BrokerClient | None:
    try:
        return BrokerClient("127.0.0.1", port, timeout_s=30.0)
    except SimulatorError:
        return None
