"""The figures of a decision as people read them: money to the cent, prices with the symbol's digits, words for codes.

What is measured and its bound stand side by side; a price on the wrong side says on which side it belongs. What is not
known is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from web.denials import STOPS, belongs
from web.pages.filters import MINUS, ULID, lots, number, parsed, price, price_of, short, words

PRICE_CODES = frozenset({*STOPS, "PRICE_WRONG_SIDE", "PRICE_OFF_TICK"})  # what these measure is a price
PRICE = re.compile(r"^(sl|tp|price|stoplimit|bid|ask|entry|market|distance|spread)(_|$)")
LOTS = re.compile(r"^volume(_|$)")
MONEY = re.compile(r"^(risk(?!_reward|_percent)|margin|equity|notional|loss|profit|balance|base)(_|$)")
SECONDS, UNIT_S = "_s", "\N{NO-BREAK SPACE}s"
MONEY_PLACES = 2
ID_CHARS = 4  # of the end of a long id
OTHER_PLACES = 2  # of a figure that is 1 or more and none of these


def told(context: Mapping[str, Any] | None, code: str = "", symbol: str = "") -> Markup:
    """A decision's figures in words.

    Args:
        context: as risk gave them, by name.
        code: of the decision, which says what `found` and `expected` are.
        symbol: whose digits its prices have; "" where they are not known.
    """
    found = {name: value for name, value in (context or {}).items() if value is not None}
    if code in STOPS and (side := belongs(found)):
        shown = (_price(found[name], symbol) for name in ("found", "expected"))
        return escape(f"{STOPS[code]} {next(shown)}, must be {side} {next(shown)}")
    bounds = {name: found.pop(f"{name}_max") for name in list(found) if f"{name}_max" in found}
    least = {name: found.pop(f"{name}_min") for name in list(found) if f"{name}_min" in found}
    parts = []
    for name in found:
        figures = [each[name] for each in (found, bounds, least) if name in each]
        figure, *limits = _side_by_side(name, figures, code, symbol)
        joints = [joint for joint, each in ((" of at most", bounds), (", at least", least)) if name in each]
        ends = "".join(f"{joint} {limit}" for joint, limit in zip(joints, limits, strict=True))
        parts.append(f"{words(name.removesuffix(SECONDS))} {figure}{ends}")
    return escape("; ".join(parts))


def _side_by_side(name: str, figures: list[Any], code: str, symbol: str) -> list[str]:
    """A figure and its bounds; in full where the figure, rounded, would look as if it were at a bound."""
    shown = [_figure(name, each, code, symbol) for each in figures]
    (first, said), *others = zip(figures, shown, strict=True)
    if any(parsed(each) != parsed(first) and _read(text) == _read(said) for each, text in others):
        return [str(number(each)) for each in figures]
    return shown


def _read(text: str) -> Any:
    """What a reader takes a figure for, which may have more zeros than another."""
    found = text.replace(",", "").replace(MINUS, "-").removesuffix(UNIT_S)
    return parsed(found) or found


def _figure(name: str, value: Any, code: str, symbol: str) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    found = parsed(value)
    if found is None or isinstance(value, bool):
        return ULID.sub(lambda each: f"…{each[0][-ID_CHARS:]}", str(value))
    if PRICE.match(name) or (name in ("found", "expected") and code in PRICE_CODES):
        return _price(value, symbol)
    if LOTS.match(name):
        return str(lots(value))
    if MONEY.match(name):
        return str(number(value, places=MONEY_PLACES))
    is_whole = found == found.to_integral_value() or abs(found) < 1
    text = number(short(value)) if is_whole else number(value, places=OTHER_PLACES)
    return f"{text}{UNIT_S}" if name.endswith(SECONDS) else str(text)


def _price(value: Any, symbol: str) -> str:
    if not parsed(value):
        return str(value)
    return str(price_of(value, symbol) if symbol else price(value))
