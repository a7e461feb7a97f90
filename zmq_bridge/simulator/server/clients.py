"""Connected clients: their tick subscription with its flow control, and what is pushed to them.

A subscriber takes ticks from the broker's own history by a cursor per symbol. At most `window` ticks are under way to
it; it says `done` as it takes them. A slow subscriber in a live market falls behind and is told what dropped out of
the history meanwhile; a replay waits for it instead (`is_behind`), so nothing is ever lost there.
"""

import asyncio
from typing import Any

from zmq_bridge.simulator.broker.market import Market
from zmq_bridge.simulator.server.lines import encode_line

PUSH_TICKS_MAX = 1000  # ticks in one line
WINDOW_DEFAULT = 8192
WINDOW_MAX = 100_000
OUTGOING_BYTES_MAX = 64_000_000  # a client that reads nothing at all is dropped when this much waits for it


class Client:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.is_subscribed = False
        self._window = WINDOW_DEFAULT
        self._cursors: dict[str, int] = {}
        self._pushed = 0  # ticks sent so far
        self._taken = 0  # ticks that the client is done with

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; a client that has stopped reading is disconnected."""
        if self._writer.transport.get_write_buffer_size() > OUTGOING_BYTES_MAX:
            self._writer.transport.abort()
            return
        self._writer.write(encode_line(message))

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def subscribe(self, market: Market, window: int) -> None:
        """Have ticks pushed from now on."""
        self.is_subscribed = True
        self._window = max(1, min(window, WINDOW_MAX))
        self._cursors = {symbol: history.end for symbol, history in market.history.items()}
        self._taken = self._pushed

    def done(self, pushed: int) -> None:
        """Take note that the client has dealt with everything up to its `pushed`-th tick."""
        self._taken = max(self._taken, min(pushed, self._pushed))

    def push_ticks(self, market: Market, *, waits: bool) -> None:
        """Send what is new, as far as the window allows."""
        while self.is_subscribed and (room := self._room()) > 0:
            ticks, skipped = self._take(market, min(room, PUSH_TICKS_MAX))
            if not ticks and not skipped:
                return
            self._pushed += sum(map(len, ticks.values()))
            self.send({"push": "ticks", "n": self._pushed, "waits": waits, "skipped": skipped, "ticks": ticks})

    def is_behind(self) -> bool:
        """Say whether a replay has to wait for this client."""
        return self.is_subscribed and self._room() <= 0

    def _room(self) -> int:
        return self._window - (self._pushed - self._taken)

    def _take(self, market: Market, room: int) -> tuple[dict[str, list[Any]], dict[str, int]]:
        taken: dict[str, list[Any]] = {}
        skipped: dict[str, int] = {}
        for symbol, history in market.history.items():
            cursor = self._cursors.get(symbol, 0)
            if cursor == history.end:
                continue
            if cursor < history.start:
                skipped[symbol] = history.start - cursor
                cursor = history.start
            if room > 0:
                taken[symbol] = history.slice(cursor, min(history.end, cursor + room))
                room -= len(taken[symbol])
                cursor += len(taken[symbol])
            self._cursors[symbol] = cursor
        return {symbol: ticks for symbol, ticks in taken.items() if ticks}, skipped
