"""The running parts behind the faces: the hub, the doorkeeper, the threads that may block, and the rounds.

Law: the event loop never waits for Postgres. What asks it runs in a few threads; lists and news of signals in one of
their own, so that what was read later is told later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from web.stream.hub import Hub
from web.stream.identity import Doorkeeper, Identity, Refusal, presented_key, presented_token
from web.stream.line import Line
from web.stream.requests import Ask, BadRequest
from web.stream.shares import Shares
from web.stream.signals import signal_list
from web.stream.words import CLIENTS_MAX, PRICES_EVERY_S, SEND_WITHIN_S, UNKNOWN_CLIENTS_MAX, Code
from zmq_bridge.storage.engine import dump_json

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

DOOR_THREADS = 4
LOOK_EVERY_S = 1.0  # at clients that take nothing, and at sessions nobody came back to
CHECK_EVERY_S = 15.0  # whether keys still live, if no NOTIFY said so
GOODBYE_WITHIN_S = 2.0  # of clients when we stop


class Service:
    """Everything that connections share."""

    def __init__(self, engine: Engine, doorkeeper: Doorkeeper, *, clients_max: int = CLIENTS_MAX) -> None:
        self.hub = Hub()
        self.doorkeeper = doorkeeper
        self.shares = Shares(self.hub, engine)
        self.unknown_waiting = 0
        self.dropped_slow = 0
        self._engine, self._clients_max = engine, clients_max
        self._lines: set[Line] = set()
        self._door = ThreadPoolExecutor(DOOR_THREADS, thread_name_prefix="stream-door")
        self._signals = ThreadPoolExecutor(1, thread_name_prefix="stream-signals")
        self._check_wanted = asyncio.Event()

    # connections

    @property
    def connected(self) -> int:
        """How many clients are let in."""
        return len(self._lines)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another client."""
        return len(self._lines) >= self._clients_max

    def line(self, identity: Identity) -> Line:
        """A connection of somebody who is let in; `serving` it counts."""
        return Line(self.hub, identity, self._list_signals, self.shares.read_for)

    @contextmanager
    def serving(self, line: Line) -> Iterator[Line]:
        """Count a connection while it is served."""
        self._lines.add(line)
        try:
            yield line
        finally:
            self._lines.discard(line)
            line.hang_up()

    @contextmanager
    def unknown(self) -> Iterator[bool]:
        """Count a connection that has not said who it is; False: there are too many of them."""
        self.unknown_waiting += 1
        try:
            yield self.unknown_waiting <= UNKNOWN_CLIENTS_MAX
        finally:
            self.unknown_waiting -= 1

    # who is it

    async def by_headers(self, headers: Mapping[str, str], *, is_socket: bool) -> Identity | Refusal | None:
        """Who the headers say it is; None: they say nothing."""
        if presented_key(headers) is None and presented_token(headers) is None:
            return None
        return await self._ask_door(lambda: self.doorkeeper.by_headers(headers, is_socket=is_socket))

    async def by_key(self, text: str) -> Identity | Refusal:
        """Whose API key this is."""
        return await self._ask_door(lambda: self.doorkeeper.by_key(text))

    async def _ask_door(self, question: Callable[[], Answer]) -> Answer | Refusal:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._door, question)
        except SQLAlchemyError as error:
            log.warning("stream: nobody is let in, the database is away: %s", str(error).splitlines()[0])
            return Refusal(code=Code.DATABASE_UNAVAILABLE, message="The database does not answer; try again.")

    async def _list_signals(self, identity: Identity, ask: Ask) -> list[str]:
        try:
            return await self.in_order(lambda: signal_list(self._engine, identity.key, ask))
        except SQLAlchemyError as error:
            log.warning("stream: signals not listed: %s", str(error).splitlines()[0])
            raise BadRequest(Code.DATABASE_UNAVAILABLE, "The database does not answer; ask again.") from None

    async def in_order(self, question: Callable[[], Answer]) -> Answer:
        """Ask Postgres about signals, one question after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._signals, question)

    # rounds

    def check_keys(self) -> None:
        """Look soon whether everybody may stay."""
        self._check_wanted.set()

    async def run(self) -> None:
        """Do the rounds until cancelled."""
        async with asyncio.TaskGroup() as rounds:
            rounds.create_task(self._flush_prices())
            rounds.create_task(self._look())
            rounds.create_task(self._check())
            rounds.create_task(self.shares.run())

    async def say_goodbye(self) -> None:
        """Tell every client that we stop, and give it a moment to hear it."""
        for line in list(self._lines):
            line.end(Code.GOING_AWAY, "The stream stops; connect again in a moment.")
        until = time.monotonic() + GOODBYE_WITHIN_S
        while self._lines and time.monotonic() < until:
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Let the threads go."""
        self._door.shutdown(wait=False, cancel_futures=True)
        self._signals.shutdown(wait=False, cancel_futures=True)
        self.shares.close()

    async def _flush_prices(self) -> None:
        while True:
            await asyncio.sleep(PRICES_EVERY_S)
            self.hub.flush()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = time.monotonic()
            self.hub.expire(now_s)
            for line in list(self._lines):
                since_s = line.sending_since_s
                if since_s is not None and now_s - since_s > SEND_WITHIN_S and line.sender is not None:
                    self.dropped_slow += 1
                    line.end(Code.TOO_SLOW, f"Expected a client that reads; found none for {SEND_WITHIN_S:g} s.")
                    line.sender.cancel()

    async def _check(self) -> None:
        while True:
            try:
                async with asyncio.timeout(CHECK_EVERY_S):
                    await self._check_wanted.wait()
            except TimeoutError:
                pass
            self._check_wanted.clear()
            for identity in {line.identity for line in self._lines}:
                if await self._ask_door(lambda asked=identity: self.doorkeeper.may_stay(asked)) is False:  # type: ignore[misc]
                    self._end_lines_of(identity)

    def _end_lines_of(self, identity: Identity) -> None:
        for line in list(self._lines):
            if line.identity == identity:
                line.end(Code.KEY_ENDED, "This key or session has ended, or its rights changed; connect again.")
        for member in list(self.hub.members.values()):
            if member.key.id == identity.key.id and member.end is None:
                self.hub.leave(member)


def as_json(record: Mapping[str, object]) -> str:
    """A record of Postgres as a client reads it."""
    return dump_json(dict(record))
