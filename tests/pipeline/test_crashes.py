"""kill -9 while orders are in flight: no lost fill, no doubled order, and books that agree with the broker's.

A sender does what a careful client does: it repeats a request with the same idempotency key until it has an answer.
Meanwhile one part after another dies and is started again. Afterwards the simulated broker's own books, which nobody
here can bend, say what really happened.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.rig import Reply, Rig, rig_settings
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.storage.risk.limits import Scope, set_limits

VICTIMS = ("proxy", "recorder", "desk", "web", "terminal", "broker", "valkey", "postgres")
DEATHS = 3  # of each victim
ORDERS_BETWEEN = 3  # answered between two deaths
ENOUGH_TICKS = 20  # of each symbol, before what Postgres has is compared with the history
ANSWER_TIMEOUT_S = 90.0
HISTORY_TIMEOUT_S = 60.0
NO_ANSWER = (OSError, HTTPException, ValueError)  # refused, cut off in the middle, or half a document
LOOSE = {
    "max_orders_per_minute": 10_000, "max_orders_per_minute_source": 10_000, "max_repeats": 10_000,
    "max_positions": 500, "max_correlated_exposure_percent": "100", "max_total_exposure_percent": "100",
    "max_rejects": 10_000,
}  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Everything, on servers that may be killed, with limits that leave room for a storm of small orders."""
    rig = Rig(rig_settings(tmp_path), Simulation(seed=11, speed=10.0, symbols=("EURUSD", "USDJPY")))
    try:
        rig.start()
        with rig.engine.begin() as connection:
            set_limits(connection, Scope(), LOOSE, actor="test", now=datetime.now(UTC))
        rig.wait_for_terminal()
        yield rig
    finally:
        rig.stop()


