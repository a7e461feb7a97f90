"""The broker's process: a TCP server around one `Broker`, its feed and its clients. One thread, one event loop."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import Broker, FactJournal
from zmq_bridge.simulator.broker.model import Transaction
from zmq_bridge.simulator.errors import JournalError, SimulatorError
from zmq_bridge.simulator.server.clients import WINDOW_DEFAULT, Client
from zmq_bridge.simulator.server.controls import CONTROLS
from zmq_bridge.simulator.server.feed import Feed
from zmq_bridge.simulator.server.last_quotes import load_quotes, save_quotes
from zmq_bridge.simulator.server.lines import LINE_BYTES_MAX, decode_line
from zmq_bridge.simulator.server.operations import NO_REPLY, OPERATIONS
from zmq_bridge.simulator.server.rendering import int_from, plain, spec_map
from zmq_bridge.simulator.server.settings import BrokerSettings, GenerateFeed, ReplayFeed
from zmq_bridge.simulator.server.sources import (
    DEFAULT_STREAMS,
    ReplayFile,
    generated,
    list_symbols,
    open_files,
    replay,
    replay_shift_ms,
)

CLIENTS_MAX = 64
QUOTES_SAVED_EVERY_S = 5.0
CLOSE_TIMEOUT_S = 2.0  # for clients to notice that we hang up

log = logging.getLogger(__name__)


class BrokerServer:
    """The running broker; all methods belong to its event loop's thread."""

    def __init__(self, settings: BrokerSettings) -> None:
        """Read the books back; nothing listens yet."""
        self.settings = settings
        self.stopped = asyncio.Event()
        self.port = settings.port
        self._journal = FactJournal(settings.journal_path) if settings.journal_path else None
        self._quotes_path = settings.journal_path.with_suffix(".quotes.json") if settings.journal_path else None
        quotes = load_quotes(self._quotes_path) if self._quotes_path else {}
        self.broker = Broker(settings.account, clock_msc=self._first_clock(quotes), journal=self._journal)
        self.broker.core.market.restore(quotes)
        self.broker.listen(self._tell)
        self._clients: set[Client] = set()
        self._feed: Feed | None = None
        self._tasks: set[asyncio.Task[Any]] = set()  # of the connections
        self._feed_task: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        self._paused = settings.is_paused
        self._saved = dict(quotes)

    @property
    def identity(self) -> tuple[str, int]:
        """Server name and login."""
        return self.settings.account.server, self.settings.account.login

    async def start(self) -> None:
        """Listen, and start the feed that the settings name."""
        host, port = self.settings.host, self.settings.port
        try:
            self._server = await asyncio.start_server(self._connected, host, port, limit=LINE_BYTES_MAX)
        except OSError as error:
            raise SimulatorError(f"broker port: expected {host}:{port} to be free, found {error.strerror}") from error
        self.port = self._server.sockets[0].getsockname()[1]
        match self.settings.feed:
            case ReplayFeed(files=files, speed=speed):
                self.start_replay(files, speed)
            case GenerateFeed(seed=seed, speed=speed):
                self.start_generator(seed, speed, None)
        if self._quotes_path:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_quotes())

    def stop(self) -> None:
        """Ask the server to end."""
        self.stopped.set()

    async def close(self) -> None:
        """Stop listening, drop clients, save quotes, give the journal up."""
        if self._server:
            self._server.close()
        for task in (self._feed_task, self._keeper):
            if task:
                task.cancel()
        for client in list(self._clients):
            client.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)
        self._save_quotes()
        if self._journal:
            self._journal.close()

    def start_replay(self, files: Sequence[ReplayFile], speed: float | None) -> int:
        """Replace the feed by a replay; returns by how many ms its times are moved."""
        opened = open_files(files)
        market = self.broker.core.market
        for symbol in list_symbols(self.broker, [file.symbol for file in opened]):
            self.tell_symbol(symbol)
        lived = max((tick.time_msc for tick in market.last.values()), default=0)
        shift_ms = replay_shift_ms(opened, lived)
        names = ", ".join(file.path.name for file in opened)
        self._start_feed(replay(opened, shift_ms), name=f"replay {names}", speed=speed, waits=True)
        return shift_ms

    def start_generator(self, seed: int, speed: float | None, start_msc: int | None) -> None:
        """Replace the feed by generated ticks, from now on the server's clock, but never before its last tick."""
        given = self.settings.feed
        streams = given.streams if isinstance(given, GenerateFeed) else DEFAULT_STREAMS
        list_symbols(self.broker, [stream.symbol for stream in streams])
        lived = max((tick.time_msc for tick in self.broker.core.market.last.values()), default=0)
        start = max(self._wall_msc() if start_msc is None else start_msc, lived)
        source = generated(self.broker, seed, streams, start)
        self._start_feed(source, name=f"generator {seed}", speed=speed, waits=speed is None)

    def pause(self) -> None:
        """Stop the ticks."""
        self._paused = True
        if self._feed:
            self._feed.pause()

    def resume(self) -> None:
        """Let the ticks go on."""
        self._paused = False
        if self._feed:
            self._feed.resume()

    def ticks_came(self) -> None:
        """Push what is new to subscribers."""
        waits = self._feed is not None and self._feed.waits
        for client in self._clients:
            client.push_ticks(self.broker.core.market, waits=waits)

    def tell_symbol(self, symbol: str) -> None:
        """Push a changed specification to subscribers."""
        spec = spec_map(self.broker.core, self.broker.core.market.specs[symbol])
        self._push({"push": "symbol", "spec": spec})

    def status(self) -> dict[str, Any]:
        """Describe the server for people and tests."""
        feed, books = self._feed, self.broker.core.books
        return {
            "now_msc": self.broker.core.now_msc,
            "clients": len(self._clients),
            "subscribers": sum(client.is_subscribed for client in self._clients),
            "feed": feed and {"name": feed.name, "state": feed.state, "ticks": feed.count, "error": feed.error},
            "faults": self.broker.faults.left,
            "deals": len(books.deals),
            "positions": len(books.positions),
            "orders": len(books.orders),
        }

    def _start_feed(self, source: Iterator[tuple[str, Tick]], *, name: str, speed: float | None, waits: bool) -> None:
        if self._feed_task:
            self._feed_task.cancel()
        self._feed = Feed(
            self.broker,
            source,
            name=name,
            speed=speed,
            waits=waits,
            may_go_on=self._subscribers_keep_up,
            after_slice=self.ticks_came,
        )
        if not self._paused:
            self._feed.resume()
        self._feed_task = asyncio.get_running_loop().create_task(self._watched(self._feed))

    async def _watched(self, feed: Feed) -> None:
        """Run a feed; a journal that cannot be written ends the process: memory is ahead of the disk."""
        try:
            await feed.run()
        except JournalError:
            log.exception("the books cannot be written; stopping")
            self.stop()

    def _subscribers_keep_up(self) -> bool:
        subscribers = [client for client in self._clients if client.is_subscribed]
        return bool(subscribers) and not any(client.is_behind(self.broker.core.market) for client in subscribers)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS_MAX:
            writer.close()
            return
        client = Client(writer)
        self._clients.add(client)
        self._remember(asyncio.current_task())
        try:
            while line := await reader.readline():
                self._answer(client, line)
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass  # gone, or a line without end: either way there is nobody to talk to
        finally:
            self._clients.discard(client)
            client.close()
            self._nudge()

    def _answer(self, client: Client, line: bytes) -> None:
        asked: dict[str, Any] = {}
        try:
            asked = decode_line(line)
            result = self._handle(client, asked)
        except JournalError:
            log.exception("the books cannot be written; stopping")
            self.stop()
            return
        except SimulatorError as error:
            refusal = {"code": "REFUSED" if asked else "MALFORMED", "message": str(error)}
            client.send({"id": asked.get("id"), "ok": False, "error": refusal})
            return
        if result is not NO_REPLY:
            client.send({"id": asked.get("id"), "ok": True, "result": result})

    def _handle(self, client: Client, asked: dict[str, Any]) -> Any:
        op = asked.get("op")
        arguments = {name: value for name, value in asked.items() if name not in ("id", "op")}
        if op in OPERATIONS:
            return OPERATIONS[op](self.broker, arguments)
        if op in CONTROLS:
            return CONTROLS[op](self, arguments)
        if op == "done":
            client.done(int_from("n", arguments.get("n")))
            client.push_ticks(self.broker.core.market, waits=self._feed is not None and self._feed.waits)
            self._nudge()
            return NO_REPLY
        if op == "subscribe":
            client.subscribe(self.broker.core.market, int_from("window", arguments.get("window", WINDOW_DEFAULT)))
            self._nudge()
            return {}
        if op == "hello":
            return self._hello()
        known = sorted([*OPERATIONS, *CONTROLS, "done", "hello", "subscribe"])
        raise SimulatorError(f"op: expected one of {known}, found {op!r}")

    def _hello(self) -> dict[str, Any]:
        server, login = self.identity
        return {
            "server": server,
            "login": login,
            "now_msc": self.broker.core.now_msc,
            "server_offset_s": self.settings.server_offset_s,
        }

    def _tell(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            self._push({"push": "transaction", **plain(transaction)})

    def _push(self, message: dict[str, Any]) -> None:
        for client in self._clients:
            if client.is_subscribed:
                client.send(message)

    def _nudge(self) -> None:
        if self._feed and self._feed.state == "waiting":
            self._feed.nudge()

    def _first_clock(self, quotes: dict[str, Tick]) -> int:
        """Where the server's clock stands before any tick: at the last quote, the replay's start, or now."""
        if quotes:
            return max(tick.time_msc for tick in quotes.values())
        if isinstance(self.settings.feed, ReplayFeed):
            return min(file.first_time_msc() for file in open_files(self.settings.feed.files))
        return self._wall_msc()

    def _wall_msc(self) -> int:
        return time.time_ns() // 1_000_000 + self.settings.server_offset_s * 1000

    def _remember(self, task: asyncio.Task[Any] | None) -> None:
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep_quotes(self) -> None:
        while True:
            await asyncio.sleep(QUOTES_SAVED_EVERY_S)
            self._save_quotes()

    def _save_quotes(self) -> None:
        quotes = self.broker.core.market.last
        if self._quotes_path is None or quotes == self._saved:
            return
        try:
            save_quotes(self._quotes_path, quotes)
            self._saved = dict(quotes)
        except OSError as error:
            log.warning("last quotes not saved: %s", error)
