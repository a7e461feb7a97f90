"""The process: uvicorn around two faces and a health check, the service behind them, and a clean end.

Stopping (SIGTERM, SIGINT): nobody new is let in, every client is told, then everything is closed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from web.stream.events import serve_events
from web.stream.identity import Doorkeeper
from web.stream.notices import Notices
from web.stream.service import Service
from web.stream.socket import ABORT, serve_socket
from web.stream.sources import Sources
from web.stream.words import CLIENTS_MAX, REQUEST_BYTES_MAX, SIGN_OF_LIFE_S
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.storage.engine import create_engine

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 9  # of Postgres: who listens, who is let in, signals, books, limits, shares
SEND_BUFFER_BYTES = 128 * 1024  # of the kernel for one client; what waits beyond it is conflated, not queued
UNREAD_WITHIN_MS = 30_000  # the kernel cuts off who acknowledges nothing for so long
BACKLOG = 1_024  # connections that wait to be accepted
STOP_WITHIN_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What the process needs to know."""

    host: str  # address to listen on
    port: int  # 0: any free one
    page_ports: frozenset[int]  # ports of our own pages, for the Origin check
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    clients_max: int = CLIENTS_MAX


class Protocol(WebSocketsSansIOProtocol):
    """Lets the application cut off a client that does not read: closing would wait for it."""

    async def run_asgi(self) -> None:
        """Run the application with one more extension."""
        self.scope["extensions"][ABORT] = self.transport.abort  # type: ignore[assignment]  # its own
        await super().run_asgi()


class Server(uvicorn.Server):
    """Says goodbye before it closes."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; the base class would raise the signal once more at the end, and end with it."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell every client, then close."""
        for server in self.servers:
            server.close()
        await self._service.say_goodbye()
        await super().shutdown(sockets)


def run_stream(settings: StreamSettings) -> None:
    """Serve until SIGTERM or SIGINT. Must run in the main thread.

    Raises:
        OSError: the address can't be bound.
    """
    with bind(settings.host, settings.port) as listening:
        asyncio.run(serve(settings, listening))


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; what is set here holds for every connection it accepts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_WITHIN_MS)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


async def serve(
    settings: StreamSettings, listening: socket.socket, started: Callable[[Server], None] = lambda _server: None
) -> None:
    """Serve on a socket until told to stop.

    Args:
        started: called with the server before it serves; setting its `should_exit` stops it.
    """
    engine = create_engine(
        settings.database_url, application_name="zmq-bridge stream", pool_size=CONNECTIONS_MAX, pool_overflow=0
    )
    port = listening.getsockname()[1]
    service = Service(engine, Doorkeeper(engine, ports=settings.page_ports | {port}), clients_max=settings.clients_max)
    redis = open_redis(settings.redis_url)
    sources = Sources(service, engine, settings.redis_url, Inspector(engine, LiveReader(redis)))
    notices = Notices(engine, asyncio.get_running_loop(), sources.on_notice, sources.on_connected)
    notices.start()
    log.info("stream serves on %s port %d", settings.host, port)
    try:
        async with asyncio.TaskGroup() as parts:  # if one fails, so does the process, and is started anew
            others = [parts.create_task(part.run()) for part in (service, sources)]
            server = Server(_config(make_app(service, sources)), service)
            started(server)
            await server.serve(sockets=[listening])
            for other in others:
                other.cancel()
    finally:
        await asyncio.to_thread(notices.stop)
        service.close()
        redis.close()
        engine.dispose()
    log.info("stream stopped")


def _config(app: Starlette) -> uvicorn.Config:
    # Not at info: there uvicorn writes every address, and somebody will put a key into one.
    return uvicorn.Config(
        app, ws=Protocol, ws_max_size=REQUEST_BYTES_MAX, ws_per_message_deflate=False,
        ws_ping_interval=SIGN_OF_LIFE_S, ws_ping_timeout=SIGN_OF_LIFE_S, log_config=None, access_log=False,
        log_level="warning", timeout_graceful_shutdown=STOP_WITHIN_S, lifespan="off", server_header=False,
    )  # fmt: skip


def make_app(service: Service, sources: Sources) -> Starlette:
    """The ASGI application."""

    async def socket_face(websocket: WebSocket) -> None:
        await serve_socket(service, websocket)

    async def events_face(request: Request) -> Response:
        return await serve_events(service, request)

    async def health(_request: Request) -> Response:
        body = {"status": "ok" if sources.is_live else "waiting for Redis", "clients": service.connected}
        return JSONResponse({**body, "dropped_slow": service.dropped_slow}, 200 if sources.is_live else 503)

    return Starlette(
        routes=[WebSocketRoute("/ws", socket_face), Route("/events", events_face), Route("/health", health)]
    )
