"""Where news comes from: Redis channels for prices, accounts and what happened; Postgres NOTIFY for the rest.

Law: a source that is away is waited for, and its subscribers are told; nobody takes silence for calm. How things stand
is read anew after every connection, before what changes is passed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from web.stream import updates
from web.stream.books import Books, Limits, load_books, load_limits
from web.stream.service import Service
from web.stream.signals import signal_news
from web.stream.updates import Unreadable, Update
from web.stream.words import Code, Topic, Type
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.live import keys
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.listener import Listener

log = logging.getLogger(__name__)

AGAIN_S = 1.0
HEAR_S = 1.0  # new accounts are followed at most so late
GATHER_S = 0.03  # signals that change together are read together
LIMITS_EVERY_S = 2.0  # how much of the limits is used, as long as anybody wants it
BOOKS_EVERY_S = 15.0  # accounts, decimals and holds, if no NOTIFY said so; a hold may end by the clock

Reader = Callable[[bytes], list[Update]]


class Sources:
    """Everything that feeds the hub."""

    def __init__(self, service: Service, engine: Engine, redis_url: str, inspector: Inspector) -> None:
        """`inspector` says what of the limits is used."""
        self.is_live = False
        self._inspector = inspector
        self._limits: Limits = {}
        self._service, self._engine, self._redis_url, self._hub = service, engine, redis_url, service.hub
        self._books = Books.empty()
        self._followed: dict[str, Reader] = {}
        self._signal_ids: set[str] = set()
        self._command_ids: set[str] = set()
        self._signals_wait, self._books_wait = asyncio.Event(), asyncio.Event()
        self._books_read = asyncio.Event()
        self._has_listened = False

    async def run(self) -> None:
        """Feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear_redis())
            tasks.create_task(self._tell_signals())
            tasks.create_task(self._keep_books())
            tasks.create_task(self._keep_limits())

    # Postgres says

    def on_notice(self, channel: str, payload: str) -> None:
        """Take a NOTIFY."""
        if channel == "signals":
            self._signal_ids.add(payload)
            self._signals_wait.set()
        elif channel == "access":
            self._service.check_keys()
        else:
            self._books_wait.set()

    def on_connected(self) -> None:
        """Postgres is listened to from now on; what it said before may have been missed."""
        self._service.check_keys()
        self._books_wait.set()
        if self._has_listened:
            self._hub.say_to_all(Topic.SIGNALS, Type.GAP, {"of": "signals"})
        self._has_listened = True

    async def _keep_books(self) -> None:
        while True:
            try:
                self._books = await asyncio.to_thread(load_books, self._engine, self._books)
                if not self._books_read.is_set():  # later on, what holds an account waits for nothing
                    await self._read_limits()
                self._hub.publish(self._books.news(self._limits))
                self._books_read.set()
            except SQLAlchemyError as error:
                log.warning("stream: accounts and holds not read: %s", str(error).splitlines()[0])
            try:
                async with asyncio.timeout(BOOKS_EVERY_S):
                    await self._books_wait.wait()
            except TimeoutError:
                pass
            self._books_wait.clear()

    async def _keep_limits(self) -> None:
        """See again and again what of the limits is used: it moves with prices, of which Postgres says nothing."""
        while True:
            await asyncio.sleep(LIMITS_EVERY_S)
            if not self._hub.is_wanted(Topic.POSITIONS):
                continue
            try:
                await self._read_limits()
                self._hub.publish(self._books.risk(self._limits))
            except (SQLAlchemyError, LiveError) as error:
                log.warning("stream: limits not read: %s", str(error).splitlines()[0])

    async def _read_limits(self) -> None:
        self._limits = await asyncio.to_thread(load_limits, self._inspector, self._books.accounts)

    async def _tell_signals(self) -> None:
        """Read the signals that changed, those that change together in one go, and only if anybody wants them."""
        while True:
            await self._signals_wait.wait()
            await asyncio.sleep(GATHER_S)
            self._signals_wait.clear()
            ids, self._signal_ids = self._signal_ids, set()
            command_ids, self._command_ids = self._command_ids, set()
            if not self._hub.is_wanted(Topic.SIGNALS):
                continue
            try:
                news = await self._service.in_order(partial(signal_news, self._engine, ids, command_ids))
                self._hub.publish(news)
            except SQLAlchemyError as error:
                log.warning("stream: signals not read: %s", str(error).splitlines()[0])
                self._hub.say_to_all(Topic.SIGNALS, Type.GAP, {"of": "signals"})

    # Redis says

    async def _hear_redis(self) -> None:
        await self._books_read.wait()  # until then nobody can be let in either
        while True:
            listener = Listener(self._redis_url)
            try:
                self._followed = {keys.EVENTS: self._happened}
                await listener.follow([keys.EVENTS])
                await self._follow_accounts(listener)
                self.is_live = True
                while True:
                    await self._hear(listener)
            except LiveError as error:
                self._lost(error)
            finally:
                await listener.close()
            await asyncio.sleep(AGAIN_S)

    async def _hear(self, listener: Listener) -> None:
        heard = await listener.hear(HEAR_S)
        if heard is not None:
            self._publish(*heard)
        await self._follow_accounts(listener)

    async def _follow_accounts(self, listener: Listener) -> None:
        """Follow accounts that are new, from how they stand now."""
        if all(keys.quotes(login) in self._followed for login in self._books.digits):
            return
        readers: dict[str, Reader] = {}
        for login in self._books.digits:
            readers |= {
                keys.quotes(login): partial(self._prices, login),
                keys.positions(login): partial(self._positions, login),
                keys.account(login): partial(self._account, login),
            }
        new = [key for key in readers if key not in self._followed]
        self._followed |= readers
        for key, fields in (await listener.follow((), hashes=new)).items():
            if fields or key.startswith(keys.positions(0)[:-1]):  # no key means no position; else nothing is known
                self._publish(key, updates.as_payload(fields))
        self._hub.flush()

    def _lost(self, error: LiveError) -> None:
        if self.is_live:
            log.warning("stream: Redis is away: %s", error)
            words = "Live state (Redis) does not answer: what was sent may be old. It goes on when Redis is back."
            for topic in (Topic.PRICES, Topic.MARKET_DATA, Topic.POSITIONS):
                self._hub.say_to_all(topic, Type.ERROR, {"code": Code.LIVE_STATE_UNAVAILABLE, "message": words})
        self.is_live = False

    def _publish(self, key: str, payload: bytes) -> None:
        try:
            self._hub.publish(self._followed[key](payload))
        except (Unreadable, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("stream: %s has what nobody of us wrote: %s: %s", key, type(error).__name__, error)

    def _prices(self, login: int, payload: bytes) -> list[Update]:
        return updates.prices(login, payload, self._books.digits.get(login, {}))

    def _positions(self, login: int, payload: bytes) -> list[Update]:
        return [updates.positions(login, payload, self._currency_digits(login))]

    def _account(self, login: int, payload: bytes) -> list[Update]:
        return [updates.account(login, payload, self._currency_digits(login))]

    def _currency_digits(self, login: int) -> int | None:
        return self._books.currency_digits.get(login)

    def _happened(self, payload: bytes) -> list[Update]:
        happening = updates.happening(payload)
        match happening.kind:
            case "deal":
                return [updates.deal(happening.login, happening.data, self._currency_digits(happening.login))]
            case "terminal":
                return [updates.terminal(happening.login, happening.data)]
            case "result":
                self._command_ids.add(str(happening.data.get("command_id")))
                self._signals_wait.set()
        return []
