"""Hear of changes as they happen: channels of Redis, for an asyncio program.

Law: nothing is missed silently. A connection that was lost raises, and is never mended behind the caller's back: what
was published meanwhile is gone, so the caller reads the present anew (`follow` does both, in this order). A task that
is cancelled in here ends: the client's own `asyncio.wait_for` loses a cancellation that comes just as it is done
(Python before 3.12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from zmq_bridge.live.connection import CONNECT_TIMEOUT_S
from zmq_bridge.live.errors import translated

ANSWER_TIMEOUT_S = 2.0
HEALTH_CHECK_INTERVAL_S = 5
"""A quiet connection is asked so often whether it lives."""

Fields = dict[bytes, bytes]


class Listener:
    """One subscription. Every method raises `LiveUnavailable` when Redis does not answer; then make a new one."""

    def __init__(self, url: str) -> None:
        never = Retry(NoBackoff(), 0)
        common: dict[str, Any] = {"socket_connect_timeout": CONNECT_TIMEOUT_S, "retry": never, "retry_on_error": []}
        self._asking = redis.asyncio.Redis.from_url(url, socket_timeout=ANSWER_TIMEOUT_S, **common)
        self._hearing = redis.asyncio.Redis.from_url(
            url, socket_keepalive=True, health_check_interval=HEALTH_CHECK_INTERVAL_S, **common
        )
        self._channels = self._hearing.pubsub(ignore_subscribe_messages=True)

    async def follow(self, channels: Iterable[str], *, hashes: Collection[str] = ()) -> dict[str, Fields]:
        """Hear of these channels from now on; return how these hashes stand, read afterwards."""
        with translated(), _cancellable():
            await self._channels.subscribe(*channels, *hashes)
            async with self._asking.pipeline(transaction=False) as pipe:
                for name in hashes:
                    pipe.hgetall(name)
                found = cast(list[Fields], await pipe.execute())
        return dict(zip(hashes, found, strict=True))

    async def hear(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The next message as (channel, payload); None when there was none for so long."""
        with translated(), _cancellable():
            message = await self._channels.get_message(timeout=timeout_s)
        if message is None or message["type"] != "message":
            return None
        return message["channel"].decode(), message["data"]

    async def close(self) -> None:
        """Let the connections go."""
        for part in (self._channels, self._hearing, self._asking):
            try:
                await part.aclose()
            except (redis.RedisError, OSError):
                pass


@contextmanager
def _cancellable() -> Iterator[None]:
    """Raise at the end the cancellation that came meanwhile, should somebody have swallowed it."""
    yield
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
