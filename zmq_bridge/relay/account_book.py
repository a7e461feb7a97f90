"""Which account each stream belongs to, remembered; and the ticks that came before their account did.

The desk makes the account row at the terminal's hello; ticks may be a moment faster. They are held, up to
HELD_TICKS_MAX in all. Past that the oldest go, counted: they are the beginning of a stream without a cursor, so when
the account appears the first number stored shows what is missing, and backfill brings it.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.relay.tick_queue import Item, weight
from zmq_bridge.storage.ticks.accounts import Speaker

HELD_TICKS_MAX = 20_000
"""Over all unknown logins: minutes of ordinary ticks, a few MB."""

ASK_AGAIN_S = 0.5
"""An unknown login is not looked up more often."""

SESSIONS_MAX = 10_000
"""Remembered sessions; past that everything is looked up anew."""

LookUp = Callable[[Collection[Speaker]], Mapping[Speaker, int]]


class AccountBook:
    """Finds accounts and holds what has none yet. One thread only."""

    def __init__(self, look_up: LookUp, stats: FeedStats) -> None:
        self._look_up = look_up
        self._stats = stats
        self._accounts: dict[Speaker, int] = {}
        self._asked_s: dict[Speaker, float] = {}
        self._held: deque[Item] = deque()

    @property
    def waiting(self) -> bool:
        """True while ticks are held."""
        return bool(self._held)

    def resolve(self, items: Sequence[Item]) -> list[tuple[int, Item]]:
        """Return the items whose account is known, those held before first, in the order they came.

        When looking up fails, nothing has changed: call again with the same items.
        """
        candidates = [*self._held, *items]
        self._learn({_speaker(item) for item in candidates})
        self._held.clear()
        known: list[tuple[int, Item]] = []
        for item in candidates:
            account_id = self._accounts.get(_speaker(item))
            if account_id is not None:
                known.append((account_id, item))
            elif isinstance(item, LiveBatch):
                self._held.append(item)
        self._stats.held = self._bounded()
        return known

    def _learn(self, speakers: Collection[Speaker]) -> None:
        """Look up, together, who is not known and was not asked for a moment ago."""
        if len(self._accounts) + len(self._asked_s) >= SESSIONS_MAX:
            self._accounts.clear()
            self._asked_s.clear()
        now_s = time.monotonic()
        wanted = [
            speaker
            for speaker in speakers
            if speaker not in self._accounts and now_s - self._asked_s.get(speaker, -ASK_AGAIN_S) >= ASK_AGAIN_S
        ]
        if wanted:
            found = self._look_up(wanted)
            self._accounts.update(found)
            self._asked_s.update(dict.fromkeys(wanted, now_s))
            for speaker in found:
                del self._asked_s[speaker]

    def _bounded(self) -> int:
        held = sum(weight(item) for item in self._held)
        while held > HELD_TICKS_MAX:
            gone = weight(self._held.popleft())
            self._stats.unknown_login += gone
            held -= gone
        return held


def _speaker(item: Item) -> Speaker:
    return item.login, item.session
