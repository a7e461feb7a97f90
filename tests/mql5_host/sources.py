"""An MQL5 program with all it includes as one list of tokens, in the order in which the compiler reads them.

`#include <x>` is looked for in the Include folders, `#include "x"` beside the including file. A file is read once.
`#property` goes, `#import` blocks become prototypes of their library, everything else of the preprocessor stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.mql5_host.tokens import Kind, Token, TranslationError, tokens_of

INCLUDE = re.compile(r'#include\s*(?:<(?P<system>[^>]+)>|"(?P<beside>[^"]+)")')
IMPORT = re.compile(r'#import(?:\s+"(?P<library>[^"]+)")?$')


@dataclass(slots=True)
class Program:
    """What the translator works on."""

    tokens: list[Token] = field(default_factory=list)
    imports: dict[str, list[Token]] = field(default_factory=dict)  # library -> its prototypes
    files: list[Path] = field(default_factory=list)  # everything read


def load_program(path: Path, include_dirs: list[Path]) -> Program:
    """Read a program.

    Raises:
        TranslationError: a file that is not there, or a directive that is not known.
    """
    program = Program()
    _load(path, include_dirs, program)
    return program


def _load(path: Path, include_dirs: list[Path], program: Program) -> None:
    if path in program.files:
        return
    program.files.append(path)
    target = program.tokens
    for token in tokens_of(path.read_text(encoding="utf-8-sig"), str(path)):
        if token.kind is not Kind.DIRECTIVE:
            target.append(token)
        elif match := INCLUDE.match(token.text):
            _load(_found(match, path, include_dirs, token), include_dirs, program)
        elif match := IMPORT.match(token.text):
            library = match.group("library")
            target = program.tokens if library is None else program.imports.setdefault(library, [])
        elif token.text.split()[0] in ("#define", "#undef", "#ifdef", "#ifndef", "#else", "#endif"):
            target.append(token)
        elif not token.text.startswith("#property"):
            raise TranslationError(f"{path}:{token.line}: expected a directive of MQL5, found {token.text!r}")


def _found(match: re.Match[str], path: Path, include_dirs: list[Path], token: Token) -> Path:
    name = (match.group("system") or match.group("beside")).replace("\\", "/")
    places = include_dirs if match.group("system") else [path.parent]
    for place in places:
        if (place / name).is_file():
            return (place / name).resolve()
    raise TranslationError(f"{path}:{token.line}: expected {name} in {[str(place) for place in places]}, found no file")
