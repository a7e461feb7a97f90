"""A question to Redis whose answer is read later: several hashes, asked in one go, on a connection of its own.

What lies between asking and reading costs the asker nothing of Redis' time. A question that is not read takes its
connection with it: what would still arrive must not be taken for the answer to the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import redis


class Question:
    """Whole hashes, asked when the block is entered."""

    def __init__(self, client: redis.Redis, hashes: Sequence[str]) -> None:
        """Raises nothing yet."""
        self._client, self._hashes = client, hashes
        self._connection: Any = None
        self._away: redis.RedisError | None = None

    def __enter__(self) -> Self:
        try:
            self._connection = self._client.connection_pool.get_connection()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._away = error  # it was tried again already
            return self
        try:
            commands = [("HGETALL", name) for name in self._hashes]
            self._connection.send_packed_command(self._connection.pack_commands(commands))
        except (redis.ConnectionError, redis.TimeoutError):
            self._give_up()  # `answers` asks on another
        return self

    def answers(self) -> list[dict[bytes, bytes]]:
        """Read every hash, once.

        Raises:
            RedisError: Redis does not answer, on another connection neither.
        """
        if self._away is not None:
            raise self._away
        if self._connection is not None:
            try:
                found = [self._connection.read_response() for _ in self._hashes]
            except redis.ConnectionError:  # it was dead before it was asked, as after a restart
                self._give_up()
            else:
                self._release()
                return [each if isinstance(each, dict) else dict(zip(*[iter(each)] * 2, strict=True)) for each in found]
        with self._client.pipeline(transaction=False) as pipe:
            for name in self._hashes:
                pipe.hgetall(name)
            return list(pipe.execute())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up()

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _release(self) -> None:
        self._client.connection_pool.release(self._connection)
        self._connection = None
