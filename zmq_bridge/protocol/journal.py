"""Every command at most once, whatever is repeated, lost or killed: the terminal's command journal, as pure logic.

    receive(command)
      seen, has an outcome     -> Answer     the same outcome again
      seen, being executed     -> Ignore     its outcome will come
      seen, outcome unknown    -> Resolve    look at the broker's orders, positions, history
      seen before a restart    -> Resolve    intent without a final outcome: look there too
      not seen, attempt > 1    -> Search     another journal may know it (lost file, second program): look first;
                                             not found and refused: unknown, for it may be on its way to the broker
      expired / state forbids  -> Answer     expired or rejected, never executed
      new                      -> Execute    after its intent is on disk

The law of the file: the record that a verdict carries is durable BEFORE the verdict is acted on, and an outcome is
durable before it is published. So after a crash an intent without an outcome may have been executed: it stays unknown
until resolved, and is never executed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from zmq_bridge.protocol.commands import (
    CHANGES,
    CloseAll,
    ClosePosition,
    Command,
    PlaceOrder,
    SetTradingState,
    TradingStateName,
    UnreadableCommand,
    is_permitted,
)
from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.limits import JOURNAL_COMMANDS_MAX
from zmq_bridge.protocol.published import CommandResult

LEAVES_COMMENT = frozenset({PlaceOrder.kind, ClosePosition.kind, CloseAll.kind})
"""Kinds whose repetition would do harm, and whose execution shows at the broker by its comment, the command_id."""

REFUSALS_FACTOR = 2
"""A refusal is remembered too, up to this many times JOURNAL_COMMANDS_MAX; beyond that a command is left unanswered,
and its sender takes it for unknown."""


class Act(Enum):
    """What the terminal does about a command."""

    EXECUTE = auto()  # begin it now
    ANSWER = auto()  # publish `result`, do nothing else
    IGNORE = auto()  # being executed in this process
    RESOLVE = auto()  # begun, and nobody knows what became of it: find out, then `finish`
    SEARCH = auto()  # handed out before, no trace here: look for its comment at the broker; `found` or `not_found`


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Record: this command is about to be executed."""

    command_id: str
    kind: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Record: this became of it. Later outcomes of one command replace earlier ones."""

    result: CommandResult
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Record: the bridge acknowledged the final result. Losing this record costs a repeat, nothing else."""

    command_id: str


