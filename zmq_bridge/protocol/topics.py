"""Names of the PUB streams: `tick|gap.<symbol>.<login>`, `event|account|beat.<login>` and `beat.bridge`.

A symbol keeps the broker's exact spelling and may contain dots, so the login is what follows the LAST dot. ZeroMQ
filters by prefix: a subscription to `tick.EURUSD.` also receives `tick.EURUSD.z.1`, so a subscriber parses the topic
and compares the symbol exactly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import I64_MAX, SYMBOL_BYTES_MAX

TICK, GAP, EVENT, ACCOUNT, BEAT = "tick", "gap", "event", "account", "beat"
BRIDGE_BEAT = "beat.bridge"
BRIDGE_LOGIN = 0  # no account: the bridge speaks for itself
_WITH_SYMBOL = frozenset({TICK, GAP})
_WITHOUT_SYMBOL = frozenset({EVENT, ACCOUNT, BEAT})
_LOGIN_DIGITS_MAX = 19
_TOPICS_CACHED = 8192


class Topic(NamedTuple):
    """A topic taken apart."""

    kind: str  # tick, gap, event, account or beat
    symbol: str  # the broker's spelling; "" where the kind has none
    login: int  # 0 = the bridge itself


def tick_topic(symbol: str, login: int) -> str:
    """Name the tick stream of a symbol at an account."""
    return f"{TICK}.{_checked_symbol(symbol)}.{_checked_login(login)}"


def gap_topic(symbol: str, login: int) -> str:
    """Name the stream that announces lost and refilled ticks of a symbol at an account."""
    return f"{GAP}.{_checked_symbol(symbol)}.{_checked_login(login)}"


def event_topic(login: int) -> str:
    """Name the stream of an account's events."""
    return f"{EVENT}.{_checked_login(login)}"


def account_topic(login: int) -> str:
    """Name the stream of an account's snapshots."""
    return f"{ACCOUNT}.{_checked_login(login)}"


def beat_topic(login: int) -> str:
    """Name the heartbeat stream of a terminal; login 0 is the bridge itself."""
    return BRIDGE_BEAT if login == BRIDGE_LOGIN else f"{BEAT}.{_checked_login(login)}"


def symbol_prefix(kind: str, symbol: str) -> bytes:
    """Give what to SUBSCRIBE to for a symbol at every account (a prefix: see the module's law)."""
    return f"{kind}.{_checked_symbol(symbol)}.".encode()


@lru_cache(_TOPICS_CACHED)
def parse_topic(topic: str) -> Topic:
    """Take a topic apart.

    Raises:
        ProtocolViolation: not one of the wire's topics.
    """
    if topic == BRIDGE_BEAT:
        return Topic(BEAT, "", 0)
    kind, _, rest = topic.partition(".")
    symbol, _, login_text = rest.rpartition(".")
    if not _well_formed(kind, symbol, login_text):
        raise ProtocolViolation(
            ErrorCode.UNKNOWN_TYPE, "unknown topic", expected="<kind>.<login> or <kind>.<symbol>.<login>", found=topic
        )
    return Topic(kind, symbol, _parse_login(login_text, topic))


def _well_formed(kind: str, symbol: str, login_text: str) -> bool:
    if kind in _WITH_SYMBOL:
        return 0 < len(symbol.encode()) <= SYMBOL_BYTES_MAX
    return kind in _WITHOUT_SYMBOL and not symbol and "." not in login_text


def _parse_login(text: str, topic: str) -> int:
    canonical = text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= _LOGIN_DIGITS_MAX
    login = int(text) if canonical else 0
    if not 0 < login <= I64_MAX:
        raise ProtocolViolation(
            ErrorCode.MALFORMED, "bad login in topic", expected="decimal digits after the last dot", found=topic
        )
    return login


def _checked_symbol(symbol: str) -> str:
    try:
        size = len(symbol.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= SYMBOL_BYTES_MAX or "\0" in symbol:
        raise ProtocolMisuse(f"expected a symbol of 1 to {SYMBOL_BYTES_MAX} UTF-8 bytes without NUL, found {symbol!r}")
    return symbol


def _checked_login(login: int) -> int:
    if not 0 < login <= I64_MAX:
        raise ProtocolMisuse(f"expected a login from 1 to 2**63 - 1, found {login}")
    return login
