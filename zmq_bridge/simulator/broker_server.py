"""The simulated broker in its own process, reached over TCP by line-delimited JSON. One account, many clients.

Requests  `{"id": 1, "op": "tick", "symbol": "EURUSD"}` and a newline; `id` is any JSON value, echoed.
Replies   `{"id": 1, "ok": true, "result": ...}` or `{"id": 1, "ok": false, "error": {"code", "message"}}`.
          A planned fault may swallow the reply to `send`: clients need a timeout, as with a real broker.
Pushes    come between replies, to subscribers only, and have `push` instead of `id`:
          `{"push": "ticks", "n": 1200, "waits": false, "skipped": {}, "ticks": {"EURUSD": [[...6 fields], ...]}}`
          `{"push": "transaction", "type": "deal_add", "deal": 7, "order": 7, "position": 7, ...}`
          `{"push": "symbol", "spec": {...}}` when a specification changed.
          `{"push": "clock", "server_offset_s": 10800}` when the server's clock was moved.

| op                                              | arguments and answer                                              |
|-------------------------------------------------|-------------------------------------------------------------------|
| hello                                           | {} -> login, server, now_msc, server_offset_s                     |
| subscribe                                       | {window} -> {}: ticks and transactions from now on                |
| done                                            | {n}: all ticks up to the n-th are taken; no reply                 |
| account snapshot symbols symbol tick            | `server.operations`: MT5's properties and functions, with MT5's   |
| copy_ticks copy_ticks_range deals deal order    | names; amounts are doubles, tickets whole numbers of 64 bits,     |
| orders_done find_comment send calc_margin       | absent prices 0, times the server's clock in ms                   |
| calc_profit                                     |                                                                   |
| cash fault faults_clear feed_pause feed_resume  | `server.controls`: for tests and demos                            |
| replay generate inject list_symbol clock        |                                                                   |
| trade_allowed books status shutdown             |                                                                   |

A client that subscribes says `done` as it takes ticks: at most `window` of them are under way to it. Everything runs in
one thread in the order in which it came, so the same inputs give the same books.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from zmq_bridge.simulator.server.process import BrokerServer
from zmq_bridge.simulator.server.settings import BrokerSettings, GenerateFeed, ReplayFeed
from zmq_bridge.simulator.server.sources import ReplayFile

__all__ = ["BrokerServer", "BrokerSettings", "GenerateFeed", "ReplayFeed", "ReplayFile", "run_broker"]

log = logging.getLogger(__name__)


def run_broker(settings: BrokerSettings, *, on_ready: Callable[[BrokerServer], None] | None = None) -> None:
    """Run the broker until SIGTERM, SIGINT or a `shutdown` request.

    Args:
        on_ready: called once connections are accepted, from the broker's own thread.

    Raises:
        JournalError: the journal is damaged, in use, or another account's.
        TickFileError: a file to be replayed cannot be used.
        SimulatorError: the port is taken.
    """
    asyncio.run(_serve(settings, on_ready))


async def _serve(settings: BrokerSettings, on_ready: Callable[[BrokerServer], None] | None) -> None:
    server = BrokerServer(settings)
    await server.start()
    log.info("broker %s login %d on %s:%d", *server.identity, settings.host, server.port)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
    if on_ready:
        on_ready(server)
    with suppress(asyncio.CancelledError):
        await server.stopped.wait()
    await server.close()
