"""Sequence numbers of PUB streams: given out by the sender, watched by every receiver. A loss is always noticed.

The sender numbers the items of each topic from 1 in each session; heartbeats repeat the last number of every stream, so
that the loss of a stream's last message shows too. PUB keeps the order of one sender's messages across topics, hence a
number in a heartbeat that was not seen before it is a loss, not a delay.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from zmq_bridge.protocol.errors import ProtocolMisuse

Reason = Literal["jump", "session", "beat"]


class StreamCounters:
    """The sender's side: the next number of every topic."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def take(self, topic: str, count: int = 1) -> int:
        """Reserve `count` numbers and give the first."""
        if count < 1:
            raise ProtocolMisuse(f"expected a count of at least 1, found {count}")
        first = self._last.get(topic, 0) + 1
        self._last[topic] = first + count - 1
        return first

    def last(self, topic: str) -> int:
        """Give the last number taken; 0 = none yet."""
        return self._last.get(topic, 0)


class Missed(NamedTuple):
    """Items that were sent and did not come."""

    reason: Reason  # number jumped; sender restarted; heartbeat named a higher number
    session: int  # in which the known part of the loss lies
    first_seq: int  # of the known part
    lost: int  # size of the known part; with "session" the end of the session before may be lost on top
    last_session: int  # where the receiver stood before
    last_seq: int


class Duplicate(NamedTuple):
    """Items seen before: the first `skip` of the message."""

    skip: int  # equal to the message's count when nothing in it is new


class StreamTracker:
    """The receiver's side of one topic.

    Args:
        session, seq: where an earlier life of this receiver stopped (a stored cursor); 0 = it never received.
        from_start: with no cursor, count what was sent before the first item received as missed.
    """

    def __init__(self, session: int = 0, seq: int = 0, *, from_start: bool = False) -> None:
        self.session = session
        self.seq = seq
        self._from_start = from_start

    def observe(self, session: int, seq: int, count: int = 1) -> Missed | Duplicate | None:
        """Take note of a message that carries the numbers `seq` to `seq + count - 1`. None = exactly the next."""
        if session == self.session:
            return self._same_session(seq, count)
        if session < self.session:
            return Duplicate(count)
        return self._new_session(session, seq, count)

    def observe_beat(self, session: int, last_seq: int) -> Missed | None:
        """Take note of the last number that a heartbeat names for this topic (0 = none sent yet)."""
        if session == self.session:
            return self._move("beat", session, self.seq + 1, last_seq) if last_seq > self.seq else None
        if session < self.session or (last_seq == 0 and self.session == 0):
            return None
        return self._enter(session, 1, last_seq)

    def _same_session(self, seq: int, count: int) -> Missed | Duplicate | None:
        if seq == self.seq + 1:
            self.seq += count
            return None
        if seq <= self.seq:
            skip = min(count, self.seq - seq + 1)
            self.seq = max(self.seq, seq + count - 1)
            return Duplicate(skip)
        return self._move("jump", self.session, self.seq + 1, seq - 1, new_last=seq + count - 1)

    def _new_session(self, session: int, seq: int, count: int) -> Missed | None:
        missed = self._enter(session, 1, seq - 1)
        self.seq = seq + count - 1
        return missed

    def _enter(self, session: int, first: int, last: int) -> Missed | None:
        never_received = self.session == 0
        missed = self._move("session", session, first, last)
        if never_received and (not self._from_start or missed.lost == 0):
            return None
        return missed

    def _move(self, reason: Reason, session: int, first: int, last: int, new_last: int | None = None) -> Missed:
        missed = Missed(reason, session, first, last - first + 1, self.session, self.seq)
        self.session, self.seq = session, last if new_last is None else new_last
        return missed
