"""Whether the bridge has to be told that the trade server's clock was moved: docs/wire.md, *Summer time*.

Pure; monotonic times are arguments. Another offset than the last hello said, for long enough to be no wavering, and not
told that way a moment ago.
"""

HOLDS_MS = 5000
AGAIN_MS = 60_000


class ServerOffset:
    """The trade server's clock minus UTC, as told and as found."""

    def __init__(self) -> None:
        self._told_s = self._found_s = 0
        self._since_ms: int | None = None  # since when another than told is found; None: it is as told
        self._again_ms = 0  # before this moment it is not told again

    def told(self, offset_s: int) -> None:
        """A hello says it."""
        self._told_s, self._since_ms = offset_s, None

    def is_due(self, offset_s: int, now_ms: int) -> bool:
        """Say whether it is to be told now, by a hello for its own sake: then it counts as told."""
        if offset_s == self._told_s:
            self._since_ms = None
        elif self._since_ms is None or offset_s != self._found_s:
            self._since_ms = now_ms
        self._found_s = offset_s
        if self._since_ms is None or now_ms - self._since_ms < HOLDS_MS or now_ms < self._again_ms:
            return False
        self._again_ms = now_ms + AGAIN_MS
        return True
