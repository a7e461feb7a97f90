"""The terminal's connection to the broker: made anew when it broke, after a pause that doubles; polled like any."""

import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.errors import BrokerUnreachable

RETRY_FIRST_MS = 200
RETRY_MAX_MS = 5000

log = logging.getLogger(__name__)


class BrokerLink:
    """A broker that may be away."""

    def __init__(
        self, host: str, port: int, poller: zmq.Poller, *, timeout_s: float, while_waiting: Callable[[], None]
    ) -> None:
        self._address = (host, port)
        self._poller = poller
        self._timeout_s = timeout_s
        self._while_waiting = while_waiting
        self._client: BrokerClient | None = None
        self._not_before_ms = 0
        self._pause_ms = RETRY_FIRST_MS

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._client is not None

    def connect(self, now_ms: int) -> bool:
        """Try to connect, when it is time; True when the connection is new."""
        if self._client or now_ms < self._not_before_ms:
            return False
        try:
            client = BrokerClient(*self._address, timeout_s=self._timeout_s, while_waiting=self._while_waiting)
        except BrokerUnreachable as error:
            self._put_off(now_ms, error)
            return False
        self._client, self._pause_ms = client, RETRY_FIRST_MS
        self._poller.register(client.fileno(), zmq.POLLIN)
        return True

    def drop(self, now_ms: int, error: Exception) -> None:
        """Give the connection up after an error, and try again later."""
        self.close()
        self._put_off(now_ms, error)

    def close(self) -> None:
        """Give the connection up."""
        if self._client:
            self._poller.unregister(self._client.fileno())
            self._client.close()
            self._client = None

    def wait_ms(self, now_ms: int) -> int | None:
        """Say when to try again; None while connected."""
        return None if self._client else max(0, self._not_before_ms - now_ms)

    def call(self, op: str, **arguments: Any) -> Any:
        """Ask the broker; BrokerUnreachable when there is no connection or no answer."""
        if self._client is None:
            raise BrokerUnreachable("broker: expected a connection, found none")
        return self._client.call(op, **arguments)

    def done(self, n: int) -> None:
        """Tell how many ticks are taken."""
        if self._client:
            self._client.tell({"op": "done", "n": n})

    def pushes(self) -> list[dict[str, Any]]:
        """What the broker pushed; BrokerUnreachable when the connection is gone."""
        return self._client.pushes() if self._client else []

    def _put_off(self, now_ms: int, error: Exception) -> None:
        log.warning("no connection to the broker, trying again in %d ms: %s", self._pause_ms, error)
        self._not_before_ms = now_ms + self._pause_ms
        self._pause_ms = min(2 * self._pause_ms, RETRY_MAX_MS)


def now_ms() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000
