"""What lies ready for one terminal session: commands, acknowledgements, the trading state. Pure: no I/O, no clock.

Law: a command is handed out again only while no result of it was heard, never sooner than COMMAND_RESEND_MS, and with
its attempt counted up, so that a terminal without a trace of it looks at the broker first. Trade commands go before
fetches. A command that sets the trading state says the state of now, however old it is: the newest always holds. One
that was recalled is told with a time that is over. Nothing here is the truth: after a crash the commands table says
what must be handed out again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from zmq_bridge.booking.commands import as_of_now
from zmq_bridge.protocol.commands import ClosePosition, Command, PlaceOrder, TradingStateName
from zmq_bridge.protocol.limits import ACKS_PER_WORK_MAX, COMMAND_RESEND_MS, COMMANDS_PER_WORK_MAX

STRICTNESS: tuple[TradingStateName, ...] = ("active", "reducing", "halted")
"""The states, the one that lets most pass first."""

ASK_AGAIN_MS = 30_000
"""How soon a command whose outcome is unknown may be asked about again."""

LONG_OVER_MS = 1
"""A time to live that was over long ago, by anybody's clock."""

ANSWERED_KEPT = 4096
"""Answered commands remembered, so that the sweep does not hand them out while their result is being stored."""

RECALLED_KEPT = 4096
"""Recalls remembered: one may be heard before the command that it is about."""

ACKS_MAX = 65_536
"""Acknowledgements waiting; above it the oldest go: their events are resent and acknowledged anew."""

Ack = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class _Job:
    """A command that no result was heard of."""

    command: Command
    handed_ms: int | None = None
    """When it was last handed out; None = not yet in this session."""
    told_over: bool = False
    """It was handed out with a time that is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one answer carries."""

    trading_state: TradingStateName
    commands: tuple[Command, ...]
    acks: tuple[Ack, ...]


