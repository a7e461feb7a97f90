"""The ROUTER on which terminals ask for work (port 5557): bytes in, checked requests out, replies back.

Law: nothing here waits for anything but the socket, and nothing here knows a database. A peer's nonsense costs that
peer an error reply and nobody else a thing: its requests are counted against its own rate, decoded in bounds, and
checked against who it proved to be and which session it opened (`Roster`). What survives goes to the `Desk`, which
answers at once or later, by `reply`, `refuse` or `answer_pull`.

A waiting pull is held until there is work or its time is over. The peer of a held pull may vanish: then the reply is
dropped (ROUTER_MANDATORY says so), and what it carried is said again in the next session.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Protocol

import zmq

from zmq_bridge.protocol.bridge_session import Roster, Session
from zmq_bridge.protocol.dialogue import Bye, ErrorReply, Farewell, Hello, History, Pull, Symbols
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX
from zmq_bridge.protocol.messages import TerminalReply, TerminalRequest, decode_terminal_request, encode, session_of
from zmq_bridge.sockets.context import SocketLimits, bind, open_socket
from zmq_bridge.sockets.envelope import Request, close_envelope, open_envelope
from zmq_bridge.sockets.rate import Rate, RateLimiter, Verdict
from zmq_bridge.sockets.zap import AllowList, Door, guard

log = logging.getLogger(__name__)

READ_MAX = 256
"""Requests taken in one go before timers and workers get their turn."""

MESSAGES_MAX = 64
"""High-water mark per peer, both ways: REQ is lock-step, an honest peer has one request under way."""

OVERSIZE_FACTOR = 2
"""Frames up to this times FRAME_BYTES_MAX are taken in, so that TOO_LARGE can be said; above, the connection is cut."""

LINGER_MS = 500
"""At a stop, how long the last answers may still go out."""

RATE = Rate(per_s=500.0, burst=1000.0)
"""Per connection. A busy terminal with every pull answered at once stays below 300 requests per second."""

TerminalSession = Session[Request]


class Desk(Protocol):
    """Who decides what is answered. Called in the thread that serves the socket; must not block."""

    def on_hello(self, hello: Hello, request: Request) -> None:
        """Answer with `greet` or `refuse`, now or later."""

    def on_pull(self, session: TerminalSession, pull: Pull) -> None:
        """Take the events in; the pull itself is held already: `answer_pull` if there is work."""

    def on_pull_due(self, session: TerminalSession) -> None:
        """Answer the held pull now, with whatever there is."""

    def on_history(self, session: TerminalSession, history: History, request: Request) -> None:
        """Answer `received` once committed, or `refuse`."""

    def on_symbols(self, session: TerminalSession, symbols: Symbols, request: Request) -> None:
        """Answer `received` once committed, or `refuse`."""

    def on_bye(self, session: TerminalSession, bye: Bye) -> None:
        """The session closed in order; it was answered already."""

    def on_silent(self, session: TerminalSession) -> None:
        """Nothing was heard of the session for LIVENESS_MS."""


def open_terminal_socket(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, allowed: AllowList
) -> tuple[zmq.Socket[bytes], str]:
    """Open and bind the ROUTER; return it with its endpoint as bound."""
    limits = SocketLimits(
        send_messages_max=MESSAGES_MAX,
        receive_messages_max=MESSAGES_MAX,
        frame_bytes_max=OVERSIZE_FACTOR * FRAME_BYTES_MAX,
        linger_ms=LINGER_MS,
    )
    socket = open_socket(context, zmq.ROUTER, limits)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    guard(socket, Door.TERMINAL, allowed)
    return socket, bind(socket, endpoint, authenticated=allowed.authenticated)


class TerminalServer:
    """Serves the ROUTER: `serve` when it is readable, `on_time` when `next_due_ms` has come."""

    def __init__(
        self, socket: zmq.Socket[bytes], *, allowed: AllowList, desk: Desk, rate: Rate = RATE
    ) -> None:
        self.roster: Roster[Request] = Roster()
        self.counts: Counter[str] = Counter()
        """What happened, for `status`: requests, errors by code, flooded, unreachable."""
        self._socket = socket
        self._allowed = allowed
        self._desk = desk
        self._limiter = RateLimiter(rate)

    def serve(self) -> None:
        """Take in what has come, at most READ_MAX requests."""
        for _ in range(READ_MAX):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            user_id = _user_id(frames[-1]) if self._allowed.authenticated else ""
            self._take(open_envelope([frame.bytes for frame in frames]), user_id)

    def on_time(self) -> None:
        """Answer pulls that were held long enough; notice who fell silent."""
        now_ms = steady_ms()
        for session in self.roster.overdue(now_ms):
            self._desk.on_pull_due(session)
        for session in self.roster.fall_silent(now_ms):
            self._desk.on_silent(session)

    def greet(
        self, hello: Hello, request: Request, welcome: TerminalReply
    ) -> tuple[TerminalSession, list[TerminalSession]]:
        """Open the session and send the welcome.

        Returns:
            The session and those it superseded.

        Raises:
            ProtocolViolation: a newer session lives; nothing was sent.
        """
        session, superseded = self.roster.greet(hello, steady_ms())
        self._refuse_superseded(hello, superseded)
        session.release()
        self.reply(request, welcome)
        return session, superseded

    def retire(self, hello: Hello) -> list[TerminalSession]:
        """Serve the sessions no longer that a hello is to supersede, before it is answered; return them."""
        superseded = self.roster.retire(hello)
        self._refuse_superseded(hello, superseded)
        return superseded

    def answer_pull(self, session: TerminalSession, work: TerminalReply) -> bool:
        """Send work to a held pull; False when none was held or its peer is gone."""
        request = session.release()
        return request is not None and self.reply(request, work)

    def refuse_pull(self, session: TerminalSession, code: ErrorCode, message: str) -> None:
        """Answer a held pull, if any, with an error."""
        request = session.release()
        if request is not None:
            self.refuse(request, code, message, session=session.number)

    def refuse(
        self, request: Request, code: ErrorCode, message: str, *, session: int = 0, expected: str = "", found: str = ""
    ) -> None:
        """Answer a request with an error."""
        violation = ProtocolViolation(code, message, expected=expected, found=found)
        self._answer_violation(request, violation, session)

    def reply(self, request: Request, message: TerminalReply) -> bool:
        """Send a reply; False when the peer is gone or does not read."""
        try:
            self._socket.send_multipart(close_envelope(request, encode(message)), zmq.NOBLOCK)
        except zmq.ZMQError:  # EHOSTUNREACH: the peer is gone; EAGAIN: it does not read
            self.counts["unreachable"] += 1
            return False
        return True

    def _refuse_superseded(self, hello: Hello, superseded: list[TerminalSession]) -> None:
        for old in superseded:
            self.refuse_pull(old, ErrorCode.SUPERSEDED, f"session {hello.session} took the role {old.role}")

    def _take(self, request: Request, user_id: str) -> None:
        verdict = self._limiter.judge(request.peer, time.monotonic())
        if verdict is not Verdict.SERVE:
            self._flooded(request, verdict)
            return
        self.counts["requests"] += 1
        try:
            self._dispatch(request, _decode(request), user_id)
        except ProtocolViolation as violation:
            self._answer_violation(request, violation, session_of(request.payload or b""))

    def _dispatch(self, request: Request, message: TerminalRequest, user_id: str) -> None:
        if not self._allowed.may_speak_for(user_id, message.login):
            raise ProtocolViolation(
                ErrorCode.WRONG_LOGIN,
                "login",
                expected=f"a login that {user_id!r} may speak for",
                found=str(message.login),
            )
        if isinstance(message, Hello):
            self._desk.on_hello(message, request)
            return
        now_ms = steady_ms()
        session = self.roster.admit(message, now_ms)
        match message:
            case Pull():
                _check_own_words(message)
                session.park(request, message.wait_ms, now_ms)
                self._desk.on_pull(session, message)
            case History():
                self._desk.on_history(session, message, request)
            case Symbols():
                self._desk.on_symbols(session, message, request)
            case Bye():
                self.reply(request, Farewell(session=session.number, now_ms=unix_ms()))
                self._desk.on_bye(session, message)

    def _flooded(self, request: Request, verdict: Verdict) -> None:
        self.counts["flooded"] += 1
        if verdict is Verdict.WARN:
            self.refuse(
                request, ErrorCode.RATE_LIMITED, "too many requests", expected=f"at most {RATE.per_s:.0f} per second"
            )

    def _answer_violation(self, request: Request, violation: ProtocolViolation, session: int) -> None:
        self.counts[violation.code] += 1
        log.info("terminal request refused: %s", violation)
        self.reply(request, ErrorReply.of(violation, session=session, now_ms=unix_ms()))


def steady_ms() -> int:
    """Milliseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def unix_ms() -> int:
    """Our wall clock, Unix UTC ms: what replies call `now_ms`."""
    return time.time_ns() // 1_000_000


def _decode(request: Request) -> TerminalRequest:
    if request.payload is None:
        raise ProtocolViolation(
            ErrorCode.MALFORMED,
            "frames",
            expected="an optional request id, an empty frame, one payload",
            found="other frames",
        )
    return decode_terminal_request(request.payload)


def _check_own_words(pull: Pull) -> None:
    said = [("events.login", event.login) for event in pull.events]
    if pull.snapshot is not None:
        said.append(("snapshot.account.login", pull.snapshot.account.login))
    for path, login in said:
        if login != pull.login:
            raise ProtocolViolation(ErrorCode.WRONG_LOGIN, path, expected=str(pull.login), found=str(login))


def _user_id(frame: zmq.Frame) -> str:
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""
