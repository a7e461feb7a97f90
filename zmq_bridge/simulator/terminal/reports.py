"""What the terminal publishes beside ticks: events once they are on disk, snapshots on change and every second, beats.

Nothing here waits: what PUB has no room for comes again (events with `pull`, snapshots and beats by themselves).
"""

from typing import Any

from zmq_bridge.protocol.limits import BEAT_MS, SNAPSHOT_MS
from zmq_bridge.protocol.messages import encode_frame
from zmq_bridge.protocol.published import Beat, Books, Role, snapshot_of
from zmq_bridge.protocol.topics import account_topic, beat_topic, event_topic
from zmq_bridge.simulator.terminal.executor import Broker
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.publisher import Publisher
from zmq_bridge.simulator.terminal.pump import TickPump
from zmq_bridge.simulator.terminal.values import books_from


class Reports:
    """The terminal's voice on PUB."""

    def __init__(
        self,
        broker: Broker,
        memory: Memory,
        publisher: Publisher,
        pump: TickPump,
        *,
        login: int,
        role: Role,
        are_books_pulled: bool,
    ) -> None:
        """Make the voice of one terminal.

        Args:
            are_books_pulled: the bridge knows who asks, so it believes the books of requests and no others.
        """
        self._broker = broker
        self._memory = memory
        self._publisher = publisher
        self._pump = pump
        self._login = login
        self._role = role
        self._beat_due_ms = 0
        self._snapshot_due_ms = 0
        self._are_books_pulled = are_books_pulled
        self._unbrought: Books | None = None  # published, not yet brought by a request
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
        """Publish the books of this moment and return them, for a greeting."""
        books = self._publish_books()
        self._unbrought = None
        return books

    def news(self) -> Books | None:
        """Return the books last published, for a pull; None when a request brought them, or none is to bring any."""
        books, self._unbrought = self._unbrought, None
        return books if self._are_books_pulled else None

    def changed(self) -> None:
        """Have a snapshot published with the next turn."""
        self._snapshot_due_ms = 0

    def snapshot_if_due(self, now_ms: int) -> None:
        """Publish a snapshot when books changed or a second has passed; all events before it are published."""
        if self._role == "feed" or now_ms < self._snapshot_due_ms:
            return
        self._snapshot_due_ms = now_ms + SNAPSHOT_MS
        self._unbrought = self._publish_books()

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

    def _publish_books(self) -> Books:
        """Ask the broker for the books of this moment, number and publish them."""
        values: dict[str, Any] = self._broker.call("snapshot")
        self.clock_msc = max(self.clock_msc, values["time_msc"])
        topic = account_topic(self._login)
        books = books_from(values, self._memory.events.last_seq, self._publisher.counters.take(topic))
        self._publisher.send(encode_frame(snapshot_of(books, self._login, self._memory.session)))
        self.sent[topic] = books.seq
        return books
