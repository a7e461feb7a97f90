"""One client's session as a state machine: what waits for it, what was sent, and how it goes on after a break.

Law: everything that decides what a client is sent, and under which number, is in this file. No I/O, no clock.

A session numbers its messages 1, 2, 3, ... when they are taken for sending, so what was conflated before leaves no
hole. Of each key only the newest news waits (a price, a book of positions, a signal's state); above PENDING_MAX the
oldest is dropped, and a GAP says how many. The last SENT_MAX messages are kept, for a client that comes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from web.stream.updates import Item, Update
from web.stream.words import PENDING_MAX, SCHEMA_VERSION, SENT_MAX, Type
from zmq_bridge.storage.engine import dump_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent, with its number."""

    type: Type
    seq: int  # 1 and up within the session
    head: str  # members as JSON without braces, or ""
    list_name: str | None
    items: tuple[str, ...]  # JSON of each entry; shared between clients

    def text(self) -> str:
        """The message as JSON."""
        head = f",{self.head}" if self.head else ""
        items = f',"{self.list_name}":[{",".join(self.items)}]' if self.list_name else ""
        return f'{{"type":"{self.type}","seq":{self.seq}{head}{items}}}'


@dataclass(frozen=True, slots=True)
class Pending:
    """An update with what of it this client may see."""

    update: Update
    items: tuple[Item, ...]


class Client:
    """What waits for one session, and what it was sent."""

    def __init__(self, session: str, *, pending_max: int = PENDING_MAX, sent_max: int = SENT_MAX) -> None:
        self.session = session
        self.seq = 0  # of the newest message taken
        self._pending_max = pending_max
        self._pending: dict[Hashable, Pending] = {}
        self._answers: deque[tuple[Type, str, str | None, tuple[str, ...]]] = deque()
        self._again: list[Message] = []
        self._dropped = 0
        self._sent: deque[Message] = deque(maxlen=sent_max)

    @property
    def has_news(self) -> bool:
        """Whether `take` would return anything."""
        return bool(self._pending or self._answers or self._dropped or self._again)

    def offer(self, update: Update, items: tuple[Item, ...]) -> None:
        """Let an update wait; it replaces an older one of its key."""
        self._pending.pop(update.key, None)
        self._pending[update.key] = Pending(update, items)
        if len(self._pending) > self._pending_max:
            del self._pending[next(iter(self._pending))]
            self._dropped += 1

    def say(
        self,
        type_: Type,
        members: Mapping[str, object],
        head: str = "",
        list_name: str | None = None,
        items: tuple[str, ...] = (),
    ) -> None:
        """Let an answer wait; answers are never conflated, and go before news.

        How many there can be is bounded by how much a client may ask; one that does not read them is dropped.
        """
        heads = [part for part in (dump_json(members)[1:-1], head) if part]
        self._answers.append((type_, ",".join(heads), list_name, items))

    def greet(self) -> None:
        """Let the first message of a session wait."""
        self.say(Type.CONNECTED, {"session": self.session, "version": SCHEMA_VERSION, "resumed": False})

    def rewind(self, seq: int) -> bool:
        """Go on after message `seq`: what came after it is handed over again, then what waits.

        False, and nothing is changed, when those messages are not all kept, or never were. The greeting that goes
        before carries `seq` itself, so that the next message has the next number.
        """
        kept = self.since(seq)
        if kept is None:
            return False
        head = dump_json({"session": self.session, "version": SCHEMA_VERSION, "resumed": True})[1:-1]
        self._again = [Message(type=Type.CONNECTED, seq=seq, head=head, list_name=None, items=()), *kept]
        return True

    def take(self) -> list[Message]:
        """Number everything that waits, and hand it over for sending."""
        again, self._again = self._again, []
        answers, self._answers = self._answers, deque()
        taken = again + [self._number(*answer) for answer in answers]
        if self._dropped:
            taken.append(self._number(Type.GAP, dump_json({"of": "stream", "dropped": self._dropped})[1:-1], None, ()))
            self._dropped = 0
        pending, self._pending = self._pending, {}
        return taken + [self._number(*body) for body in _merged(list(pending.values()))]

    def since(self, seq: int) -> list[Message] | None:
        """The messages after number `seq` again; None when they are not all kept, or never were."""
        if not self.seq - len(self._sent) <= seq <= self.seq:
            return None
        return [message for message in self._sent if message.seq > seq]

    def forget_pending(self) -> None:
        """Drop the news that waits: the present is about to be offered anew."""
        self._pending.clear()
        self._dropped = 0

    def _number(self, type_: Type, head: str, list_name: str | None, items: tuple[str, ...]) -> Message:
        self.seq += 1
        message = Message(type=type_, seq=self.seq, head=head, list_name=list_name, items=items)
        self._sent.append(message)
        return message


def _merged(waiting: list[Pending]) -> list[tuple[Type, str, str | None, tuple[str, ...]]]:
    """Bodies of messages in the order of the news; lists of the same kind become one."""
    bodies: dict[Hashable, tuple[Type, str, str | None, list[str]]] = {}
    for number, each in enumerate(waiting):
        update = each.update
        kind = (update.type, update.list_name) if update.list_name and not update.head else number
        body = bodies.setdefault(kind, (update.type, update.head, update.list_name, []))
        body[3].extend(item.text for item in each.items)
    return [(type_, head, list_name, tuple(items)) for type_, head, list_name, items in bodies.values()]
