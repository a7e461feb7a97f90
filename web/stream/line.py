"""One connection: the session it speaks for, what it asks, and how it ends. The faces move its texts.

Law: only `deliver` sends, one message after the other, and waits for the client while nobody else waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from web.stream.client import Message
from web.stream.hub import Hub, Member, mark
from web.stream.identity import Identity
from web.stream.permits import check
from web.stream.requests import Ask, Authenticate, BadRequest, Request, Resume, parse_request
from web.stream.words import (
    REQUESTS_BURST,
    REQUESTS_PER_S,
    SIGN_OF_LIFE_S,
    Code,
    Topic,
    Type,
    Verb,
)
from zmq_bridge.storage.engine import dump_json

ListSignals = Callable[[Identity, Ask], Awaitable[list[str]]]
"""The newest signals that the asker may see, as JSON."""

ReadShare = Callable[[int], Awaitable[None]]
"""Lets the hub know the share of a member."""


class Line:
    """A connection that is let in."""

    def __init__(self, hub: Hub, identity: Identity, list_signals: ListSignals, read_share: ReadShare) -> None:
        self.identity = identity
        self.ending: tuple[Code, str] | None = None  # why it ends; None: it does not
        self.sending_since_s: float | None = None  # monotonic; None: nothing is being sent
        self.sender: asyncio.Task[None] | None = None  # what `deliver` runs in
        self._hub, self._list_signals, self._read_share = hub, list_signals, read_share
        self._woken = asyncio.Event()
        self._bucket = Bucket(time.monotonic())
        self._sent_seq = 0
        self.member: Member = hub.join(identity.key, self._woken.set, self.end)
        self.member.client.greet()
        self._woken.set()

    def end(self, code: Code, reason: str) -> None:
        """End the connection; nothing more is sent but the reason."""
        if self.ending is None:
            self.ending = (code, reason)
        self._woken.set()

    def last_words(self) -> str:
        """The ERROR that says why the connection ends; not one of the session's messages, so without a new number."""
        code, reason = self.ending or (Code.GOING_AWAY, "The connection ends.")
        return dump_json({"type": Type.ERROR, "seq": self._sent_seq, "code": code, "message": reason, "closing": True})

    def hang_up(self) -> None:
        """The connection is gone; the session may be resumed, unless another connection already speaks for it."""
        if self.member.end == self.end:
            self._hub.detach(self.member, time.monotonic())

    async def deliver(self, send: Callable[[Message], Awaitable[None]], idle: Callable[[], Awaitable[None]]) -> None:
        """Send what waits until the connection ends.

        Args:
            send: returns when the client, or what stands for it, took the message.
            idle: called after SIGN_OF_LIFE_S without anything to send.
        """
        while self.ending is None:
            self._woken.clear()
            for message in self.member.client.take():
                if self.ending is not None:
                    return
                self.sending_since_s = time.monotonic()
                await send(message)
                self._sent_seq = message.seq
            self.sending_since_s = None
            try:
                async with asyncio.timeout(SIGN_OF_LIFE_S):
                    await self._woken.wait()
            except TimeoutError:
                await idle()

    async def hear(self, text: str | None) -> None:
        """Do what a message of the client asks; None: it was no text. What does not fit is answered with an ERROR."""
        if self.ending is not None:
            return
        if not self._bucket.take(time.monotonic()):
            expected = f"Expected at most {REQUESTS_PER_S:g} messages a second"
            self.end(Code.FLOOD, f"{expected}, {REQUESTS_BURST:g} at once; found more.")
            return
        try:
            if text is None:
                raise BadRequest(Code.MALFORMED, "Expected a text message; found a binary one.")
            request = parse_request(text)
        except BadRequest as error:
            self.complain(error)
            return
        await self.act(request)

    def complain(self, error: BadRequest) -> None:
        """Say why something was not done."""
        members = {"code": error.code, "message": error.message, "field": error.field, "request_id": error.request_id}
        self.member.client.say(Type.ERROR, {name: value for name, value in members.items() if value is not None})
        self._woken.set()

    async def act(self, request: Request) -> None:
        """Do what was asked, or say why not."""
        try:
            match request:
                case Authenticate():
                    raise BadRequest(Code.INVALID_FIELD, "Expected no AUTHENTICATE: this connection is authenticated.")
                case Resume():
                    self._resume(request)
                case Ask():
                    await self._ask(request)
        except BadRequest as error:
            error.request_id = request.request_id
            self.complain(error)
        self._woken.set()

    async def _ask(self, ask: Ask) -> None:
        if ask.verb is Verb.UNSUBSCRIBE:
            self._hub.unsubscribe(self.member, ask)
            return
        check(self.member.key, ask)
        if ask.topic is Topic.SHARE and self.identity.key.user_id is not None:
            await self._read_share(self.identity.key.user_id)  # of now, before news of it are wanted
        if ask.verb is Verb.SUBSCRIBE:
            self._hub.subscribe(self.member, ask)
        if ask.topic is Topic.SIGNALS:
            items = tuple(await self._list_signals(self.identity, ask))
            self.member.client.say(Type.SIGNAL_UPDATE, mark(ask), "", "signals", items)
        else:
            self._hub.answer(self.member, ask)

    def _resume(self, request: Resume) -> None:
        """Speak for an earlier session from now on, after its message `seq`; RESYNC where that can't be."""
        found = self._hub.resumable(request.session, self.identity.key)
        if found is None:
            reason = "SESSION_UNKNOWN"
        elif found is self.member:
            raise BadRequest(Code.INVALID_FIELD, "Expected an earlier session; found this one.", field="session")
        else:
            if found.end is not None:
                found.end(Code.SESSION_TAKEN, "Another connection resumed this session.")
            self._adopt(found)
            if found.client.rewind(request.seq):
                return
            reason = "MESSAGES_NOT_KEPT"
            self._hub.renew(found)
        members = {"reason": reason, "session": self.member.client.session, "request_id": request.request_id}
        self.member.client.say(Type.RESYNC, {name: value for name, value in members.items() if value is not None})

    def _adopt(self, member: Member) -> None:
        self._hub.leave(self.member)
        member.wake, member.end, member.key = self._woken.set, self.end, self.identity.key
        self.member = member


class Bucket:
    """How much a client may ask: a bucket of tokens that refills."""

    def __init__(self, now_s: float) -> None:
        self._tokens, self._at_s = REQUESTS_BURST, now_s

    def take(self, now_s: float) -> bool:
        """Take a token; False: there is none."""
        self._tokens = min(REQUESTS_BURST, self._tokens + (now_s - self._at_s) * REQUESTS_PER_S)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