Record = Intent | Outcome | Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, and what must be on disk before it is done."""

    act: Act
    record: Record | None = None  # None = nothing new to write
    result: CommandResult | None = None  # for ANSWER


@dataclass(slots=True, kw_only=True)
class _Entry:
    kind: str = ""  # kept while there is no result
    expires_at_ms: int
    result: CommandResult | None = None  # None = intent only
    is_ours: bool  # begun by this process
    is_told: bool = False  # the bridge acknowledged the final result

    @property
    def is_final(self) -> bool:
        return self.result is not None and self.result.is_final


class CommandJournal:
    """What this terminal knows of every command it ever accepted.

    Args:
        records: of the file, oldest first.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._entries: dict[str, _Entry] = {}
        for record in records:
            self._restore(record)

    def receive(
        self, command: Command, *, is_expired: bool, trading_state: TradingStateName, is_log_full: bool = False,
        only_eases: bool = False,
    ) -> Verdict:
        """Decide what to do about a command, new or repeated.

        Args:
            is_expired: BridgeClock.is_expired for it, now.
            trading_state: as enforced here, now.
            is_log_full: EventLog.is_full.
            only_eases: commands.is_permitted says of what; matters unless trading is active.
        """
        entry = self._entries.get(command.command_id)
        if entry is not None:
            return _again(entry)
        if command.attempt > 1 and command.kind in LEAVES_COMMENT:
            return Verdict(act=Act.SEARCH)
        if self._is_overfull(command):
            return Verdict(act=Act.IGNORE)
        return self._decide(command, self._refusal(command, is_expired, trading_state, is_log_full, only_eases))

    def not_found(
        self, command: Command, *, is_expired: bool, trading_state: TradingStateName, is_log_full: bool = False
    ) -> Verdict:
        """Decide again after SEARCH found no trace at the broker: as if the command came for the first time.

        But what is refused now may have been begun from another journal, and its order may not show yet: `unknown`.
        """
        if self._is_overfull(command):
            return Verdict(act=Act.IGNORE)
        refusal = self._refusal(command, is_expired, trading_state, is_log_full)
        if refusal is not None:
            message = f"not found at the broker yet; {refusal.message}"[:1000]
            refusal = replace(refusal, status="unknown", message=message)
        return self._decide(command, refusal)

    def found(self, command: Command, result: CommandResult) -> Outcome:
        """Take in what SEARCH found at the broker for a command of which this journal had no trace."""
        if result.command_id != command.command_id or command.command_id in self._entries:
            raise ProtocolMisuse(f"expected a result of {command.command_id}, unknown here; found {result.command_id}")
        return self._settle(result, command.expires_at_ms)

    def _decide(self, command: Command, refusal: CommandResult | None) -> Verdict:
        if refusal is not None:
            return Verdict(act=Act.ANSWER, record=self._settle(refusal, command.expires_at_ms), result=refusal)
        self._entries[command.command_id] = _Entry(kind=command.kind, expires_at_ms=command.expires_at_ms, is_ours=True)
        intent = Intent(command_id=command.command_id, kind=command.kind, expires_at_ms=command.expires_at_ms)
        return Verdict(act=Act.EXECUTE, record=intent)

    def finish(self, result: CommandResult) -> Outcome:
        """Take in what became of a command that was begun or is being resolved; the record goes to disk first.

        Raises:
            ProtocolMisuse: a command that was never begun, or that already ended otherwise.
        """
        entry = self._entries.get(result.command_id)
        if entry is None:
            raise ProtocolMisuse(f"expected the result of a command begun here, found {result.command_id}")
        if entry.result is not None and entry.is_final and not _only_adds(entry.result, result):
            raise ProtocolMisuse(f"{result.command_id} ended {entry.result.status}, cannot become {result.status}")
        return self._settle(result, entry.expires_at_ms)

    def result_of(self, command_id: str) -> CommandResult | None:
        """Give the latest result; None = unknown here, or begun without one."""
        entry = self._entries.get(command_id)
        return None if entry is None else entry.result

    def expires_at_ms(self, command_id: str) -> int:
        """Until when a command might be begun, as it was first told; 0 for one that is unknown here."""
        entry = self._entries.get(command_id)
        return 0 if entry is None else entry.expires_at_ms

    def knows(self, command_id: str) -> bool:
        """Say whether the command was ever accepted here and is not forgotten."""
        return command_id in self._entries

    def unresolved(self) -> list[str]:
        """Name what an earlier life began and left without a final result: to be resolved at start and reconnect."""
        return [command_id for command_id, entry in self._entries.items() if not entry.is_ours and not entry.is_final]

    def untold(self) -> list[CommandResult]:
        """Give the final results that the bridge has not acknowledged.

        After a restart, those without a kept event are to be published again: the crash may have come in between.
        """
        results = [entry.result for entry in self._entries.values() if entry.is_final and not entry.is_told]
        return [result for result in results if result is not None]

    def told(self, command_id: str) -> Told | None:
        """Take note that the bridge acknowledged a result; a final one may be forgotten once it is expired too."""
        entry = self._entries.get(command_id)
        if entry is None or not entry.is_final or entry.is_told:
            return None
        entry.is_told = True
        return Told(command_id=command_id)

    def forget(self, bridge_now_ms: int) -> list[str]:
        """Forget what can do no harm: final, told, and expired, so that even a repeat would not be executed.

        Returns:
            The ids forgotten, so that the file can be rewritten without them.
        """
        gone = [each for each, entry in self._entries.items() if entry.is_told and entry.expires_at_ms <= bridge_now_ms]
        for command_id in gone:
            del self._entries[command_id]
        return gone

    def records(self) -> list[Record]:
        """Give the shortest list of records that restores this journal: for rewriting the file."""
        return [record for command_id, entry in self._entries.items() for record in _records(command_id, entry)]

    def __len__(self) -> int:
        return len(self._entries)

    def _is_overfull(self, command: Command) -> bool:
        """Say whether there is no room left to remember even a refusal."""
        return len(self) >= REFUSALS_FACTOR * JOURNAL_COMMANDS_MAX and type(command) is not SetTradingState

    def _refusal(
        self, command: Command, is_expired: bool, trading_state: TradingStateName, is_log_full: bool,
        only_eases: bool = False,
    ) -> CommandResult | None:
        rejected = CommandResult(command_id=command.command_id, status="rejected")
        if type(command) is UnreadableCommand:
            return replace(rejected, message=f"{command.kind_found}: {command.problem}"[:1000])
        if is_expired:
            return replace(rejected, status="expired", message=f"EXPIRED: expires_at_ms={command.expires_at_ms}")
        if not is_permitted(command, trading_state, only_eases=only_eases):
            what = f"{command.kind} that does more than ease" if command.kind in CHANGES else command.kind
            return replace(rejected, message=f"TRADING_STATE: {what} is not permitted while {trading_state}")
        is_full = is_log_full or len(self._entries) >= JOURNAL_COMMANDS_MAX
        if is_full and type(command) is not SetTradingState:
            return replace(rejected, message=f"JOURNAL_FULL: {len(self._entries)} commands kept, or too many events")
        return None

    def _settle(self, result: CommandResult, expires_at_ms: int) -> Outcome:
        known = self._entries.get(result.command_id)
        is_ours = known is None or known.is_ours
        self._entries[result.command_id] = _Entry(expires_at_ms=expires_at_ms, result=result, is_ours=is_ours)
        return Outcome(result=result, expires_at_ms=expires_at_ms)

    def _restore(self, record: Record) -> None:
        match record:
            case Intent():
                entry = _Entry(kind=record.kind, expires_at_ms=record.expires_at_ms, is_ours=False)
                self._entries.setdefault(record.command_id, entry)
            case Outcome(result=result):
                entry = _Entry(expires_at_ms=record.expires_at_ms, result=result, is_ours=False)
                self._entries[result.command_id] = entry
            case Told():
                self.told(record.command_id)


def _again(entry: _Entry) -> Verdict:
    if entry.result is None:
        return Verdict(act=Act.IGNORE if entry.is_ours else Act.RESOLVE)
    left_open = not entry.result.is_final and not entry.is_ours
    if left_open or entry.result.status == "unknown":
        return Verdict(act=Act.RESOLVE)
    return Verdict(act=Act.ANSWER, result=entry.result)


def _only_adds(old: CommandResult, new: CommandResult) -> bool:
    """A final result may be told again, and may learn of more deals of the same command; nothing else."""
    return old.status == new.status and set(old.deals) <= set(new.deals)


def _records(command_id: str, entry: _Entry) -> list[Record]:
    if entry.result is None:
        return [Intent(command_id=command_id, kind=entry.kind, expires_at_ms=entry.expires_at_ms)]
    outcome = Outcome(result=entry.result, expires_at_ms=entry.expires_at_ms)
    return [outcome, Told(command_id=command_id)] if entry.is_told else [outcome]
