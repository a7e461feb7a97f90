"""Short words for what a demo or a shell does to a running simulated broker. Each opens a connection of its own.

from zmq_bridge.simulator.demo import deposit
deposit("127.0.0.1", 5559, Decimal("500.00"))
"""

from decimal import Decimal
from typing import Any

from zmq_bridge.simulator.broker_client import BrokerClient


def deposit(host: str, port: int, amount: Decimal, comment: str = "Deposit") -> int:
    """Put money into the simulated account; returns the deal's ticket.

    Raises:
        BrokerRefused: not a positive amount of whole cents.
        BrokerUnreachable: no simulated broker there.
    """
    return _cash(host, port, abs(amount), comment)


def withdraw(host: str, port: int, amount: Decimal, comment: str = "Withdrawal") -> int:
    """Take money out, as far as no position needs it; returns the deal's ticket. Raises as `deposit` does."""
    return _cash(host, port, -abs(amount), comment)


def books(host: str, port: int) -> dict[str, Any]:
    """Read the broker's own books: the oracle that everything else is compared with. Amounts are exact text."""
    with BrokerClient(host, port) as broker:
        found: dict[str, Any] = broker.call("books")
        return found


def status(host: str, port: int) -> dict[str, Any]:
    """Ask what the broker and its feed are doing."""
    with BrokerClient(host, port) as broker:
        found: dict[str, Any] = broker.call("status")
        return found


def _cash(host: str, port: int, amount: Decimal, comment: str) -> int:
    with BrokerClient(host, port) as broker:
        return int(broker.call("cash", amount=str(amount), comment=comment)["ticket"])
