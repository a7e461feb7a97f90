"""MQL5 text to tokens. Comments and blanks go; every token knows its file and line, so that errors can name them.

Directives (`#include`, `#define`, ...) are one token each, continued lines joined. Nothing is interpreted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    NUMBER = auto()
    TEXT = auto()  # "..." as written
    CHAR = auto()  # '.' as written
    DATETIME = auto()  # D'...'
    COLOR = auto()  # C'...'
    PUNCT = auto()
    DIRECTIVE = auto()  # a whole line that begins with #
    TYPE = auto()  # made by the translator: a type of several tokens, as C++
    CODE = auto()  # made by the translator: C++ as it stands


@dataclass(frozen=True, slots=True)
class Token:
    """One token."""

    kind: Kind
    text: str
    file: str
    line: int

    def like(self, kind: Kind, text: str) -> Token:
        """Another token at the same place."""
        return Token(kind, text, self.file, self.line)

    def is_punct(self, *texts: str) -> bool:
        """Whether this is one of these marks."""
        return self.kind is Kind.PUNCT and self.text in texts

    def is_name(self, *texts: str) -> bool:
        """Whether this is a name, of these if any are given."""
        return self.kind is Kind.NAME and (not texts or self.text in texts)


class TranslationError(Exception):
    """The source cannot be translated: `file:line: expected ..., found ...`."""


PATTERN = re.compile(
    r"""
    (?P<blank>[ \t\r\f\v]+|//[^\n]*|/\*.*?\*/|\\\r?\n)
  | (?P<newline>\n)
  | (?P<directive>\#(?:\\\r?\n|/\*.*?\*/|[^\n])*)
  | (?P<datetime>D'[^'\n]*')
  | (?P<color>C'[^'\n]*')
  | (?P<name>[A-Za-z_]\w*)
  | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFuUlL]*)
  | (?P<text>"(?:\\.|[^"\\\n])*")
  | (?P<char>'(?:\\.|[^'\\\n])*')
  | (?P<punct><<=|>>=|::|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|->|[-+*/%&|^~!<>=?:;,.(){}\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
KINDS = {kind.name.lower(): kind for kind in Kind}


def tokens_of(text: str, file: str, line: int = 1) -> Iterator[Token]:
    """Take a text apart.

    Raises:
        TranslationError: a character that begins no token.
    """
    at = 0
    while at < len(text):
        match = PATTERN.match(text, at)
        if match is None or match.lastgroup is None:
            raise TranslationError(f"{file}:{line}: expected MQL5, found {text[at : at + 20]!r}")
        found, kind = match.group(), match.lastgroup
        if kind == "directive":
            yield Token(Kind.DIRECTIVE, _joined(found), file, line)
        elif kind in KINDS:
            yield Token(KINDS[kind], found, file, line)
        line += found.count("\n")
        at = match.end()


def _joined(directive: str) -> str:
    """A directive on one line, without comments (but not within quotes)."""
    one_line = re.sub(r"\\\r?\n", " ", directive)
    parts = re.split(r'("(?:\\.|[^"\\])*")', one_line)
    kept = []
    for part in parts:
        if part.startswith('"'):
            kept.append(part)
            continue
        code, comment, _rest = re.sub(r"/\*.*?\*/", " ", part, flags=re.DOTALL).partition("//")
        kept.append(code)
        if comment:
            break
    return "".join(kept).strip()
