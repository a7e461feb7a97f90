"""The terminal's loop: one thread that sleeps in one poll until a socket speaks or something is due.

    every turn     take what the broker pushed, send ticks, talk to the bridge, publish events, snapshot when changed
    when due       beats (500 ms), snapshots (1 s), open commands (1 s), specifications (10 s), deal re-read (60 s)

Without the broker there is nothing to speak for: no beats and no requests until the connection is back, so that the
bridge sees a terminal that is not there. A SIGKILL at any point is harmless: see memory and desk.
"""

import logging
import time
from typing import Any, Protocol

import zmq

from zmq_bridge.protocol.commands import Command
from zmq_bridge.protocol.dialogue import Welcome, Work
from zmq_bridge.protocol.terminal_session import State, TerminalSession
from zmq_bridge.simulator.errors import BrokerUnreachable, SimulatorError
from zmq_bridge.simulator.terminal.bridge import Bridge
from zmq_bridge.simulator.terminal.desk import Desk
from zmq_bridge.simulator.terminal.link import BrokerLink, now_ms
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.publisher import Publisher
from zmq_bridge.simulator.terminal.pump import TickPump
from zmq_bridge.simulator.terminal.reports import Reports
from zmq_bridge.simulator.terminal.requester import Requester
from zmq_bridge.simulator.terminal.settings import TerminalSettings
from zmq_bridge.simulator.terminal.watch import Watch

DEALS_REREAD_MS = 60_000
SPECS_MS = 10_000
SPECS_MS_WHILE_MISSING = 1000  # while a tick value is not known, for want of a rate
BYE_MS_MAX = 1500  # how long stopping waits to take leave in order

