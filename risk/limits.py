"""What an account may do: every limit, its default, and how two sets of limits combine.

Limits are validated when they are made (LimitsError), so a decision never meets a NaN limit. Overrides per source,
symbol and strategy only ever tighten: `tightest` takes the stricter value of each field; `_STRICTER` says which it is.

    LimitsError     a limit is missing, of the wrong type or out of its range
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from risk.instrument import Session, is_session

PERCENT_MAX = Decimal(10_000)  # no percentage limit is above this
NUMBER_MAX = Decimal(1_000_000_000)  # no other limit is above this
DECIMALS_MAX = 16  # no limit is smaller than this many decimals can say, unless it is 0
NAME_CHARS_MAX = 64  # of a symbol


class LimitsError(ValueError):
    """A limit is missing, of the wrong type or out of range; the message says which and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of one account. Percentages are in percent: 2 is 2 %."""

    # Risk. B = min(balance, equity - credit); docs/risk.md has each formula.
    max_position_size_percent: Decimal = Decimal(2)  # R(new) of B
    max_total_exposure_percent: Decimal = Decimal(10)  # sum of R of B
    max_daily_loss_percent: Decimal = Decimal(5)  # of the daily reference
    max_drawdown_percent: Decimal = Decimal(20)  # of the peak of the NAV-per-unit index
    min_risk_reward: Decimal = Decimal("1.5")  # ratio
    max_positions: int = 10  # open + pending + reserved + new
    max_correlated_exposure_percent: Decimal = Decimal(4)  # sum of R of one cluster, of B
    max_currency_exposure_percent: Decimal = Decimal(1500)  # net notional of one currency, of B
    max_leverage: Decimal = Decimal(20)  # total notional / B
    min_margin_level_percent: Decimal = Decimal(200)  # equity / margin after the order

    # The order
    max_lots: Decimal = Decimal(50)  # of one order
    min_stop_distance_percent: Decimal = Decimal("0.05")  # entry to stop, of the entry price
    price_collar_percent: Decimal = Decimal(2)  # price against the quote
    max_spread_percent: Decimal = Decimal("0.1")  # spread of the bid
    max_deviation_points: int = 100  # deviation an order may ask for
    slippage_points: int = 10  # added to every stop: the slippage buffer
    commission: Decimal = Decimal(0)  # round trip per lot, account currency; the larger of this and the spec's counts

    # Age of what the decision rests on
    max_signal_age_s: Decimal = Decimal(30)
    max_quote_age_s: Decimal = Decimal(10)
    max_conversion_age_s: Decimal = Decimal(60)
    max_account_age_s: Decimal = Decimal(5)
    max_heartbeat_age_s: Decimal = Decimal(3)
    max_spec_age_s: Decimal = Decimal(172_800)
    max_clock_skew_s: Decimal = Decimal(5)
    max_correlation_age_s: Decimal = Decimal(345_600)  # older: treated as unknown (a long weekend is 4 days)

    # Agreement with the broker's own figures
    max_disagreement_percent: Decimal = Decimal(1)  # tick value and margin

    # Rates
    max_orders_per_minute: int = 30  # of the account, the new one included
    max_orders_per_minute_source: int = 20  # of one source, the new one included
    max_repeats: int = 5  # same strategy, symbol and side within the window, the new one included
    repeat_window_s: Decimal = Decimal(60)
    max_rejects: int = 5  # orders rejected by the broker within the window before trading halts
    reject_window_s: Decimal = Decimal(60)

    # Where and when
    symbols: frozenset[str] | None = None  # allow-list; None: every symbol
    hours: tuple[tuple[Session, ...], ...] = ()  # every group must hold the moment (server time); (): always

    def __post_init__(self) -> None:
        """Refuse any limit that could not be compared with."""
        problems = [text for f in fields(self) if (text := _problem(f.name, getattr(self, f.name)))]
        if problems:
            raise LimitsError("; ".join(problems))


def tightest(a: Limits, b: Limits) -> Limits:
    """Merge two sets of limits: the stricter value of each field."""
    return Limits(**{name: stricter(getattr(a, name), getattr(b, name)) for name, stricter in _STRICTER.items()})


def tighten(base: Limits, override: Mapping[str, object]) -> Limits:
    """Apply a stored override that names some fields; a looser value than the base has no effect.

    Raises:
        LimitsError: an unknown field, or a value that is no number.
    """
    return tightest(base, from_mapping(override, base))


def from_mapping(values: Mapping[str, object], base: Limits | None = None) -> Limits:
    """Build limits from JSON-like values (numbers as text or int), the rest taken from `base` or the defaults.

    Raises:
        LimitsError: an unknown field, or a value of the wrong kind.
    """
    unknown = sorted(set(values) - set(_STRICTER))
    if unknown:
        raise LimitsError(f"unknown limits: {', '.join(unknown)}")
    return replace(base or Limits(), **{name: _parse(name, value) for name, value in values.items()})


def to_mapping(limits: Limits) -> dict[str, object]:
    """Turn limits into JSON values: numbers as plain text (3600, never 3.6E+3), integers as integers.

    Inverse of `from_mapping`.
    """
    return {f.name: _plain(getattr(limits, f.name)) for f in fields(limits)}


def _intersection(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _both(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return a + tuple(group for group in b if group not in a)


_STRICTER: Mapping[str, Callable[[Any, Any], Any]] = {
    "max_position_size_percent": min,
    "max_total_exposure_percent": min,
    "max_daily_loss_percent": min,
    "max_drawdown_percent": min,
    "min_risk_reward": max,
    "max_positions": min,
    "max_correlated_exposure_percent": min,
    "max_currency_exposure_percent": min,
    "max_leverage": min,
    "min_margin_level_percent": max,
    "max_lots": min,
    "min_stop_distance_percent": max,
    "price_collar_percent": min,
    "max_spread_percent": min,
    "max_deviation_points": min,
    "slippage_points": max,
    "commission": max,
    "max_signal_age_s": min,
    "max_quote_age_s": min,
    "max_conversion_age_s": min,
    "max_account_age_s": min,
    "max_heartbeat_age_s": min,
    "max_spec_age_s": min,
    "max_clock_skew_s": min,
    "max_correlation_age_s": min,
    "max_disagreement_percent": min,
    "max_orders_per_minute": min,
    "max_orders_per_minute_source": min,
    "max_repeats": min,
    "repeat_window_s": max,
    "max_rejects": min,
    "reject_window_s": max,
    "symbols": _intersection,
    "hours": _both,
}


def _problem(name: str, value: object) -> str | None:
    """Say what is wrong with one limit, or None."""
    if name == "symbols":
        ok = value is None or (isinstance(value, frozenset) and all(type(s) is str for s in value))
        return None if ok else f"symbols: expected a frozenset of names or None, found {value!r}"
    if name == "hours":
        ok = isinstance(value, tuple) and all(_is_hours(group) for group in value)
        return None if ok else f"hours: expected tuples of sessions, found {value!r}"
    return _number_problem(name, value)


def _number_problem(name: str, value: object) -> str | None:
    expected = type(_DEFAULTS[name])
    if type(value) is not expected or (isinstance(value, Decimal) and not value.is_finite()):
        return f"{name}: expected a finite {expected.__name__}, found {value!r}"
    bound = PERCENT_MAX if name.endswith("_percent") else NUMBER_MAX
    assert isinstance(value, (Decimal, int))
    if isinstance(value, Decimal) and value.adjusted() < -DECIMALS_MAX:
        return f"{name}: expected at most {DECIMALS_MAX} decimals, found {value}"
    return None if 0 <= value <= bound else f"{name}: expected 0 to {bound}, found {value}"


def _is_hours(group: object) -> bool:
    return isinstance(group, tuple) and all(is_session(s) and s.from_s < s.to_s for s in group)


def _parse(name: str, value: object) -> Any:
    if name == "symbols":
        return _parse_symbols(value)
    if name == "hours":
        return _parse_hours(value)
    kind: type[Decimal | int] = type(_DEFAULTS[name])
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise LimitsError(f"{name}: expected a number as text or integer, found {value!r}")
    try:
        parsed = kind(value)
    except (ValueError, OverflowError, InvalidOperation) as error:
        raise LimitsError(f"{name}: expected {kind.__name__}, found {value!r}") from error
    if kind is int and isinstance(value, Decimal) and parsed != value:
        raise LimitsError(f"{name}: expected {kind.__name__}, found {value}")
    return parsed


def _parse_symbols(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(map(_is_name, value)):
        raise LimitsError(f"symbols: expected a list of names or null, found {value!r}")
    return frozenset(value)


def _is_name(value: object) -> bool:
    """Tell whether it can be a symbol: text without control characters, not too long."""
    return type(value) is str and 0 < len(value) <= NAME_CHARS_MAX and value.isprintable()


def _parse_hours(value: Any) -> tuple[tuple[Session, ...], ...]:
    try:
        return tuple(tuple(_session(entry) for entry in group) for group in value)
    except (TypeError, ValueError) as error:
        raise LimitsError(f"hours: expected lists of [day, from_s, to_s], found {value!r}") from error


def _session(entry: Any) -> Session:
    if isinstance(entry, Session):
        return entry
    day, from_s, to_s = entry
    return Session(day=day, from_s=from_s, to_s=to_s)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [[[s.day, s.from_s, s.to_s] for s in group] for group in value]
    return value


_DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in fields(Limits)}
