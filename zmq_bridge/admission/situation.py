"""Everything one decision may look at: what was stored, what is live, the limits, the moment.

Made under the account's lock, so it is the truth until the transaction ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from risk import Intent, Limits, Snapshot
from zmq_bridge.admission.live_view import LiveView
from zmq_bridge.admission.signal import plain_number
from zmq_bridge.admission.source import Source
from zmq_bridge.admission.specs import Specs

Stored = Mapping[str, Any]
BOOK_AGE_MAX = timedelta(seconds=5)  # terminals report every second


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is so, now."""

    account_id: int
    source: Source
    row: Row[Any]  # of `storage.commands.gate.read_for_signal` or `read_for_request`
    specs: Specs
    live: LiveView
    snapshot: Snapshot | None  # None: unreadable, see `problem`
    limits: Limits | None  # None: unreadable, see `problem`
    problem: str | None  # what could not be understood
    now: datetime

    @property
    def book_is_fresh(self) -> bool:
        """Whether the terminal reported positions and orders just now."""
        money = self.row.money
        return money is not None and self.now - datetime.fromisoformat(money["received_at"]) <= BOOK_AGE_MAX

    @property
    def positions(self) -> list[Stored]:
        """Open positions, oldest first, as stored."""
        return self.row.positions or []

    @property
    def orders(self) -> list[Stored]:
        """Working orders, as stored."""
        return self.row.orders or []

    def position(self, ticket: int) -> Stored | None:
        """The open position with a ticket."""
        return next((found for found in self.positions if found["ticket"] == ticket), None)

    def order(self, ticket: int) -> Stored | None:
        """The working order with a ticket."""
        return next((found for found in self.orders if found["ticket"] == ticket), None)

    def inputs(self, intent: Intent | None) -> dict[str, Any]:
        """What the decision rested on, to be stored with it."""
        row = self.row
        touched = {found["symbol"] for found in (*self.positions, *self.orders)} | {intent.symbol if intent else ""}
        quotes = {symbol: quote for symbol, quote in self.live.quotes.items() if symbol in touched}
        return {
            "intent": None if intent is None else _intent(intent),
            "money": row.money,
            "positions": row.positions,
            "orders": row.orders,
            "reservations": row.reservations,
            "risk_state": row.risk_state,
            "holds": row.holds,
            "quotes": {
                symbol: {"bid": str(quote.bid), "ask": str(quote.ask), "received_at": quote.received_at}
                for symbol, quote in quotes.items()
            },
            "heartbeat_at": self.live.heartbeat_at,
            "limits": [found["id"] for found in row.limits or ()],
            "problem": self.problem or self.live.problem,
        }


def _intent(intent: Intent) -> dict[str, Any]:
    values = {name: getattr(intent, name) for name in Intent.__slots__}
    return {name: plain_number(value) if isinstance(value, Decimal) else value for name, value in values.items()}