class Sender(threading.Thread):
    """Sends small orders, one after another, each until it has an answer."""

    def __init__(self, rig: Rig, name: str = "storm") -> None:
        """Make a sender; its orders' idempotency keys begin with its name."""
        super().__init__(daemon=True)
        self._rig, self._key, self._enough = rig, name, threading.Event()
        self.answers: list[tuple[str, Reply]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Alternate buying and closing until told that it is enough."""
        try:
            for number in itertools.count():
                if self._enough.is_set():
                    return
                self._send(f"{self._key}-{number}", number)
        except BaseException as error:
            self.failure = error
            raise

    @property
    def accepted(self) -> list[Reply]:
        """The orders that became commands; others were denied, as when prices are late after a death."""
        return [answer for _key, answer in self.answers if answer.status == 202]

    def wait_for_more(self, count: int) -> None:
        """Until `count` more orders have an answer."""
        goal = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= goal or self.failure, ANSWER_TIMEOUT_S, "no order got an answer")

    def finish(self) -> None:
        """Stop after the answer that is under way, once enough were accepted to judge by."""
        wait_until(lambda: len(self.accepted) >= DEATHS or self.failure, ANSWER_TIMEOUT_S, "too few were accepted")
        self._enough.set()
        self.join(ANSWER_TIMEOUT_S)
        assert not self.is_alive(), "the last order never got an answer"
        assert self.failure is None

    def _send(self, key: str, number: int) -> None:
        body = wait_until(lambda: self._order(number), ANSWER_TIMEOUT_S, "no price to order at")
        answer = wait_until(lambda: self._final(key, body), ANSWER_TIMEOUT_S, f"{key} never got an answer")
        self.answers.append((key, answer))

    def _order(self, number: int) -> dict[str, Any] | None:
        """A small buy with room to its stop, or the closing of a symbol."""
        symbol = ("EURUSD", "USDJPY")[number % 2]
        if number % 5 == 4:
            return {"symbol": symbol, "action": "CLOSE"}
        price = self._price(symbol)
        if price is None:
            return None
        digits = 3 if symbol == "USDJPY" else 5
        stop, target = (round(price * (1 + side), digits) for side in (Decimal("-0.003"), Decimal("0.008")))
        return {"symbol": symbol, "action": "BUY", "volume": "0.01", "sl": str(stop), "tp": str(target)}

    def _price(self, symbol: str) -> Decimal | None:
        try:
            found = self._rig.http("GET", f"/api/market/prices?symbols={symbol}")
        except NO_ANSWER:
            return None
        prices = found.body.get("prices") if found.status == 200 else None
        return Decimal(prices[0]["ask"]) if prices else None

    def _final(self, key: str, body: dict[str, Any]) -> Reply | None:
        """The answer, unless it is one that asks to try again."""
        try:
            answer = self._rig.http("POST", "/api/signal", {**body, "idempotency_key": key})
        except NO_ANSWER:
            return None
        return answer if answer.status in (202, 422) else None


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    dice = random.Random(f"crash {victim}")
    sender = Sender(rig)
    sender.start()
    for _ in range(DEATHS):
        sender.wait_for_more(ORDERS_BETWEEN + dice.randrange(3))
        rig.kill(victim)
        rig.start(victim)
    sender.wait_for_more(ORDERS_BETWEEN)
    sender.finish()
    assert_what_really_happened(rig, sender)
    if victim != "broker":  # whose memory of ticks dies with it, as a market that was closed meanwhile
        assert_no_tick_is_missing(rig)


def assert_what_really_happened(rig: Rig, sender: Sender) -> None:
    assert len({answer.body["signal_id"] for answer in sender.accepted}) == len(sender.accepted) >= DEATHS
    wait_until(lambda: not rig.rows("SELECT id FROM commands WHERE finished_at IS NULL"), 60, "a command never ended")
    books = rig.settle()
    assert_no_order_doubled(rig, books)
    assert_ledger_is_the_brokers(rig)
    reserved = "SELECT * FROM reservations WHERE ended_at IS NULL"
    wait_until(lambda: not rig.rows(reserved), 30, "a reservation never ended")
    wait_until(lambda: positions_of(rig) == positions_at(rig.books()), 30, "positions never agreed")


def assert_no_order_doubled(rig: Rig, books: dict[str, Any]) -> None:
    """Each opening command has exactly its volume at the broker when it is done, and nothing when it is not."""
    filled: Counter[str] = Counter()
    for deal in books["deals"]:
        if deal["entry"] == "in" and deal["type"] in ("buy", "sell"):
            filled[deal["comment"]] += int(Decimal(str(deal["volume"])) * 100)
    openings = rig.rows("SELECT id, status FROM commands WHERE kind = 'place_order'")
    assert {row.status for row in openings} <= {"done", "rejected", "expired"}, "an outcome stayed unknown"
    assert filled == Counter({row.id: 1 for row in openings if row.status == "done"})
    unlinked = rig.rows("SELECT ticket FROM deals WHERE entry = 'in' AND type = 'buy' AND signal_id IS NULL")
    assert unlinked == [], "a fill lost its signal"


def assert_ledger_is_the_brokers(rig: Rig) -> None:
    """Every deal posted once; the ledger's balance is the broker's, also when a stop makes one more deal just now."""
    posted = "SELECT count(*), count(DISTINCT cause) FROM ledger_transactions WHERE cause LIKE 'deal:%%'"
    wait_until(lambda: set(rig.rows(posted)[0]) == {len(rig.books()["deals"])}, 30, "not every deal was posted once")
    sums = "SELECT sum(profit + commission + swap + fee) FROM deals WHERE type <> 'credit'"
    wait_until(lambda: rig.value(sums) == Decimal(str(rig.books()["balance"])), 30, "the deals are not the balance")
    pool = wait_until(lambda: _reconciled(rig), 30, "ledger and broker were never reconciled")
    assert pool["reconciled"] is True


def assert_no_tick_is_missing(rig: Rig) -> None:
    """Postgres comes to have what the broker's own history has, in its order: an outage costs latency, not ticks.

    Compared is what came after the first millisecond: some of its ticks may have been there before anybody asked.
    """
    for symbol in ("EURUSD", "USDJPY"):
        wait_until(partial(has_stored_some, rig, symbol), 60, f"{symbol}: fewer than {ENOUGH_TICKS} ticks in Postgres")
    rig.call("feed_pause")
    for symbol in ("EURUSD", "USDJPY"):
        wait_for_history(rig, symbol, rig.value("SELECT min(time_msc) + 1 FROM ticks WHERE symbol = %s", symbol))
    assert rig.rows("SELECT * FROM tick_gaps WHERE state = 'lost'") == []


def wait_for_history(rig: Rig, symbol: str, first_msc: int, *, in_order: bool = True) -> None:
    """Until Postgres has the broker's own ticks of a symbol from a time on."""
    history = broker_ticks(rig, symbol, first_msc)
    arranged = list if in_order else sorted
    try:
        wait_until(lambda: arranged(stored_ticks(rig, symbol, first_msc)) == arranged(history), HISTORY_TIMEOUT_S)
    except AssertionError:
        stored = stored_ticks(rig, symbol, first_msc)
        lost, doubled = Counter(history) - Counter(stored), Counter(stored) - Counter(history)
        raise AssertionError(
            f"{symbol} from {first_msc}: {len(history)} ticks in the history, {len(stored)} stored; "
            f"lost {sorted(lost)[:9]}, too many {sorted(doubled)[:9]}; gaps {rig.rows('SELECT * FROM tick_gaps')}"
        ) from None


def broker_ticks(rig: Rig, symbol: str, first_msc: int) -> list[tuple[int, float, float]]:
    ticks: list[tuple[int, float, float]] = []
    complete = False
    while not complete:
        found = rig.call("copy_ticks_range", symbol=symbol, from_msc=first_msc, to_msc=2**62, skip=len(ticks))
        ticks += [(time_msc, bid, ask) for time_msc, bid, ask, *_rest in found["ticks"]]
        complete = found["complete"]
    return ticks


def has_stored_some(rig: Rig, symbol: str) -> bool:
    return bool(rig.value("SELECT count(*) FROM ticks WHERE symbol = %s", symbol) >= ENOUGH_TICKS)


def stored_ticks(rig: Rig, symbol: str, first_msc: int) -> list[tuple[int, float, float]]:
    query = "SELECT time_msc, bid, ask FROM ticks WHERE symbol = %s AND time_msc >= %s ORDER BY time_msc, id"
    found = rig.rows(query, symbol, first_msc)
    return [(row.time_msc, row.bid, row.ask) for row in found]


def _reconciled(rig: Rig) -> dict[str, Any] | None:
    pool: dict[str, Any] = rig.http("GET", "/api/account/stats").body.get("pool", {})
    return pool if pool.get("reconciled") else None


def positions_of(rig: Rig) -> set[tuple[int, Decimal]]:
    return {(row.ticket, row.volume) for row in rig.rows("SELECT ticket, volume FROM positions")}


def positions_at(books: dict[str, Any]) -> set[tuple[int, Decimal]]:
    return {(found["ticket"], Decimal(str(found["volume"]))) for found in books["positions"]}
