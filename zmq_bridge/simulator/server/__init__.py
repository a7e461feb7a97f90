"""The parts of the broker's server process; `zmq_bridge.simulator.broker_server` puts them together.

lines        one JSON object per line, bounded
rendering    the broker's values as JSON, and requests back
operations   what a trading client may ask; controls: what a test or a demo may ask
clients      who is connected, and how many ticks each has taken
sources      tick files and the generator as one stream; feed: paces it into the broker
"""
