"""MQL5 to C++: the same sources, token by token, for the host's runtime. Nothing is left out or added to.

    sources -> names -> literals -> pointers -> arrays -> classes -> inputs -> one C++ file

`#line` directives make the compiler name the MQL5 file and line. What is not known here reaches the compiler as it
stands: a function that the host lacks is a build error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.mql5_host.arrays import with_arrays
from tests.mql5_host.classes import with_classes, with_inputs
from tests.mql5_host.functions import declarations, events_table
from tests.mql5_host.imports import import_code, imported_structs
from tests.mql5_host.literals import with_literals
from tests.mql5_host.names import Names, names_of
from tests.mql5_host.pointers import with_pointers
from tests.mql5_host.sources import Program, load_program
from tests.mql5_host.tokens import Kind, Token, tokens_of

BLANK_LINES_MAX = 8


def translate(path: Path, include_dirs: list[Path]) -> str:
    """Translate a program to one C++ file.

    Raises:
        TranslationError: the source is not MQL5 as far as the host knows it.
    """
    program = load_program(path, include_dirs)
    names = names_of(program.tokens)
    tokens = _translated(program, names)
    imports = [import_code(library, prototypes, names) for library, prototypes in program.imports.items()]
    return "\n".join(
        [
            '#include "mql5.hpp"',
            "namespace mql_program {",
            "using namespace mql;",
            declarations(tokens, names),
            *imports,
            _text(tokens),
            "}",
            '#line 1 "events"',
            events_table(names),
            "",
        ]
    )


def _translated(program: Program, names: Names) -> list[Token]:
    tokens = with_pointers(with_literals(program.tokens), names)
    tokens = with_arrays(tokens, names)
    tokens = with_classes(tokens, names, imported_structs(program.imports, names))
    tokens = with_inputs(tokens)
    return [_macro(token, names) if token.kind is Kind.DIRECTIVE else token for token in tokens]


def _macro(token: Token, names: Names) -> Token:
    """Translate the body of a macro like any other code."""
    if not token.text.startswith("#define"):
        return token
    head, body = _macro_parts(token.text)
    body_tokens = with_literals(list(tokens_of(body, token.file, token.line)))
    translated = with_pointers(body_tokens, names)
    return token.like(Kind.DIRECTIVE, f"{head} {' '.join(each.text for each in translated)}")


def _macro_parts(text: str) -> tuple[str, str]:
    words = text.split(None, 1)
    rest = words[1] if len(words) > 1 else ""
    end = 0
    while end < len(rest) and (rest[end].isalnum() or rest[end] == "_"):
        end += 1
    if end < len(rest) and rest[end] == "(":
        end = rest.index(")", end) + 1
    return f"#define {rest[:end]}", rest[end:].strip()


def _text(tokens: list[Token]) -> str:
    """Write tokens where they stood."""
    parts: list[str] = []
    file, line = "", 0
    for token in tokens:
        if token.file != file or not 0 <= token.line - line <= BLANK_LINES_MAX:
            parts.append(f'\n#line {token.line} "{token.file}"\n')
        else:
            parts.append("\n" * (token.line - line))
        file, line = token.file, token.line
        if token.kind is Kind.DIRECTIVE:
            parts.append(f'\n#line {line} "{file}"\n{token.text}\n')
            line += 1
        else:
            parts.append(token.text + " ")
    return "".join(parts)


if __name__ == "__main__":
    print(translate(Path(sys.argv[1]).resolve(), [Path(each).resolve() for each in sys.argv[2:]]))
