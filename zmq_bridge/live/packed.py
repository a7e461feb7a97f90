"""A stream entry that holds many ticks: the payloads of tick messages as they came, one after the other.

At ordinary rates every tick has an entry of its own that anyone can read. At high rates the recorder does not take a
message apart and write it anew a thousand times a second: it appends the payloads, and this module expands them.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgpack  # type: ignore[import-untyped]  # ships no annotations

from zmq_bridge.live.types import LiveTick

ENTRY_BYTES_MAX = 8 << 20
"""Refuse to expand a larger entry; the writer's largest is a few hundred kB."""


def unpack_entry(symbol: str, login: int, packed: bytes) -> list[LiveTick]:
    """Expand the `msgpack` field of a stream entry into its ticks, oldest first.

    Raises:
        ValueError: not what the recorder writes.
    """
    unpacker = msgpack.Unpacker(max_buffer_size=ENTRY_BYTES_MAX)
    try:
        unpacker.feed(packed)
        batches = list(unpacker)
        return [tick for batch in batches for tick in _ticks(symbol, login, batch)]
    except (msgpack.UnpackException, msgpack.BufferFull, TypeError, IndexError) as error:
        raise ValueError(f"not a packed batch of ticks: {error}") from error


def _ticks(symbol: str, login: int, batch: list[object]) -> Iterable[LiveTick]:
    _, session, seq, rows = batch[:4]
    for number, row in enumerate(rows):  # type: ignore[arg-type,var-annotated]  # checked by unpacking; TypeError is caught
        time_msc, bid, ask, last, volume_real, flags = row
        yield LiveTick(
            symbol=symbol,
            login=login,
            session=session,  # type: ignore[arg-type]  # as packed by the terminal
            seq=seq + number,  # type: ignore[operator]  # as packed by the terminal
            time_msc=time_msc,
            bid=Decimal(repr(bid)),
            ask=Decimal(repr(ask)),
            last=Decimal(repr(last)),
            volume_real=Decimal(repr(volume_real)),
            flags=flags,
        )
