"""Profit and margin of MT5's calculation modes. Pure: prices and specs in, unrounded amounts out.

Profit comes in the symbol's profit currency, margin in its margin currency; conversion is the market's job.

| mode              | margin of `volume` lots                       | profit                                     |
|-------------------|-----------------------------------------------|--------------------------------------------|
| forex             | contract / leverage                           | move x contract                            |
| forex_no_leverage | contract                                      | move x contract                            |
| cfd, exch_stocks  | contract x price                              | move x contract                            |
| cfd_index         | contract x price x tick value / tick size     | move x tick value / tick size              |
| cfd_leverage      | contract x price / leverage                   | move x contract                            |
| futures           | margin_initial                                | move x tick value / tick size              |
| exch_futures      | margin_initial                                | move x tick value / tick size              |

A spec with `margin_initial` uses that amount per lot in every mode, undivided by leverage.
"""

from collections.abc import Callable
from decimal import Decimal

from zmq_bridge.simulator.broker.enums import Side
from zmq_bridge.simulator.broker.model import SymbolSpec

MarginPerLot = Callable[[SymbolSpec, Decimal, int], Decimal]


def _tick_ratio(spec: SymbolSpec) -> Decimal:
    return (spec.tick_value_fixed or spec.contract_size * spec.tick) / spec.tick


MARGIN: dict[str, MarginPerLot] = {
    "forex": lambda spec, _price, leverage: spec.contract_size / leverage,
    "forex_no_leverage": lambda spec, _price, _leverage: spec.contract_size,
    "cfd": lambda spec, price, _leverage: spec.contract_size * price,
    "exch_stocks": lambda spec, price, _leverage: spec.contract_size * price,
    "cfd_index": lambda spec, price, _leverage: spec.contract_size * price * _tick_ratio(spec),
    "cfd_leverage": lambda spec, price, leverage: spec.contract_size * price / leverage,
    "futures": lambda spec, _price, _leverage: spec.margin_initial,
    "exch_futures": lambda spec, _price, _leverage: spec.margin_initial,
}

TICK_VALUE_MODES = frozenset({"cfd_index", "futures", "exch_futures"})


def margin(spec: SymbolSpec, volume: Decimal, price: Decimal, leverage: int) -> Decimal:
    """Compute the margin of a position, in the symbol's margin currency, unrounded."""
    if spec.margin_initial:
        return volume * spec.margin_initial
    return volume * MARGIN[spec.calc_mode](spec, price, leverage)


def profit(spec: SymbolSpec, side: Side, volume: Decimal, price_open: Decimal, price_close: Decimal) -> Decimal:
    """Compute a position's profit, in the symbol's profit currency, unrounded."""
    move = (price_close - price_open) * side.sign
    per_unit = _tick_ratio(spec) if spec.calc_mode in TICK_VALUE_MODES else spec.contract_size
    return move * volume * per_unit
