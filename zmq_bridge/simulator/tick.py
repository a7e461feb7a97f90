"""MT5's tick flags, and the plain bid/ask tick of feeds without a last price. The type itself is the wire's."""

from zmq_bridge.protocol.ticks import Tick

FLAG_BID = 2
FLAG_ASK = 4
FLAG_LAST = 8
FLAG_VOLUME = 16
FLAG_QUOTE = FLAG_BID | FLAG_ASK


def quote_tick(time_msc: int, bid: float, ask: float, volume_real: float = 0.0) -> Tick:
    """Build a tick of a feed that has no last price."""
    return Tick(time_msc, bid, ask, 0.0, volume_real, FLAG_QUOTE)
