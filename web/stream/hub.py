"""Who wants what, and how things stand: news comes in once, and waits for everybody who may have it. No I/O.

Law: publishing never waits for a client and costs the same whether it is fast, slow or gone. Prices go out in rounds
(`flush`), the latest of each; everything else at once. A session whose connection is lost goes on collecting for
RESUME_WITHIN_S. `now_s` is monotonic seconds; `wake` is called when a session has something to be sent.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from web.stream.client import Client, Message
from web.stream.permits import visible_items
from web.stream.requests import Ask, BadRequest
from web.stream.updates import Update
from web.stream.words import RESUME_WITHIN_S, SUBSCRIPTIONS_MAX, Code, Topic, Type
from zmq_bridge.storage.keys import ApiKey

SESSION_BYTES = 16
ANSWERS = {
    Topic.PRICES: (Type.PRICE_UPDATE, "prices"),
    Topic.MARKET_DATA: (Type.PRICE_UPDATE, "prices"),
    Topic.POSITIONS: (Type.POSITION_UPDATE, "positions"),
    Topic.SIGNALS: (Type.SIGNAL_UPDATE, "signals"),
    Topic.SHARE: (Type.SHARE_UPDATE, "shares"),
}
"""What says that there is nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of what a session subscribed to; None: all of them."""

    topic: Topic
    login: int | None
    symbol: str | None


@dataclass(slots=True, eq=False)
class Member:
    """A session, connected or not."""

    client: Client
    key: ApiKey
    wake: Callable[[], None] | None  # None: not connected
    end: Callable[[Code, str], None] | None  # ends the connection with a reason
    wishes: set[Wish] = field(default_factory=set)
    detached_at_s: float = 0.0  # when its connection was lost


class Hub:
    """All sessions and the present."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._present: dict[Hashable, Update] = {}
        self._prices_waiting: dict[Hashable, Update] = {}
        self._wanted: defaultdict[Wish, dict[Member, None]] = defaultdict(dict)

    # news

    def publish(self, updates: Iterable[Update]) -> None:
        """Take news in. Prices wait for the next `flush`."""
        for update in updates:
            if update.is_state:
                if self._present.get(update.key) == update:  # a book that is told again and again
                    continue
                self._present[update.key] = update
            if update.type is Type.PRICE_UPDATE:
                self._prices_waiting[update.key] = update
            else:
                for member in self._spread(update):
                    _wake(member)

    def flush(self) -> None:
        """Let the latest prices wait for whoever wants them."""
        waiting, self._prices_waiting = self._prices_waiting, {}
        touched: dict[Member, None] = {}
        for update in waiting.values():
            touched.update(dict.fromkeys(self._spread(update)))
        for member in touched:
            _wake(member)

    def say_to_all(self, topic: Topic, type_: Type, members: dict[str, object]) -> None:
        """Tell everybody who subscribed to a topic something about the stream itself."""
        for member in self.members.values():
            if any(wish.topic is topic for wish in member.wishes):
                member.client.say(type_, members)
                _wake(member)

    def is_wanted(self, topic: Topic) -> bool:
        """Whether anybody subscribed to a topic."""
        return any(wish.topic is topic for wish in self._wanted)

    def members_asking(self) -> frozenset[int]:
        """The members of the community who subscribed to their share."""
        wanting = [member for wish, members in self._wanted.items() if wish.topic is Topic.SHARE for member in members]
        return frozenset(member.key.user_id for member in wanting if member.key.user_id is not None)

    def forget(self, type_: Type) -> None:
        """Forget how what is told by a type stands: it is told anew, even if it is the same."""
        self._present = {key: update for key, update in self._present.items() if update.type is not type_}

    # sessions

    def join(self, key: ApiKey, wake: Callable[[], None], end: Callable[[Code, str], None]) -> Member:
        """Begin a session."""
        client = Client(secrets.token_urlsafe(SESSION_BYTES))
        member = Member(client=client, key=key, wake=wake, end=end)
        self.members[client.session] = member
        return member

    def detach(self, member: Member, now_s: float) -> None:
        """Note that a session has lost its connection."""
        member.wake = member.end = None
        member.detached_at_s = now_s

    def leave(self, member: Member) -> None:
        """End a session for good."""
        self.members.pop(member.client.session, None)
        for wish in list(member.wishes):
            self._unwish(member, wish)

    def resumable(self, session: str, key: ApiKey) -> Member | None:
        """The session to go on with, if it is this key's."""
        member = self.members.get(session)
        return member if member is not None and member.key.id == key.id else None

    def expire(self, now_s: float) -> None:
        """End the sessions that nobody came back to."""
        for member in [each for each in self.members.values() if each.end is None]:
            if now_s - member.detached_at_s > RESUME_WITHIN_S:
                self.leave(member)

    # subscriptions

    def subscribe(self, member: Member, ask: Ask) -> None:
        """Add to what a session wants.

        Raises:
            BadRequest: it is too much.
        """
        wishes = _wishes(ask) - member.wishes
        if len(member.wishes) + len(wishes) > SUBSCRIPTIONS_MAX:
            raise BadRequest(
                Code.TOO_MANY_SUBSCRIPTIONS,
                f"Expected at most {SUBSCRIPTIONS_MAX} subscriptions of one client; "
                f"found {len(member.wishes) + len(wishes)}.",
            )
        for wish in wishes:
            member.wishes.add(wish)
            self._wanted[wish][member] = None

    def unsubscribe(self, member: Member, ask: Ask) -> None:
        """Take away from what a session wants; without symbols or account, the whole topic."""
        for wish in [each for each in member.wishes if each.topic is ask.topic]:
            if (ask.symbols is None or wish.symbol in ask.symbols) and ask.account in (None, wish.login):
                member.wishes.discard(wish)
                self._unwish(member, wish)

    def answer(self, member: Member, ask: Ask) -> None:
        """Tell a session how things stand in what it asked for, in one message a kind, at least one."""
        wishes = _wishes(ask)
        found = Client("", pending_max=len(self._present) + 1)
        for update in self._standing():
            if any(wish in wishes for wish in _matching(update)):
                _offer(found, member.key, update)
        type_, list_name = ANSWERS[ask.topic]
        for message in found.take() or [Message(type=type_, seq=0, head="", list_name=list_name, items=())]:
            member.client.say(message.type, mark(ask), message.head, message.list_name, message.items)
        _wake(member)

    def renew(self, member: Member) -> None:
        """Let the present of everything that a session subscribed to wait for it."""
        member.client.forget_pending()
        for update in self._standing():
            if any(wish in member.wishes for wish in _matching(update)):
                _offer(member.client, member.key, update)

    def _standing(self) -> list[Update]:
        """How everything stands, in the order of the types, so that an answer always has the same form."""
        order = list(Type)
        return sorted(self._present.values(), key=lambda update: order.index(update.type))

    def _spread(self, update: Update) -> dict[Member, None]:
        found: dict[Member, None] = {}
        for wish in _matching(update):
            found.update(self._wanted.get(wish, {}))
        return {member: None for member in found if _offer(member.client, member.key, update)}

    def _unwish(self, member: Member, wish: Wish) -> None:
        wanting = self._wanted.get(wish, {})
        wanting.pop(member, None)
        if not wanting:
            self._wanted.pop(wish, None)


def mark(ask: Ask) -> dict[str, object]:
    """What marks a message as an answer to a request: how things stand now."""
    return {"snapshot": True} | ({"request_id": ask.request_id} if ask.request_id is not None else {})


def _wishes(ask: Ask) -> set[Wish]:
    symbols: Iterable[str | None] = ask.symbols if ask.symbols is not None else (None,)
    return {Wish(ask.topic, ask.account, symbol) for symbol in symbols}


def _matching(update: Update) -> list[Wish]:
    """Every wish that an update fulfils. One that is of no symbol in particular fulfils a wish for any."""
    return [
        Wish(topic, login, symbol)
        for topic in update.topics
        for login in {update.login, None}
        for symbol in {update.symbol, None}
    ]


def _offer(client: Client, key: ApiKey, update: Update) -> bool:
    items = visible_items(key, update)
    if items is not None:
        client.offer(update, items)
    return items is not None


def _wake(member: Member) -> None:
    if member.wake is not None and member.client.has_news:
        member.wake()
