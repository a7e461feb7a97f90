"""The terminal's estimate of the bridge's clock, for times to live. It may only err towards "later".

Every reply says the bridge's time at some moment between our send and our receive. So the bridge's clock minus our
monotonic one lies between `now_ms - received` and `now_ms - sent`. The upper end is kept: a command may then be taken
for expired a little early (by at most a round trip), never be begun late. A reply that proves the estimate too low (the
bridge's clock was set forward) or that bounds it tighter replaces it.
"""

from __future__ import annotations


class BridgeClock:
    """Bridge time from a monotonic clock."""

    def __init__(self) -> None:
        self._offset_ms: int | None = None

    def learn(self, *, sent_ms: int, received_ms: int, now_ms: int) -> None:
        """Take in one reply.

        Args:
            sent_ms, received_ms: our monotonic clock when the request left and the reply came.
            now_ms: the bridge's clock in the reply.
        """
        highest, lowest = now_ms - sent_ms, now_ms - received_ms
        if self._offset_ms is None or highest < self._offset_ms or self._offset_ms < lowest:
            self._offset_ms = highest

    def bridge_now_ms(self, monotonic_ms: int) -> int | None:
        """Give the latest that the bridge's clock can show now; None before the first reply."""
        return None if self._offset_ms is None else monotonic_ms + self._offset_ms

    def is_expired(self, expires_at_ms: int, monotonic_ms: int) -> bool:
        """Say whether a command must not be begun any more. Without an estimate nothing may begin."""
        now_ms = self.bridge_now_ms(monotonic_ms)
        return now_ms is None or now_ms >= expires_at_ms
