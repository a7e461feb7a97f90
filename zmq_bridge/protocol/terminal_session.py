"""The terminal's side of the session with the bridge, as a table. No I/O, no clock: monotonic times are arguments.

Everything that moves the state is in TRANSITIONS. The driver asks `wants(now)` what to send, sends it, says
`sent(...)`, and hands every reply to `received(...)`. A request unanswered past its time is taken as lost: the session
greets anew. Nothing is executed and nothing is forgotten here: commands go through the journal (journal.py), events
stay in the event log until acknowledged (event_log.py).

    DISCONNECTED --hello--> GREETING --welcome--> READY --request--> AWAITING --reply--> READY
         ^                     ^------- hello ------'  (its server's clock was moved)     |
         '-------- backoff: refused, timed out, forgotten --------------------------------'
    STOPPED: superseded or said farewell
"""

from __future__ import annotations

from enum import Enum, auto

from zmq_bridge.protocol.clock import BridgeClock
from zmq_bridge.protocol.dialogue import (
    Bye,
    ErrorReply,
    Farewell,
    Hello,
    History,
    Pull,
    Received,
    Symbols,
    Welcome,
    Work,
)
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import BACKOFF_FIRST_MS, BACKOFF_MAX_MS, LIVENESS_MS, REPLY_GRACE_MS, WAIT_MS_MAX

Request = Hello | Pull | History | Symbols | Bye
Reply = Welcome | Work | Received | Farewell | ErrorReply


class State(Enum):
    """Where the session stands."""

    DISCONNECTED = auto()  # no session; hello when the backoff has passed
    GREETING = auto()  # hello sent
    READY = auto()  # welcome had, nothing outstanding
    AWAITING = auto()  # one request outstanding
    STOPPED = auto()  # for good: this program must not speak for the role any more


class Input(Enum):
    """What happened."""

    HELLO_SENT = auto()
    REQUEST_SENT = auto()
    WELCOMED = auto()
    ANSWERED = auto()
    REFUSED = auto()  # an error that may pass: UNAVAILABLE, RATE_LIMITED, OWNED_ELSEWHERE, ...
    FORGOTTEN = auto()  # UNKNOWN_SESSION
    SUPERSEDED = auto()
    TIMED_OUT = auto()
    GARBLED = auto()  # a reply that does not belong to the request
    FAREWELL = auto()


class Wanted(Enum):
    """What the driver should send now."""

    NOTHING = auto()
    HELLO = auto()
    REQUEST = auto()  # pull, or history, symbols or bye when there is one


TRANSITIONS: dict[tuple[State, Input], State] = {
    (State.DISCONNECTED, Input.HELLO_SENT): State.GREETING,
    (State.GREETING, Input.WELCOMED): State.READY,
    (State.GREETING, Input.REFUSED): State.DISCONNECTED,
    (State.GREETING, Input.FORGOTTEN): State.DISCONNECTED,
    (State.GREETING, Input.TIMED_OUT): State.DISCONNECTED,
    (State.GREETING, Input.GARBLED): State.DISCONNECTED,
    (State.GREETING, Input.SUPERSEDED): State.STOPPED,
    (State.READY, Input.HELLO_SENT): State.GREETING,  # the trade server's clock was moved
    (State.READY, Input.REQUEST_SENT): State.AWAITING,
    (State.AWAITING, Input.ANSWERED): State.READY,
    (State.AWAITING, Input.REFUSED): State.READY,
    (State.AWAITING, Input.FORGOTTEN): State.DISCONNECTED,
    (State.AWAITING, Input.TIMED_OUT): State.DISCONNECTED,
    (State.AWAITING, Input.GARBLED): State.DISCONNECTED,
    (State.AWAITING, Input.SUPERSEDED): State.STOPPED,
    (State.AWAITING, Input.FAREWELL): State.STOPPED,
}

_BACKS_OFF = frozenset({Input.REFUSED, Input.FORGOTTEN, Input.TIMED_OUT, Input.GARBLED})
_REPLY_TO: dict[type, tuple[type, Input]] = {
    Hello: (Welcome, Input.WELCOMED),
    Pull: (Work, Input.ANSWERED),
    History: (Received, Input.ANSWERED),
    Symbols: (Received, Input.ANSWERED),
    Bye: (Farewell, Input.FAREWELL),
}
_BY_CODE: dict[str, Input] = {ErrorCode.UNKNOWN_SESSION: Input.FORGOTTEN, ErrorCode.SUPERSEDED: Input.SUPERSEDED}


