"""The world outside, small but real: a webhook over HTTP and a mail server, on loopback."""

from __future__ import annotations

import json
import threading
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller

from tests.support import free_port


class Webhook:
    """Keeps what is posted to it; `answers` is what it says to the next ones, 200 when it is used up."""

    def __init__(self, port: int | None = None) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()  # clear: answer only when it is set
        self.hold.set()
        self.began = threading.Event()
        self.port = port or free_port()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """Its address for apprise, with a secret in it."""
        return f"json://someone:pa55word-7c1f@127.0.0.1:{self.port}/token-4711-secret"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = webhook.answers.pop(0) if webhook.answers else 200
                if answer == 200:
                    webhook.received.append(json.loads(body))
                webhook.began.set()
                webhook.hold.wait(30)
                self.send_response(answer)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # the base class's name
                pass

        return Handler


class MailServer:
    """Keeps the mails that it takes."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail."""
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    @property
    def url(self) -> str:
        """Its address for apprise."""
        return f"mailto://127.0.0.1:{self.port}?from=bridge@example.org&to=ann@example.org&mode=insecure&smtp=127.0.0.1"
