"""Tick files of the public sources, read as a stream.

    from zmq_bridge.simulator.tickfiles import TickFile

    for tick in TickFile("histdata-eurusd-2020-01-01.csv"): ...

The format is detected from the content, the symbol from the name (both can be given). Times stay on the clock that
the file was written in: `TickFile.clock_offset_s` says which one that is. Nothing here guesses a value: a line that
does not fit its format is an error with its number, or is counted when the caller asks for that.
"""

from zmq_bridge.simulator.tickfiles.formats import FORMATS, TickFormat
from zmq_bridge.simulator.tickfiles.reader import TickFile
from zmq_bridge.simulator.tickfiles.writer import write_tick_file

__all__ = ["FORMATS", "TickFile", "TickFormat", "write_tick_file"]
