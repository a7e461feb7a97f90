"""The recorder as its own process behind the real proxy, into real Postgres and Valkey."""

from tests.feed.conftest import LOGIN, PATIENCE_S, SYMBOL, make_ticks
from tests.support import wait_until


def test_every_tick_arrives_in_order_everywhere(feed, account_id):
    strategy = feed.subscribe(b"tick.EURUSD.")
    terminal = feed.terminal()
    ticks = make_ticks(5_000)
    terminal.send(ticks)
    feed.wait_stored(account_id, ticks)
    assert not feed.gaps()
    wait_until(lambda: feed.stat("redis_ticks") == 5_000, PATIENCE_S)
    from zmq_bridge.protocol.ticks import parse_tick_frame
    heard = []
    while strategy.poll(1000) and len(heard) < 5_000:
        heard += parse_tick_frame(strategy.recv())[2].ticks
    assert heard == ticks
    live = feed.live.ticks(SYMBOL, 5_000)
    assert [(t.seq, float(t.bid), t.time_msc) for t in live] == [(n+1, t.bid, t.time_msc) for n, t in enumerate(ticks)]
    print(feed.live.stats())
