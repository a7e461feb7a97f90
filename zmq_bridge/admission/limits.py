"""Which limits a request meets, merged once: rows never change, so the same rows make the same limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from risk import Limits, LimitsError
from zmq_bridge.admission.snapshot import Unreadable
from zmq_bridge.storage.risk.limits import SELECTORS, merge

Row = Mapping[str, Any]
MERGED_MAX = 10_000  # merged limits remembered; past it all are forgotten


class LimitBook:
    """Merged limits by the rows they came from, for one process."""

    def __init__(self) -> None:
        """Start empty."""
        self._merged: dict[tuple[int, ...], Limits] = {}

    def get(self, rows: Sequence[Row], *, source: str, symbol: str, magic: int | None) -> Limits:
        """The limits for a request.

        Raises:
            Unreadable: a stored limit is not usable; nothing is allowed on a guess.
        """
        request = {"source": source, "symbol": symbol, "magic": magic}
        matching = [row for row in rows if all(row[name] in (None, request[name]) for name in SELECTORS)]
        ids = tuple(row["id"] for row in matching)
        if ids not in self._merged:
            if len(self._merged) >= MERGED_MAX:
                self._merged.clear()
            self._merged[ids] = _merge(matching)
        return self._merged[ids]


def _merge(rows: Sequence[Row]) -> Limits:
    try:
        return merge(rows)
    except LimitsError as error:
        raise Unreadable(f"stored limits: {error}") from error
