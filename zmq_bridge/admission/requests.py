"""What a person or a program asks for directly, about tickets that exist: the requests that are not signals.

Frozen values with form only; `direct` judges them. `KEEP` leaves a stop as it is, None takes it away.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from zmq_bridge.admission.signal import plain_number


class Keep(Enum):
    """The one value that means: leave it as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition:
    """Close a position, whole or in part."""

    ticket: int
    volume: Decimal | None = None  # lots, > 0; None: all of it
    symbol: str | None = None  # only needed for a ticket that no snapshot has shown yet
    deviation: int | None = None  # points; None: our default


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBy:
    """Close a position by an opposite one of the same symbol (hedging accounts)."""

    ticket: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Delete a pending order."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyPosition:
    """Move the stops of a position. Away from the market is new risk and is judged as such."""

    ticket: int
    sl: Decimal | Keep | None = KEEP
    tp: Decimal | Keep | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder:
    """Change a pending order."""

    ticket: int
    price: Decimal | Keep = KEEP
    stoplimit: Decimal | Keep = KEEP
    sl: Decimal | Keep | None = KEEP
    tp: Decimal | Keep | None = KEEP
    expires_at: datetime | Keep | None = KEEP  # None: good till cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAll:
    """Close every position, of one symbol or of all; the terminal knows which there are."""

    symbol: str = ""  # "" = all
    cancel_pending: bool = False  # pending orders too
    deviation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTradingState:
    """Switch what the account may do."""

    state: str  # active, reducing or halted
    reason: str
    close_all: bool = False  # the kill switch: with halted, also close everything
    cancel_pending: bool = False  # and delete every pending order


Request = ClosePosition | CloseBy | CancelOrder | ModifyPosition | ModifyOrder | CloseAll | SetTradingState


def as_plain(request: Request) -> dict[str, Any]:
    """A request as plain JSON values: what two requests with one key must have in common."""
    values = {field.name: _plain(getattr(request, field.name)) for field in fields(request)}
    return {"request": type(request).__name__, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Keep) else value
