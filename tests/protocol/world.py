"""A small world around the real protocol code: a broker, a terminal with files, a bridge with a database.

Each step is one thing that can happen between two crashes. What is `durable` survives a crash, everything else does
not. Every message crosses as bytes. The tests decide who crashes, what is lost and what is repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tests.protocol import samples
from zmq_bridge.protocol.bridge_session import Roster
from zmq_bridge.protocol.commands import Command, PlaceOrder
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.event_log import EventLog
from zmq_bridge.protocol.journal import Act, CommandJournal, Record, Verdict
from zmq_bridge.protocol.limits import COMMAND_RESEND_MS, EVENTS_PER_PULL_MAX
from zmq_bridge.protocol.messages import (
    CommandResult,
    Deal,
    ErrorReply,
    Event,
    Hello,
    Pull,
    Work,
    decode_frame,
    decode_terminal_reply,
    decode_terminal_request,
    encode,
    encode_frame,
)
from zmq_bridge.protocol.terminal_session import TerminalSession, Wanted

LOGIN = samples.LOGIN
BRIDGE_EPOCH_MS = 1_700_000_000_000


class Broker:
    """Durable: what was really executed."""

    def __init__(self) -> None:
        self.executed: Counter[str] = Counter()
        self.deals: list[Deal] = []

    def execute(self, command: Command) -> Deal:
        """Fill an order, as often as asked: the protocol must not ask twice."""
        self.executed[command.command_id] += 1
        deal = replace(samples.deal, ticket=len(self.deals) + 1, comment=command.command_id)
        self.deals.append(deal)
        return deal


class Terminal:
    """One terminal program after another, over the same files."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.records: list[Record] = []  # durable
        self.event_file: dict[tuple[int, int], Event] = {}  # durable
        self.starts = 0  # durable
        self.emitted: set[tuple[int, int]] = set()  # for the test: every event written to a file that was not lost
        self.begun_late: list[str] = []  # for the test
        self.start()

    def start(self) -> None:
        """Begin a new life from what is on disk."""
        self.starts += 1
        self.session = TerminalSession(1000 + self.starts)
        self.journal = CommandJournal(self.records)
        self.log = EventLog(LOGIN, self.session.session, self.event_file.values())
        self.to_execute: list[Command] = []  # intent on disk, not begun at the broker
        self.to_report: list[CommandResult] = []  # done at the broker, outcome not on disk
        self.unsent: list[bytes] = []  # frames for PUB
        for command_id in self.journal.unresolved():
            self.report(self.look_up(command_id))
        kept = {each.data.command_id for each in self.log.unacknowledged(10**6) if isinstance(each.data, CommandResult)}
        for result in self.journal.untold():
            if result.command_id not in kept:
                self.emit(result)
        for deal in self.broker.deals:  # history re-read; the bridge dedupes by ticket
            self.emit(deal)

    def lose_files(self) -> None:
        """Start on a disk that lost everything but the session counter."""
        self.emitted -= self.event_file.keys()
        self.records, self.event_file = [], {}
        self.start()

    def look_up(self, command_id: str) -> CommandResult:
        """Resolve from the broker by comment."""
        tickets = tuple(deal.ticket for deal in self.broker.deals if deal.comment == command_id)
        return CommandResult(command_id=command_id, status="done" if tickets else "rejected", deals=tickets)

    def emit(self, data: CommandResult | Deal) -> None:
        """Put an event on disk, then on PUB."""
        event = self.log.append(data)
        self.event_file[event.key] = event
        self.emitted.add(event.key)
        self.unsent.append(encode_frame(event))

    def report(self, result: CommandResult) -> None:
        """Put an outcome on disk, then tell it."""
        self.records.append(self.journal.finish(result))
        self.emit(result)

    def request(self, now_ms: int) -> bytes | None:
        """Say what to send now."""
        wanted = self.session.wants(now_ms)
        if wanted is Wanted.NOTHING:
            return None
        number = self.session.session
        request: Hello | Pull = replace(samples.hello, session=number, symbols=())
        if wanted is Wanted.REQUEST:
            request = Pull(login=LOGIN, session=number, events=self.log.unacknowledged())
        self.session.sent(request, now_ms)
        return encode(request)

    def reply(self, payload: bytes, now_ms: int, bridge_now_ms: int) -> None:
        """Act on a reply; a command only gets as far as its intent on disk."""
        reply = decode_terminal_reply(payload)
        if not self.session.received(reply, now_ms) or not isinstance(reply, Work):
            return
        for event in self.log.acknowledge(reply.acks):
            del self.event_file[event.key]
            told = self.journal.told(event.data.command_id) if isinstance(event.data, CommandResult) else None
            self.records.extend([told] if told is not None else [])
        for command in reply.commands:
            self.take(command, now_ms, bridge_now_ms)

    def take(self, command: Command, now_ms: int, bridge_now_ms: int) -> None:
        """Ask the journal what to do about a command, and do it as far as the disk."""
        is_expired = self.session.clock.is_expired(command.expires_at_ms, now_ms)
        verdict = self.journal.receive(command, is_expired=is_expired, trading_state="active")
        if verdict.act is Act.SEARCH:
            found = self.look_up(command.command_id)
            if found.status == "done":
                self.records.append(self.journal.found(command, found))
                return self.emit(found)
            verdict = self.journal.not_found(command, is_expired=is_expired, trading_state="active")
        return self.obey(verdict, command, bridge_now_ms)

    def obey(self, verdict: Verdict, command: Command, bridge_now_ms: int) -> None:
        """Do what a verdict says."""
        self.records.extend([verdict.record] if verdict.record is not None else [])
        if verdict.act is Act.EXECUTE:
            self.to_execute.append(command)
            if bridge_now_ms >= command.expires_at_ms:
                self.begun_late.append(command.command_id)
        elif verdict.act is Act.RESOLVE:
            self.report(self.look_up(command.command_id))
        elif verdict.act is Act.ANSWER and verdict.result is not None:
            self.emit(verdict.result)
            if not verdict.result.is_final:  # this broker's books are never behind: what is not there never arrived
                self.report(self.look_up(command.command_id))

    def execute_one(self) -> None:
        """Let the broker execute the oldest begun command."""
        if self.to_execute:
            command = self.to_execute.pop(0)
            self.broker.execute(command)
            self.to_report.append(self.look_up(command.command_id))

    def report_one(self) -> None:
        """Tell of the oldest executed command."""
        if self.to_report:
            result = self.to_report.pop(0)
            self.report(result)
            self.emit(self.broker.deals[result.deals[0] - 1])


