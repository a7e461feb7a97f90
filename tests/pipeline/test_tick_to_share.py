"""The main job, end to end: from 9,500 real quotes to two members' shares, every part a process of its own.

A plain libzmq SUB socket, Redis and Postgres must each have every tick, in order, once. Two members invest at different
times; signals come by HTTP and by ZeroMQ; a position is stopped out and one is closed at a profit, at the file's own
prices; the ledger has every deal once; the shares sum to the NAV to the cent. In a netting account both signals sell,
and their one position is closed at a profit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from tests.pipeline.conftest import SHARED
from tests.pipeline.rig import LOGIN, Rig
from tests.running import PATIENT
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader

MakeRig = Callable[[Simulation], Rig]
Quote = tuple[float, float]  # bid, ask

HISTDATA = SHARED / "histdata-eurusd-2020-01-01.csv"
ENTRY, EXIT = 5_000, 9_100  # lines of the file: orders go out at one, the rest is closed at the other
STOP, TARGET = Decimal("0.00060"), Decimal("0.00150")
LOT = Decimal("0.10")
CONTRACT = 100_000
CENT = Decimal("0.01")
PIP5 = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Tape:
    """A tick file in three parts, with its quotes."""

    parts: tuple[Path, Path, Path]
    quotes: Sequence[Quote]


@dataclass(frozen=True, slots=True)
class Trades:
    """The commands of the two signals."""

    by_http: str
    by_zeromq: str


@pytest.fixture(params=["histdata", "generated"])
def tape(request: pytest.FixtureRequest, tmp_path: Path) -> Tape:
    """Real quotes, and a file of our own that takes the same path where the real ones are absent."""
    if request.param == "histdata" and not HISTDATA.exists():
        pytest.skip(f"no real quotes: {HISTDATA.name} is not beside this checkout (the generated file is used)")
    return make_tape(HISTDATA.read_text().splitlines() if request.param == "histdata" else generated_lines(), tmp_path)


def make_tape(lines: Sequence[str], tmp_path: Path) -> Tape:
    """Write the parts of a tape."""
    parts = []
    for name, cut in (("1", slice(0, ENTRY)), ("2", slice(ENTRY, EXIT)), ("3", slice(EXIT, None))):
        path = tmp_path / f"part-{name}.csv"
        path.write_text("\n".join(lines[cut]) + "\n")
        parts.append(path)
    quotes = [(float(line.split(",")[1]), float(line.split(",")[2])) for line in lines]
    return Tape((parts[0], parts[1], parts[2]), quotes)


def generated_lines() -> list[str]:
    """9,500 quotes in HistData's layout: still, then 1.5 stops down, then still; several share a millisecond."""
    dice = random.Random(7)
    lines = []
    for number in range(9_500):
        fall = max(0, min(number - ENTRY - 500, 2_000)) * 45 // 1_000
        bid = Decimal("1.12200") + PIP5 * (dice.randrange(-3, 4) - fall)
        second, millisecond = divmod(number // 3 * 250, 1_000)
        clock = f"{17 + second // 3600:02}{second // 60 % 60:02}{second % 60:02}{millisecond:03}"
        lines.append(f"20200101 {clock},{bid},{bid + 2 * PIP5},0")
    return lines


class PlainSubscriber:
    """What any program with libzmq would do: SUB, a prefix, receive."""

    def __init__(self, rig: Rig) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        self._socket.set_hwm(0)
        self._socket.subscribe(b"tick.EURUSD.")
        monitor: zmq.Socket[bytes] = self._socket.get_monitor_socket()
        self._socket.connect(rig.settings.local_endpoint(rig.settings.subscribe_port))
        while recv_monitor_message(monitor)["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            pass
        self._socket.disable_monitor()
        self.quotes: list[Quote] = []
        self.seqs: list[int] = []

    def has(self, count: int) -> bool:
        """Take what has arrived; whether that is `count` ticks."""
        while self._socket.poll(0):
            topic, _, payload = self._socket.recv().partition(b"\0")
            assert topic == f"tick.EURUSD.{LOGIN}".encode()
            _version, _session, seq, ticks = msgpack.unpackb(payload)
            self.seqs += range(seq, seq + len(ticks))
            self.quotes += [(bid, ask) for _time_msc, bid, ask, *_rest in ticks]
        return len(self.quotes) >= count

    def close(self) -> None:
        self._socket.close(0)


@pytest.fixture
def rig(make_rig: MakeRig, tape: Tape) -> Rig:
    """The first part of the file is ready to be replayed."""
    return make_rig(Simulation(replay=(tape.parts[0],), symbols=("EURUSD",), speed=None))


def test_every_tick_arrives_everywhere_and_every_cent_has_an_owner(rig: Rig, tape: Tape) -> None:
    do_the_main_job(rig, tape)


def do_the_main_job(rig: Rig, tape: Tape, *, netting: bool = False, hold: bool = False) -> None:
    """Everything, from a rig that does not run yet.

    Args:
        hold: the market opens when the terminal has been greeted: one that does not read ticks from before it was
            subscribed to has them all only then.
    """
    rig.start("proxy", "recorder", "desk", "web", "broker")
    rig.set_limits(PATIENT)  # the replay stands still between two parts, for as long as this machine takes
    subscriber = PlainSubscriber(rig)
    try:
        if hold:
            rig.call("feed_pause")
        rig.start("terminal")
        rig.wait_for_terminal()
        if hold:
            rig.call("feed_resume")
        ada, bob = (new_member(rig, name) for name in ("ada", "bob"))
        invest(rig, ada, "6000.00")
        wait_until(lambda: subscriber.has(ENTRY), 30, "the first part never arrived")

        trades = trade(rig, tape, second="SELL" if netting else "BUY")
        replay(rig, tape.parts[1])
        wait_until(lambda: subscriber.has(EXIT), 30, "the second part never arrived")
        close_rest(rig, tape)
        assert_books(rig)
        assert_deals = assert_one_position if netting else assert_a_stop_and_a_profit
        assert_deals(rig, tape, trades)

        invest(rig, bob, "4000.00")
        assert_shares(rig, ada, bob)
        replay(rig, tape.parts[2])
        wait_until(lambda: subscriber.has(len(tape.quotes)), 30, "the last part never arrived")
        assert_every_tick(rig, tape, subscriber)
        rig.set_limits({})
        assert_denials(rig, tape)
    finally:
        subscriber.close()


def new_member(rig: Rig, name: str) -> int:
    made = rig.http("POST", "/api/users", {"name": name, "email": f"{name}@example.org"})
    assert made.status == 201, made
    return int(made.body["id"])


def invest(rig: Rig, user: int, amount: str) -> None:
    """A member pays in: the request, then the deposit that names it at the broker, then units."""
    wanted = rig.http("POST", f"/api/users/{user}/invest", {"amount": amount})
    assert wanted.status == 202, wanted
    assert share_of(rig, user)["units"] == "0", "a request alone must not make units"
    rig.deposit(amount, comment=wanted.body["reference"])
    wait_until(lambda: Decimal(share_of(rig, user)["units"]) > 0, 30, f"the deposit of user {user} never became units")


def share_of(rig: Rig, user: int) -> dict[str, str]:
    found = rig.http("GET", f"/api/users/{user}/stats")
    assert found.status == 200, found
    share: dict[str, str] = found.body["share"]
    return share


def trade(rig: Rig, tape: Tape, *, second: str) -> Trades:
    """Sell by HTTP, and sell or buy by ZeroMQ, at the last quote of the first part."""
    bid, ask = (Decimal(str(price)) for price in tape.quotes[ENTRY - 1])
    selling = {"symbol": "EURUSD", "volume": str(LOT), "action": "SELL", "sl": str(bid + STOP), "tp": str(bid - TARGET)}
    buying = {**selling, "action": "BUY", "sl": str(ask - STOP), "tp": str(ask + TARGET)}
    by_http = rig.signal(**selling)
    assert by_http.status == 202, by_http
    by_zeromq = submit(rig, buying if second == "BUY" else selling)
    assert by_zeromq["type"] == "accepted", by_zeromq
    first, other = (rig.wait_for_command(found) for found in (by_http.body["command_id"], by_zeromq["command_id"]))
    assert (first.status, first.fill_price, first.filled_volume) == ("done", bid, LOT), first
    price = ask if second == "BUY" else bid
    assert (other.status, other.fill_price, other.filled_volume) == ("done", price, LOT), other
    return Trades(first.id, other.id)


def submit(rig: Rig, signal: dict[str, str]) -> dict[str, str]:
    """One signal over plain REQ."""
    request = {"v": 1, "type": "submit", "api_key": rig.key, "signal": {**signal, "idempotency_key": "by-zeromq"}}
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REQ)
    with socket:
        socket.setsockopt(zmq.RCVTIMEO, 60_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(rig.settings.local_endpoint(rig.settings.strategy_port))
        socket.send(msgpack.packb(request))
        found: dict[str, str] = msgpack.unpackb(socket.recv())
        return found


def replay(rig: Rig, part: Path) -> None:
    rig.call("replay", files=[{"path": str(part), "symbol": "EURUSD"}], speed="max")


def close_rest(rig: Rig, tape: Tape) -> None:
    """Close what the stop left open."""
    wait_until(lambda: len(rig.http("GET", "/api/positions").body["positions"]) == 1, 30, "the stop never closed one")
    closing = rig.signal(symbol="EURUSD", action="CLOSE")
    assert closing.status == 202, closing
    assert rig.wait_for_command(closing.body["command_id"]).status == "done"
    wait_until(lambda: rig.http("GET", "/api/positions").body["positions"] == [], 30, "a position stayed open")


def assert_books(rig: Rig) -> None:
    """The ledger has the broker's deals, once each, and its balance."""
    books = rig.settle()
    posted = rig.rows("SELECT cause FROM ledger_transactions WHERE cause LIKE 'deal:%%'")
    assert len(posted) == len({row.cause for row in posted}) == len(books["deals"])
    assert rig.http("GET", "/api/account").body["balance"] == str(Decimal(str(books["balance"])).quantize(CENT))


def deals_of(rig: Rig) -> list[Any]:
    return rig.rows("SELECT * FROM deals WHERE type IN ('buy', 'sell') ORDER BY ticket")


def assert_a_stop_and_a_profit(rig: Rig, tape: Tape, trades: Trades) -> None:
    """Two positions, tied to their signals: one stopped out, one closed at a profit, at the file's prices."""
    deals = deals_of(rig)
    by_command = {deal.command_id: deal for deal in deals if deal.entry == "in"}
    exits = {deal.position_ticket: deal for deal in deals if deal.entry == "out"}
    assert len(deals) == 4
    sold, bought = by_command[trades.by_http], by_command[trades.by_zeromq]
    _bid, ask = (Decimal(str(price)) for price in tape.quotes[EXIT - 1])
    closed_sell, stopped_buy = exits[sold.position_ticket], exits[bought.position_ticket]
    assert closed_sell.price == ask
    assert closed_sell.profit == (sold.price - ask) * LOT * CONTRACT
    assert closed_sell.profit > 0
    first_at_stop = next(Decimal(str(b)) for b, _ in tape.quotes[ENTRY:] if Decimal(str(b)) <= bought.sl)
    assert stopped_buy.price in {first_at_stop, bought.sl}
    assert stopped_buy.profit < 0


def assert_one_position(rig: Rig, tape: Tape, trades: Trades) -> None:
    """Two sales make one position, closed at a profit by one deal."""
    deals = deals_of(rig)
    _bid, ask = (Decimal(str(price)) for price in tape.quotes[EXIT - 1])
    assert [(deal.entry, deal.type, deal.volume) for deal in deals] == [
        ("in", "sell", LOT), ("in", "sell", LOT), ("out", "buy", 2 * LOT),
    ]  # fmt: skip
    assert {deal.command_id for deal in deals[:2]} == {trades.by_http, trades.by_zeromq}
    assert len({deal.position_ticket for deal in deals}) == 1
    assert deals[2].price == ask
    assert deals[2].profit == (deals[0].price - ask) * 2 * LOT * CONTRACT
    assert deals[2].profit > 0


def assert_shares(rig: Rig, ada: int, bob: int) -> None:
    """Two members, one price; claims sum to the NAV to the cent."""
    pool = rig.http("GET", "/api/account/stats").body["pool"]
    values = [Decimal(share_of(rig, user)["value"]) for user in (ada, bob)]
    assert sum(values) == Decimal(pool["nav"])
    assert abs(values[1] - Decimal("4000.00")) <= Decimal("0.01"), "who joins last owns what was paid in, no more"
    equity = Decimal(rig.http("GET", "/api/account").body["equity"])
    assert Decimal(pool["nav"]) == equity - Decimal("10000.00"), "the broker's first deposit is nobody's yet"
    assert pool["reconciled"] is True


def assert_every_tick(rig: Rig, tape: Tape, subscriber: PlainSubscriber) -> None:
    """In order, none lost, none doubled: SUB, Postgres, Redis."""
    assert subscriber.quotes == list(tape.quotes)
    assert subscriber.seqs == list(range(1, len(tape.quotes) + 1))
    count = "SELECT count(*) FROM ticks"
    wait_until(lambda: rig.value(count) >= len(tape.quotes), 30, "Postgres never had every tick")
    stored = rig.rows("SELECT bid, ask FROM ticks WHERE symbol = 'EURUSD' ORDER BY time_msc, id")
    assert [(row.bid, row.ask) for row in stored] == list(tape.quotes)
    assert rig.rows("SELECT * FROM tick_gaps") == []
    client = open_redis(rig.settings.redis_url)
    live = LiveReader(client)
    recent = wait_until(lambda: _ended(live, tape.quotes), 30, "Redis never had the last tick")
    assert recent == list(tape.quotes)[-len(recent) :]
    assert len(recent) >= 5_000
    client.close()


def _ended(live: LiveReader, quotes: Sequence[Quote]) -> list[Quote] | None:
    found = [(float(tick.bid), float(tick.ask)) for tick in live.ticks("EURUSD", count=len(quotes))]
    return found if found and found[-1] == quotes[-1] else None


def assert_denials(rig: Rig, tape: Tape) -> None:
    """No stop, too large, and a feed that has gone quiet: each with its code, none with a command."""
    commands = rig.value("SELECT count(*) FROM commands")
    _bid, ask = (Decimal(str(price)) for price in tape.quotes[-1])
    fields = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "tp": str(ask + TARGET)}
    stop = {"sl": str(ask - STOP)}
    assert denial(rig, **fields) == "STOP_LOSS_MISSING"
    assert denial(rig, **fields | stop | {"volume": "20"}) == "POSITION_RISK"
    wait_until(lambda: data_age_ms(rig) > 10_000, 30, "the quotes never grew old")
    assert denial(rig, **fields | stop) == "QUOTE_STALE"
    assert rig.value("SELECT count(*) FROM commands") == commands


def denial(rig: Rig, **signal: str) -> str:
    answer = rig.signal(**signal)
    assert answer.status == 422, answer
    assert answer.body["decision_id"]
    return str(answer.body["code"])


def data_age_ms(rig: Rig) -> int:
    return int(rig.http("GET", "/health").body["terminals"][0]["data_age_ms"])
