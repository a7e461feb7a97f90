"""The strategy SDK: ticks, signals and queries in a few lines, blocking or with asyncio.

It knows the wire and libzmq and nothing else of the bridge, so it can be shipped alone. The two clients have the same
names; what they share (tick_flow, desk_call) is pure.
"""

from zmq_bridge.client.aio import AsyncClient, AsyncTickFeed
from zmq_bridge.client.errors import ClientError, ClientMisuse, NoAnswer, RequestRefused, StaleData
from zmq_bridge.client.options import ClientOptions
from zmq_bridge.client.sync import Client
from zmq_bridge.client.tick_feed import TickFeed
from zmq_bridge.client.values import Credentials, GapNotice, LiveTick, Price
from zmq_bridge.protocol.messages import Accepted, Denied, Killed
from zmq_bridge.protocol.ticks import Tick

__all__ = [
    "Accepted", "AsyncClient", "AsyncTickFeed", "Client", "ClientError", "ClientMisuse", "ClientOptions", "Credentials",
    "Denied", "GapNotice", "Killed", "LiveTick", "NoAnswer", "Price", "RequestRefused", "StaleData", "Tick", "TickFeed",
]  # fmt: skip
