"""Write ticks as a file in one of the formats that we read, so that a clone without sample data can make its own."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.errors import TickFileError
from zmq_bridge.simulator.tickfiles.times import EPOCH


def write_tick_file(path: str | Path, ticks: Iterable[Tick], *, digits: int, format: str = "histdata") -> int:
    """Write ticks with `digits` decimals and return how many; formats `histdata`, `quotes` and `mt5`."""
    if format not in _LINES:
        raise TickFileError(f"{path}: expected a format out of {', '.join(_LINES)}, found {format!r}")
    header, line = _LINES[format]
    count = 0
    with Path(path).open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(header)
        for tick in ticks:
            stream.write(line(tick, digits))
            count += 1
    return count


def _histdata_line(tick: Tick, digits: int) -> str:
    moment = EPOCH + timedelta(milliseconds=tick.time_msc)
    return f"{moment:%Y%m%d %H%M%S}{tick.time_msc % 1000:03d},{tick.bid:.{digits}f},{tick.ask:.{digits}f},0\n"


def _quotes_line(tick: Tick, digits: int) -> str:
    moment = EPOCH + timedelta(milliseconds=tick.time_msc)
    return f"{moment.isoformat(sep=' ', timespec='milliseconds')},{tick.bid:.{digits}f},{tick.ask:.{digits}f}\n"


def _mt5_line(tick: Tick, digits: int) -> str:
    moment = EPOCH + timedelta(milliseconds=tick.time_msc)
    clock = f"{moment:%Y.%m.%d}\t{moment:%H:%M:%S}.{tick.time_msc % 1000:03d}"
    return f"{clock}\t{tick.bid:.{digits}f}\t{tick.ask:.{digits}f}\t\t\t{tick.flags}\n"


_LINES: dict[str, tuple[str, Callable[[Tick, int], str]]] = {
    "histdata": ("", _histdata_line),
    "quotes": ("timestamp,bid,ask\n", _quotes_line),
    "mt5": ("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n", _mt5_line),
}
