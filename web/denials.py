"""What a denial says to people: its code, what the code means, and what was found, in words.

Programs act on `code` and `context`; nothing here changes them. What is not known is not said, a list is read as words,
and where a price lies on the wrong side of another it is said on which side it belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from risk.codes import Code as RiskCode
from zmq_bridge.admission.answers import Code as GateCode

EXPLANATIONS = {code.value: code.explanation for code in (*RiskCode, *GateCode)}
SYMBOLS_SHOWN = 12
PLACES_SHOWN = 6  # of a figure that has more than any price: `context` has all of them
LONG = re.compile(r"(?<![\d.])-?\d{1,12}\.\d{9,}(?![\d.])")
STOPS = {RiskCode.STOP_LOSS_WRONG_SIDE.value: "stop loss", RiskCode.TAKE_PROFIT_WRONG_SIDE.value: "take profit"}


def denial(code: str, context: Mapping[str, Any], known: Callable[[], Sequence[str]] = list) -> str:
    """A denial in one line: the code, what it means, and what was found.

    Args:
        known: asked for the account's symbols where one was named that the account does not have.
    """
    parts = [f"{code}: {EXPLANATIONS.get(code, 'denied.')}", _found(context)]
    if code in STOPS:
        parts.append(_side(STOPS[code], context))
    if code == RiskCode.SPEC_MISSING:
        parts.append(_instead(known()))
    return " ".join(part for part in parts if part)


def _found(context: Mapping[str, Any]) -> str:
    """What was found, without what was not."""
    said = [f"{name}={_value(value)}" for name, value in context.items() if value is not None]
    return f"({', '.join(said)})" if said else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(str, value))
    return LONG.sub(lambda found: f"{Decimal(found[0]):.{PLACES_SHOWN}f}", str(value))


def _side(what: str, context: Mapping[str, Any]) -> str:
    """On which side of which price a stop or a target belongs."""
    side = belongs(context)
    return f"The {what} must be {side} {context['expected']}; found {context['found']}." if side else ""


def belongs(context: Mapping[str, Any]) -> str:
    """On which side of what was `expected` that which was `found` belongs; empty where they are no prices."""
    try:
        found, edge = Decimal(context["found"]), Decimal(context["expected"])
    except (LookupError, InvalidOperation, TypeError):
        return ""
    return "below" if found > edge else "above" if found < edge else "beyond, not at,"


def _instead(symbols: Sequence[str]) -> str:
    """Which symbols there are, the first of them by name."""
    if not symbols:
        return ""
    more = len(symbols) - SYMBOLS_SHOWN
    rest = f" and {more} more, at /api/market/symbols" if more > 0 else ""
    return f"The account has {', '.join(sorted(symbols)[:SYMBOLS_SHOWN])}{rest}."
