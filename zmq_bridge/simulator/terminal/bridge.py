"""The terminal's talk with the bridge: which request is sent next, and what each reply means.

hello with the books, then pull after pull; a chunk of history that was asked for, and specifications when they are due
again, go before the next pull. The table of states is the protocol's (terminal_session.py); sockets the requester's.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from zmq_bridge.protocol.commands import Command, FetchTicks
from zmq_bridge.protocol.dialogue import Bye, Hello, History, Program, Pull, Received, Symbols, Welcome, Work
from zmq_bridge.protocol.limits import SYMBOLS_PER_MESSAGE_MAX, TICKS_PER_HISTORY_MAX, VERSIONS
from zmq_bridge.protocol.published import Books, Role
from zmq_bridge.protocol.terminal_session import State, TerminalSession, Wanted
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.protocol.values import Spec
from zmq_bridge.simulator.errors import BrokerRefused
from zmq_bridge.simulator.terminal.executor import Broker
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.requester import Requester
from zmq_bridge.simulator.terminal.server_offset import ServerOffset
from zmq_bridge.simulator.terminal.watch import Watch

FETCHES_MAX = 64  # history requests that wait their turn; more are left to be asked again
SPECS_RETRY_MS = 60_000  # after the bridge could not take specifications
PROGRAM = Program(name="zmq-bridge simulated terminal", version="1")

log = logging.getLogger(__name__)


class Bridge:
    """The session with the bridge."""

    def __init__(
        self,
        session: TerminalSession,
        requester: Requester,
        broker: Broker,
        memory: Memory,
        watch: Watch,
        *,
        login: int,
        role: Role,
        books: Callable[[], Books],
        news: Callable[[], Books | None],
        specs_every_ms: int,
        on_welcome: Callable[[Welcome], None],
        on_work: Callable[[Work], None],
        on_command: Callable[[Command], None],
    ) -> None:
        self.session = session
        self._requester = requester
        self._broker = broker
        self._memory = memory
        self._watch = watch
        self._login = login
        self._role = role
        self._books = books
        self._news = news
        self._specs_every_ms = specs_every_ms
        self._specs_due_ms = 0
        self._untold: deque[Spec] = deque()  # specifications that the next requests bring
        self._unconfirmed = False  # a `symbols` request was not answered yet
        self._on_welcome = on_welcome
        self._on_work = on_work
        self._on_command = on_command
        self._fetches: deque[FetchTicks] = deque()
        self._server = ""
        self._offset_s = 0
        self._offset = ServerOffset()

    def broker_is(self, hello: dict[str, Any]) -> None:
        """Take note of which server the broker is."""
        self._server = hello["server"]
        self.clock_is(hello["server_offset_s"])

    def clock_is(self, server_offset_s: int) -> None:
        """Take note of how far the trade server's clock is from UTC."""
        self._offset_s = server_offset_s

    def turn(self, now_ms: int) -> None:
        """Take a reply, act on it, and send the next request when one is wanted."""
        match self._requester.receive(now_ms):
            case Welcome() as welcome:
                log.info("welcomed by the bridge, trading is %s", welcome.trading_state)
                self._on_welcome(welcome)
            case Work() as work:
                self._on_work(work)
                for command in work.commands:
                    self._take(command)
            case Received(command_id=""):
                self._unconfirmed = False
        match self.session.wants(now_ms):
            case Wanted.HELLO:
                hello = self._hello(now_ms)
                self._requester.reopen()
                self._requester.send(hello, now_ms)
            case Wanted.REQUEST if self._offset.is_due(self._offset_s, now_ms):
                log.info("the trade server's clock is now UTC plus %d s: telling the bridge", self._offset_s)
                self._requester.send(self._hello(now_ms), now_ms)
            case Wanted.REQUEST:
                self._requester.send(self._history() or self._symbols(now_ms) or self._pull(), now_ms)

    def say_bye(self, now_ms: int, reason: str) -> bool:
        """Take leave if nothing is outstanding; False when something is."""
        if self.session.state is not State.READY:
            return False
        self._requester.send(Bye(login=self._login, session=self._memory.session, reason=reason), now_ms)
        return True

    def receive_only(self, now_ms: int) -> None:
        """Take a reply without acting on it: while stopping."""
        self._requester.receive(now_ms)

    def _take(self, command: Command) -> None:
        if not isinstance(command, FetchTicks):
            self._on_command(command)
        elif len(self._fetches) < FETCHES_MAX and all(each != command for each in self._fetches):
            self._fetches.append(command)

    def _hello(self, now_ms: int) -> Hello:
        self._tell_every_spec(now_ms)
        self._offset.told(self._offset_s)
        return Hello(
            login=self._login,
            session=self._memory.session,
            versions=VERSIONS,
            server=self._server,
            role=self._role,
            program=PROGRAM,
            clock_ms=time.time_ns() // 1_000_000,
            server_offset_s=self._offset_s,
            journal=self._memory.journal,
            journal_session=self._memory.earlier_session,
            snapshot=None if self._role == "feed" else self._books(),
            symbols=self._next_specs(),
        )

    def _tell_every_spec(self, now_ms: int) -> None:
        """Have every specification told, changed or not."""
        self._untold = deque(self._watch.every_spec())
        self._unconfirmed = False
        self._specs_due_ms = now_ms + self._specs_every_ms

    def _next_specs(self) -> tuple[Spec, ...]:
        return tuple(self._untold.popleft() for _ in range(min(len(self._untold), SYMBOLS_PER_MESSAGE_MAX)))

    def _symbols(self, now_ms: int) -> Symbols | None:
        """Bring specifications when it is time, or when some are left; what was refused is brought again later."""
        if self._unconfirmed:
            self._unconfirmed = False
            self._specs_due_ms = min(self._specs_due_ms, now_ms + SPECS_RETRY_MS)
        if now_ms >= self._specs_due_ms:
            self._tell_every_spec(now_ms)
        if not self._untold:
            return None
        self._unconfirmed = True
        return Symbols(login=self._login, session=self._memory.session, symbols=self._next_specs())

    def _pull(self) -> Pull:
        return Pull(
            login=self._login,
            session=self._memory.session,
            wait_ms=self.session.wait_ms_max,
            events=self._memory.events.unacknowledged(),
            snapshot=self._news(),
        )

    def _history(self) -> History | None:
        """Answer the oldest fetch with a chunk of the broker's history."""
        while self._fetches:
            command = self._fetches.popleft()
            limit = min(command.limit or TICKS_PER_HISTORY_MAX, TICKS_PER_HISTORY_MAX)
            with suppress(BrokerRefused):  # a symbol that the broker doesn't list has no history
                found = self._broker.call(
                    "copy_ticks_range",
                    symbol=command.symbol,
                    from_msc=command.from_msc,
                    to_msc=command.to_msc,
                    skip=command.skip,
                    limit=limit,
                )
                return self._chunk(command, found)
            return self._chunk(command, {"ticks": [], "complete": True, "oldest_msc": 0})
        return None

    def _chunk(self, command: FetchTicks, found: dict[str, Any]) -> History:
        return History(
            login=self._login,
            session=self._memory.session,
            command_id=command.command_id,
            symbol=command.symbol,
            from_msc=command.from_msc,
            to_msc=command.to_msc,
            skip=command.skip,
            ticks=tuple(map(Tick._make, found["ticks"])),
            complete=found["complete"],
            oldest_msc=found["oldest_msc"],
        )
