"""Every Redis key and channel of the bridge, its name and its meaning; no other module spells one.

docs/redis.md shows each with a redis-cli session. A channel carries what changed, as JSON, under the name of the key
that changed. Symbols keep the broker's exact spelling, so they may hold dots; nothing is ever parsed back out of a key.
"""

from dataclasses import dataclass

TERMINAL_TTL_MS = 3_000
"""A terminal hash lives so long after its last sign of life: silence makes the key vanish."""

TICK_STREAM_TICKS_MAX = 10_000
"""Ticks kept in each `ticks:{symbol}`, about: about a minute of a fast market, hours of a slow one."""

EVENT_STREAM_ENTRIES_MAX = 10_000
"""Entries kept in `signals` and in `events`, about."""

SIGNALS = "signals"
EVENTS = "events"
STATS = "bridge:stats"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDoc:
    """One kind of key, for `docs/redis.md` and the CLI."""

    pattern: str
    """The name, with {placeholders}."""

    kind: str
    """Redis type."""

    meaning: str
    """What it holds."""

    try_it: str
    """A redis-cli command that shows it."""


def tick(symbol: str) -> str:
    """Latest tick of a symbol, whichever account it came from."""
    return f"tick:{symbol}"


def ticks(symbol: str) -> str:
    """The last ticks of a symbol, oldest first."""
    return f"ticks:{symbol}"


def quotes(login: int) -> str:
    """Latest quote of every symbol, as one account's broker sees it."""
    return f"quotes:{login}"


def account(login: int) -> str:
    """The account's last snapshot."""
    return f"account:{login}"


def positions(login: int) -> str:
    """The account's open positions, ticket to JSON."""
    return f"positions:{login}"


def terminal(login: int) -> str:
    """Signs of life of the account's terminals."""
    return f"terminal:{login}"


def rate(budget: str, who: str) -> str:
    """When the budget of a key or of an address is whole again, in microseconds; gone when it is."""
    return f"rate:{budget}:{who}"


DOCS = (
    KeyDoc(
        pattern="tick:{symbol}",
        kind="hash",
        meaning="latest tick of the symbol from any account: bid, ask, last, time_msc, received_ms, login, seq",
        try_it="HGETALL tick:EURUSD",
    ),
    KeyDoc(
        pattern="ticks:{symbol}",
        kind="stream",
        meaning="the last ticks, an entry each (at high rates an entry holds a batch, see `count` and `msgpack`)",
        try_it="XREVRANGE ticks:EURUSD + - COUNT 5",
    ),
    KeyDoc(
        pattern="quotes:{login}",
        kind="hash",
        meaning="symbol to JSON {bid, ask, time_msc, received_ms}: the account's own prices, what risk judges by",
        try_it="HGET quotes:123456 EURUSD",
    ),
    KeyDoc(
        pattern="account:{login}",
        kind="hash",
        meaning="last account snapshot: balance, equity, margin, ..., received_ms",
        try_it="HMGET account:123456 balance equity",
    ),
    KeyDoc(
        pattern="positions:{login}",
        kind="hash",
        meaning="ticket to JSON of the open position; no key means none are open",
        try_it="HGETALL positions:123456",
    ),
    KeyDoc(
        pattern="terminal:{login}",
        kind="hash",
        meaning="signs of life by role: both.session, both.last_seen_ms, both.beat_ms, ...; gone after 3 s of silence",
        try_it="HGETALL terminal:123456",
    ),
    KeyDoc(
        pattern=SIGNALS,
        kind="stream",
        meaning="signals as they were decided",
        try_it="XREVRANGE signals + - COUNT 5",
    ),
    KeyDoc(
        pattern=EVENTS,
        kind="stream",
        meaning="what happened: deals, command results, terminals coming and going, gaps",
        try_it="XREVRANGE events + - COUNT 5",
    ),
    KeyDoc(
        pattern=STATS,
        kind="hash",
        meaning="the bridge's own figures by process: rates, lag, queue depths, drops, gaps",
        try_it="HGETALL bridge:stats",
    ),
)
