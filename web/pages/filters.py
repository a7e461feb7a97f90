"""How figures are written for people. What comes is the API's exact text; nothing is rounded, only set in order.

A sign or a word goes with every colour, a minus is a real minus, and what is missing is a dash that says so aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask.sansio.app import App
from markupsafe import Markup, escape

from web.pages.viewer import viewer

MISSING = Markup('<span class="quiet" aria-label="none">–</span>')
MINUS = "\N{MINUS SIGN}"
SHORT_PLACES = 6
FIGURE_PLACES = 2  # of a figure of a decision that is 1 or more and no price
PRICE_NAME = re.compile(r"^(sl|tp|price|stoplimit|bid|ask|entry|market)(_|$)")
ULID = re.compile(r"\b([0-9A-HJKMNP-TV-Z]{26})\b")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
UNITS = (
    (1000, "ms", 1, 0),
    (60_000, "s", 1000, 1),
    (3_600_000, "min", 60_000, 1),
    (172_800_000, "h", 3_600_000, 1),
)
"""Up to how many milliseconds which unit, its size in milliseconds, and its decimals."""


def number(value: Any, *, places: int | None = None) -> Markup | str:
    """A number with its thousands set apart: 12,345.60. `places` only for what has no digits of its own."""
    parsed = _parsed(value)
    if parsed is None:
        return MISSING
    if places is not None:
        parsed = parsed.quantize(Decimal(1).scaleb(-places)) + 0  # no minus before a zero
    return f"{parsed:,f}".replace("-", MINUS)


def opposite(value: Any) -> Decimal | None:
    """The same figure with the other sign: a loss below zero is a profit."""
    parsed = _parsed(value)
    return None if parsed is None else -parsed


def signed(value: Any) -> Markup | str:
    """Profit or loss: with its sign, and a colour that follows it."""
    parsed = _parsed(value)
    if parsed is None:
        return MISSING
    if parsed == 0:
        return number(value)
    look, sign = ("up", "+") if parsed > 0 else ("down", "")
    return Markup('<span class="{}">{}{}</span>').format(look, sign, number(value))


def price(value: Any, digits: int | None = None) -> Markup | str:
    """A price, without thousands, padded to the symbol's digits; a stop or target of zero is none."""
    parsed = _parsed(value)
    if parsed is None or parsed == 0:
        return MISSING
    padded = parsed if digits is None else parsed.quantize(Decimal(1).scaleb(-digits))
    return f"{padded:f}" if padded == parsed else f"{parsed:f}"


def price_of(value: Any, symbol: str) -> Markup | str:
    """A price with the digits that the symbol has on the account that is looked at."""
    shown = viewer()
    return price(value, None if shown is None else shown.digits.get(symbol))


def lots(value: Any) -> Markup | str:
    """A volume with two decimals at least."""
    parsed = _parsed(value)
    if parsed is None:
        return MISSING
    short = parsed.normalize()
    places = max(2, -int(short.as_tuple().exponent))
    return f"{short.quantize(Decimal(1).scaleb(-places)):f}".replace("-", MINUS)


def percent(value: Any, places: int = 2) -> Markup | str:
    """A fraction as per cent: 0.0512 becomes 5.12 %."""
    parsed = _parsed(value)
    return MISSING if parsed is None else f"{number(parsed * 100, places=places)}\N{NO-BREAK SPACE}%"


def signed_percent(value: Any, places: int = 2, unit: str = "\N{NO-BREAK SPACE}%") -> Markup | str:
    """A return: per cent with its sign and colour; `unit` is empty where a heading says it."""
    parsed = _parsed(value)
    if parsed is None:
        return MISSING
    rounded = (parsed * 100).quantize(Decimal(1).scaleb(-places)) + 0  # no minus before a zero
    look = "up" if rounded > 0 else "down" if rounded < 0 else ""
    return Markup('<span class="{}">{}{}{}</span>').format(look, "+" if rounded > 0 else "", number(rounded), unit)


def duration(milliseconds: Any) -> Markup | str:
    """A length of time in the largest unit that says enough."""
    if milliseconds is None:
        return MISSING
    ms = float(milliseconds)
    for limit_ms, unit, size_ms, places in UNITS:
        if abs(ms) < limit_ms:
            return f"{ms / size_ms:.{places}f} {unit}"
    return f"{ms / 86_400_000:.1f} days"


def when(value: Any, look: str = "time") -> Markup:
    """A moment (ISO 8601) in the reader's zone; the script puts it there, and the server's time on hover."""
    if not value:
        return MISSING
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return _time(moment.astimezone(UTC), look)


