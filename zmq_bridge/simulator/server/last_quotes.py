"""The last quote of each symbol in a small file beside the journal, so that open positions keep a price over a restart.

Not part of the books: losing it costs the prices until the next tick, nothing else. Replaced as a whole, atomically.
"""

import json
import os
from pathlib import Path

from zmq_bridge.protocol.ticks import Tick


def load_quotes(path: Path) -> dict[str, Tick]:
    """Read the file; a missing or damaged one is empty."""
    try:
        rows = json.loads(path.read_text())
        return {
            str(symbol): Tick(int(time_msc), float(bid), float(ask), float(last), float(volume), int(flags))
            for symbol, (time_msc, bid, ask, last, volume, flags) in rows.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def save_quotes(path: Path, quotes: dict[str, Tick]) -> None:
    """Write the file; OSError when the disk refuses."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(quotes))
    os.replace(beside, path)
