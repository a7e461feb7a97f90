"""The WebSocket face: `/ws`. Texts in, texts out; a connection that ends says why in an ERROR and in its close code."""

from __future__ import annotations

import asyncio
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect

from web.stream.client import Message
from web.stream.identity import Identity, Refusal
from web.stream.line import Line
from web.stream.requests import Authenticate, BadRequest, parse_request
from web.stream.service import Service
from web.stream.words import AUTHENTICATE, AUTHENTICATE_WITHIN_S, CLOSE_OF, Close, Code, Type
from zmq_bridge.storage.engine import dump_json

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 1.0
"""A client that is dropped for being slow may take the reason within so long."""
ABORT = "zmq_bridge.abort"
"""ASGI extension: ends the connection without waiting for the client to take what is buffered."""


async def serve_socket(service: Service, websocket: WebSocket) -> None:
    """Serve one WebSocket until either side ends it."""
    await websocket.accept()
    identity = await _let_in(service, websocket)
    if isinstance(identity, Refusal):
        await _turn_away(websocket, identity.code, identity.message)
        return
    with service.serving(service.line(identity)) as line:
        await _serve(websocket, line)


async def _let_in(service: Service, websocket: WebSocket) -> Identity | Refusal:
    if service.is_full:
        return Refusal(code=Code.FULL, message="Expected room for one more client; found none. Try again later.")
    found = await service.by_headers(websocket.headers, is_socket=True)
    if found is not None:
        return found
    with service.unknown() as is_room:
        if not is_room:
            return Refusal(code=Code.FULL, message="Too many connections wait to be authenticated. Try again later.")
        try:
            async with asyncio.timeout(AUTHENTICATE_WITHIN_S):
                return await _first_words(service, websocket)
        except TimeoutError:
            message = f"Expected {AUTHENTICATE} within {AUTHENTICATE_WITHIN_S:g} s; found nothing."
            return Refusal(code=Code.UNAUTHENTICATED, message=message)


async def _first_words(service: Service, websocket: WebSocket) -> Identity | Refusal:
    expected = f"Expected an X-API-Key header, or {AUTHENTICATE} as the first message"
    try:
        request = parse_request(await _received(websocket) or "")
    except BadRequest as error:
        return Refusal(code=Code.UNAUTHENTICATED, message=f"{expected}. {error.message}")
    except WebSocketDisconnect:
        return Refusal(code=Code.UNAUTHENTICATED, message=f"{expected}; found the end of the connection.")
    if not isinstance(request, Authenticate):
        return Refusal(code=Code.UNAUTHENTICATED, message=f"{expected}; found another message.")
    return await service.by_key(request.api_key)


async def _turn_away(websocket: WebSocket, code: Code, message: str) -> None:
    words = {"type": Type.ERROR, "seq": 0, "code": code, "message": message, "closing": True}
    await _close(websocket, dump_json(words), code)


async def _serve(websocket: WebSocket, line: Line) -> None:
    """Move texts both ways until one way ends; then end the other."""
    ways = [asyncio.create_task(_send(websocket, line)), asyncio.create_task(_receive(websocket, line))]
    line.sender = ways[0]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for result in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, (WebSocketDisconnect, RuntimeError)):
                log.error("stream: a connection failed", exc_info=result)
    if line.ending is not None:
        await _close(websocket, line.last_words(), line.ending[0])


async def _send(websocket: WebSocket, line: Line) -> None:
    async def send(message: Message) -> None:
        await websocket.send_text(message.text())

    async def idle() -> None:
        """Uvicorn pings by itself."""

    await line.deliver(send, idle)


async def _receive(websocket: WebSocket, line: Line) -> None:
    while True:
        await line.hear(await _received(websocket))


async def _received(websocket: WebSocket) -> str | None:
    """The next message's text; None for a binary one."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    return text


async def _close(websocket: WebSocket, last_words: str, code: Code) -> None:
    """Say why and close; whoever does not take it in time is cut off."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await websocket.send_text(last_words)
            await websocket.close(CLOSE_OF.get(code, Close.FULL), code)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        abort = websocket.scope.get("extensions", {}).get(ABORT)
        if abort is not None:
            abort()
