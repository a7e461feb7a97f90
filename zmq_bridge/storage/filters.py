"""What a list may be cut to, the same for every list that people page through.

A list's query names the fields that it knows (`%(account_ids)s`, `%(symbols)s`, ...); None means: not cut by this. One
row more than `limit` is asked for, so that the reader knows whether there is a next page without counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LIMIT_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rows; None: all."""

    account_ids: Sequence[int] | None = None
    symbols: Sequence[str] | None = None  # exact spelling
    status: str | None = None  # one of the list's own words
    from_at: datetime | None = None  # aware; included
    to_at: datetime | None = None  # aware; excluded
    after: Sequence[Any] | None = None  # the sort values of the last row of the page before
    limit: int = 50  # 1 to LIMIT_MAX rows of a page

    def values(self) -> dict[str, Any]:
        """The parameters of the list's query; the values of `after` are `after_0`, `after_1`, ..."""
        after = (*(self.after or ()), None, None, None)
        return {
            "account_ids": None if self.account_ids is None else list(self.account_ids),
            "symbols": None if self.symbols is None else list(self.symbols),
            "status": self.status,
            "from_at": self.from_at,
            "to_at": self.to_at,
            "after_0": after[0],
            "after_1": after[1],
            "after_2": after[2],
            "rows": self.limit + 1,
        }
