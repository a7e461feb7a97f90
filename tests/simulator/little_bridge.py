"""A bridge of a hundred lines: the two sockets a terminal connects to, the wire's own codec, and a list of all it saw.

It answers as docs/wire.md says, from a thread; a test hands it commands and decides what is acknowledged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import zmq
from zmq.auth.thread import ThreadAuthenticator

from tests.support import free_port, wait_until
from zmq_bridge.protocol.commands import Command, TradingStateName
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
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.limits import ACKS_PER_WORK_MAX, BEAT_MS, COMMANDS_PER_WORK_MAX
from zmq_bridge.protocol.messages import (
    Event,
    decode_frame,
    decode_terminal_request,
    encode,
)
from zmq_bridge.protocol.published import Books, CommandResult
from zmq_bridge.protocol.ticks import Tick, TickBatch

Data = TypeVar("Data")
POLL_MS = 5


class LittleBridge:
    """Start it, point a terminal at it, look at what came."""

    def __init__(self, *, wait_ms: int = 200, password: str = "") -> None:
        """Make a bridge; with a password, who connects must be the user `vm-1` and know it."""
        self.publish_endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.request_endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.hellos: list[Hello] = []
        self.histories: list[History] = []
        self.symbols: list[Symbols] = []
        self.books: list[Books | None] = []  # of every pull, in order
        self.byes: list[Bye] = []
        self.published: list[tuple[str, Any]] = []
        self.events: dict[tuple[int, int], Event] = {}
        self.pulled: list[tuple[int, int]] = []  # keys of events that came by pull, in order
        self.trading_state: TradingStateName = "active"
        self.deals_from_msc = 0
        self.acknowledges = True
        self.takes_symbols = True
        self.answers = True
        self.gives_work = True  # else it welcomes, and leaves pulls without an answer
        self.dropped = 0  # requests that came while it did not answer
        self.refusals: list[ErrorCode | bytes] = []  # instead of the next answers: an error, or raw bytes
        self._wait_ms = wait_ms
        self._password = password
        self._commands: list[Command] = []
        self._roles: dict[int, str] = {}  # of each session
        self._waiting: dict[int, tuple[list[bytes], Pull, float]] = {}  # of each session: its pull, held until a time
        self._last_work: dict[int, tuple[Command, ...]] = {}  # of each session: the commands of its last work
        self._acked: set[tuple[int, int]] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._feed_wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, *, subscribes: bool = True) -> LittleBridge:
        if subscribes:
            self._feed_wanted.set()
        self._thread.start()
        return self

    def subscribe(self) -> None:
        """Begin to take what is published."""
        self._feed_wanted.set()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def command(self, kind: type[Command], *, expires_in_ms: int = 60_000, **fields: Any) -> str:
        """Hand a command out with the next work; returns its id."""
        command_id = fields.pop("command_id", None) or new_id(now_ms())
        self.hand_out(kind(command_id=command_id, expires_at_ms=now_ms() + expires_in_ms, **fields))
        return str(command_id)

    def hand_out(self, command: Command) -> None:
        """Hand this very command out with the next work that has room, once, however often it is said until then."""
        with self._lock:
            waiting = [each for each in self._commands if each.command_id != command.command_id]
            self._commands = [*waiting, command]

    def results(self, command_id: str) -> list[CommandResult]:
        """Every result of a command, each event once, in order."""
        with self._lock:
            events = [self.events[key] for key in sorted(self.events)]
        found = [event.data for event in events if isinstance(event.data, CommandResult)]
        return [result for result in found if result.command_id == command_id]

    def final(self, command_id: str, timeout_s: float = 30.0) -> CommandResult:
        """Wait for the final result of a command."""

        def found() -> CommandResult | None:
            return next((result for result in self.results(command_id) if result.is_final), None)

        return wait_until(found, timeout_s, f"no final result of {command_id}")

    def of_kind(self, kind: type[Data]) -> list[Data]:
        """The data of every event of a kind, each event once, in order."""
        with self._lock:
            events = [self.events[key] for key in sorted(self.events)]
        return [event.data for event in events if isinstance(event.data, kind)]

    def messages(self, kind: type[Data]) -> list[Data]:
        """Every published message of a kind."""
        with self._lock:
            return [message for _, message in self.published if isinstance(message, kind)]

    def ticks(self, symbol: str) -> list[Tick]:
        """The ticks of a symbol, in the order of arrival."""
        return [tick for batch in self.batches(symbol) for tick in batch.ticks]

    def tick_count(self, symbol: str) -> int:
        """How many there are: cheap enough to be asked again and again beside what makes them."""
        return sum(len(batch.ticks) for batch in self.batches(symbol))

    def batches(self, symbol: str) -> list[TickBatch]:
        topic = f"tick.{symbol}.123456"
        with self._lock:
            return [message for name, message in self.published if name == topic and isinstance(message, TickBatch)]

    def wait_for_hello(self, count: int = 1) -> Hello:
        return wait_until(lambda: self.hellos[count - 1] if len(self.hellos) >= count else None)

    def _run(self) -> None:
        with zmq.Context() as context, self._guard(context) as guard:
            router, feed = context.socket(zmq.ROUTER), context.socket(zmq.SUB)
            for each in (router, feed):
                each.setsockopt(zmq.LINGER, 0)
                each.setsockopt(zmq.RCVHWM, 100_000)
                each.setsockopt(zmq.PLAIN_SERVER, int(guard is not None))
            router.bind(self.request_endpoint)
            feed.bind(self.publish_endpoint)
            subscribed = False
            while not self._stop.is_set():
                if self._feed_wanted.is_set() and not subscribed:
                    feed.setsockopt(zmq.SUBSCRIBE, b"")
                    subscribed = True
                self._turn(router, feed)
            router.close()
            feed.close()

    @contextmanager
    def _guard(self, context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[ThreadAuthenticator | None]:
        if not self._password:
            yield None
            return
        guard = ThreadAuthenticator(context)
        guard.start()
        guard.configure_plain(passwords={"vm-1": self._password})
        yield guard
        guard.stop()

    def _turn(self, router: zmq.Socket[bytes], feed: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(feed, zmq.POLLIN)
        ready = dict(poller.poll(POLL_MS))
        if feed in ready:
            self._take_published(feed)
        if router in ready:
            self._take_request(router)
        self._answer_pulls(router)

    def _take_published(self, feed: zmq.Socket[bytes]) -> None:
        for _ in range(1000):
            try:
                topic, message = decode_frame(feed.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            with self._lock:
                self.published.append((topic, message))
                if isinstance(message, Event):
                    self.events.setdefault(message.key, message)

    def _take_request(self, router: zmq.Socket[bytes]) -> None:
        *route, payload = router.recv_multipart()
        if not self.answers:
            self.dropped += 1
            return
        request = decode_terminal_request(payload)
        head: dict[str, Any] = {"session": request.session, "now_ms": now_ms()}
        if self.refusals:
            refusal = self.refusals.pop(0)
            error = ErrorReply(**head, code=refusal, message="no") if isinstance(refusal, ErrorCode) else refusal
            router.send_multipart([*route, error if isinstance(error, bytes) else encode(error)])
            return
        match request:
            case Hello():
                self._greeted(request)
                welcome = Welcome(**head, version=1, login=request.login, beat_ms=BEAT_MS, wait_ms_max=self._wait_ms,
                                  trading_state=self.trading_state, deals_from_msc=self.deals_from_msc)  # fmt: skip
                router.send_multipart([*route, encode(welcome)])
            case Pull():
                with self._lock:
                    for event in request.events:
                        self.events.setdefault(event.key, event)
                        self.pulled.append(event.key)
                        self._acked.discard(event.key)  # it comes twice: so does its acknowledgement
                    self.books.append(request.snapshot)
                self._waiting[request.session] = (route, request, time.monotonic() + request.wait_ms / 1000)
            case History():
                self.histories.append(request)
                router.send_multipart([*route, encode(Received(**head, command_id=request.command_id))])
            case Symbols():
                self.symbols.append(request)
                if self.takes_symbols:
                    router.send_multipart([*route, encode(Received(**head))])
                else:
                    error = ErrorReply(**head, code=ErrorCode.UNAVAILABLE, message="no")
                    router.send_multipart([*route, encode(error)])
            case Bye():
                self.byes.append(request)
                router.send_multipart([*route, encode(Farewell(**head))])

    def _greeted(self, hello: Hello) -> None:
        """Whoever asked before in this role has ended, and a command for it would be lost; one that went with the last
        work to this very session may be lost with it, and is handed out again.
        """
        self._roles[hello.session] = hello.role
        for session in [session for session in self._waiting if self._roles.get(session) == hello.role]:
            del self._waiting[session]
        with self._lock:
            again = [replace(each, attempt=each.attempt + 1) for each in self._last_work.pop(hello.session, ())]
            self._commands[:0] = again
            self.hellos.append(hello)

    def _answer_pulls(self, router: zmq.Socket[bytes]) -> None:
        if not self.gives_work:
            return
        for session in list(self._waiting):
            self._answer_pull(router, session)

    def _answer_pull(self, router: zmq.Socket[bytes], session: int) -> None:
        route, request, until = self._waiting[session]
        with self._lock:
            news = [key for key in self.events if key not in self._acked]
            acks = news[:ACKS_PER_WORK_MAX] if self.acknowledges else []
            if not acks and not self._commands and time.monotonic() < until:
                return
            self._acked.update(acks)
            commands = tuple(self._commands[:COMMANDS_PER_WORK_MAX])
            del self._commands[: len(commands)]
            self._last_work[session] = commands
        work = Work(session=request.session, now_ms=now_ms(), trading_state=self.trading_state, commands=commands,
                    acks=tuple(sorted(acks)))  # fmt: skip
        router.send_multipart([*route, encode(work)])
        del self._waiting[session]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Start a function in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
