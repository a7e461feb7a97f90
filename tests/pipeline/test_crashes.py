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
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.rig import Reply, Rig, rig_settings
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.storage.risk_limits import Scope, set_limits

VICTIMS = ("proxy", "recorder", "desk", "web", "terminal", "broker", "valkey", "postgres")
DEATHS = 3  # of each victim
ORDERS_BETWEEN = 3  # answered between two deaths
ANSWER_TIMEOUT_S = 60.0
LOOSE = {
    "max_orders_per_minute": 10_000, "max_orders_per_minute_source": 10_000, "max_repeats": 10_000,
    "max_positions": 500, "max_correlated_exposure_percent": "100", "max_total_exposure_percent": "100",
    "max_rejects": 10_000,
}  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Everything, on servers that may be killed, with limits that leave room for a storm of small orders."""
    rig = Rig(rig_settings(tmp_path), Simulation(seed=11, symbols=("EURUSD", "USDJPY")))
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

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self._rig, self._enough = rig, threading.Event()
        self.answers: list[tuple[str, Reply]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Alternate buying and closing until told that it is enough."""
        try:
            for number in itertools.count():
                if self._enough.is_set():
                    return
                self._send(f"storm-{number}", number)
        except BaseException as error:
            self.failure = error
            raise

    def finish(self) -> None:
        """Stop after the answer that is under way."""
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
        except OSError:
            return None
        prices = found.body.get("prices") if found.status == 200 else None
        return Decimal(prices[0]["ask"]) if prices else None

    def _final(self, key: str, body: dict[str, Any]) -> Reply | None:
        """The answer, unless it is one that asks to try again."""
        try:
            answer = self._rig.http("POST", "/api/signal", {**body, "idempotency_key": key})
        except (OSError, ValueError):
            return None
        return answer if answer.status in (202, 422) else None


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_costs_no_fill_and_doubles_no_order(rig: Rig, victim: str) -> None:
    dice = random.Random(f"crash {victim}")
    sender = Sender(rig)
    sender.start()
    for _ in range(DEATHS):
        goal = len(sender.answers) + ORDERS_BETWEEN + dice.randrange(3)
        wait_until(lambda goal=goal: len(sender.answers) >= goal or sender.failure, ANSWER_TIMEOUT_S)  # type: ignore[misc]
        rig.kill(victim)
        rig.start(victim)
    goal = len(sender.answers) + ORDERS_BETWEEN
    wait_until(lambda: len(sender.answers) >= goal or sender.failure, ANSWER_TIMEOUT_S)
    sender.finish()
    assert_what_really_happened(rig, sender)


def assert_what_really_happened(rig: Rig, sender: Sender) -> None:
    accepted = {answer.body["signal_id"] for _key, answer in sender.answers if answer.status == 202}
    assert len(accepted) == sum(answer.status == 202 for _key, answer in sender.answers)
    assert len(accepted) >= DEATHS, Counter(answer.body.get("code") for _key, answer in sender.answers)
    wait_until(lambda: not rig.rows("SELECT id FROM commands WHERE finished_at IS NULL"), 60, "a command never ended")
    books = rig.settle()
    assert_no_order_doubled(rig, books)
    assert_ledger_is_the_brokers(rig, books)
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


def assert_ledger_is_the_brokers(rig: Rig, books: dict[str, Any]) -> None:
    """Every deal posted once; the ledger's balance is the broker's."""
    causes = [row.cause for row in rig.rows("SELECT cause FROM ledger_transactions WHERE cause LIKE 'deal:%%'")]
    assert len(causes) == len(set(causes)) == len(books["deals"])
    sums = "SELECT sum(profit + commission + swap + fee) FROM deals WHERE type <> 'credit'"
    assert rig.value(sums) == Decimal(str(books["balance"]))
    pool = wait_until(lambda: _reconciled(rig), 30, "ledger and broker were never reconciled")
    assert pool["reconciled"] is True


def _reconciled(rig: Rig) -> dict[str, Any] | None:
    pool: dict[str, Any] = rig.http("GET", "/api/account/stats").body["pool"]
    return pool if pool["reconciled"] else None


def positions_of(rig: Rig) -> set[tuple[int, Decimal]]:
    return {(row.ticket, row.volume) for row in rig.rows("SELECT ticket, volume FROM positions")}


def positions_at(books: dict[str, Any]) -> set[tuple[int, Decimal]]:
    return {(found["ticket"], Decimal(str(found["volume"]))) for found in books["positions"]}
