"""Single tokens of MQL5 that C++ spells differently: texts, characters, times, colours, NULL, the dot, reserved words.

The dot becomes an arrow everywhere, because MQL5 uses it for objects and for pointers alike; every struct and class is
given an `operator->` that leads to itself (see `classes`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.mql5_host.names import words_of
from tests.mql5_host.tokens import Kind, Token, TranslationError

RENAMED = {
    "NULL": "mql_null",
    "long": "mql_long",  # 64 bits everywhere; that of C++ is not on Windows
    "dynamic_cast": "mql_dynamic_cast",
    "interface": "struct",
    "sinput": "input",
    "__FUNCTION__": "mql_text_of(__FUNCTION__)",
    "__FUNCSIG__": "mql_text_of(__PRETTY_FUNCTION__)",
    "__FILE__": "mql_text_of(__FILE__)",
}
CPP_WORDS = words_of(
    "alignas alignof and and_eq asm auto bitand bitor catch char16_t char32_t char8_t co_await co_return co_yield "
    "compl concept const_cast consteval constexpr constinit decltype explicit export extern friend goto inline "
    "mutable namespace noexcept not not_eq nullptr or or_eq register reinterpret_cast requires signed static_assert "
    "static_cast thread_local throw try typedef typeid unsigned volatile wchar_t xor xor_eq errno stdin stdout "
    "stderr assert"
)
LONG_MAX = 2**63 - 1
ESCAPES = {"n": 10, "r": 13, "t": 9, "0": 0, "\\": 92, '"': 34, "'": 39, "a": 7, "b": 8, "f": 12, "v": 11}


def with_literals(tokens: list[Token]) -> list[Token]:
    """Respell single tokens; adjacent texts become one."""
    found: list[Token] = []
    pending: Token | None = None
    for token in tokens:
        if token.kind is Kind.TEXT:
            pending = token if pending is None else pending.like(Kind.TEXT, pending.text[:-1] + token.text[1:])
            continue
        if pending is not None:
            found.append(_text(pending))
            pending = None
        found.append(_respelled(token))
    if pending is not None:
        found.append(_text(pending))
    return found


def _respelled(token: Token) -> Token:
    match token.kind:
        case Kind.CHAR:
            units = _units(token)
            if len(units) != 1:
                raise TranslationError(f"{token.file}:{token.line}: expected one character, found {token.text}")
            return token.like(Kind.CODE, f"ushort({units[0]})")
        case Kind.DATETIME:
            return token.like(Kind.CODE, f"datetime({_seconds(token)})")
        case Kind.COLOR:
            red, green, blue = (int(part, 0) for part in token.text[2:-1].split(","))
            return token.like(Kind.CODE, f"color({red | green << 8 | blue << 16})")
        case Kind.NUMBER if token.text.isdigit() and int(token.text) > LONG_MAX:
            return token.like(Kind.NUMBER, token.text + "u")
        case Kind.NAME if token.text in RENAMED:
            return token.like(Kind.NAME, RENAMED[token.text])
        case Kind.NAME if token.text in CPP_WORDS:
            return token.like(Kind.NAME, token.text + "_mql")
        case Kind.PUNCT if token.text == ".":
            return token.like(Kind.PUNCT, "->")
    return token


def _text(token: Token) -> Token:
    pieces = "".join(_piece(unit) for unit in _units(token))
    return token.like(Kind.CODE, f'mql_text(u"{pieces}")')


def _piece(unit: int) -> str:
    if unit in (34, 92):
        return "\\" + chr(unit)
    if 32 <= unit < 127 and unit != 63:  # no ?, lest trigraphs
        return chr(unit)
    if unit < 128:
        return f"\\{unit:03o}"
    return f'\\x{unit:04x}" u"'


def _units(token: Token) -> list[int]:
    """The UTF-16 units between the quotes."""
    units: list[int] = []
    for part in re.findall(r"\\x[0-9A-Fa-f]{1,4}|\\.|[^\\]", token.text[1:-1]):
        if part.startswith("\\x"):
            units.append(int(part[2:], 16))
        elif part[0] == "\\":
            if part[1] not in ESCAPES:
                raise TranslationError(f"{token.file}:{token.line}: expected an escape of MQL5, found {part}")
            units.append(ESCAPES[part[1]])
        else:
            raw = part.encode("utf-16-le")
            units += [raw[i] | raw[i + 1] << 8 for i in range(0, len(raw), 2)]
    return units


def _seconds(token: Token) -> int:
    written = token.text[2:-1].strip()
    for form in ("%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M", "%Y.%m.%d"):
        try:
            return int(datetime.strptime(written, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    raise TranslationError(f"{token.file}:{token.line}: expected D'yyyy.mm.dd [hh:mi[:ss]]', found {token.text}")
