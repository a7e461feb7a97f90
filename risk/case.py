"""What the checks look at, in the three stages of a decision.

`Ask` is the question and the raw snapshot: gates read it. `risk.order.Order` is the new order as prices. `Case` is all
of it with the sums worked out: the limits read it. Each stage exists only when the one before it had no objection.
They live as long as one decision and are never changed; not frozen, because that would cost as much as the sums.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from risk.book import Book
from risk.intent import Intent
from risk.limits import Limits
from risk.order import Order
from risk.snapshot import AccountState, DayReference, Snapshot


@dataclass(slots=True)
class Ask:
    """The question as it came."""

    intent: Intent
    snapshot: Snapshot
    account: AccountState
    limits: Limits
    now: datetime
    symbol: str  # of the new order, or of the ticket to modify
    server_now: datetime | None  # what the trade server's clock shows; None: its offset is unknown


@dataclass(slots=True)
class Case:
    """Everything worked out. Money in the account currency."""

    ask: Ask
    order: Order
    book: Book  # what the account carries without the new order
    base: Decimal  # B = min(balance, equity - credit)
    day: DayReference
    volume: Decimal  # lots of the new order
    risk: Decimal  # R(new)
    margin: Decimal  # margin the new order needs
    notional: Decimal  # value of the new order at its worst entry
    loss_today: Decimal  # L = Ref + net flows - (equity - credit); negative: a gain
