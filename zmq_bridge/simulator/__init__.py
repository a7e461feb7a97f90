"""The simulated world: tick files, a broker with real books, and a terminal that speaks the wire.

Nothing here is imported by the bridge. The broker is the oracle of the project's tests: its books say what truly
happened. The terminal is the Python twin of the Expert Advisor and meets the bridge only on the wire.

    tickfiles/, generator  ->  broker (own process, TCP)  ->  terminal  ->  5555 / 5557
"""
