"""The recorder's figures. Each number has one writer thread; readers take a copy and never wait.

A number only ever grows (depths and lags aside), so that whoever reads twice knows the rate. Nothing is dropped without
one of them moving.
"""

from collections import Counter
from dataclasses import dataclass, field

STREAMS_REPORTED_MAX = 200
"""Streams listed by name in `bridge:stats`, those with the most gaps first."""


@dataclass(slots=True, kw_only=True)
class FeedStats:
    """Counters since the recorder started."""

    messages: int = 0
    ticks: int = 0
    beats: int = 0

    malformed: int = 0
    """Messages that were not understood, dropped."""

    postgres_ticks: int = 0
    """Committed."""

    postgres_commits: int = 0

    postgres_refused: int = 0
    """Ticks that did not fit into the queue: dropped, become a gap, come back by backfill."""

    postgres_failures: int = 0
    """Transactions that failed and were tried again."""

    postgres_lag_ms: int = 0
    """From receiving to committed, of the oldest tick of the last batch."""

    duplicates: int = 0
    """Ticks that were stored already."""

    superseded: int = 0
    """Ticks of an older session while a newer one sends."""

    absurd: int = 0
    """Heartbeats, by stream, that name a number which nobody can have sent: not believed."""

    unstorable: int = 0
    """Ticks that Postgres can't hold (a time past 2100, a number past 63 bits, an account that vanished)."""

    unknown_login: int = 0
    """Ticks of a login without account, given up for now; they become a gap when it appears."""

    held: int = 0
    """Ticks waiting for their account to appear."""

    redis_ticks: int = 0
    """Ticks in flushes that Redis took."""

    redis_refused: int = 0
    """Ticks that did not reach Redis: its queue was full or it was down. Live state went on with newer ones."""

    redis_lag_ms: int = 0

    gaps: Counter[str] = field(default_factory=Counter)
    """Gaps opened, by `symbol.login`."""

    gap_ticks: int = 0
    """Ticks known to be missing in those gaps."""

    def fields(self) -> dict[str, str | int]:
        """Everything, flat, for the `bridge:stats` hash."""
        plain: dict[str, str | int] = {
            name: getattr(self, name) for name in self.__slots__ if name != "gaps"
        }
        plain["gaps"] = sum(self.gaps.values())
        worst = self.gaps.copy().most_common(STREAMS_REPORTED_MAX)
        return {**plain, **{f"gaps.{stream}": count for stream, count in worst}}
