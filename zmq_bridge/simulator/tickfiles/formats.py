"""The line formats of tick files: each is a table entry with a parser of one line. No I/O here.

| name      | line                                                           | clock                    |
|-----------|----------------------------------------------------------------|--------------------------|
| quotes    | `2013-01-01 22:00:00.295+00:00,86.655,86.728`, header optional | the offset given, or UTC |
| truefx    | `EUR/USD,20130101 21:59:59.123,1.31942,1.31946`                | UTC                      |
| histdata  | `20200101 170000065,1.121200,1.121720,0`                       | EST, no DST (UTC-5)      |
| dukascopy | `01.01.2020 22:00:00.065,<ask>,<bid>,<ask vol>,<bid vol>`      | as its header says       |
| mt5       | tab separated DATE TIME BID ASK LAST VOLUME FLAGS              | the broker's own         |

Times are never moved to another clock: MT5 gives ticks on the trade server's clock, raw, and so do we.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.tick import FLAG_ASK, FLAG_BID, FLAG_LAST, FLAG_VOLUME, quote_tick
from zmq_bridge.simulator.tickfiles.times import DayCache, clock_msc, iso_msc, packed_clock_msc

EST_OFFSET_S = -5 * 3600


class BadLine(ValueError):
    """What a parser says of a line: the reader adds file and line number."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found


LineParser = Callable[[str], Tick]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickFormat:
    """How the lines of one source read."""

    name: str
    shape: str  # the line as a person would describe it, for error messages
    clock_offset_s: int | None  # seconds east of UTC of the times yielded; None: the file doesn't say
    parser: Callable[[str], LineParser]  # made anew for each file, from its header line ("" where there is none)


def price(text: str, name: str) -> float:
    """Read a positive finite price."""
    try:
        value = float(text)
    except ValueError:
        raise BadLine(f"a number as {name}", text) from None
    if not (math.isfinite(value) and value > 0.0):
        raise BadLine(f"a positive {name}", text)
    return value


def volume(text: str) -> float:
    """Read a volume that is finite and not negative; an empty one is 0."""
    try:
        value = float(text or 0)
    except ValueError:
        raise BadLine("a number as volume", text) from None
    if not (math.isfinite(value) and value >= 0.0):
        raise BadLine("a volume of at least 0", text)
    return value


def quote(time_msc: int, bid: str, ask: str, volume_real: float = 0.0) -> Tick:
    """Build a tick of a feed without last price; a crossed quote is refused."""
    tick = quote_tick(time_msc, price(bid, "bid"), price(ask, "ask"), volume_real)
    if tick.ask < tick.bid:
        raise BadLine("ask >= bid", f"bid={bid}, ask={ask}")
    return tick


def _fields(line: str, separator: str, counts: tuple[int, ...], shape: str) -> list[str]:
    fields = line.split(separator)
    if len(fields) not in counts:
        raise BadLine(f"{shape} ({' or '.join(map(str, counts))} columns)", line)
    return fields


def _time(read: Callable[[], int], expected: str, found: str) -> int:
    try:
        return read()
    except ValueError:
        raise BadLine(expected, found) from None


def _quotes_parser(header: str) -> LineParser:
    ask_first = header.lower().replace(" ", "").startswith("timestamp,ask")

    def parse(line: str) -> Tick:
        stamp, first, second = _fields(line, ",", (3,), "timestamp,bid,ask")
        time_msc = _time(lambda: iso_msc(stamp), "an ISO 8601 time", stamp)
        return quote(time_msc, second, first) if ask_first else quote(time_msc, first, second)

    return parse


def _truefx_parser(_header: str) -> LineParser:
    days = DayCache()

    def parse(line: str) -> Tick:
        _pair, stamp, bid, ask = _fields(line, ",", (4,), "PAIR,YYYYMMDD HH:MM:SS.mmm,bid,ask")
        day, _, clock = stamp.partition(" ")
        time_msc = _time(
            lambda: days.msc(day[:4], day[4:6], day[6:]) + clock_msc(clock), "a time YYYYMMDD HH:MM:SS.mmm", stamp
        )
        return quote(time_msc, bid, ask)

    return parse


def _histdata_parser(_header: str) -> LineParser:
    days = DayCache()

    def parse(line: str) -> Tick:
        stamp, bid, ask, size = _fields(line, ",", (4,), "YYYYMMDD HHMMSSmmm,bid,ask,volume")
        day, _, clock = stamp.partition(" ")
        time_msc = _time(
            lambda: days.msc(day[:4], day[4:6], day[6:]) + packed_clock_msc(clock), "a time YYYYMMDD HHMMSSmmm", stamp
        )
        return quote(time_msc, bid, ask, volume(size))

    return parse


