"""How often somebody may ask: one budget a name, counted in Redis for all processes, or here while Redis is away.

The budget refills evenly (GCRA): `quota` at once at most, and as many again in `WINDOW_S`. Of a large budget a process
takes a block at a time, so that an order seldom waits for the counting, and keeps it until it is used: a key that asks
now and then is counted by what it asked. Failing safe means neither "nobody is counted" nor "nobody gets in":
without Redis each process counts for itself, with its share of the quota, so ways out of the market stay open and
floods stay out.
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

BLOCKS = 100
"""A budget is taken in as many blocks, of one request at least."""

BLOCK_S = 60.0
"""How long a block is kept. If shorter than the window, what a process leaves would be lost faster than it refills."""

SPEND = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local emission_us, quota, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due_us = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now_us)
local left = math.floor((now_us + quota * emission_us - due_us) / emission_us + 1e-9)
if left < 1 then
  return {0, 0, due_us + emission_us - quota * emission_us - now_us}
end
local taken = math.min(block, left)
due_us = due_us + taken * emission_us
redis.call('SET', KEYS[1], string.format('%.0f', due_us), 'PX', math.ceil((due_us - now_us) / 1000) + 1)
return {taken, left - taken, due_us - now_us}
"""
"""Take a block of a budget, or what there is. Answers: how many, how many are left, and how long, in microseconds,
until there is one again (when there was none) or until all are."""


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


@dataclass(slots=True, kw_only=True)
class _Block:
    """What this process took of a budget and may spend without asking."""

    left: int
    elsewhere: int  # left in the budget when the block was taken
    full_at: float  # when all will be there again, monotonic seconds
    until: float


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
        self._lock = threading.Lock()
        self._blocks: dict[str, _Block] = {}

    def spend(self, budget: Budget, who: str) -> Spent:
        """Take one of somebody's budget."""
        now = self._clock()
        if (spent := self._of_block(budget, who, now)) is not None:
            return spent
        if now >= self._away_until:
            try:
                return self._ask(budget, who, now)
            except LiveError:
                self._away_until = self._clock() + RETRY_S
        return self._local.spend(budget, who)

    def _of_block(self, budget: Budget, who: str, now: float) -> Spent | None:
        with self._lock:
            block = self._blocks.get(keys.rate(budget.name, who))
            if block is None or block.left < 1 or now >= block.until:
                return None
            block.left -= 1
            remaining = block.left + block.elsewhere
        return Spent(allowed=True, budget=budget, remaining=remaining, wait_s=max(0.0, block.full_at - now))

    def _ask(self, budget: Budget, who: str, now: float) -> Spent:
        emission_us, name = WINDOW_S * 1_000_000 / budget.quota, keys.rate(budget.name, who)
        with translated():
            found = self._script(keys=[name], args=[emission_us, budget.quota, max(1, budget.quota // BLOCKS)])
        taken, elsewhere, wait_us = map(int, cast(list[int], found))
        wait_s = wait_us / 1_000_000
        if taken > 1:
            self._keep(name, _Block(left=taken - 1, elsewhere=elsewhere, full_at=now + wait_s, until=now + BLOCK_S))
        remaining = elsewhere + max(0, taken - 1)
        return Spent(allowed=taken > 0, budget=budget, remaining=remaining, wait_s=wait_s)

    def _keep(self, name: str, block: _Block) -> None:
        """Keep a block, beside what another thread took at the same time."""
        with self._lock:
            if len(self._blocks) >= NAMES_MAX:
                self._blocks.clear()
            known = self._blocks.get(name)
            if known is not None and known.until > block.until - BLOCK_S:
                block.left += known.left
            self._blocks[name] = block


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

