"""MetaTrader 5 to Python bridge: protocol, sockets, relay, storage, client, simulator."""