class Bridge:
    """One bridge program after another, over the same database."""

    def __init__(self) -> None:
        self.commands: dict[str, PlaceOrder] = {}  # durable, as are the next five
        self.sent_ms: dict[str, int] = {}
        self.attempts: Counter[str] = Counter()
        self.results: dict[str, list[CommandResult]] = {}
        self.events: set[tuple[int, int]] = set()
        self.deals: dict[int, Deal] = {}
        self.start()

    def start(self) -> None:
        """Begin a new life."""
        self.roster = Roster[bytes]()
        self.acks: list[tuple[int, int]] = []

    def order(self, number: int, now_ms: int, ttl_ms: int) -> None:
        """Put a command into the outbox."""
        command_id = f"01HF7YAT00{number:016d}"
        self.commands[command_id] = replace(
            samples.place_order, command_id=command_id, comment=command_id, expires_at_ms=now_ms + ttl_ms
        )

    def answer(self, payload: bytes, now_ms: int) -> bytes:
        """Answer a request."""
        request = decode_terminal_request(payload)
        try:
            if isinstance(request, Hello):
                self.roster.greet(request, now_ms)
                return encode(replace(samples.welcome, session=request.session, now_ms=now_ms))
            self.roster.admit(request, now_ms)
        except ProtocolViolation as violation:
            return encode(ErrorReply.of(violation, session=request.session, now_ms=now_ms))
        assert isinstance(request, Pull)
        assert len(request.events) <= EVENTS_PER_PULL_MAX
        assert list(request.events) == sorted(request.events, key=lambda each: each.key)
        for event in request.events:
            self.commit(event)
        acks, self.acks = tuple(self.acks[:500]), self.acks[500:]
        commands = tuple(self.due(now_ms))
        return encode(
            Work(session=request.session, now_ms=now_ms, trading_state="active", commands=commands, acks=acks)
        )

    def due(self, now_ms: int) -> list[PlaceOrder]:
        """Claim what was never sent, or sent long ago without any result."""
        due = [
            each
            for each in self.commands.values()
            if each.command_id not in self.results
            and now_ms - self.sent_ms.get(each.command_id, 0) >= COMMAND_RESEND_MS
        ][:5]
        for command in due:
            self.sent_ms[command.command_id] = now_ms
            self.attempts[command.command_id] += 1
        return [replace(each, attempt=self.attempts[each.command_id]) for each in due]

    def published(self, frame: bytes) -> None:
        """Take an event from PUB."""
        _, event = decode_frame(frame)
        assert isinstance(event, Event)
        self.commit(event)

    def commit(self, event: Event) -> None:
        """Store an event once, then acknowledge it."""
        if event.key not in self.events:
            self.events.add(event.key)
            if isinstance(event.data, Deal):
                self.deals.setdefault(event.data.ticket, event.data)
            if isinstance(event.data, CommandResult):
                self.results.setdefault(event.data.command_id, []).append(event.data)
        self.acks.append(event.key)


