"""Magic numbers as they are stored: signed, as MT5 shows them.

MT5 takes a magic number as an unsigned integer of 64 bits and gives it back as a signed one. Another Expert Advisor's
-1 comes over the wire as 2**64 - 1; it must not keep an account's books from being stored.
"""

from collections.abc import Mapping
from typing import Any

SIGN = 2**63


def stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a position, order or deal of the wire as it is stored."""
    magic = row["magic"]
    return {**row, "magic": magic - 2 * SIGN if magic >= SIGN else magic}


def told(stored_magic: int) -> int:
    """Return a stored magic number as the wire has it."""
    return stored_magic % (2 * SIGN)
