"""What the blocking and the asyncio client have in common: the context, the sockets, the options of a subscription."""

from __future__ import annotations

import time
import weakref
from dataclasses import replace
from typing import Any, Protocol

import zmq

from zmq_bridge.client.errors import ClientMisuse
from zmq_bridge.client.options import ClientOptions
from zmq_bridge.client.sockets import open_requester, open_subscriber
from zmq_bridge.client.tick_flow import FlowOptions, TickFlow


class Closable(Protocol):
    """A subscription that ends with its client."""

    def close(self) -> None:
        """End it."""


class Connection:
    """Sockets of one client. Nothing connects before it is needed.

    Args:
        context: its own, blocking or of zmq.asyncio; closed with the connection.
    """

    def __init__(self, options: ClientOptions, context: zmq.Context[Any]) -> None:
        self.options = options
        self._context = context
        self._feeds: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._requester: zmq.Socket[Any] | None = None

    def subscribe(self, wanted: FlowOptions) -> tuple[Any, TickFlow]:
        """Open a subscription; what it leaves open is taken from the client's own options."""
        self._require_open()
        ours = self.options
        completed = replace(
            wanted,
            login=wanted.login or ours.login,
            max_age_s=ours.max_age_s if wanted.max_age_s is None else wanted.max_age_s,
            on_gap=wanted.on_gap or ours.on_gap,
        )
        flow = TickFlow(completed, time.monotonic())
        socket = open_subscriber(
            self._context, ours.ticks_endpoint, flow.prefixes(), ours.credentials, ours.buffer_frames
        )
        return socket, flow

    def keep(self, feed: Closable) -> None:
        """Close `feed` together with this connection, if nobody did before."""
        self._feeds.add(feed)

    def requester(self) -> Any:
        """Give the REQ socket, a new one if the last was dropped; of zmq.asyncio when the context is."""
        self._require_open()
        if self._requester is None:
            self._requester = open_requester(self._context, self.options.desk_endpoint, self.options.credentials)
        return self._requester

    def drop_requester(self) -> None:
        """Throw the REQ socket away, and with it every copy of a request that is still queued in it."""
        if self._requester is not None:
            self._requester.close()
            self._requester = None

    def close(self) -> None:
        """Close everything."""
        for feed in list(self._feeds):
            feed.close()
        self.drop_requester()
        self._context.destroy(linger=0)

    def _require_open(self) -> None:
        if self._context.closed:
            raise ClientMisuse("expected an open client, found one that was closed")
