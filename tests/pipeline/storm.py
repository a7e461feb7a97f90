"""A storm of small orders over parts that die: the rig that may be killed, the careful client, and the killing itself.

A sender does what a careful client does: it repeats a request with the same idempotency key until it has an answer.
Meanwhile one part after another dies and is started again. What really happened is `oracle`'s to say.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.pipeline.oracle import assert_what_really_happened
from tests.pipeline.rig import Reply, Rig, rig_settings
from tests.support import wait_until
from zmq_bridge.cli.simulation import Simulation

VICTIMS = ("proxy", "recorder", "desk", "web", "terminal", "valkey", "postgres")
LAST_VICTIM = "broker"  # its memory of ticks dies with it, as a market that was closed meanwhile
ORDERS_BETWEEN = 3  # answered between two deaths
IN_FLIGHT_S = 0.05  # from an answer to the kill, at most: the next order is anywhere between web and broker
CALM_S = 0.1  # between two orders while a part starts: they wait for it, and a hundred show no more than ten
ACCEPTED_MIN = 3  # to judge by
ANSWER_TIMEOUT_S = 90.0
NO_ANSWER = (OSError, HTTPException, ValueError)  # refused, cut off in the middle, or half a document
LOOSE = {
    "max_orders_per_minute": 10_000, "max_orders_per_minute_source": 10_000, "max_repeats": 10_000,
    "max_positions": 500, "max_correlated_exposure_percent": "100", "max_total_exposure_percent": "100",
    "max_rejects": 10_000,
}  # fmt: skip
"""Limits that leave room for a storm of small orders."""


@contextmanager
def storm_rig(
    var_dir: Path, *, netting: bool = False, dressed: Callable[[Rig], Rig] = lambda rig: rig
) -> Iterator[Rig]:
    """Everything, on servers of its own that may be killed, with limits that leave room, trading.

    Args:
        dressed: what is to be put in place of parts before they are started.
    """
    simulation = Simulation(seed=11, speed=10.0, symbols=("EURUSD", "USDJPY"), netting=netting)
    rig = Rig(rig_settings(var_dir), simulation)
    try:
        dressed(rig).start()
        rig.set_limits(LOOSE)
        rig.wait_for_terminal()
        yield rig
    finally:
        rig.stop()


def kill_with_orders_in_flight(rig: Rig, victim: str, deaths: int) -> None:
    """Let a part die so often while orders pour in; afterwards the broker's books are compared with ours."""
    dice = random.Random(f"crash {victim}")
    sender = Sender(rig, victim)
    sender.start()
    for _ in range(deaths):
        sender.wait_for_more(ORDERS_BETWEEN + dice.randrange(3))
        time.sleep(dice.uniform(0, IN_FLIGHT_S))
        rig.kill(victim)
        with sender.calm():
            rig.start(victim)
    sender.wait_for_more(ORDERS_BETWEEN)
    sender.finish()
    assert_nothing_was_lost_or_doubled(rig, sender)


def assert_nothing_was_lost_or_doubled(rig: Rig, sender: Sender) -> None:
    """Every accepted order is one of its own, and ours and the broker's books agree."""
    assert len({answer.body["signal_id"] for answer in sender.accepted}) == len(sender.accepted) >= ACCEPTED_MIN
    assert_what_really_happened(rig)


class Sender(threading.Thread):
    """Sends small orders, one after another, each until it has an answer."""

    def __init__(self, rig: Rig, name: str) -> None:
        """Make a sender; its orders' idempotency keys begin with its name."""
        super().__init__(daemon=True)
        self._rig, self._key, self._enough = rig, name, threading.Event()
        self._pause_s = 0.0
        self.answers: list[tuple[str, Reply]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Alternate buying and closing until told that it is enough."""
        try:
            for number in itertools.count():
                if self._enough.wait(self._pause_s):
                    return
                self._send(f"{self._key}-{number}", number)
        except BaseException as error:
            self.failure = error
            raise

    @property
    def accepted(self) -> list[Reply]:
        """The orders that became commands; others were denied, as when prices are late after a death."""
        return [answer for _key, answer in self.answers if answer.status == 202]

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Send slowly for a while."""
        self._pause_s = CALM_S
        yield
        self._pause_s = 0.0

    def wait_for_more(self, count: int) -> None:
        """Until `count` more orders have an answer."""
        goal = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= goal or self.failure, ANSWER_TIMEOUT_S, "no order got an answer")

    def finish(self) -> None:
        """Stop after the answer that is under way, once enough were accepted to judge by."""
        def has_enough() -> bool:
            return len(self.accepted) >= ACCEPTED_MIN or self.failure is not None

        wait_until(has_enough, ANSWER_TIMEOUT_S, "too few were accepted")
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