def server_when(time_msc: Any, look: str = "time") -> Markup:
    """A moment by the trade server's clock, in milliseconds."""
    if not time_msc:
        return MISSING
    shown = viewer()
    offset = None if shown is None else shown.server_offset_s
    moment = datetime.fromtimestamp(int(time_msc) / 1000, UTC)
    if offset is None:
        return Markup('<span title="by the trade server\'s clock">{}</span>').format(f"{moment:%Y-%m-%d %H:%M:%S}")
    return _time(moment - timedelta(seconds=offset), look)


def age(at_ms: Any, stale_after_ms: int = 0) -> Markup:
    """How old something is, counted on by the script; what was older than `stale_after_ms` is called old."""
    if at_ms is None:
        return MISSING
    return Markup('<span class="age" data-at="{}" data-stale="{}"></span>').format(int(at_ms), stale_after_ms)


def total(values: Iterable[Any]) -> Decimal | None:
    """The sum of amounts; nothing where one of them is not known."""
    parsed = [_parsed(value) for value in values]
    return None if None in parsed else sum((value for value in parsed if value is not None), Decimal(0))


def units(value: Any) -> Markup | str:
    """Units of the pool, exactly, without zeros that say nothing: 10000.00000000 becomes 10,000."""
    parsed = _parsed(value)
    return MISSING if parsed is None else number(f"{parsed.normalize():f}")


def short(value: Any) -> str:
    """A figure of a decision without endless digits; anything else as it is."""
    parsed = _parsed(value)
    if parsed is None or -int(parsed.as_tuple().exponent) <= SHORT_PLACES:
        return str(value)
    return f"{round(parsed, SHORT_PLACES).normalize():f}"


def told(context: Mapping[str, Any] | None) -> Markup:
    """The figures of a decision as people read them: a budget and its bound side by side."""
    found = dict(context or {})
    bounds = {name: found.pop(f"{name}_max") for name in list(found) if f"{name}_max" in found}
    least = {name: found.pop(f"{name}_min") for name in list(found) if f"{name}_min" in found}
    parts = []
    for name, value in found.items():
        bound = f" of at most {_figure(name, bounds[name])}" if name in bounds else ""
        bound += f", at least {_figure(name, least[name])}" if name in least else ""
        parts.append(f"{words(name)} {_figure(name, value)}{bound}")
    return escape("; ".join(parts))


def _figure(name: str, value: Any) -> str:
    parsed = _parsed(value)
    if parsed is None or isinstance(value, bool) or PRICE_NAME.match(name):
        return str(value)
    has_cents = abs(parsed) >= 1 and parsed != parsed.to_integral_value()
    return str(number(parsed, places=FIGURE_PLACES) if has_cents else number(short(value)))


def brief(text: Any) -> Markup:
    """A text with its long ids cut to their ends; the whole of each shows on hover."""
    element = '<abbr title="{}">…{}</abbr>'
    parts = ULID.split(str(text))
    shown = [Markup(element).format(part, part[-4:]) if ULID.fullmatch(part) else escape(part) for part in parts]
    return Markup("<span>{}</span>").format(Markup("").join(shown))


def marked(text: Any) -> Markup:
    """A text with its `commands` in backticks set as code."""
    parts = str(text).split("`")
    odd = [Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)]
    return Markup("").join(odd)


def words(code: Any) -> str:
    """A code as words: `RISK_REWARD_TOO_LOW` becomes `risk reward too low`, `ClosePosition` `close position`."""
    return CAMEL.sub(" ", str(code or "").replace("_", " ")).lower()


def _time(moment: datetime, look: str) -> Markup:
    """As wide in UTC as the script writes it in the reader's zone, so that nothing moves when it does."""
    is_old = datetime.now(UTC) - moment > timedelta(days=1)
    text = f"{moment:%H:%M:%S}" if look == "time" and not is_old else f"{moment.day} {moment:%b, %H:%M:%S}"
    element = Markup('<time datetime="{}" data-look="{}" title="{} UTC">{}</time>')
    return element.format(moment.isoformat(timespec="milliseconds"), look, f"{moment:%Y-%m-%d %H:%M:%S}", text)


def _parsed(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


FILTERS = (
    number, signed, signed_percent, price, price_of, lots, units, percent, duration, when, server_when, age, total,
    words, short, told, brief, marked, opposite,
)  # fmt: skip


def install(app: App) -> None:
    """Give the templates these filters."""
    for made in FILTERS:
        app.add_template_filter(made)