log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who started the loop and may end it."""

    @property
    def is_stopping(self) -> bool:
        """Whether the loop is to end."""

    def sleep_again(self) -> None:
        """Take in the call that woke the poll, lest it wakes it for ever."""

    def beats(self, reports: Reports) -> None:
        """Have heartbeats go on while the broker lets us wait."""


class Loop:
    """A terminal that knows its account."""

    def __init__(
        self,
        settings: TerminalSettings,
        link: BrokerLink,
        poller: zmq.Poller,
        context: "zmq.Context[zmq.Socket[bytes]]",
        hello: dict[str, Any],
        terminal: Owner,
    ) -> None:
        login: int = hello["login"]
        symbols = None if settings.symbols is None else frozenset(settings.symbols)
        path = settings.memory_dir / f"terminal-{login}-{settings.role}.jsonl"
        self._login, self._role = login, settings.role
        self._link, self._poller, self._terminal = link, poller, terminal
        self._memory = Memory(path, login=login, now_ms=time.time_ns() // 1_000_000)
        self._publisher = Publisher(context, settings.publish_endpoint, settings.credentials)
        poller.register(self._publisher.socket, zmq.POLLIN)
        session = TerminalSession(self._memory.session)
        self._requester = Requester(context, settings.request_endpoint, settings.credentials, session, poller)
        self._pump = TickPump(self._publisher, login=login, session=self._memory.session, symbols=symbols)
        self._reports = Reports(
            link, self._memory, self._publisher, self._pump, login=login, role=settings.role,
            are_books_pulled=settings.credentials.are_given,
        )  # fmt: skip
        self._watch = Watch(link, self._memory, symbols)
        self._desk = self._new_desk(settings, session)
        self._bridge = self._new_bridge(settings, session)
        self._deals_due_ms = self._specs_due_ms = 0
        self._is_new_connection = True
        self._ready: set[Any] = set()  # sockets that the last poll found readable
        terminal.beats(self._reports)

    def _new_desk(self, settings: TerminalSettings, session: TerminalSession) -> Desk:
        settles = settings.unknown_settles_s
        settles_ms = None if settles is None else int(settles * 1000)
        return Desk(self._link, self._memory, session.clock, unknown_settles_ms=settles_ms)

    def _new_bridge(self, settings: TerminalSettings, session: TerminalSession) -> Bridge:
        return Bridge(
            session,
            self._requester,
            self._link,
            self._memory,
            self._watch,
            login=self._login,
            role=self._role,
            books=self._reports.books,
            news=self._reports.news,
            specs_every_ms=int(settings.specs_every_s * 1000),
            on_welcome=self._welcomed,
            on_work=self._worked,
            on_command=self._command,
        )

    def run(self) -> None:
        """Turn until stopped, superseded or broken."""
        log.info("terminal of login %d, session %d", self._login, self._memory.session)
        try:
            while not self._terminal.is_stopping:
                self._turn(now_ms())
                self._ready = {socket for socket, _ in self._poller.poll(self._wait_ms(now_ms()))}
            self._take_leave()
        finally:
            self._requester.close()
            self._publisher.close()
            self._link.close()
            self._memory.close()

    def _turn(self, now: int) -> None:
        try:
            if self._link.connect(now) or self._is_new_connection:
                self._connected(now)
            if self._link.is_up:
                self._work(now)
        except BrokerUnreachable as error:
            self._link.drop(now, error)
            self._pump.forget()
            self._is_new_connection = True
        if self._bridge.session.state is State.STOPPED:
            raise SimulatorError(f"told to stop by the bridge: {self._bridge.session.last_error}")

    def _connected(self, now: int) -> None:
        if not self._link.is_up:
            return
        hello = self._link.call("hello")
        if hello["login"] != self._login:
            raise SimulatorError(f"broker: expected login {self._login}, found {hello['login']}")
        self._bridge.broker_is(hello)
        self._link.call("subscribe")
        self._is_new_connection = False
        self._deals_due_ms = now + DEALS_REREAD_MS
        if self._role != "feed":
            if self._memory.deal_told:
                self._watch.reread_deals()
            self._desk.resolve_earlier(now)

    def _work(self, now: int) -> None:
        if self._publisher.socket in self._ready:
            self._publisher.read_subscriptions()
        self._collect()
        if self._role != "desk" and (done := self._pump.run(now)):
            self._link.done(done)
        self._bridge.turn(now)
        if self._role != "feed":
            self._desk.look_again(now)
            self._periodic(now)
        self._memory.save()
        self._reports.events()
        self._reports.snapshot_if_due(now)
        self._reports.beat_if_due(now)

    def _collect(self) -> None:
        """Take what the broker pushed: ticks to the pump, transactions to events."""
        orders: set[int] = set()
        heard = False
        for push in self._link.pushes():
            if push["push"] == "ticks":
                self._take_ticks(push)
            elif push["push"] == "transaction":
                heard = True
                orders.add(push["order"])
            elif push["push"] == "symbol":
                self._specs_due_ms = 0
            elif push["push"] == "clock":
                self._bridge.clock_is(push["server_offset_s"])
        if heard and self._role != "feed":
            self._watch.new_deals()
            self._watch.orders(orders - {0})
            self._memory.save()
            self._desk.hurry()
            self._reports.changed()

    def _take_ticks(self, push: dict[str, Any]) -> None:
        newest = (rows[-1][0] for rows in push["ticks"].values())
        self._reports.clock_msc = max(newest, default=self._reports.clock_msc)
        if self._role == "desk":
            self._link.done(push["n"])
        else:
            self._pump.take(push)

    def _welcomed(self, welcome: Welcome) -> None:
        self._desk.set_trading_state(welcome.trading_state, "as the bridge has it")
        self._pump.greeted(now_ms())
        if self._role != "feed":
            self._watch.retell_deals(welcome.deals_from_msc)
            self._memory.save()

    def _worked(self, work: Work) -> None:
        self._desk.heard(now_ms())
        self._memory.acknowledge(work.acks, self._bridge.session.clock.bridge_now_ms(now_ms()))
        self._desk.set_trading_state(work.trading_state, "as the bridge has it")

    def _command(self, command: Command) -> None:
        self._desk.handle(command, now_ms(), self._collect)
        self._reports.events()
        self._reports.changed()

    def _periodic(self, now: int) -> None:
        if now >= self._deals_due_ms:
            self._deals_due_ms = now + DEALS_REREAD_MS
            self._watch.reread_deals()
        if now >= self._specs_due_ms and self._watch.specs:
            self._watch.changed_specs()
            self._specs_due_ms = now + (SPECS_MS_WHILE_MISSING if self._watch.is_price_missing else SPECS_MS)

    def _wait_ms(self, now: int) -> int:
        """How long nothing needs doing unless a socket speaks."""
        if not self._link.is_up:
            return self._link.wait_ms(now) or 0
        waits = [
            self._reports.wait_ms(now),
            self._bridge.session.wait_ms(now),
            self._pump.wait_ms(now),
            self._desk.wait_ms(now),
            max(0, self._specs_due_ms - now) if self._role != "feed" and self._watch.specs else None,
        ]
        return min(wait for wait in waits if wait is not None)

    def _take_leave(self) -> None:
        """Say bye, so that the bridge need not wait for our silence; bounded."""
        self._terminal.sleep_again()
        deadline = now_ms() + BYE_MS_MAX
        said = False
        while now_ms() < deadline and self._bridge.session.state not in (State.STOPPED, State.DISCONNECTED):
            said = said or self._bridge.say_bye(now_ms(), "stopped")
            self._poller.poll(50)
            self._bridge.receive_only(now_ms())
