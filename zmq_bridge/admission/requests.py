"""What a person or a program asks for directly, about tickets that exist: the requests that are not signals.

Frozen values, whose form is checked when they are made (`InvalidRequest`); `direct` judges them. `KEEP` leaves a stop
as it is, None takes it away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from zmq_bridge.admission.signal import plain_number

TICKET_MAX = 2**63 - 1
TEXT_CHARS_MAX = 200
NUMBER_MAX = Decimal(10) ** 12
STATES = ("active", "reducing", "halted")


class InvalidRequest(ValueError):
    """A request that can't be meant: the field, what was expected and what was found."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        """Say it in one line."""
        super().__init__(f"{field}: expected {expected}; found {found!r}")
        self.field = field


class Keep(Enum):
    """The one value that means: leave it as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


class _Checked:
    """Checks every field's value by its kind."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            check(field.name, getattr(self, field.name))


def check(name: str, value: object) -> None:
    """Refuse a value that no field of this name could mean.

    Raises:
        InvalidRequest: with the field, what was expected and what was found.
    """
    problem = next((expected for kind, fits, expected in _KINDS if isinstance(value, kind) and not fits(value)), None)
    if problem is not None:
        raise InvalidRequest(name, problem, value)
    if name == "state" and value not in STATES:
        raise InvalidRequest(name, f"one of {', '.join(STATES)}", value)
    if name == "reason" and not str(value).strip():
        raise InvalidRequest(name, "a reason", value)
    if name in ("ticket", "by") and (type(value) is not int or value < 1):
        raise InvalidRequest(name, "a ticket", value)


_KINDS: tuple[tuple[type, Callable[[Any], bool], str], ...] = (
    (Decimal, lambda value: value.is_finite() and 0 < value < NUMBER_MAX, f"a number above 0, below {NUMBER_MAX:f}"),
    (int, lambda value: 0 <= value <= TICKET_MAX, f"an integer from 0 to {TICKET_MAX}"),
    (
        str,
        lambda value: len(value) <= TEXT_CHARS_MAX and value.isprintable(),
        f"at most {TEXT_CHARS_MAX} printable characters",
    ),
    (datetime, lambda value: value.tzinfo is not None, "a time with its offset from UTC"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(_Checked):
    """Close a position, whole or in part."""

    ticket: int
    volume: Decimal | None = None  # lots, > 0; None: all of it
    symbol: str | None = None  # only needed for a ticket that no snapshot has shown yet
    deviation: int | None = None  # points; None: our default


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBy(_Checked):
    """Close a position by an opposite one of the same symbol (hedging accounts)."""

    ticket: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(_Checked):
    """Delete a pending order."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyPosition(_Checked):
    """Move the stops of a position. Away from the market is new risk and is judged as such."""

    ticket: int
    sl: Decimal | Keep | None = KEEP
    tp: Decimal | Keep | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder(_Checked):
    """Change a pending order."""

    ticket: int
    price: Decimal | Keep = KEEP
    stoplimit: Decimal | Keep = KEEP
    sl: Decimal | Keep | None = KEEP
    tp: Decimal | Keep | None = KEEP
    expires_at: datetime | Keep | None = KEEP  # None: good till cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAll(_Checked):
    """Close every position, of one symbol or of all; the terminal knows which there are."""

    symbol: str = ""  # "" = all
    cancel_pending: bool = False  # pending orders too
    deviation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTradingState(_Checked):
    """Switch what the account may do. The kill switch is `storage.risk.kill`, which needs no gate."""

    state: str  # active, reducing or halted
    reason: str


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
