"""The simulated broker: accounts, orders, positions and deals with exact books. No sockets, no wall clock.

    requests   what a client may ask for, checked (checks) and done (dealing)
    fills      an order meets a price: deals and positions, hedging and netting
    triggers   what a tick sets off: pending orders, SL/TP, stop-out; rollover adds swap at the server's midnight
    market     quotes, tick history and currency conversion;  formulas: profit and margin by calculation mode
    books      the state; it changes only by facts, and journal.py keeps the facts on disk

Deterministic: the same configuration, seed and inputs give the same books. Everything is driven by ticks and requests;
time is the time of the last tick.
"""

from zmq_bridge.simulator.broker.broker import Broker, BrokerConfig
from zmq_bridge.simulator.broker.journal import FactJournal
from zmq_bridge.simulator.broker.model import Deal, Order, Position, SymbolSpec, TradeRequest, TradeResult
from zmq_bridge.simulator.broker.symbols import DEFAULT_SYMBOLS, spec_for

__all__ = [
    "DEFAULT_SYMBOLS",
    "Broker",
    "BrokerConfig",
    "Deal",
    "FactJournal",
    "Order",
    "Position",
    "SymbolSpec",
    "TradeRequest",
    "TradeResult",
    "spec_for",
]