class TerminalSession:
    """One terminal's session with the bridge.

    Args:
        session: this program start's number (Unix ms), greater than any used before by this terminal.
    """

    def __init__(self, session: int) -> None:
        self.session = session
        self.state = State.DISCONNECTED
        self.clock = BridgeClock()
        self.welcome: Welcome | None = None  # of the latest greeting
        self.last_error: ErrorReply | ProtocolViolation | None = None  # for the operator
        self._outstanding: Request | None = None
        self._sent_ms = 0
        self._due_ms = 0  # when the outstanding request counts as lost
        self._not_before_ms: int | None = None  # backoff
        self._backoff_ms = BACKOFF_FIRST_MS
        self._heard_ms: int | None = None

    def wants(self, now_ms: int) -> Wanted:
        """Say what to send now; takes note of a request that timed out.

        Args:
            now_ms: monotonic.
        """
        if self._outstanding is not None and now_ms >= self._due_ms:
            self._apply(Input.TIMED_OUT, now_ms)
        if self._not_before_ms is not None and now_ms < self._not_before_ms:
            return Wanted.NOTHING
        return {State.DISCONNECTED: Wanted.HELLO, State.READY: Wanted.REQUEST}.get(self.state, Wanted.NOTHING)

    def wait_ms(self, now_ms: int) -> int | None:
        """Say how long nothing needs to be asked again unless a reply comes; None = for ever (stopped)."""
        if self.state is State.STOPPED:
            return None
        due_ms = self._due_ms if self._outstanding is not None else self._not_before_ms
        return 0 if due_ms is None else max(0, due_ms - now_ms)

    def sent(self, request: Request, now_ms: int) -> None:
        """Take note that `request` has left."""
        if request.session != self.session:
            raise ProtocolMisuse(f"expected a request of session {self.session}, found {request.session}")
        self._apply(Input.HELLO_SENT if type(request) is Hello else Input.REQUEST_SENT, now_ms)
        wait_ms = min(request.wait_ms, self.wait_ms_max) if type(request) is Pull else 0
        self._outstanding = request
        self._sent_ms, self._due_ms = now_ms, now_ms + wait_ms + REPLY_GRACE_MS

    def received(self, reply: Reply, now_ms: int) -> bool:
        """Take in the reply to the outstanding request.

        Returns:
            True when the reply is good and to be acted on (commands, acknowledgements, trading state); False for a
            refusal, and for a reply that comes after its request was given up.

        Raises:
            ProtocolViolation: the reply does not belong to the request; the session greets anew.
        """
        if self._outstanding is None:
            return False
        if type(reply) is ErrorReply:
            self.last_error = reply
            self._apply(_BY_CODE.get(reply.code, Input.REFUSED), now_ms)
            return False
        expected, happened = _REPLY_TO[type(self._outstanding)]
        if type(reply) is not expected or reply.session != self.session:
            violation = self._mismatch(expected, reply)
            self.garbled(violation, now_ms)
            raise violation
        self.clock.learn(sent_ms=self._sent_ms, received_ms=now_ms, now_ms=reply.now_ms)
        self._heard_ms = now_ms
        if type(reply) is Welcome:
            self.welcome = reply
        self._apply(happened, now_ms)
        return True

    def garbled(self, violation: ProtocolViolation, now_ms: int) -> None:
        """Take note that the reply could not even be decoded."""
        self.last_error = violation
        if self._outstanding is not None:
            self._apply(Input.GARBLED, now_ms)

    @property
    def wait_ms_max(self) -> int:
        """Longest long poll that the bridge holds."""
        return WAIT_MS_MAX if self.welcome is None else self.welcome.wait_ms_max

    def is_connected(self, now_ms: int) -> bool:
        """Say whether the bridge answered within LIVENESS_MS and the session stands."""
        heard = self._heard_ms is not None and now_ms - self._heard_ms < LIVENESS_MS
        return heard and self.state in (State.READY, State.AWAITING)

    def _mismatch(self, expected: type, reply: Reply) -> ProtocolViolation:
        return ProtocolViolation(
            ErrorCode.MALFORMED, "reply", expected=f"{expected.__name__.lower()} of session {self.session}",
            found=f"{reply.type} of session {reply.session}",
        )  # fmt: skip

    def _apply(self, happened: Input, now_ms: int) -> None:
        following = TRANSITIONS.get((self.state, happened))
        if following is None:
            raise ProtocolMisuse(f"{happened.name} cannot happen in state {self.state.name}")
        self.state = following
        self._outstanding = None
        self._not_before_ms = self._back_off(now_ms) if happened in _BACKS_OFF else None
        if happened is Input.ANSWERED:
            self._backoff_ms = BACKOFF_FIRST_MS

    def _back_off(self, now_ms: int) -> int:
        """Double from BACKOFF_FIRST_MS to BACKOFF_MAX_MS; spread by the session, lest all terminals come at once."""
        spread = 0.75 + (self.session % 512) / 1024
        pause_ms, self._backoff_ms = self._backoff_ms, min(2 * self._backoff_ms, BACKOFF_MAX_MS)
        return now_ms + int(pause_ms * spread)