class World:
    """Everything, and the wire between: at most one request and one reply under way."""

    def __init__(self) -> None:
        self.now_ms = 10_000  # the terminal's monotonic clock
        self.broker = Broker()
        self.terminal = Terminal(self.broker)
        self.bridge = Bridge()
        self.orders = 0
        self.request: bytes | None = None
        self.replies: list[bytes] = []

    @property
    def bridge_now_ms(self) -> int:
        """The bridge's clock."""
        return BRIDGE_EPOCH_MS + self.now_ms

    def order(self, ttl_ms: int) -> None:
        """Ask for a trade."""
        self.orders += 1
        self.bridge.order(self.orders, self.bridge_now_ms, ttl_ms)

    def terminal_speaks(self) -> None:
        """Let the terminal send what it wants to send; it has given up what was under way."""
        request = self.terminal.request(self.now_ms)
        if request is not None:
            self.request, self.replies = request, []

    def bridge_answers(self, times: int = 1) -> None:
        """Deliver the request, once or more; the terminal's socket passes one reply on."""
        if self.request is not None:
            self.replies = [self.bridge.answer(self.request, self.bridge_now_ms) for _ in range(times)][:1]
            self.request = None

    def terminal_hears(self) -> None:
        """Deliver the reply."""
        if self.replies:
            self.terminal.reply(self.replies.pop(), self.now_ms, self.bridge_now_ms)

    def lose_the_wire(self) -> None:
        """Lose what is under way, in both directions."""
        self.request, self.replies = None, []

    def publish(self, *, deliver: bool) -> None:
        """Let PUB carry what it has, or lose it."""
        frames, self.terminal.unsent = self.terminal.unsent, []
        for frame in frames if deliver else []:
            self.bridge.published(frame)

    def settle(self) -> None:
        """Let everything work undisturbed until nothing is left to do."""
        for _ in range(400):
            self.now_ms += 300
            self.terminal_speaks()
            self.bridge_answers()
            self.terminal_hears()
            self.terminal.execute_one()
            self.terminal.report_one()
            if self.is_settled:
                return
        raise AssertionError(f"not settled: {len(self.terminal.log)} events kept, {self.bridge.results}")

    @property
    def is_settled(self) -> bool:
        """Say whether every command has an end and every event is acknowledged."""
        ended = {each for each, results in self.bridge.results.items() if results[-1].is_final}
        return ended == set(self.bridge.commands) and len(self.terminal.log) == 0
