"""An imagined trade, worked out by the broker's own functions: what the bridge compares its own figures with."""

from decimal import Decimal
from typing import Any

from zmq_bridge.protocol.numbers import to_decimal
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.protocol.values import Probe, Spec
from zmq_bridge.simulator.terminal.executor import Broker

MOVE = Decimal("0.01")  # from price_open to price_close: far enough that cents don't hide a difference


def probe_of(broker: Broker, spec: Spec) -> Probe | None:
    """Ask what one lot of a symbol needs and makes at the present price; None while the broker can't say.

    Raises:
        BrokerUnreachable: the connection is gone.
    """
    row = broker.call("tick", symbol=spec.symbol)
    if row is None or not (ask := Tick._make(row).ask) > 0:
        return None
    volume = min(max(Decimal(1), spec.volume_min), spec.volume_max)
    price_open = to_decimal(ask)
    price_close = price_open + (price_open * MOVE // spec.tick_size + 1) * spec.tick_size
    figures = _figures(broker, spec.symbol, volume, price_open, price_close)
    if any(figure is None for figure in figures.values()):
        return None
    amounts = {name: to_decimal(figure) for name, figure in figures.items()}
    return Probe(volume=volume, price_open=price_open, price_close=price_close, **amounts)


def _figures(
    broker: Broker, symbol: str, volume: Decimal, price_open: Decimal, price_close: Decimal
) -> dict[str, Any]:
    trade = {"symbol": symbol, "volume": str(volume)}
    prices = {"price_open": str(price_open), "price_close": str(price_close)}
    return {
        "margin_buy": broker.call("calc_margin", type="buy", price=str(price_open), **trade),
        "margin_sell": broker.call("calc_margin", type="sell", price=str(price_open), **trade),
        "profit_buy": broker.call("calc_profit", type="buy", **prices, **trade),
        "profit_sell": broker.call("calc_profit", type="sell", **prices, **trade),
    }
