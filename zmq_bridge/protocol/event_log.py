"""The terminal's events: numbered, kept until acknowledged, resent in order, at most 64 a pull. Never dropped.

Pure: the terminal writes what `append` and `acknowledge` give it to its file before it sends anything, and hands the
file's events back at the next start. Events of earlier sessions keep their own session number and stand before the new
ones. When the log is full the terminal refuses new commands (journal.py asks `is_full`): fills are kept in any case,
for their number is bounded by what the broker does, not by what a peer sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.limits import EVENTS_PER_PULL_MAX, JOURNAL_EVENTS_MAX
from zmq_bridge.protocol.published import Event, EventData, Unreadable


class EventLog:
    """Unacknowledged events of one login, oldest first.

    Args:
        restored: unacknowledged events of earlier sessions, from the terminal's file; any order, repeats allowed.
    """

    def __init__(self, login: int, session: int, restored: Iterable[Event] = ()) -> None:
        self.login = login
        self.session = session
        self._last_seq = 0
        self._kept: dict[tuple[int, int], Event] = {}
        for event in sorted(restored, key=lambda each: each.key):
            self._restore(event)

    def append(self, data: EventData) -> Event:
        """Number an event and keep it. Write it to the file before publishing it."""
        if type(data) is Unreadable:
            raise ProtocolMisuse("an event that could not be read cannot be sent")
        self._last_seq += 1
        event = Event(login=self.login, session=self.session, seq=self._last_seq, data=data)
        self._kept[event.key] = event
        return event

    def unacknowledged(self, limit: int = EVENTS_PER_PULL_MAX) -> tuple[Event, ...]:
        """Give the oldest events to resend with the next pull."""
        return tuple(islice(self._kept.values(), limit))

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> list[Event]:
        """Forget what the bridge has committed; acks of unknown events (repeated, or older than the file) do nothing.

        Returns:
            The events forgotten, so that the file can forget them too.
        """
        found = (self._kept.pop((session, seq), None) for session, seq in acks)
        return [event for event in found if event is not None]

    @property
    def last_seq(self) -> int:
        """`event_seq` for snapshots and heartbeats: the last event of this session."""
        return self._last_seq

    @property
    def is_full(self) -> bool:
        """Say whether new commands must be refused until the bridge acknowledges."""
        return len(self._kept) >= JOURNAL_EVENTS_MAX

    def __len__(self) -> int:
        return len(self._kept)

    def _restore(self, event: Event) -> None:
        if event.login != self.login:
            raise ProtocolMisuse(f"expected events of login {self.login}, found one of {event.login}")
        if event.session > self.session:
            raise ProtocolMisuse(f"session {self.session} must be above every earlier one, found {event.session}")
        if event.session == self.session:
            self._last_seq = max(self._last_seq, event.seq)
        self._kept[event.key] = event
