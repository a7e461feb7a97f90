"""Which limits a request meets: the account's own, tightened by every override that matches.

A stored row without source, symbol and magic *sets* the limits of its account (or of all accounts, where the account
has none of its own). Every other row that matches can only tighten. Rows never change (a change ends one and adds
another), so what was merged from the same rows is the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from risk import Limits, LimitsError, tighten
from risk.limits import from_mapping
from zmq_bridge.admission.snapshot import Unreadable
from zmq_bridge.storage.gate import RECENT_WINDOW_S_MAX

Row = Mapping[str, Any]
MERGED_MAX = 10_000  # merged limits remembered; past it all are forgotten
SELECTORS = ("source", "symbol", "magic")


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
        matching = [row for row in rows if _matches(row, {"source": source, "symbol": symbol, "magic": magic})]
        ids = tuple(row["id"] for row in matching)
        if ids not in self._merged:
            if len(self._merged) >= MERGED_MAX:
                self._merged.clear()
            self._merged[ids] = merge(matching)
        return self._merged[ids]


def merge(rows: Sequence[Row]) -> Limits:
    """The limits that these rows make together.

    Raises:
        Unreadable: a stored limit is not usable.
    """
    try:
        limits = from_mapping(_base(rows))
        for row in rows:
            if not _is_base(row):
                limits = tighten(limits, row["limits"])
    except LimitsError as error:
        raise Unreadable(f"stored limits: {error}") from error
    if limits.repeat_window_s > RECENT_WINDOW_S_MAX:
        raise Unreadable(f"repeat_window_s: expected at most {RECENT_WINDOW_S_MAX}, found {limits.repeat_window_s}")
    return limits


def _base(rows: Sequence[Row]) -> Mapping[str, Any]:
    """What sets rather than tightens: the account's own row if there is one, else that for all accounts."""
    bases = sorted(filter(_is_base, rows), key=lambda row: (row["account_id"] is not None, row["id"]))
    return bases[-1]["limits"] if bases else {}


def _is_base(row: Row) -> bool:
    return all(row[name] is None for name in SELECTORS)


def _matches(row: Row, request: Mapping[str, Any]) -> bool:
    return all(row[name] is None or row[name] == request[name] for name in SELECTORS)
