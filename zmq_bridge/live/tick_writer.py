"""Ticks into Redis: the latest conflated, the recent ones appended, one pipeline per flush.

Policy. The latest price of a symbol is written once per flush however many ticks came: what was overwritten unseen is
not missed here, every tick is in Postgres. The recent ticks go into `ticks:{symbol}` one entry each while a person
could still read along (READABLE_TICKS_MAX per flush and symbol); above that an entry holds the tick messages as they
came, up to PACKED_TICKS_MAX ticks, because rewriting each would cost more than all the rest of the bridge.
Streams are capped in ticks, not entries, so that memory is bounded either way.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis

from zmq_bridge.live import keys
from zmq_bridge.live.connection import sent_once
from zmq_bridge.live.errors import translated
from zmq_bridge.live.writer import to_json
from zmq_bridge.protocol.ticks import Tick

READABLE_TICKS_MAX = 20
"""Ticks of one symbol in one flush that still get an entry each: about 400 a second."""

PACKED_TICKS_MAX = 1_000
"""Ticks in one packed entry: about 50 kB."""

STREAM_ENTRIES_MIN = 10
"""A stream of packed entries keeps at least so many."""


class LiveBatch(NamedTuple):
    """One tick message for Redis."""

    symbol: str
    login: int
    session: int
    seq: int  # of the first tick
    ticks: Sequence[Tick]
    payload: bytes  # the message as packed
    received_ms: int  # our clock


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveBeat:
    """A terminal's heartbeat for Redis."""

    login: int
    role: str
    session: int
    time_msc: int
    received_ms: int


Quote = dict[str, float | int]
Fields = dict[str, str | int | bytes]
Pipe = Any  # redis-py's pipeline: its command methods are typed for both sync and async use


class TickWriter:
    """Writes flushes of ticks to the server of a Redis client, each at most once; one thread only."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = sent_once(client)

    def write(self, batches: Iterable[LiveBatch], beats: Iterable[LiveBeat] = ()) -> None:
        """Write one flush in one round trip.

        Raises:
            LiveUnavailable: Redis did not answer; nothing is kept for later, the next flush writes newer prices.
        """
        by_symbol: dict[str, list[LiveBatch]] = defaultdict(list)
        for batch in batches:
            by_symbol[batch.symbol].append(batch)
        with translated(), self._client.pipeline(transaction=False) as pipe:
            for symbol, theirs in by_symbol.items():
                _latest(pipe, symbol, theirs[-1])
                _append(pipe, keys.ticks(symbol), theirs)
            _quotes(pipe, by_symbol.values())
            for beat in {(beat.login, beat.role): beat for beat in beats}.values():
                _beat(pipe, beat)
            pipe.execute()


def _latest(pipe: Pipe, symbol: str, batch: LiveBatch) -> None:
    tick = batch.ticks[-1]
    number = batch.seq + len(batch.ticks) - 1
    clocks = {"received_ms": batch.received_ms, "server_time": server_time(tick.time_msc)}
    fields = {**_tick_fields(tick, batch, number), **clocks}
    pipe.hset(keys.tick(symbol), mapping=fields)
    pipe.publish(keys.tick(symbol), to_json({"symbol": symbol, **fields}))


def _quotes(pipe: Pipe, batches_of_symbols: Iterable[Sequence[LiveBatch]]) -> None:
    latest = {(batch.login, batch.symbol): batch for batches in batches_of_symbols for batch in batches}
    by_login: dict[int, dict[str, Quote]] = defaultdict(dict)
    for (login, symbol), batch in latest.items():
        by_login[login][symbol] = _quote(batch)
    for login, quotes in by_login.items():
        pipe.hset(keys.quotes(login), mapping={symbol: to_json(quote) for symbol, quote in quotes.items()})
        pipe.publish(keys.quotes(login), to_json(quotes))


def _quote(batch: LiveBatch) -> Quote:
    tick = batch.ticks[-1]
    return {"bid": tick.bid, "ask": tick.ask, "time_msc": tick.time_msc, "received_ms": batch.received_ms}


def _append(pipe: Pipe, key: str, batches: Sequence[LiveBatch]) -> None:
    ticks = sum(len(batch.ticks) for batch in batches)
    if ticks <= READABLE_TICKS_MAX:
        entries = [
            _tick_fields(tick, batch, seq) for batch in batches for seq, tick in enumerate(batch.ticks, batch.seq)
        ]
    else:
        entries = [_packed_fields(group) for group in _groups(batches)]
    entries_max = max(STREAM_ENTRIES_MIN, keys.TICK_STREAM_TICKS_MAX * len(entries) // ticks)
    for fields in entries:
        pipe.xadd(key, fields, maxlen=entries_max, approximate=True)


def _tick_fields(tick: Tick, batch: LiveBatch, seq: int) -> Fields:
    return {
        "bid": repr(tick.bid), "ask": repr(tick.ask), "last": repr(tick.last), "volume_real": repr(tick.volume_real),
        "flags": tick.flags, "time_msc": tick.time_msc, "login": batch.login, "session": batch.session, "seq": seq,
    }  # fmt: skip


def _packed_fields(group: Sequence[LiveBatch]) -> Fields:
    last = group[-1]
    return {
        **_tick_fields(last.ticks[-1], last, last.seq + len(last.ticks) - 1),
        "count": sum(len(batch.ticks) for batch in group),
        "msgpack": b"".join(batch.payload for batch in group),
    }


def _groups(batches: Sequence[LiveBatch]) -> Iterator[list[LiveBatch]]:
    """Runs of one login, of about PACKED_TICKS_MAX ticks."""
    group: list[LiveBatch] = []
    ticks = 0
    for batch in batches:
        if group and (ticks + len(batch.ticks) > PACKED_TICKS_MAX or batch.login != group[0].login):
            yield group
            group, ticks = [], 0
        group.append(batch)
        ticks += len(batch.ticks)
    if group:
        yield group


def _beat(pipe: Pipe, beat: LiveBeat) -> None:
    """Note the beat beside, not instead of, the `last_seen_ms` that the command channel writes."""
    fields = {f"{beat.role}.beat_ms": beat.received_ms, f"{beat.role}.time_msc": beat.time_msc}
    pipe.hset(keys.terminal(beat.login), mapping=fields)
    pipe.pexpire(keys.terminal(beat.login), keys.TERMINAL_TTL_MS)


def server_time(time_msc: int) -> str:
    """The server clock for a person, in the server's own zone: `2020-01-01 17:00:00.065`."""
    return f"{datetime.fromtimestamp(time_msc // 1000, UTC):%Y-%m-%d %H:%M:%S}.{time_msc % 1000:03d}"
