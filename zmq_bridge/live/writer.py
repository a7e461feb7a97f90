"""Everything but ticks into Redis: accounts, positions, terminals, signals, events, figures.

Each call is one round trip; a key and its channel change together. A failure raises `LiveUnavailable` and is the
caller's to count: nobody who writes live state may wait for it, or fail because of it.

Who writes what: the desk writes accounts, positions, signals and events; the recorder writes ticks and quotes; both
write terminals (a request and a beat are both signs of life) and their own figures.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

import redis

from zmq_bridge.live import keys
from zmq_bridge.live.connection import sent_once
from zmq_bridge.live.errors import translated
from zmq_bridge.live.types import PolledQuote

Scalar = str | int | float | Decimal | bool | None

STATS_TTL_MS = 24 * 3_600_000
"""Figures of a bridge that is gone for good disappear after a day."""


class LiveWriter:
    """Writes live state through one Redis client; safe from several threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._appending = sent_once(client)
        self._begun: set[str] = set()

    def write_account(self, login: int, fields: Mapping[str, Scalar], *, received_ms: int) -> None:
        """Replace the account's snapshot. `received_ms` is our clock, Unix UTC, when the snapshot came in."""
        self._replace(keys.account(login), {**fields, "received_ms": received_ms})

    def write_positions(self, login: int, positions: Sequence[Mapping[str, Scalar]], *, received_ms: int) -> None:
        """Replace the account's open positions, each a map of the wire with its `ticket`."""
        by_ticket = {
            str(position["ticket"]): to_json({**position, "received_ms": received_ms}) for position in positions
        }
        self._replace(keys.positions(login), by_ticket)

    def write_quotes(self, login: int, quotes: Mapping[str, PolledQuote], *, received_ms: int) -> None:
        """Note the newest prices that a terminal without a feed brought."""
        if not quotes:
            return
        fields = {
            symbol: {"bid": quote.bid, "ask": quote.ask, "time_msc": quote.time_msc, "received_ms": received_ms}
            for symbol, quote in quotes.items()
        }
        texts = {symbol: to_json(quote) for symbol, quote in fields.items()}
        with translated(), self._client.pipeline(transaction=False) as pipe:
            pipe.hset(keys.quotes(login), mapping=texts)  # type: ignore[arg-type]  # redis-py's mapping type is invariant
            pipe.publish(keys.quotes(login), to_json(fields))
            pipe.execute()

    def write_terminal(
        self, login: int, role: str, *, session: int, last_seen_ms: int, fields: Mapping[str, Scalar] | None = None
    ) -> None:
        """Note a sign of life of the terminal in `role` (both, feed or desk), and keep the key for 3 s more."""
        seen = {"session": session, "last_seen_ms": last_seen_ms, **(fields or {})}
        named = {f"{role}.{name}": as_text(value) for name, value in seen.items()}
        self._keep(keys.terminal(login), named, keys.TERMINAL_TTL_MS)

    def forget_terminal(self, login: int, role: str) -> None:
        """Remove a terminal that said bye, at once instead of after 3 s."""
        key = keys.terminal(login)
        if self._remove(key, f"{role}."):
            with translated():
                self._client.publish(key, to_json({"role": role, "state": "disconnected"}))

    def add_signal(self, fields: Mapping[str, Scalar]) -> None:
        """Append a decided signal."""
        self._append(keys.SIGNALS, fields)

    def add_event(self, kind: str, login: int, fields: Mapping[str, object]) -> None:
        """Append what happened at an account; `fields` go in as JSON under `data`."""
        self._append(keys.EVENTS, {"kind": kind, "login": login, "data": to_json(fields)})

    def write_stats(self, process: str, fields: Mapping[str, Scalar]) -> None:
        """Write this process's figures (fields `{process}.{name}`), leaving those of the others.

        The first call removes what an earlier run of the process left.
        """
        named = {f"{process}.{name}": as_text(value) for name, value in fields.items()}
        if process not in self._begun:
            self._remove(keys.STATS, f"{process}.")
            self._begun.add(process)
        self._keep(keys.STATS, named, STATS_TTL_MS)

    def _remove(self, key: str, prefix: str) -> bool:
        """Remove the fields of a hash that begin with `prefix`; True when there were any."""
        with translated():
            names = cast(list[bytes], self._client.hkeys(key))
            gone = [name for name in names if name.startswith(prefix.encode())]
            if gone:
                self._client.hdel(key, *gone)
        return bool(gone)

    def _replace(self, key: str, fields: Mapping[str, Scalar]) -> None:
        texts = {name: as_text(value) for name, value in fields.items()}
        with translated(), self._client.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            if texts:
                pipe.hset(key, mapping=texts)  # type: ignore[arg-type]  # redis-py's mapping type is invariant
            pipe.publish(key, to_json(texts))
            pipe.execute()

    def _keep(self, key: str, texts: Mapping[str, str], ttl_ms: int) -> None:
        with translated(), self._client.pipeline(transaction=False) as pipe:
            pipe.hset(key, mapping=texts)  # type: ignore[arg-type]  # redis-py's mapping type is invariant
            pipe.pexpire(key, ttl_ms)
            pipe.publish(key, to_json(texts))
            pipe.execute()

    def _append(self, key: str, fields: Mapping[str, Scalar]) -> None:
        texts = {name: as_text(value) for name, value in fields.items()}
        with translated(), self._appending.pipeline(transaction=False) as pipe:
            pipe.xadd(key, texts, maxlen=keys.EVENT_STREAM_ENTRIES_MAX, approximate=True)  # type: ignore[arg-type]  # as above
            pipe.publish(key, to_json(texts))
            pipe.execute()


def as_text(value: Scalar) -> str:
    """Write a value as a person would read it: 1.1212, 1, EURUSD, true; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def to_json(fields: Mapping[str, object]) -> str:
    """Compact JSON; Decimals as strings, so that no digit is lost."""
    return json.dumps(fields, separators=(",", ":"), default=str, ensure_ascii=False)