class Workbench:
    """The work of one session."""

    def __init__(self, trading_state: TradingStateName) -> None:
        self.trading_state = trading_state
        self._told_state = trading_state
        self._trades: OrderedDict[str, _Job] = OrderedDict()
        self._fetches: OrderedDict[str, _Job] = OrderedDict()
        self._answered: OrderedDict[str, int] = OrderedDict()
        self._recalled: OrderedDict[str, None] = OrderedDict()
        self._acks: OrderedDict[Ack, None] = OrderedDict()

    def offer(self, command: Command, now_ms: int) -> bool:
        """Lay a command ready; False when it lies here already or was just answered."""
        answered_ms = self._answered.get(command.command_id)
        if answered_ms is not None and now_ms - answered_ms < ASK_AGAIN_MS:
            return False
        jobs = self._jobs(command)
        if command.command_id in jobs:
            if command.expires_at_ms < jobs[command.command_id].command.expires_at_ms:
                self.recall(command.command_id)
            return False
        jobs[command.command_id] = _Job(command=_over(command) if command.command_id in self._recalled else command)
        return True

    def recall(self, command_id: str) -> None:
        """From now on the terminal may not begin a command: handed out, it brings back what became of it.

        One that was answered may be offered again at once: a terminal that does not know its outcome must hear of this.
        """
        if command_id not in self._recalled:
            self._answered.pop(command_id, None)
        self._recalled[command_id] = None
        while len(self._recalled) > RECALLED_KEPT:
            self._recalled.popitem(last=False)
        job = self._trades.get(command_id)
        if job is not None:
            job.command = _over(job.command)

    def answered(self, command_id: str, now_ms: int, *, is_final: bool = True) -> None:
        """Take note that the terminal said something of a command.

        One that was recalled meanwhile, and whose outcome the terminal does not know, is told to it again at once.
        """
        job = self._trades.get(command_id)
        if job is not None and not is_final and command_id in self._recalled and not job.told_over:
            job.handed_ms = None
            return
        self._trades.pop(command_id, None)
        self._fetches.pop(command_id, None)
        self._answered.pop(command_id, None)
        self._answered[command_id] = now_ms
        while len(self._answered) > ANSWERED_KEPT:
            self._answered.popitem(last=False)

    def acknowledge(self, acks: Iterable[Ack]) -> None:
        """Lay acknowledgements of committed events ready."""
        for ack in acks:
            self._acks[ack] = None
        while len(self._acks) > ACKS_MAX:
            self._acks.popitem(last=False)

    def inherit(
        self, older: Workbench, *, knows_all: bool, trades: bool = True, fetches: bool = True
    ) -> None:
        """Take over the commands of a superseded session; what it may have received counts as handed out.

        Args:
            knows_all: the new session has the journal of the old one. Else an order that the old one may have received
                is left alone: it may still be at it. The outbox brings it when its time is over.
            trades: the new session takes trade commands.
            fetches: the new session fetches ticks.
        """
        if trades:
            _pass_on(older._trades, self._trades, knows_all=knows_all)
            self._recalled |= older._recalled
            for job in self._trades.values():
                if job.command.command_id in self._recalled:
                    job.command = _over(job.command)
        if fetches:
            _pass_on(older._fetches, self._fetches, knows_all=knows_all)

    def resume(self, before: Workbench) -> None:
        """Go on where the same session stood before it greeted anew; what its last answer carried may be lost."""
        self.trading_state = max(self.trading_state, before.trading_state, key=STRICTNESS.index)
        self.inherit(before, knows_all=True)
        self._answered = before._answered
        self._acks |= before._acks

    def is_fetch(self, command_id: str) -> bool:
        """Say whether a command that waits for its answer asks for ticks."""
        return command_id in self._fetches

    def is_urgent(self) -> bool:
        """Say whether a held pull should be answered now."""
        return bool(self._acks) or self._told_state != self.trading_state or self._has_new()

    def load(self, now_ms: int) -> Load:
        """Take what the next answer carries."""
        acks = tuple(self._acks.popitem(last=False)[0] for _ in range(min(len(self._acks), ACKS_PER_WORK_MAX)))
        self._told_state = self.trading_state
        return Load(trading_state=self.trading_state, commands=self._hand_out(now_ms), acks=acks)

    def unload(self, load: Load) -> None:
        """Take back the acknowledgements of an answer that could not be sent; its commands come round by themselves."""
        for ack in reversed(load.acks):
            self._acks[ack] = None
            self._acks.move_to_end(ack, last=False)

    def __len__(self) -> int:
        return len(self._trades) + len(self._fetches)

    def _jobs(self, command: Command) -> OrderedDict[str, _Job]:
        return self._trades if command.is_trade else self._fetches

    def _has_new(self) -> bool:
        return any(job.handed_ms is None for jobs in (self._trades, self._fetches) for job in jobs.values())

    def _hand_out(self, now_ms: int) -> tuple[Command, ...]:
        due = [
            job
            for jobs in (self._trades, self._fetches)
            for job in jobs.values()
            if job.handed_ms is None or now_ms - job.handed_ms >= COMMAND_RESEND_MS
        ]
        handed = due[:COMMANDS_PER_WORK_MAX]
        commands = tuple(as_of_now(job.command, self.trading_state) for job in handed)
        for job in handed:
            job.handed_ms, job.told_over = now_ms, job.command.expires_at_ms == LONG_OVER_MS
            job.command = replace(job.command, attempt=job.command.attempt + 1)
        return commands


def _over(command: Command) -> Command:
    return replace(command, expires_at_ms=LONG_OVER_MS)


def _pass_on(theirs: OrderedDict[str, _Job], mine: OrderedDict[str, _Job], *, knows_all: bool) -> None:
    for command_id, job in theirs.items():
        is_safe = knows_all or job.handed_ms is None or not _is_harmful_twice(job.command)
        if is_safe and command_id not in mine:
            mine[command_id] = _Job(command=job.command)


def _is_harmful_twice(command: Command) -> bool:
    """Say whether a second execution would do harm: the same commands as in `storage.commands.outbox.UNANSWERED`."""
    return isinstance(command, PlaceOrder) or (isinstance(command, ClosePosition) and command.volume > 0)
