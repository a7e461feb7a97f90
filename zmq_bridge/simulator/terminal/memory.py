"""What the terminal must not forget, in one file: session, kill switch, commands, unacknowledged events, deals told.

One step of the file holds everything that must become true together (a command's result and the events that tell it),
so a crash leaves either all or nothing of it. Intents are on disk before their command is begun. The file is rewritten
to its living part at every start and whenever it has grown by `REWRITE_BYTES`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from zmq_bridge.protocol.commands import Command, TradingStateName, command_from_map, command_to_map
from zmq_bridge.protocol.errors import ProtocolError
from zmq_bridge.protocol.event_log import EventLog
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.journal import CommandJournal, Intent, Outcome, Record, Told
from zmq_bridge.protocol.published import CommandResult, Event, EventData, event_from_map, event_to_map
from zmq_bridge.protocol.schema import from_map, to_map
from zmq_bridge.protocol.values import Deal
from zmq_bridge.simulator.errors import JournalError
from zmq_bridge.simulator.record_file import RecordFile

REWRITE_BYTES = 4_000_000

Row = list[Any]


class Memory:
    """The terminal's durable state: open it once per process start."""

    def __init__(self, path: Path, *, login: int, now_ms: int) -> None:
        """Read the file back, draw a new session number and put it on disk.

        Raises:
            JournalError: damaged, or in use by another terminal.
        """
        self._file = RecordFile(path)
        self.trading_state: TradingStateName = "halted"  # until the bridge says otherwise
        self.deal_told = 0  # highest ticket that became an event; 0: none ever
        self.begun: dict[str, Command] = {}  # commands without a final result, as they were asked
        self.journal = ""  # identity of the file
        self.earlier_session = 0  # the last one of an earlier process; 0: none
        events: dict[tuple[int, int], Event] = {}
        records: list[Record] = []
        try:
            for step in self._file.read():
                for kind, value in step:
                    self._restore(kind, value, events, records)
        except (ProtocolError, KeyError, TypeError, ValueError) as error:
            raise JournalError(f"{path}: expected a terminal's journal, found {error}") from error
        self.session = max(now_ms, self.earlier_session + 1)
        self.journal = self.journal or new_id(now_ms)
        self.commands = CommandJournal(records)
        self.events = EventLog(login, self.session, events.values())
        self.to_publish: deque[Event] = deque()  # on disk, not yet on PUB
        self._fresh: list[Event] = []
        self._waiting: list[Row] = []
        self._rewrite()

    def tell(self, data: EventData) -> Event:
        """Make an event; it may be published after the next `save`."""
        event = self.events.append(data)
        self._waiting.append(["event", event_to_map(event)])
        self._fresh.append(event)
        if isinstance(data, Deal):
            self.deal_told = max(self.deal_told, data.ticket)
        return event

    def begin(self, command: Command) -> None:
        """Keep a whole command, beside its intent: what became of it may have to be found out by another life."""
        self.begun[command.command_id] = command
        self._waiting.append(["begun", command_to_map(command)])

    def recall(self, command: Command) -> None:
        """Keep that a command of which no end is known may be begun until an earlier time only, as it was told."""
        kept = self.begun.get(command.command_id)
        if kept is not None and command.expires_at_ms < kept.expires_at_ms:
            self.begin(replace(kept, expires_at_ms=command.expires_at_ms))

    def note(self, record: Record | None) -> None:
        """Keep a record of the command journal."""
        if record is None:
            return
        if isinstance(record, Outcome) and record.result.is_final:
            self.begun.pop(record.result.command_id, None)
        self._waiting.append(_record_row(record))

    def set_trading_state(self, state: TradingStateName) -> None:
        """Keep the kill switch."""
        self.trading_state = state
        self._waiting.append(["trading_state", state])

    def save(self) -> None:
        """Bring everything since the last save to the disk, as one step."""
        if self._waiting:
            self._file.append(self._waiting)
            self._waiting = []
            self.to_publish.extend(self._fresh)
            self._fresh = []
        if self._file.size > self._size_rewritten + REWRITE_BYTES:
            self._rewrite()

    def acknowledge(self, acks: Iterable[tuple[int, int]], bridge_now_ms: int | None) -> None:
        """Forget what the bridge has committed. Losing this costs a repeat, so nobody waits for the disk."""
        gone = self.events.acknowledge(acks)
        if not gone:
            return
        results = (event.data.command_id for event in gone if isinstance(event.data, CommandResult))
        told = (self.commands.told(command_id) for command_id in results)
        rows: list[Row] = [["acks", [list(event.key) for event in gone]]]
        self._file.append(rows + [_record_row(record) for record in told if record], sync=False)
        if bridge_now_ms is not None:
            self.commands.forget(bridge_now_ms)

    def close(self) -> None:
        """Give the file up."""
        self._file.close()

    def _restore(self, kind: str, value: Any, events: dict[tuple[int, int], Event], records: list[Record]) -> None:
        match kind:
            case "event":
                event = event_from_map(value)
                events[event.key] = event
                if isinstance(event.data, Deal):
                    self.deal_told = max(self.deal_told, event.data.ticket)
            case "acks":
                for session, seq in value:
                    events.pop((session, seq), None)
            case "journal":
                self.journal = value
            case "session":
                self.earlier_session = value
            case "trading_state":
                self.trading_state = value
            case "begun":
                command = command_from_map(value)
                self.begun[command.command_id] = command
            case "deal_told":
                self.deal_told = max(self.deal_told, value)
            case _:
                record = _record_from(kind, value)
                if isinstance(record, Outcome) and record.result.is_final:
                    self.begun.pop(record.result.command_id, None)
                records.append(record)

    def _rewrite(self) -> None:
        rows: list[Row] = [
            ["journal", self.journal],
            ["session", self.session],
            ["trading_state", self.trading_state],
            ["deal_told", self.deal_told],
            *(_record_row(record) for record in self.commands.records()),
            *(["begun", command_to_map(command)] for command in self.begun.values()),
        ]
        kept = self.events.unacknowledged(len(self.events))
        self._file.rewrite([rows, [["event", event_to_map(event)] for event in kept]])
        self._size_rewritten = self._file.size


def _record_row(record: Record) -> Row:
    match record:
        case Intent():
            return ["intent", [record.command_id, record.kind, record.expires_at_ms]]
        case Outcome():
            return ["outcome", [to_map(record.result), record.expires_at_ms]]
        case Told():
            return ["told", record.command_id]
    raise JournalError(f"expected a record of a command, found {record!r}")


def _record_from(kind: str, value: Any) -> Record:
    match kind:
        case "intent":
            command_id, command_kind, expires_at_ms = value
            return Intent(command_id=command_id, kind=command_kind, expires_at_ms=expires_at_ms)
        case "outcome":
            return Outcome(result=from_map(CommandResult, value[0], "result"), expires_at_ms=value[1])
        case "told":
            return Told(command_id=value)
    raise JournalError(f"expected a terminal's journal, found a record of kind {kind!r}")
