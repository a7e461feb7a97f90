"""The terminal's own figures of an imagined trade against ours: worked out once, when they come.

Prices move between the moment a terminal says what a lot needs and the moment somebody wants to trade. So both figures
are set side by side while the quotes are of the same moment, and what is kept is the pair (`Compared`). Whether a pair
agrees is judged by the checks, with the limits of the account, at every opening.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from risk.codes import Code
from risk.instrument import Compared
from risk.limits import Limits
from risk.market import Market
from risk.numbers import CONTEXT, all_finite, all_positive
from risk.refusal import Refused
from risk.snapshot import Snapshot
from risk.valuation import margin_per_lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the terminal's functions make of a trade. Account currency."""

    volume: Decimal  # lots, > 0
    price_open: Decimal  # > 0
    price_close: Decimal  # > price_open
    margin_buy: Decimal  # OrderCalcMargin at price_open
    margin_sell: Decimal
    profit_buy: Decimal  # OrderCalcProfit from price_open to price_close
    profit_sell: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A probe beside our own computation."""

    margin: Compared
    profit: Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Why a probe could not be compared."""

    code: Code
    context: dict[str, str]


def compare(probe: Probe, symbol: str, snapshot: Snapshot, limits: Limits, now: datetime) -> Figures | Unchecked:
    """Set the terminal's figures beside ours, with the quotes of the snapshot.

    Of both sides' figures the one that lies farther from ours is kept. The terminal rounds to the account's digits, so
    ours is wider by one unit of the last. Anything missing, stale, or lost in that rounding: unchecked.
    """
    with localcontext(CONTEXT):
        try:
            return _compare(probe, symbol, snapshot, limits, now)
        except Refused as refusal:
            return Unchecked(code=refusal.code, context=refusal.context)
        except ArithmeticError as error:
            return Unchecked(code=Code.COMPUTATION_FAILED, context={"symbol": symbol, "error": repr(error)})


def _compare(probe: Probe, symbol: str, snapshot: Snapshot, limits: Limits, now: datetime) -> Figures:
    if not is_usable(probe):
        raise Refused(Code.SPEC_INVALID, symbol=symbol, probe=probe)
    if snapshot.account is None or not snapshot.account.usable:
        raise Refused(Code.ACCOUNT_UNKNOWN, symbol=symbol)
    market = Market(snapshot, snapshot.account, limits, now)
    lot = market.lot(symbol)
    amount, currency = margin_per_lot(lot.spec, probe.price_open, snapshot.account.leverage)
    rate = market.rate(currency)
    needed = probe.volume * amount
    moved = probe.volume * (probe.price_close - probe.price_open)
    unit = Decimal(1).scaleb(-snapshot.account.digits)
    margins, profits = (probe.margin_buy, probe.margin_sell), (probe.profit_buy, -probe.profit_sell)
    return Figures(
        margin=_farther(symbol, margins, needed * rate.low - unit, needed * rate.high + unit),
        profit=_farther(symbol, profits, moved * lot.gain_per_price - unit, moved * lot.loss_per_price + unit),
    )


def _farther(symbol: str, given: tuple[Decimal, Decimal], low: Decimal, high: Decimal) -> Compared:
    """The figure that lies farther outside our range, beside the range."""
    if low <= 0:
        raise Refused(Code.SPEC_INVALID, symbol=symbol, probe="too small to be told from nothing")
    return Compared(given=max(given, key=lambda value: max(low - value, value - high)), low=low, high=high)


def is_usable(probe: Probe) -> bool:
    """Tell whether a probe can be computed with."""
    return (
        all_positive((probe.volume, probe.price_open, probe.price_close))
        and all_finite((probe.margin_buy, probe.margin_sell, probe.profit_buy, probe.profit_sell))
        and probe.price_close > probe.price_open
    )