def _dukascopy_time(stamp: str, days: DayCache) -> int:
    """Read `DD.MM.YYYY HH:MM:SS.mmm`, `YYYY.MM.DD ...` (a trailing `GMT+0200` is the clock's name) or epoch ms."""
    if len(stamp) == 13 and stamp.isdigit():
        return int(stamp)
    day, clock = stamp.split(" ")[:2]
    a, b, c = day.split(".")
    year, month, date = (a, b, c) if len(a) == 4 else (c, b, a)
    return days.msc(year, month, date) + clock_msc(clock)


def _dukascopy_parser(header: str) -> LineParser:
    days = DayCache()
    names = [name.strip().lower() for name in header.split(",")]
    bid_first = len(names) > 2 and names[1].startswith("bid")

    def parse(line: str) -> Tick:
        fields = _fields(line, ",", (3, 5), "time,ask,bid,ask volume,bid volume")
        time_msc = _time(lambda: _dukascopy_time(fields[0], days), "a time DD.MM.YYYY HH:MM:SS.mmm", fields[0])
        bid, ask = (fields[1], fields[2]) if bid_first else (fields[2], fields[1])
        size = volume(fields[3]) + volume(fields[4]) if len(fields) == 5 else 0.0
        return quote(time_msc, bid, ask, size)

    return parse


def _mt5_parser(_header: str) -> LineParser:
    days = DayCache()
    before: list[Tick] = []  # at most one: the tick whose values an empty column repeats

    def parse(line: str) -> Tick:
        fields = _fields(line, "\t", (6, 7), "DATE TIME BID ASK LAST VOLUME FLAGS, tab separated")
        day, clock = fields[0], fields[1]
        time_msc = _time(
            lambda: days.msc(*_three(day)) + clock_msc(clock), "a time YYYY.MM.DD HH:MM:SS.mmm", f"{day} {clock}"
        )
        tick = _mt5_tick(time_msc, fields, before[0] if before else None)
        before[:] = [tick]
        return tick

    return parse


def _mt5_tick(time_msc: int, fields: list[str], before: Tick | None) -> Tick:
    bid, ask, last, size = (field.strip() for field in fields[2:6])
    if before is None and not (bid and ask):
        raise BadLine("bid and ask on the first line", "\t".join(fields))
    values = before or quote_tick(time_msc, 0.0, 0.0)
    columns = ((bid, FLAG_BID), (ask, FLAG_ASK), (last, FLAG_LAST), (size, FLAG_VOLUME))
    changed = sum(flag for text, flag in columns if text)
    tick = Tick(
        time_msc,
        price(bid, "bid") if bid else values.bid,
        price(ask, "ask") if ask else values.ask,
        volume(last) if last else values.last,
        volume(size) if size else values.volume_real,
        _flags(fields[6]) if len(fields) == 7 and fields[6].strip() else changed,
    )
    if tick.ask < tick.bid:
        raise BadLine("ask >= bid", f"bid={tick.bid}, ask={tick.ask}")
    return tick


def _flags(text: str) -> int:
    if not text.strip().isdigit():
        raise BadLine("a whole number as FLAGS", text)
    return int(text)


def _three(day: str) -> tuple[str, str, str]:
    year, month, date = day.split(".")
    return year, month, date


QUOTES = TickFormat(name="quotes", shape="timestamp,bid,ask", clock_offset_s=0, parser=_quotes_parser)
TRUEFX = TickFormat(name="truefx", shape="PAIR,YYYYMMDD HH:MM:SS.mmm,bid,ask", clock_offset_s=0, parser=_truefx_parser)
HISTDATA = TickFormat(
    name="histdata",
    shape="YYYYMMDD HHMMSSmmm,bid,ask,volume",
    clock_offset_s=EST_OFFSET_S,
    parser=_histdata_parser,
)
DUKASCOPY = TickFormat(
    name="dukascopy", shape="time,ask,bid,ask volume,bid volume", clock_offset_s=None, parser=_dukascopy_parser
)
MT5 = TickFormat(
    name="mt5", shape="DATE TIME BID ASK LAST VOLUME FLAGS, tab separated", clock_offset_s=None, parser=_mt5_parser
)

FORMATS: dict[str, TickFormat] = {f.name: f for f in (QUOTES, TRUEFX, HISTDATA, DUKASCOPY, MT5)}
