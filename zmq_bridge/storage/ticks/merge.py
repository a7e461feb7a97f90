"""How stored ticks and the terminal's own history become one: pure, a millisecond at a time.

A millisecond may hold several ticks, equal ones too, so sets will not do: ticks are matched whole, with multiplicity.
(Whole but for `flags`: a terminal's history may flag the same tick otherwise than its live feed did.) The history gives
the order; a stored tick keeps its place in the stream (session, seq, received_at); what only we have is kept, after the
history's. Live ticks of different sessions are two views of one market, not twice the ticks: the larger count counts.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from zmq_bridge.protocol.ticks import Tick

Item = TypeVar("Item")
Key = tuple[int, float, float, float, float]

HISTORY_SESSION = 0
"""The session of rows that came from a history and that no live stream has claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTick:
    """A row of `ticks`, without its account and symbol."""

    tick: Tick

    session: int
    """0 = came from a history."""

    seq: int
    """0 = unnumbered."""

    received_ms: int

    backfilled: bool

    id: int = 0
    """Its place among equals of time; 0 = not stored yet."""


def merge(stored: Sequence[StoredTick], history: Sequence[Tick], received_ms: int) -> dict[int, list[StoredTick]]:
    """Return, by millisecond, the rows that should be there, for the milliseconds that must change.

    Args:
        stored: What is there, in order.
        history: The terminal's ticks of the same range, in its order.
        received_ms: Our clock, for rows that are new.
    """
    ours = _by_time((row.tick.time_msc, row) for row in stored)
    theirs = _by_time((tick.time_msc, tick) for tick in history)
    changed = {}
    for time_msc in sorted(ours.keys() | theirs.keys()):
        rows = ours.get(time_msc, [])
        merged = merge_millisecond(rows, theirs.get(time_msc, []), received_ms)
        if merged != rows:
            changed[time_msc] = merged
    return changed


def merge_millisecond(stored: Sequence[StoredTick], history: Sequence[Tick], received_ms: int) -> list[StoredTick]:
    """Merge one millisecond: the history's order, each tick as often as the view that has it most often."""
    kept = _without_second_views(stored)
    spare = _queues(kept)
    merged = []
    for tick in history:
        known = spare[key(tick)]
        merged.append(known.popleft() if known else _new(tick, received_ms))
    left_over = {id(row) for rows in spare.values() for row in rows}
    return merged + [row for row in kept if id(row) in left_over]


def claim(stored: Sequence[StoredTick], live: Sequence[Tick], session: int) -> list[StoredTick | None]:
    """Find, for each live tick, the equal row that a history or an earlier session stored; each row is claimed once.

    Returns:
        One entry per live tick: the row that is it, or None when it is new.
    """
    unclaimed = _queues(row for row in stored if row.session != session)
    return [rows.popleft() if (rows := unclaimed[key(tick)]) else None for tick in live]


def key(tick: Tick) -> Key:
    """What makes two ticks the same."""
    return tick[:5]


def _without_second_views(stored: Sequence[StoredTick]) -> list[StoredTick]:
    """Of ticks that several live sessions stored, keep the fullest session's; rows of the history all stay."""
    views: dict[Key, Counter[int]] = defaultdict(Counter)
    for row in stored:
        if row.session != HISTORY_SESSION:
            views[key(row.tick)][row.session] += 1
    fullest = {same: max(counts, key=lambda session: (counts[session], session)) for same, counts in views.items()}
    return [row for row in stored if row.session in (HISTORY_SESSION, fullest.get(key(row.tick)))]


def _queues(rows: Iterable[StoredTick]) -> dict[Key, deque[StoredTick]]:
    queues: dict[Key, deque[StoredTick]] = defaultdict(deque)
    for row in rows:
        queues[key(row.tick)].append(row)
    return queues


def _new(tick: Tick, received_ms: int) -> StoredTick:
    return StoredTick(tick=tick, session=HISTORY_SESSION, seq=0, received_ms=received_ms, backfilled=True)


def _by_time(pairs: Iterable[tuple[int, Item]]) -> dict[int, list[Item]]:
    groups: dict[int, list[Item]] = defaultdict(list)
    for time_msc, item in pairs:
        groups[time_msc].append(item)
    return groups
