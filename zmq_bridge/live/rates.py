"""How often somebody may ask: one budget a name, counted in Redis for all processes, or here while Redis is away.

The budget refills evenly (GCRA): `quota` at once at most, and as many again in `WINDOW_S`. Failing safe means neither
"nobody is counted" nor "nobody gets in": without Redis each process counts for itself, with its share of the quota, so
ways out of the market stay open and floods stay out.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import redis

from zmq_bridge.live import keys
from zmq_bridge.live.errors import LiveError, translated

WINDOW_S = 60
RETRY_S = 1.0
"""How long Redis is left alone after it did not answer: nobody waits for it twice in that time."""

NAMES_MAX = 10_000
"""Names counted in one process; past it the count starts over."""

SPEND = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local emission_us, quota = tonumber(ARGV[1]), tonumber(ARGV[2])
local due_us = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now_us) + emission_us
local open_us = due_us - quota * emission_us
if open_us > now_us then
  return {0, 0, open_us - now_us}
end
redis.call('SET', KEYS[1], string.format('%.0f', due_us), 'PX', math.ceil((due_us - now_us) / 1000) + 1)
return {1, math.floor((now_us - open_us) / emission_us), due_us - now_us}
"""
"""Take one of a budget. Answers: whether there was one, how many are left, and how long, in microseconds, until there
is one again (when there was none) or until all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one name may do."""

    name: str  # for people: `requests`, `signals`
    quota: int  # in WINDOW_S, and at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What became of one request."""

    allowed: bool
    budget: Budget
    remaining: int  # how many more at once
    wait_s: float  # not allowed: until one is; allowed: until all are again


class Rates:
    """Counts for one process; safe from several threads."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        processes: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`processes` share a quota while Redis is away; `clock` is monotonic seconds."""
        self._client, self._clock = client, clock
        self._script = client.register_script(SPEND)
        self._local = LocalRates(processes, clock)
        self._away_until = 0.0

    def spend(self, budget: Budget, who: str) -> Spent:
        """Take one of somebody's budget."""
        if self._clock() >= self._away_until:
            try:
                return self._ask(budget, who)
            except LiveError:
                self._away_until = self._clock() + RETRY_S
        return self._local.spend(budget, who)

    def _ask(self, budget: Budget, who: str) -> Spent:
        emission_us = WINDOW_S * 1_000_000 / budget.quota
        with translated():
            found = self._script(keys=[keys.rate(budget.name, who)], args=[emission_us, budget.quota])
        allowed, remaining, wait_us = cast(list[int], found)
        return Spent(allowed=bool(allowed), budget=budget, remaining=int(remaining), wait_s=wait_us / 1_000_000)


class LocalRates:
    """The same, counted in this process only."""

    def __init__(self, processes: int, clock: Callable[[], float]) -> None:
        """`processes` share each quota."""
        self._processes, self._clock = processes, clock
        self._lock = threading.Lock()
        self._due_s: dict[str, float] = {}

    def spend(self, budget: Budget, who: str) -> Spent:
        """Take one of somebody's share."""
        quota = max(1, budget.quota // self._processes)
        emission_s, now_s, name = WINDOW_S / quota, self._clock(), keys.rate(budget.name, who)
        with self._lock:
            due_s = max(self._due_s.get(name, 0.0), now_s) + emission_s
            open_s = due_s - quota * emission_s
            if open_s > now_s:
                return Spent(allowed=False, budget=budget, remaining=0, wait_s=open_s - now_s)
            if len(self._due_s) >= NAMES_MAX:
                self._due_s.clear()
            self._due_s[name] = due_s
        remaining = math.floor((now_s - open_s) / emission_s + 1e-9)
        return Spent(allowed=True, budget=budget, remaining=remaining, wait_s=due_s - now_s)

