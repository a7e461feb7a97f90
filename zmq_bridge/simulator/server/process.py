"""The broker's process: a TCP server around one world and its clients. One thread, one event loop."""

import asyncio
import logging
from typing import Any

from zmq_bridge.simulator.broker.model import Transaction
from zmq_bridge.simulator.errors import JournalError, SimulatorError
from zmq_bridge.simulator.server.clients import WINDOW_DEFAULT, Client
from zmq_bridge.simulator.server.controls import CONTROLS
from zmq_bridge.simulator.server.lines import LINE_BYTES_MAX, decode_line
from zmq_bridge.simulator.server.operations import NO_REPLY, OPERATIONS
from zmq_bridge.simulator.server.rendering import int_from, plain, spec_map
from zmq_bridge.simulator.server.settings import BrokerSettings
from zmq_bridge.simulator.server.world import World

CLIENTS_MAX = 64
CLOSE_TIMEOUT_S = 2.0  # for clients to notice that we hang up

log = logging.getLogger(__name__)


class BrokerServer:
    """The running broker; all methods belong to its event loop's thread."""

    def __init__(self, settings: BrokerSettings) -> None:
        """Read the books back; nothing listens yet."""
        self.settings = settings
        self.stopped = asyncio.Event()
        self.port = settings.port
        self._clients: set[Client] = set()
        self.world = World(
            settings,
            may_go_on=self._subscribers_keep_up,
            on_ticks=self.ticks_came,
            on_symbol=self.tell_symbol,
            on_broken=self.stop,
        )
        self.broker = self.world.broker
        self.broker.listen(self._tell)
        self._connections: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

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
        self.world.start()

    def stop(self) -> None:
        """Ask the server to end."""
        self.stopped.set()

    async def close(self) -> None:
        """Stop listening, drop clients, close the world."""
        if self._server:
            self._server.close()
        for client in list(self._clients):
            client.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=CLOSE_TIMEOUT_S)
        self.world.close()

    def ticks_came(self) -> None:
        """Push what is new to subscribers."""
        for client in self._clients:
            client.push_ticks(self.broker.core.market, waits=self.world.waits)

    def tell_symbol(self, symbol: str) -> None:
        """Push a new or changed specification to subscribers."""
        spec = spec_map(self.broker.core, self.broker.core.market.specs[symbol])
        self._push({"push": "symbol", "spec": spec})

    def tell_clock(self) -> None:
        """Push to subscribers how far the server's clock is from UTC."""
        self._push({"push": "clock", "server_offset_s": self.world.server_offset_s})

    def status(self) -> dict[str, Any]:
        """Describe the server for people and tests."""
        subscribers = sum(client.is_subscribed for client in self._clients)
        return {**self.world.status(), "clients": len(self._clients), "subscribers": subscribers}

    def _subscribers_keep_up(self) -> bool:
        subscribers = [client for client in self._clients if client.is_subscribed]
        return bool(subscribers) and not any(client.is_behind() for client in subscribers)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS_MAX:
            writer.close()
            return
        client = Client(writer)
        self._clients.add(client)
        if task := asyncio.current_task():
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            while line := await reader.readline():
                self._answer(client, line)
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass  # gone, or a line without end: either way there is nobody to talk to
        finally:
            self._clients.discard(client)
            client.close()
            self.world.nudge()

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
        if not isinstance(op, str):
            raise SimulatorError(f"op: expected a name, found {op!r}")
        if op in OPERATIONS:
            return OPERATIONS[op](self.broker, arguments)
        if op in CONTROLS:
            return CONTROLS[op](self, arguments)
        return self._handle_session(client, op, arguments)

    def _handle_session(self, client: Client, op: str, arguments: dict[str, Any]) -> Any:
        """What concerns the connection itself."""
        match op:
            case "hello":
                return self._hello()
            case "subscribe":
                client.subscribe(self.broker.core.market, int_from("window", arguments.get("window", WINDOW_DEFAULT)))
                self.world.nudge()
                return {}
            case "done":
                client.done(int_from("n", arguments.get("n")))
                client.push_ticks(self.broker.core.market, waits=self.world.waits)
                self.world.nudge()
                return NO_REPLY
        known = sorted([*OPERATIONS, *CONTROLS, "done", "hello", "subscribe"])
        raise SimulatorError(f"op: expected one of {known}, found {op!r}")

    def _hello(self) -> dict[str, Any]:
        server, login = self.identity
        return {
            "server": server,
            "login": login,
            "now_msc": self.broker.core.now_msc,
            "server_offset_s": self.world.server_offset_s,
        }

    def _tell(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            self._push({"push": "transaction", **plain(transaction)})

    def _push(self, message: dict[str, Any]) -> None:
        for client in self._clients:
            if client.is_subscribed:
                client.send(message)
