"""The Server-Sent Events face: `/events?prices=EURUSD,GBPUSD&positions&signals`, for those who can't have a WebSocket.

What is subscribed stands in the address; the id of an event is `session:seq`, and the Last-Event-ID that a browser
sends by itself when it comes back is a resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from web.stream.client import Message
from web.stream.identity import Refusal
from web.stream.line import Line
from web.stream.requests import Ask, BadRequest, Resume, parse_request
from web.stream.service import Service
from web.stream.words import WITHOUT_SYMBOLS, Code, Topic, Verb
from zmq_bridge.storage.engine import dump_json

STATUS = {Code.FULL: 503, Code.UNAUTHENTICATED: 401, Code.ORIGIN_REFUSED: 403, Code.DATABASE_UNAVAILABLE: 503}
TOPICS = {topic.lower(): topic for topic in Topic}
ACCOUNT = "account"
ACCOUNT_DIGITS_MAX = 19  # of 2**63; Python refuses to read thousands of them


async def serve_events(service: Service, request: HttpRequest) -> Response:
    """Answer with a stream of events, or say why not."""
    headers = _cors(service, request.headers)
    if service.is_full:
        return _refused(Code.FULL, "Expected room for one more client; found none. Try again later.", headers)
    identity = await service.by_headers(request.headers, is_socket=False)
    if identity is None:
        identity = Refusal(code=Code.UNAUTHENTICATED, message="Expected an X-API-Key header or a session; found none.")
    if isinstance(identity, Refusal):
        return _refused(identity.code, identity.message, headers)
    try:
        asks = asks_of(request.query_params)
        resume = resume_of(request.headers.get("last-event-id"))
    except BadRequest as error:
        return _refused(error.code, error.message, headers, error.field)
    return EventStream(service, service.line(identity), asks, resume, headers)


class EventStream(Response):
    """A response that goes on until either side ends it."""

    media_type = "text/event-stream"

    def __init__(
        self, service: Service, line: Line, asks: list[Ask], resume: Resume | None, headers: Mapping[str, str]
    ) -> None:
        super().__init__(headers={**headers, "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._service, self._line, self._asks, self._resume = service, line, asks, resume

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then event by event."""
        with self._service.serving(self._line):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            ways = [asyncio.create_task(self._deliver(send)), asyncio.create_task(_gone(receive))]
            self._line.sender = ways[0]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            if not ways[1].cancelled():
                return
            await _part(send, f"event: ERROR\ndata: {self._line.last_words()}\n\n", more=False)

    async def _deliver(self, send: Send) -> None:
        line = self._line
        if self._resume is not None:
            await line.act(self._resume)
        if not line.member.wishes:
            for ask in self._asks:
                await line.act(ask)

        async def event(message: Message) -> None:
            mark = f"id: {line.member.client.session}:{message.seq}\nevent: {message.type}\n"
            await _part(send, f"{mark}data: {message.text()}\n\n")

        async def idle() -> None:
            await _part(send, ": still here\n\n")

        await line.deliver(event, idle)


async def _part(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def asks_of(query: Mapping[str, str]) -> list[Ask]:
    """The subscriptions in an address: a topic each, with its symbols; `account` is for all of them.

    Raises:
        BadRequest: an unknown name, or a value that does not fit.
    """
    unknown = sorted(set(query) - set(TOPICS) - {ACCOUNT})
    if unknown or not set(query) & set(TOPICS):
        expected = f"Expected at least one of {', '.join(TOPICS)}, and {ACCOUNT}"
        raise BadRequest(Code.INVALID_FIELD, f"{expected}; found {', '.join(unknown)[:60] or 'none'}.")
    return [_ask(topic, query[name], query.get(ACCOUNT)) for name, topic in TOPICS.items() if name in query]


def _ask(topic: Topic, symbols: str, account: str | None) -> Ask:
    """The same request as a WebSocket's, so that the same rules hold."""
    fields: dict[str, object] = {"action": f"{Verb.SUBSCRIBE}_{topic}"}
    if symbols not in ("", "*") and topic not in WITHOUT_SYMBOLS:
        fields["symbols"] = symbols.split(",")
    if account is not None:
        is_number = account.isascii() and account.isdigit() and len(account) <= ACCOUNT_DIGITS_MAX
        fields[ACCOUNT] = int(account) if is_number else account
    found = parse_request(dump_json(fields))
    assert isinstance(found, Ask)
    return found


def resume_of(last_event_id: str | None) -> Resume | None:
    """What a browser that comes back has seen; None where it says nothing that we wrote."""
    session, _, seq = (last_event_id or "").rpartition(":")
    if not session or not seq.isascii() or not seq.isdigit() or len(seq) > 18:
        return None
    return Resume(session=session, seq=int(seq), request_id=None)


def _cors(service: Service, headers: Mapping[str, str]) -> dict[str, str]:
    """Let our own pages, which another port serves, read the stream."""
    origin = headers.get("origin")
    if origin is None or not service.doorkeeper.is_ours(origin, headers.get("host")):
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}


def _refused(code: Code, message: str, headers: Mapping[str, str], field: str | None = None) -> Response:
    body = {"code": code, "message": message} | ({"field": field} if field else {})
    return JSONResponse(body, status_code=STATUS.get(code, 400), headers=dict(headers))
