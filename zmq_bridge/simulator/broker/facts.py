"""The facts that the books are made of, and their text form: what is on disk is exactly what changed the state.

A fact carries the whole new version of what it is about, so applying one needs no arithmetic and no other fact.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, get_type_hints

from zmq_bridge.simulator.broker.model import Deal, Order, Position
from zmq_bridge.simulator.errors import JournalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The account that these books are of: the first fact, and the only one of its kind."""

    login: int
    server: str
    currency: str
    currency_digits: int
    margin_mode: str  # netting or hedging
    leverage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionGone:
    """A position was closed."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledOver:
    """The server's midnight at the start of this day was booked."""

    day: int  # days since 1970 on the server's clock


Fact = Opened | Deal | Order | Position | PositionGone | RolledOver

_KINDS: dict[str, type] = {cls.__name__: cls for cls in (Opened, Deal, Order, Position, PositionGone, RolledOver)}


def fact_to_row(fact: Fact) -> list[Any]:
    """Turn a fact into `[kind, {field: value}]`, Decimals as text."""
    values = {f.name: _plain(getattr(fact, f.name)) for f in fields(fact)}
    return [type(fact).__name__, values]


def fact_from_row(row: Any) -> Fact:
    """Turn `[kind, {field: value}]` back into a fact.

    Raises:
        JournalError: not a fact that this version writes.
    """
    try:
        kind, values = row
        cls = _KINDS[kind]
        readers = _readers(cls)
        fact: Fact = cls(**{name: readers[name](value) for name, value in values.items()})
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise JournalError(f"expected a fact of the broker's books, found {row!r}") from error
    return fact


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value


@cache
def _readers(cls: type) -> dict[str, Callable[[Any], Any]]:
    """Each field's type is its own reader: Decimal, int, str, or an enum by value."""
    return get_type_hints(cls)
