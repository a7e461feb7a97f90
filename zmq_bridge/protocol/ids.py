"""ULIDs: 26 characters, sortable by time, unique without asking anybody.

48 bits of milliseconds, then 80 random bits; within one process every id is greater than the one before, whatever the
clock does and whichever thread asks. The clock is the caller's.
"""

from __future__ import annotations

import os
import secrets
import threading

from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.limits import ID_CHARS

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U
TIME_MS_MAX = 2**48 - 1
_RANDOM_BITS = 80
_ALPHABET_SET = frozenset(ALPHABET)


class _Monotone:
    """The last id given, as one 128-bit number; the next is never lower."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = -1

    def next(self, now_ms: int) -> int:
        fresh = (now_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            same_or_earlier_ms = now_ms <= self._last >> _RANDOM_BITS
            self._last = self._last + 1 if same_or_earlier_ms else fresh
            return self._last


_monotone = _Monotone()


def _start_afresh() -> None:
    """A forked child must not count on from its parent's last id: its siblings would too."""
    global _monotone
    _monotone = _Monotone()


os.register_at_fork(after_in_child=_start_afresh)


def new_id(now_ms: int) -> str:
    """Make a new id.

    Args:
        now_ms: Unix UTC milliseconds, 0 to 2**48 - 1.
    """
    if not 0 <= now_ms <= TIME_MS_MAX:
        raise ProtocolMisuse(f"an id needs 0 <= now_ms <= {TIME_MS_MAX}, found {now_ms}")
    return _encode(_monotone.next(now_ms))


def first_id(at_ms: int) -> str:
    """The lowest id that can be made at a moment: ids of that moment and later are not below it."""
    return _encode(at_ms << _RANDOM_BITS)


def is_id(text: str) -> bool:
    """Say whether `text` is a ULID as this module writes them (upper case, at most 128 bits)."""
    return len(text) == ID_CHARS and text[0] <= "7" and _ALPHABET_SET.issuperset(text)


def id_ms(text: str) -> int:
    """Read the milliseconds back out of an id."""
    if not is_id(text):
        raise ProtocolMisuse(f"expected a ULID of {ID_CHARS} characters, found {text!r}")
    value = 0
    for character in text[:10]:
        value = value * 32 + ALPHABET.index(character)
    return value


def _encode(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
