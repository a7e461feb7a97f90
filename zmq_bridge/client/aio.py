"""The asyncio client: the same names and meanings as the blocking one, with `await`.

    async with AsyncClient(api_key="...") as client:
        async for tick in client.ticks("EURUSD"):
            ...

Frames are drained from the socket without awaiting each one; only an empty socket is awaited. Between two drains every
other task of the loop gets its turn.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio

from zmq_bridge.client import desk_call
from zmq_bridge.client.connection import Connection
from zmq_bridge.client.desk_call import ATTEMPT_S, KILL_ATTEMPT_S, KILL_TIMEOUT_S, TIMEOUT_S, Attempts
from zmq_bridge.client.errors import NoAnswer
from zmq_bridge.client.options import ClientOptions
from zmq_bridge.client.tick_feed import Drain, sleep_s
from zmq_bridge.client.tick_flow import FlowOptions, OnStale, TickFlow
from zmq_bridge.client.values import GapNotice, LiveTick, Price
from zmq_bridge.protocol.messages import Accepted, Denied, Kill, Killed, Query, StrategyReply, StrategyRequest
from zmq_bridge.protocol.ticks import Tick


class AsyncTickFeed(AsyncIterator[LiveTick]):
    """One subscription, for the event loop that uses it."""

    def __init__(self, socket: Any, flow: TickFlow) -> None:  # a zmq.asyncio.Socket
        self._socket = socket
        self._flow = flow
        self._drain = Drain(zmq.Socket.shadow(socket), flow)  # the same socket, read without awaiting

    async def __anext__(self) -> LiveTick:
        tick = await self.take(None)
        if tick is None:
            raise StopAsyncIteration
        return tick

    async def take(self, timeout_s: float | None = 0.0) -> LiveTick | None:
        """Wait for the next tick, as TickFeed.take does."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._socket.closed:
            now_s = time.monotonic()
            tick = self._flow.next(now_s)
            if tick is None and not await self._read():
                tick = self._flow.check_silence(now_s)
                if tick is None and not await self._sleep(now_s, deadline_s):
                    return None
            if tick is not None:
                return tick
        return None

    @property
    def lost(self) -> int:
        """Count of ticks known to be missing; each was announced to `on_gap`."""
        return self._flow.lost

    @property
    def malformed(self) -> int:
        """Count of frames that could not be decoded."""
        return self._flow.malformed

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _read(self) -> bool:
        await asyncio.sleep(0)  # a busy stream must not starve the other tasks
        return not self._socket.closed and self._drain.read()

    async def _sleep(self, now_s: float, deadline_s: float | None) -> bool:
        wait_s = sleep_s(self._flow, now_s, deadline_s)
        if self._socket.closed or (wait_s is not None and wait_s <= 0):
            return False
        try:
            await self._socket.poll(None if wait_s is None else max(1, int(wait_s * 1000)))
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return False  # closed meanwhile: zmq.asyncio cancels what waits for the socket
        self._drain.woken()
        return True


class AsyncClient:
    """A strategy's connection to the bridge, for asyncio.

    Args:
        options, named: as for Client.
    """

    def __init__(self, options: ClientOptions | None = None, **named: Any) -> None:
        self.options = options or ClientOptions(**named)
        self._connection = Connection(self.options, zmq.asyncio.Context())
        self._lock = asyncio.Lock()

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
    ) -> AsyncTickFeed:
        """Subscribe to the ticks of symbols, as Client.ticks does."""
        wanted = FlowOptions(
            symbols=symbols, login=login, conflate=conflate, max_age_s=max_age_s, stale=stale, on_gap=on_gap
        )
        feed = AsyncTickFeed(*self._connection.subscribe(wanted))
        self._connection.keep(feed)
        return feed

    async def submit(
        self, signal: Mapping[str, object], *, idempotency_key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> Accepted | Denied:
        """Submit a signal, as Client.submit does."""
        request = desk_call.make_submit(self.options.api_key, signal, idempotency_key, datetime.now(UTC))
        reply = await self._call(request, timeout_s, str(request.signal["idempotency_key"]))
        return desk_call.verdict_of(reply)

    async def query(self, what: Any, *, timeout_s: float = TIMEOUT_S, **arguments: Any) -> Any:
        """Ask for state, as Client.query does."""
        query = Query(api_key=self.options.api_key, what=what, **{"login": self.options.login, **arguments})
        return desk_call.data_of(await self._call(query, timeout_s), query)

    async def kill(
        self, reason: str, *, login: int = 0, close_positions: bool = False, timeout_s: float = KILL_TIMEOUT_S
    ) -> Killed:
        """Stop the account, as Client.kill does."""
        request = Kill(
            api_key=self.options.api_key, reason=reason, login=login or self.options.login or 0,
            close_positions=close_positions,
        )  # fmt: skip
        return desk_call.killed_of(await self._call(request, timeout_s, attempt_s=KILL_ATTEMPT_S))

    async def price(self, symbol: str, **arguments: Any) -> Price:
        """Give the latest price that the bridge has."""
        return desk_call.price_of(await self.query("price", symbol=symbol, **arguments), symbol)

    async def history(self, symbol: str, count: int = 0, **arguments: Any) -> list[Tick]:
        """Give the latest ticks of a symbol, oldest first; or a range with `from_msc` and `to_msc`."""
        return desk_call.ticks_of(await self.query("ticks", symbol=symbol, count=count, **arguments))

    def close(self) -> None:
        """Close every subscription and the connection."""
        self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _call(
        self, request: StrategyRequest, timeout_s: float, key: str = "", attempt_s: float = ATTEMPT_S
    ) -> StrategyReply:
        payload = desk_call.to_bytes(request)
        attempts = Attempts(time.monotonic(), timeout_s, attempt_s)
        async with self._lock:
            while (wait_s := attempts.attempt_s(time.monotonic())) > 0:
                try:
                    reply = await self._exchange(payload, wait_s)
                except asyncio.CancelledError:
                    if _is_cancelled():
                        raise
                    break  # the client was closed meanwhile
                if reply is None:
                    continue
                pause_s = attempts.pause_s(time.monotonic()) if desk_call.may_pass(reply) else None
                if pause_s is None:
                    return reply
                await asyncio.sleep(pause_s)
        raise NoAnswer(request.type, timeout_s, self.options.desk_endpoint, key)

    async def _exchange(self, payload: bytes, wait_s: float) -> StrategyReply | None:
        """Try once. Without an answer the socket goes, and with it the copy that may still be queued in it."""
        socket = self._connection.requester()
        is_answered = False
        try:
            await socket.send(payload, zmq.NOBLOCK)
            is_answered = bool(await socket.poll(max(1, int(wait_s * 1000))))
            return desk_call.read_reply(b"".join(await socket.recv_multipart())) if is_answered else None
        except zmq.Again:
            await asyncio.sleep(min(wait_s, desk_call.PAUSE_FIRST_S))
            return None
        finally:
            if not is_answered:  # nor when the task was cancelled while it waited
                self._connection.drop_requester()


def _is_cancelled() -> bool:
    """Say whether it is our task that somebody cancelled, not only what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
