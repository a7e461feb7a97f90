"""A moving-average strategy: buy when the fast average crosses above the slow one, sell when it crosses below.

    ZMQ_BRIDGE_API_KEY=... python examples/moving_average.py EURUSD

It shows the shape of a strategy, not a way to riches: warm up from history, think on each tick, say a wish with a stop
and a target, and let the bridge's risk gate decide. After a gap the averages start anew; on stale data it waits.
"""

import sys
import time
from collections import deque
from contextlib import suppress

from zmq_bridge.client import Accepted, Client, GapNotice, NoAnswer, RequestRefused, StaleData

FAST_TICKS = 20
SLOW_TICKS = 100
RISK_PERCENT = 0.5
STOP_FRACTION = 0.003
TARGET_FRACTION = 0.006
MAX_AGE_S = 3.0
FOR_GOOD = ("UNAUTHENTICATED", "FORBIDDEN", "INVALID")  # refusals that waiting does not mend
PAUSE_S = 1.0


class Crossing:
    """Two averages of the middle price, and when they cross."""

    def __init__(self, fast_ticks: int = FAST_TICKS, slow_ticks: int = SLOW_TICKS) -> None:
        self._fast_ticks = fast_ticks
        self._prices: deque[float] = deque(maxlen=slow_ticks)
        self._was_above: bool | None = None

    def start_anew(self) -> None:
        """Forget every price."""
        self._prices.clear()
        self._was_above = None

    def feed(self, price: float) -> str | None:
        """Take in a price; give BUY or SELL at a crossing."""
        self._prices.append(price)
        if len(self._prices) < (self._prices.maxlen or 0):
            return None
        recent = list(self._prices)
        fast = sum(recent[-self._fast_ticks :]) / self._fast_ticks
        slow = sum(recent) / len(recent)
        was_above, self._was_above = self._was_above, fast > slow
        if was_above is None or was_above == self._was_above:
            return None
        return "BUY" if self._was_above else "SELL"


def wish(client: Client, symbol: str, action: str, bid: float, ask: float) -> None:
    """Submit a signal and say what became of it."""
    entry, way = (ask, 1) if action == "BUY" else (bid, -1)
    signal = {
        "symbol": symbol,
        "action": action,
        "risk_percent": RISK_PERCENT,
        "sl": round(entry * (1 - way * STOP_FRACTION), 5),
        "tp": round(entry * (1 + way * TARGET_FRACTION), 5),
        "reason": [f"{FAST_TICKS}/{SLOW_TICKS} ticks crossed"],
    }
    try:
        answer = client.submit(signal)
    except (NoAnswer, RequestRefused) as error:
        print(f"{action} {symbol}: {error}", flush=True)
        return
    if isinstance(answer, Accepted):
        print(f"{action} {symbol}: accepted, signal {answer.signal_id}", flush=True)
    else:
        print(f"{action} {symbol}: denied, {answer.code} {answer.context}", flush=True)


def trade(client: Client, symbol: str) -> None:
    """Follow one symbol until its data is stale."""
    crossing = Crossing()
    for old in client.history(symbol, SLOW_TICKS):
        crossing.feed((old.bid + old.ask) / 2)

    def lost(gap: GapNotice) -> None:
        if gap.state == "open":
            crossing.start_anew()

    print(f"following {symbol}; an order goes out when the averages cross", file=sys.stderr)
    for tick in client.ticks(symbol, max_age_s=MAX_AGE_S, on_gap=lost):
        action = crossing.feed((tick.bid + tick.ask) / 2)
        if action is not None:
            wish(client, symbol, action, tick.bid, tick.ask)


def main() -> None:
    """Trade, and wait while there is nothing to trade on."""
    symbol = sys.argv[1] if len(sys.argv) > 1 else "EURUSD"
    with Client.from_environment() as client:
        while True:
            try:
                trade(client, symbol)
            except (StaleData, NoAnswer, RequestRefused) as problem:
                if isinstance(problem, RequestRefused) and problem.code in FOR_GOOD:
                    sys.exit(f"refused: {problem}")
                print(f"waiting: {problem}", flush=True)
                time.sleep(PAUSE_S)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        main()
