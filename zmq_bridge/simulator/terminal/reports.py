"""What the terminal publishes beside ticks: events once they are on disk, snapshots on change and every second, beats.

Nothing here waits: what PUB has no room for comes again (events with `pull`, snapshots and beats by themselves).
"""

from typing import Any

from zmq_bridge.protocol.limits import BEAT_MS, SNAPSHOT_MS
from zmq_bridge.protocol.messages import encode_frame
from zmq_bridge.protocol.published import Beat, Books, Role, Snapshot
from zmq_bridge.protocol.topics import account_topic, beat_topic, event_topic
from zmq_bridge.simulator.terminal.executor import Broker
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.publisher import Publisher
from zmq_bridge.simulator.terminal.pump import TickPump
from zmq_bridge.simulator.terminal.values import books_from


class Reports:
    """The terminal's voice on PUB."""

    def __init__(
        self, broker: Broker, memory: Memory, publisher: Publisher, pump: TickPump, *, login: int, role: Role
    ) -> None:
        self._broker = broker
        self._memory = memory
        self._publisher = publisher
        self._pump = pump
        self._login = login
        self._role = role
        self._beat_due_ms = 0
        self._snapshot_due_ms = 0
        self.clock_msc = 0  # the trade server's clock as last seen
        self.sent: dict[str, int] = {}  # last number sent of events and snapshots

    def events(self) -> None:
        """Publish what was saved since the last time."""
        queue = self._memory.to_publish
        while queue:
            event = queue.popleft()
            self._publisher.send(encode_frame(event))
            if event.session == self._memory.session:
                self.sent[event_topic(self._login)] = event.seq

    def books(self) -> Books:
        """Ask the broker for the books of this moment."""
        snapshot: dict[str, Any] = self._broker.call("snapshot")
        self.clock_msc = max(self.clock_msc, snapshot["time_msc"])
        return books_from(snapshot, self._memory.events.last_seq)

    def changed(self) -> None:
        """Have a snapshot published with the next turn."""
        self._snapshot_due_ms = 0

    def snapshot_if_due(self, now_ms: int) -> None:
        """Publish a snapshot when books changed or a second has passed; all events before it are published."""
        if self._role == "feed" or now_ms < self._snapshot_due_ms:
            return
        self._snapshot_due_ms = now_ms + SNAPSHOT_MS
        books = self.books()
        topic = account_topic(self._login)
        seq = self._publisher.counters.take(topic)
        snapshot = Snapshot(
            login=self._login,
            session=self._memory.session,
            seq=seq,
            event_seq=books.event_seq,
            time_msc=books.time_msc,
            account=books.account,
            positions=books.positions,
            orders=books.orders,
        )
        self._publisher.send(encode_frame(snapshot))
        self.sent[topic] = seq

    def beat_if_due(self, now_ms: int) -> None:
        """Publish a heartbeat every BEAT_MS; it names only numbers that have left already."""
        if now_ms < self._beat_due_ms:
            return
        self._beat_due_ms = now_ms + BEAT_MS
        beat = Beat(
            login=self._login,
            session=self._memory.session,
            seq=self._publisher.counters.take(beat_topic(self._login)),
            role=self._role,
            time_msc=self.clock_msc,
            streams={**self._pump.sent, **self.sent},
        )
        self._publisher.send(encode_frame(beat))

    def wait_ms(self, now_ms: int) -> int:
        """Say when something is due again."""
        due_ms = self._beat_due_ms if self._role == "feed" else min(self._beat_due_ms, self._snapshot_due_ms)
        return max(0, due_ms - now_ms)
