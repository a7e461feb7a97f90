"""Print the ticks of a symbol as they come, and say when some were lost. `| head` ends it like Ctrl-C."""

import signal
import sys

from zmq_bridge.client import Client

signal.signal(getattr(signal, "SIGPIPE", signal.SIGTERM), signal.SIG_DFL)  # Windows has none
symbol = sys.argv[1] if len(sys.argv) > 1 else "EURUSD"
with Client.from_environment(on_gap=lambda gap: print("gap:", gap)) as client:
    for tick in client.ticks(symbol):
        print(tick.symbol, tick.time_msc, tick.bid, tick.ask, flush=True)
