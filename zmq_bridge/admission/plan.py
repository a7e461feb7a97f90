"""What a decision comes to: a verdict, and the commands that carry it out. Values only; `rows` makes them storable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import risk
from risk import Intent, Side
from risk.verdict import Check

OPENING_TTL = timedelta(seconds=10)  # prices and risk were judged now; later it would be another order
REDUCTION_TTL = timedelta(seconds=60)  # a way out stays wanted for longer, but not for ever
STATE_TTL = timedelta(seconds=60)  # the terminal also hears the state with every `work`


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """What a command may cost until its outcome is in a snapshot. Account currency."""

    symbol: str
    side: Side
    volume: Decimal  # lots added; 0 = a modification
    risk: Decimal
    margin: Decimal
    notional: Decimal
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command to be: its kind and the fields of the wire's map. `comment` is filled with the command's id."""

    kind: str
    payload: Mapping[str, Any]  # prices and volumes as Decimal; absent prices as 0
    expires_at: datetime
    reserve: Reserve | None = None  # None: it adds no risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A decision, not yet stored."""

    code: str  # APPROVED, or why not
    context: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    orders: tuple[Order, ...] = ()
    intent: Intent | None = None  # what risk was asked
    latch: str | None = None  # strategy that is stopped from now on

    @property
    def approved(self) -> bool:
        """Whether anything goes out."""
        return self.code == APPROVED


APPROVED = "APPROVED"


def refuse(code: str, **context: Any) -> Plan:
    """A denial of our own, before risk was asked."""
    return Plan(code=code, context=context)


def denied(verdict: risk.Denied, intent: Intent) -> Plan:
    """Risk's denial. A strategy that repeats itself is latched by it."""
    latch = (intent.strategy or intent.source) if verdict.code is risk.Code.REPEATED_EXECUTION else None
    return Plan(
        code=verdict.code.value, context=dict(verdict.context), checks=verdict.checks, intent=intent, latch=latch
    )
