"""Drawdown on a unit price: the account as a fund with one holder.

The account's NAV (equity - credit) is divided into units. Trading moves the price of a unit; a deposit creates units
and a withdrawal burns them at the price of that moment, so neither moves the price. Drawdown is 1 - price / peak. Raw
equity would call every withdrawal a loss and let every deposit hide one.

    NavIndexError   a flow that takes out more than there is

The caller persists the NavIndex, all digits of it.
"""

from dataclasses import replace
from decimal import Decimal, localcontext

from risk.limits import Limits
from risk.numbers import CONTEXT, HUNDRED, ZERO, settle
from risk.snapshot import NavIndex

ONE = Decimal(1)


class NavIndexError(ValueError):
    """A flow that does not fit the NAV; the message says what was expected and what was found."""


def start(nav: Decimal) -> NavIndex:
    """Return the index of an account seen for the first time: price 1, as many units as NAV."""
    return NavIndex(price=ONE, peak=ONE, units=max(nav, ZERO))


def update(index: NavIndex, nav: Decimal, flow: Decimal = ZERO) -> NavIndex:
    """Return the index after a change of NAV.

    Args:
        index: the index before.
        nav: equity - credit now, the flow included.
        flow: deposits minus withdrawals since the index before, in account currency.

    Raises:
        NavIndexError: more was withdrawn than the account had.
    """
    with localcontext(CONTEXT):
        moved = _move(index, nav - flow)
        return moved if flow == ZERO else _issue(moved, nav - flow, flow)


def drawdown_percent(index: NavIndex) -> Decimal:
    """Return how far the price is below its peak, in percent."""
    with localcontext(CONTEXT):
        return (index.peak - index.price) * HUNDRED / index.peak


def latch(index: NavIndex, limits: Limits) -> NavIndex:
    """Return the index with its latch set when the drawdown has reached the limit. A set latch stays set."""
    return (
        index
        if index.latched or drawdown_percent(index) < limits.max_drawdown_percent
        else replace(index, latched=True)
    )


def reset(index: NavIndex) -> NavIndex:
    """Return the index after a named person lifted the latch: drawdown counts from here."""
    if index.price == ZERO:
        return NavIndex(price=ONE, peak=ONE, units=index.units)
    return replace(index, peak=index.price, latched=False)


def _move(index: NavIndex, nav: Decimal) -> NavIndex:
    """Reprice the units: NAV below zero is a price of zero. Without units there is nothing to reprice."""
    if index.units == ZERO:
        return index
    price = settle(max(nav, ZERO) / index.units)
    return replace(index, price=price, peak=max(index.peak, price))


def _issue(index: NavIndex, nav: Decimal, flow: Decimal) -> NavIndex:
    """Create or burn units at the current price."""
    if nav + flow < ZERO and flow < ZERO:
        raise NavIndexError(f"expected a withdrawal of at most the NAV, found nav={nav}, flow={flow}")
    if nav + flow <= ZERO:
        return replace(index, units=ZERO)
    if index.price == ZERO:  # all was lost; new money starts over, and the latch stays for a person to lift
        return NavIndex(price=ONE, peak=ONE, units=nav + flow, latched=index.latched)
    return replace(index, units=(nav + flow) / index.price)
