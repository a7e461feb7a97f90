"""Functions may be used before they are defined: prototypes go to the top. And which events a program handles."""

from __future__ import annotations

from tests.mql5_host.names import Names
from tests.mql5_host.tokens import Kind, Token

NO_RESULT = frozenset({"return", "else", "new", "delete", "case", "operator"})


def declarations(tokens: list[Token], names: Names) -> str:
    """Forward declarations of the program's types and functions, as C++."""
    lines = [f"{sort} {name};" for sort, name in names.top_classes]
    lines += [f"enum {name} : int;" for name, members in names.enums.items() if members]
    lines += _prototypes(tokens, names)
    return "\n".join(lines)


def events_table(names: Names) -> str:
    """The event handlers that the program has, for the host."""
    events = dict.fromkeys(names.events)
    rows = [f"  program.{name} = mql::mql_handler_{name}(&mql_program::{name});" for name in events]
    return "void mql::mql_register_program(mql::Program &program) {\n" + "\n".join(rows) + "\n}"


def _prototypes(tokens: list[Token], names: Names) -> list[str]:
    """Prototypes of the functions at the top level, translated already; templates and methods are left out."""
    found = []
    depth = 0
    start = 0  # of the statement at hand
    for i, token in enumerate(tokens):
        if token.is_punct("{"):
            if depth == 0 and (prototype := _prototype(tokens[start:i], names)):
                found.append(prototype)
            depth += 1
        elif token.is_punct("}"):
            depth -= 1
        if depth == 0 and (token.is_punct(";", "}") or token.kind is Kind.DIRECTIVE or token.kind is Kind.CODE):
            start = i + 1
    return found


def _prototype(head: list[Token], names: Names) -> str:
    texts = [token.text for token in head]
    if "(" not in texts or texts[-1] != ")":
        return ""
    at = texts.index("(")
    if at < 2 or "::" in texts[:at] or "template" in texts[:at] or "=" in texts[:at] or texts[0] in NO_RESULT:
        return ""
    return " ".join(texts[:at] + _without_defaults(head[at:])) + ";"


def _without_defaults(parameters: list[Token]) -> list[str]:
    kept: list[str] = []
    depth = 0
    skips = False
    for token in parameters:
        depth += token.is_punct("(") - token.is_punct(")")
        if depth == 1 and token.is_punct("="):
            skips = True
        elif (depth == 1 and token.is_punct(",")) or depth == 0:
            skips = False
        if not skips:
            kept.append(token.text)
    return kept
