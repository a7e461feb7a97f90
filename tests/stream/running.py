"""A stream for tests: the product's own server in a thread, on a free port, and clients that talk to it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support import wait_until
from web.stream.app import Server, StreamSettings, bind, serve

PAGE_PORT = 8000
RECEIVE_S = 60.0


class RunningStream:
    """The server, from `with` to the end of it."""

    def __init__(self, database_url: str, redis_url: str, **more: Any) -> None:
        self._listening = bind("127.0.0.1", 0)
        self.port = self._listening.getsockname()[1]
        self.settings = StreamSettings(
            host="127.0.0.1", port=self.port, page_ports=frozenset({PAGE_PORT}), database_url=database_url,
            redis_url=redis_url, **more,
        )  # fmt: skip
        self.server: Server | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.server is not None and self.server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As SIGTERM does."""
        if self.server is not None:
            self.server.should_exit = True
        self._thread.join(60.0)
        assert not self._thread.is_alive()
        self._listening.close()

    def health(self) -> dict[str, Any]:
        """What the health check says."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=RECEIVE_S) as response:
                found: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        return found

    def client(self, key: str | None = None, *, buffered: int = 16, **headers: str) -> Client:
        """A WebSocket client; with a key in the header, or with other headers, or none.

        Args:
            buffered: messages that its library reads ahead.
        """
        if key is not None:
            headers["X-API-Key"] = key
        context = connect(
            f"ws://127.0.0.1:{self.port}/ws", additional_headers=headers, max_size=None, max_queue=buffered,
            compression=None, open_timeout=RECEIVE_S,
        )  # fmt: skip
        return Client(context)

    def _run(self) -> None:
        asyncio.run(serve(self.settings, self._listening, self._started))

    def _started(self, server: Server) -> None:
        self.server = server


class Client:
    """One WebSocket; checks the numbers of everything it gets."""

    def __init__(self, context: AbstractContextManager[ClientConnection]) -> None:
        self._context = context
        self.connection: ClientConnection = context.__enter__()
        self.seq = 0
        self.session = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    def say(self, action: str, **fields: Any) -> None:
        """Send an action."""
        self.connection.send(json.dumps({"action": action, **fields}))

    def hear(self, timeout_s: float = RECEIVE_S) -> dict[str, Any]:
        """The next message, whatever it is; its number must follow the last one."""
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=timeout_s))
        if message["type"] == "CONNECTED":
            self.session, self.seq = message["session"], message["seq"]
        elif not message.get("closing"):
            assert message["seq"] == self.seq + 1, message
            self.seq = message["seq"]
        return message

    def hear_type(self, type_: str, timeout_s: float = RECEIVE_S, **fields: Any) -> dict[str, Any]:
        """The next message of a type with these fields; others are skipped, and checked."""
        until = time.monotonic() + timeout_s
        while True:
            left = until - time.monotonic()
            assert left > 0, f"no {type_} with {fields} within {timeout_s} s"
            message = self.hear(left)
            if message["type"] == type_ and all(message.get(name) == value for name, value in fields.items()):
                return message

    def hear_price(self, bid: str) -> None:
        """Skip what comes until a price update begins with this bid."""
        wait_until(lambda: [price["bid"] for price in self.hear_type("PRICE_UPDATE")["prices"]][:1] == [bid])

    def closed(self, timeout_s: float = RECEIVE_S) -> tuple[int, str]:
        """Wait for the end; the close code and its reason."""
        until = time.monotonic() + timeout_s
        try:
            while True:
                self.connection.recv(timeout=max(0.01, until - time.monotonic()))
        except ConnectionClosed as error:
            return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
