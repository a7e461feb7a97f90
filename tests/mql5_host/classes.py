"""Classes, structs, unions and enumerations, and inputs at the top level.

Each class gets an `operator->` that leads to itself, so that every dot may become an arrow. Each enumeration has the
size of an int and a table of its names, for EnumToString and for inputs. An input is read by its name at the start.
"""

from __future__ import annotations

from tests.mql5_host.names import Names
from tests.mql5_host.tokens import Kind, Token, TranslationError

ARROW = "public: {name}* operator->() {{ return this; }} const {name}* operator->() const {{ return this; }} {again}"


def with_classes(tokens: list[Token], names: Names, packed: frozenset[str]) -> list[Token]:
    """Respell the heads of classes and enumerations.

    Args:
        packed: structs that a library is given: laid out without padding.
    """
    found: list[Token] = []
    closers: dict[int, tuple[Token, str]] = {}  # depth of a body -> what follows its end
    depth = 0
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.is_punct("}") and depth in closers:
            found.append(token)
            found += [tokens[i + 1], token.like(Kind.CODE, closers.pop(depth)[1])]
            depth -= 1
            i += 2
            continue
        depth += token.is_punct("{") - token.is_punct("}")
        body = _body(tokens, i)
        if body and token.is_name("class", "struct", "union"):
            name = tokens[i + 1].text
            if name in packed:
                found.append(token.like(Kind.CODE, '_Pragma("pack(push, 1)")'))
                closers[depth + 1] = (token, '_Pragma("pack(pop)")')
            found += _head(tokens[i:body])
            found.append(tokens[body])
            again = "private:" if token.text == "class" else ""
            found.append(tokens[body].like(Kind.CODE, ARROW.format(name=name, again=again)))
            depth += 1
            i = body + 1
        elif body and token.is_name("enum"):
            name = tokens[i + 1].text
            found += [*tokens[i : i + 2], token.like(Kind.CODE, ": int")]
            if depth == 0:
                closers[1] = (token, _names_table(name, names.enums[name]))
            i += 2
        else:
            found.append(token)
            i += 1
    return found


def with_inputs(tokens: list[Token]) -> list[Token]:
    """Respell `input TYPE NAME = VALUE;`."""
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        if not tokens[i].is_name("input"):
            found.append(tokens[i])
            i += 1
        elif tokens[i + 1].is_name("group"):
            i += 3
            i += i < len(tokens) and tokens[i].is_punct(";")
        else:
            end = next(at for at in range(i, len(tokens)) if tokens[at].is_punct(";"))
            found += _input(tokens[i + 1 : end])
            found.append(tokens[end])
            i = end + 1
    return found


def _input(declaration: list[Token]) -> list[Token]:
    first, name = declaration[0], declaration[1]
    if not name.is_name() or len(declaration) < 4 or not declaration[2].is_punct("="):
        raise TranslationError(f"{first.file}:{first.line}: expected input TYPE NAME = VALUE, found another form")
    value = declaration[3:]
    return [
        first.like(Kind.CODE, "const"), first, name,
        first.like(Kind.CODE, f'= mql_input<{first.text}>("{name.text}",'), *value, first.like(Kind.CODE, ")"),
    ]  # fmt: skip


def _body(tokens: list[Token], i: int) -> int:
    """Where the body begins of the class or enumeration whose keyword is at `i`; 0 when none does."""
    if i + 1 >= len(tokens) or not tokens[i + 1].is_name():
        return 0
    for at in range(i + 2, len(tokens)):
        if tokens[at].is_punct("{"):
            return at
        if tokens[at].is_punct(";", ">", ")", "="):
            return 0
    return 0


def _head(tokens: list[Token]) -> list[Token]:
    """The head of a class without `pack(n)`."""
    at = next((k for k, token in enumerate(tokens) if token.is_name("pack")), None)
    return tokens if at is None else tokens[:at] + tokens[at + 4 :]


def _names_table(name: str, members: list[str]) -> str:
    rows = ", ".join(f'{{"{member}", (long){member}}}' for member in members)
    return f"inline EnumNames mql_enum_names({name}) {{ return {{{rows}}}; }}"
