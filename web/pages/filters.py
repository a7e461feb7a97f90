"""How figures are written for people. What comes is the API's exact text; nothing is rounded, only set in order.

A sign or a word goes with every colour, a minus is a real minus, and what is missing is a dash that says so aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask.sansio.app import App
from markupsafe import Markup, escape

from web.pages.viewer import viewer

MISSING = Markup('<span class="quiet" aria-label="none">–</span>')
MINUS = "\N{MINUS SIGN}"
SHORT_PLACES = 6
MONEY_PLACES = 2  # of an account whose currency nobody told
PRICE_PLACES_MIN = 2  # of a symbol whose digits nobody told
ULID = re.compile(r"\b([0-9A-HJKMNP-TV-Z]{26})\b")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
UNITS = (
    (1000, "ms", 1, 0),
    (60_000, "s", 1000, 1),
    (3_600_000, "min", 60_000, 1),
    (172_800_000, "h", 3_600_000, 1),
)
"""Up to how many milliseconds which unit, its size in milliseconds, and its decimals."""


def parsed(value: Any) -> Decimal | None:
    """A finite number in a text or a number; None: it is none."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def number(value: Any, *, places: int | None = None) -> Markup | str:
    """A number with its thousands set apart: 12,345.60. `places` only for what has no digits of its own."""
    found = parsed(value)
    if found is None:
        return MISSING
    if places is not None:
        found = found.quantize(Decimal(1).scaleb(-places)) + 0  # no minus before a zero
    return f"{found:,f}".replace("-", MINUS)


def amount(value: Any) -> Markup | str:
    """An amount of risk, worked out to many decimals, with those of the currency of the account that is looked at."""
    shown = viewer()
    known = None if shown is None else shown.account
    return number(value, places=MONEY_PLACES if known is None else known.currency_digits)


def opposite(value: Any) -> Decimal | None:
    """The same figure with the other sign: a loss below zero is a profit."""
    found = parsed(value)
    return None if found is None else -found


def signed(value: Any) -> Markup | str:
    """Profit or loss: with its sign, and a colour that follows it."""
    found = parsed(value)
    if found is None:
        return MISSING
    if found == 0:
        return number(value)
    look, sign = ("up", "+") if found > 0 else ("down", "")
    return Markup('<span class="{}">{}{}</span>').format(look, sign, number(value))


def price(value: Any, digits: int | None = None) -> Markup | str:
    """A price, without thousands, padded to the symbol's digits, where they are known; a stop of zero is none."""
    found = parsed(value)
    if found is None or found == 0:
        return MISSING
    places = PRICE_PLACES_MIN if digits is None else digits
    padded = found.quantize(Decimal(1).scaleb(-places))
    return f"{padded:f}" if padded == found else f"{found:f}"


def price_of(value: Any, symbol: str) -> Markup | str:
    """A price with the digits that the symbol has on the account that is looked at."""
    shown = viewer()
    return price(value, None if shown is None else shown.digits.get(symbol))


def lots(value: Any) -> Markup | str:
    """A volume with two decimals at least."""
    found = parsed(value)
    if found is None:
        return MISSING
    short = found.normalize()
    places = max(2, -int(short.as_tuple().exponent))
    return f"{short.quantize(Decimal(1).scaleb(-places)):f}".replace("-", MINUS)


def percent(value: Any, places: int = 2) -> Markup | str:
    """A fraction as per cent: 0.0512 becomes 5.12 %."""
    found = parsed(value)
    return MISSING if found is None else f"{number(found * 100, places=places)}\N{NO-BREAK SPACE}%"


def signed_percent(value: Any, places: int = 2, unit: str = "\N{NO-BREAK SPACE}%") -> Markup | str:
    """A return: per cent with its sign and colour; `unit` is empty where a heading says it."""
    found = parsed(value)
    if found is None:
        return MISSING
    rounded = (found * 100).quantize(Decimal(1).scaleb(-places)) + 0  # no minus before a zero
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
    found = [parsed(value) for value in values]
    return None if None in found else sum((value for value in found if value is not None), Decimal(0))


def units(value: Any) -> Markup | str:
    """Units of the pool, exactly, without zeros that say nothing: 10000.00000000 becomes 10,000."""
    found = parsed(value)
    return MISSING if found is None else number(f"{found.normalize():f}")


def short(value: Any) -> str:
    """A figure of a decision without endless digits; anything else as it is."""
    found = parsed(value)
    if found is None or -int(found.as_tuple().exponent) <= SHORT_PLACES:
        return str(value)
    return f"{round(found, SHORT_PLACES).normalize():f}"


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


FILTERS = (
    number, amount, signed, signed_percent, price, price_of, lots, units, percent, duration, when, server_when, age,
    total, words, short, brief, marked, opposite,
)  # fmt: skip


def install(app: App) -> None:
    """Give the templates these filters."""
    for made in FILTERS:
        app.add_template_filter(made)
