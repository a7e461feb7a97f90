"""How one noisy peer is kept from costing the others anything.

Law: a decision here depends on the peer's own requests and the time passed in, nothing else. A peer within its rate
is served; above it, it is told RATE_LIMITED a few times a second; far above it, it is ignored.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do with one request."""

    SERVE = "serve"
    WARN = "warn"
    """Answer RATE_LIMITED."""
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The rate a peer may keep up, and the burst it may have."""

    per_s: float
    """Requests per second, > 0."""
    burst: float
    """Requests at once after a quiet time, >= 1."""
    warnings_per_s: float = 5.0
    """RATE_LIMITED replies per second, > 0; a flood is not worth more answers than that."""


@dataclass(slots=True, kw_only=True)
class _Bucket:
    """Tokens of one peer, counted at `at_s`."""

    tokens: float
    warnings: float
    at_s: float


class RateLimiter:
    """A token bucket for each peer, for at most `peers_max` peers: the longest silent one is forgotten first."""

    def __init__(self, rate: Rate, *, peers_max: int = 4096) -> None:
        self._rate = rate
        self._peers_max = peers_max
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def judge(self, peer: bytes, now_s: float) -> Verdict:
        """Count one request of `peer` at monotonic time `now_s` and say what to do with it."""
        bucket = self._bucket(peer, now_s)
        self._refill(bucket, now_s)
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return Verdict.SERVE
        if bucket.warnings >= 1.0:
            bucket.warnings -= 1.0
            return Verdict.WARN
        return Verdict.IGNORE

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, peer: bytes, now_s: float) -> _Bucket:
        bucket = self._buckets.get(peer)
        if bucket is None:
            if len(self._buckets) >= self._peers_max:
                self._buckets.popitem(last=False)
            bucket = _Bucket(tokens=self._rate.burst, warnings=1.0, at_s=now_s)
            self._buckets[peer] = bucket
        self._buckets.move_to_end(peer)
        return bucket

    def _refill(self, bucket: _Bucket, now_s: float) -> None:
        elapsed_s = max(0.0, now_s - bucket.at_s)
        bucket.tokens = min(self._rate.burst, bucket.tokens + elapsed_s * self._rate.per_s)
        bucket.warnings = min(1.0, bucket.warnings + elapsed_s * self._rate.warnings_per_s)
        bucket.at_s = now_s
