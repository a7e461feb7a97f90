"""The blocking client: ticks as an iterator, signals and queries as calls.

    with Client(api_key="...") as client:
        for tick in client.ticks("EURUSD"):
            ...

Every `ticks()` is a subscription of its own, with its own socket, for the thread that iterates it. Calls may come from
any thread; they take turns on one REQ socket.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import zmq

from zmq_bridge.client import desk_call
from zmq_bridge.client.connection import Connection
from zmq_bridge.client.desk_call import ATTEMPT_S, KILL_ATTEMPT_S, KILL_TIMEOUT_S, TIMEOUT_S, Attempts
from zmq_bridge.client.errors import NoAnswer
from zmq_bridge.client.options import ClientOptions
from zmq_bridge.client.tick_feed import TickFeed
from zmq_bridge.client.tick_flow import FlowOptions, OnStale
from zmq_bridge.client.values import GapNotice, Price
from zmq_bridge.protocol.messages import Accepted, Denied, Kill, Killed, Query, StrategyReply, StrategyRequest
from zmq_bridge.protocol.ticks import Tick


class Client:
    """A strategy's connection to the bridge.

    Args:
        options: where the bridge is and who asks; or `named`, e.g. `Client(host="10.0.0.5", api_key="...")`.
    """

    def __init__(self, options: ClientOptions | None = None, **named: Any) -> None:
        self.options = options or ClientOptions(**named)
        self._connection = Connection(self.options, zmq.Context())
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """Make a client from the bridge's own variables: ZMQ_BRIDGE_HOST, _SUBSCRIBE_PORT, _STRATEGY_PORT, _API_KEY."""
        return cls(ClientOptions.from_environment(os.environ, **options))

    def ticks(
        self,
        *symbols: str,
        login: int = 0,
        conflate: bool = False,
        max_age_s: float | None = None,
        stale: OnStale = "raise",
        on_gap: Callable[[GapNotice], None] | None = None,
    ) -> TickFeed:
        """Subscribe to the ticks of symbols.

        Args:
            symbols: in the broker's exact spelling; none = every symbol.
            login: of one account; 0 = of every account, or the client's own login when it has one.
            conflate: give only the latest tick of each stream that came since you last looked.
            max_age_s: refuse older data; see `stale`. None = the client's.
            stale: "raise" StaleData, or "flag" old ticks with `is_stale`.
            on_gap: told of every missing tick, in the order of the stream; None = the client's.
        """
        wanted = FlowOptions(
            symbols=symbols, login=login, conflate=conflate, max_age_s=max_age_s, stale=stale, on_gap=on_gap
        )
        feed = TickFeed(*self._connection.subscribe(wanted))
        self._connection.keep(feed)
        return feed

    def submit(
        self, signal: Mapping[str, object], *, idempotency_key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> Accepted | Denied:
        """Submit a signal; lost answers are asked for again and never double it.

        Args:
            signal: the fields of POST /api/signal.
            idempotency_key: names this signal for ever; None = the signal's own, or a new one.

        Raises:
            NoAnswer: its outcome is unknown; the error has the idempotency key to ask with.
            RequestRefused: not a signal, or not for this API key.
        """
        request = desk_call.make_submit(self.options.api_key, signal, idempotency_key, datetime.now(UTC))
        reply = self._call(request, timeout_s, str(request.signal["idempotency_key"]))
        return desk_call.verdict_of(reply)

    def query(self, what: Any, *, timeout_s: float = TIMEOUT_S, **arguments: Any) -> Any:
        """Ask for state; see docs/wire.md for what there is."""
        query = Query(api_key=self.options.api_key, what=what, **{"login": self.options.login, **arguments})
        return desk_call.data_of(self._call(query, timeout_s), query)

    def kill(
        self, reason: str, *, login: int = 0, close_positions: bool = False, timeout_s: float = KILL_TIMEOUT_S
    ) -> Killed:
        """Halt the account, cancel every pending order, and if asked close every position; may be called again.

        Goes on trying for longer than anything at the bridge can be in its way.

        Raises:
            NoAnswer: it may or may not be stopped; call again.
            RequestRefused: not for this API key.
        """
        request = Kill(
            api_key=self.options.api_key, reason=reason, login=login or self.options.login or 0,
            close_positions=close_positions,
        )  # fmt: skip
        return desk_call.killed_of(self._call(request, timeout_s, attempt_s=KILL_ATTEMPT_S))

    def price(self, symbol: str, **arguments: Any) -> Price:
        """Give the latest price that the bridge has."""
        return desk_call.price_of(self.query("price", symbol=symbol, **arguments), symbol)

    def history(self, symbol: str, count: int = 0, **arguments: Any) -> list[Tick]:
        """Give the latest ticks of a symbol, oldest first; or a range with `from_msc` and `to_msc`."""
        return desk_call.ticks_of(self.query("ticks", symbol=symbol, count=count, **arguments))

    def close(self) -> None:
        """Close every subscription and the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self, request: StrategyRequest, timeout_s: float, key: str = "", attempt_s: float = ATTEMPT_S
    ) -> StrategyReply:
        payload = desk_call.to_bytes(request)
        attempts = Attempts(time.monotonic(), timeout_s, attempt_s)
        with self._lock:
            while (wait_s := attempts.attempt_s(time.monotonic())) > 0:
                reply = self._exchange(payload, wait_s)
                if reply is None:
                    continue
                pause_s = attempts.pause_s(time.monotonic()) if desk_call.may_pass(reply) else None
                if pause_s is None:
                    return reply
                time.sleep(pause_s)
        raise NoAnswer(request.type, timeout_s, self.options.desk_endpoint, key)

    def _exchange(self, payload: bytes, wait_s: float) -> StrategyReply | None:
        """Try once. Without an answer the socket goes, and with it the copy that may still be queued in it."""
        socket = self._connection.requester()
        try:
            socket.send(payload, zmq.NOBLOCK)
            if socket.poll(max(1, int(wait_s * 1000))):
                return desk_call.read_reply(b"".join(socket.recv_multipart()))
        except zmq.Again:
            time.sleep(min(wait_s, desk_call.PAUSE_FIRST_S))
        self._connection.drop_requester()
        return None
