"""Tell a tick file's format from its first lines and its symbol from its name or content. Pure: text in, answer out."""

import re

from zmq_bridge.simulator.tickfiles.formats import DUKASCOPY, HISTDATA, MT5, QUOTES, TRUEFX, TickFormat

_CURRENCY_CODES = (
    "AUD BRL CAD CHF CNH CNY CZK DKK EUR GBP HKD HUF ILS INR JPY KRW MXN NOK NZD PLN RON RUB SEK SGD THB TRY TWD USD "
    "ZAR XAU XAG XPT XPD BTC ETH LTC XRP"
)
CURRENCIES = frozenset(_CURRENCY_CODES.split())

_MT5_EXPORT_NAME = re.compile(r"^(?P<symbol>.+?)_\d{12}_\d{12}$")
_PAIR_IN_NAME = re.compile(r"(?<![A-Za-z])[A-Za-z]{6}(?![A-Za-z])")
_TRUEFX_LINE = re.compile(r"^[A-Z]{3}/[A-Z]{3},\d{8} \d\d:")
_HISTDATA_LINE = re.compile(r"^\d{8} \d{9},")
_ISO_LINE = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:[^,]*,[^,]*,[^,]*$")
_DUKASCOPY_LINE = re.compile(r"^(\d\d\.\d\d\.\d{4} |\d{4}\.\d\d\.\d\d |\d{13},)[^\t]*$")
_MT5_LINE = re.compile(r"^\d{4}\.\d\d\.\d\d\t\d\d:\d\d:\d\d")


def detect(header: str, line: str) -> TickFormat | None:
    """Name the format, from a header ("" where the file has none) and the first line of data."""
    if header.startswith("<DATE>") or _MT5_LINE.match(line):
        return MT5
    if _TRUEFX_LINE.match(line):
        return TRUEFX
    if _HISTDATA_LINE.match(line):
        return HISTDATA
    if _ISO_LINE.match(line):
        return QUOTES
    if _DUKASCOPY_LINE.match(line):
        return DUKASCOPY
    return None


def is_header(line: str) -> bool:
    """A header has no digit in its first column; data always has (a time, or after TrueFX's pair)."""
    if _TRUEFX_LINE.match(line):
        return False
    first = re.split(r"[,\t]", line, maxsplit=1)[0]
    return bool(first) and not first[0].isdigit()


def symbol_from(stem: str, line: str) -> str | None:
    """Find the symbol: an MT5 export's name keeps its spelling, TrueFX lines carry it, else a pair in the name."""
    if named := _MT5_EXPORT_NAME.match(stem):
        return named["symbol"]
    if _TRUEFX_LINE.match(line):
        return line[:7].replace("/", "")
    for found in _PAIR_IN_NAME.findall(stem):
        pair = str(found).upper()
        if pair[:3] in CURRENCIES and pair[3:] in CURRENCIES:
            return pair
    return None
