"""Arrays: declarations of variables, members and parameters.

    T a[];      dynamic_array<T> a        void f(T &a[])         array_ref<T> a        what an array of either sort
    T a[5];     fixed_array<T, 5> a       void f(const T &a[])   const_array_ref<T> a  converts to
    T a[][2];   dynamic_array<fixed_array<T, 2>> a

A declaration of several variables of which one is an array becomes several declarations.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mql5_host.names import Names
from tests.mql5_host.tokens import Kind, Token, TranslationError

QUALIFIERS = frozenset({"const", "static", "input", "extern"})


@dataclass(slots=True)
class Declarator:
    """`name[3] = {...}` taken apart."""

    name: list[Token]
    dims: list[list[Token]]
    rest: list[Token]  # from the = on


def with_arrays(tokens: list[Token], names: Names) -> list[Token]:
    """Respell declarations of arrays."""
    found: list[Token] = []
    parens = 0
    i = 0
    while i < len(tokens):
        token = tokens[i]
        parens += token.is_punct("(") - token.is_punct(")")
        if names.is_type(token):
            if parens > 0 and (end := _parameter(tokens, i, found)):
                i = end
                continue
            if parens == 0 and (end := _variables(tokens, i, found)):
                i = end
                continue
        found.append(token)
        i += 1
    return found


def _parameter(tokens: list[Token], i: int, found: list[Token]) -> int:
    """Translate the parameter `T &a[]` at `i`; 0 when it is something else."""
    at = i + 1
    if tokens[at].is_punct("&"):
        at += 1
    if not tokens[at].is_name() or not tokens[at + 1].is_punct("["):
        return 0
    declarator = _declarator(tokens[at : _end(tokens, at, ",", ")")])
    is_const = bool(found) and found[-1].is_name("const")
    if is_const:
        found.pop()
    element = _element(tokens[i].text, declarator.dims[1:])
    sort = "const_array_ref" if is_const else "array_ref"
    found.append(tokens[i].like(Kind.TYPE, f"{sort}<{element}>"))
    found += declarator.name
    return at + 1 + sum(len(dim) + 2 for dim in declarator.dims)


def _variables(tokens: list[Token], i: int, found: list[Token]) -> int:
    """Translate the declaration at `i` when one of its variables is an array; 0 when none is."""
    if not tokens[i + 1].is_name() or not _may_declare(tokens, i + 1):
        return 0
    end = _end(tokens, i + 1, ";")
    declarators = [_declarator(part) for part in _split(tokens[i + 1 : end])]
    if not any(declarator.dims for declarator in declarators):
        return 0
    qualifiers: list[Token] = []
    while found and found[-1].kind is Kind.NAME and found[-1].text in QUALIFIERS:
        qualifiers.insert(0, found.pop())
    for declarator in declarators:
        found += qualifiers
        found.append(tokens[i].like(Kind.TYPE, _type(tokens[i].text, declarator.dims)))
        found += declarator.name
        found += _initializer(declarator)
        found.append(tokens[end])
    return end + 1


def _may_declare(tokens: list[Token], at: int) -> bool:
    while tokens[at].is_name() and tokens[at + 1].is_punct("::"):
        at += 2
    return tokens[at].is_name() and tokens[at + 1].is_punct("[", "=", ",")


def _declarator(part: list[Token]) -> Declarator:
    at = next((k for k, token in enumerate(part) if token.is_punct("[", "=")), len(part))
    name, dims = part[:at], []
    while at < len(part) and part[at].is_punct("["):
        end = _end(part, at + 1, "]")
        dims.append(part[at + 1 : end])
        at = end + 1
    return Declarator(name, dims, part[at:])


def _initializer(declarator: Declarator) -> list[Token]:
    rest = declarator.rest
    is_fixed = bool(declarator.dims) and bool(declarator.dims[0])
    if is_fixed and len(rest) > 1 and rest[1].is_punct("{"):
        return [rest[0], rest[0].like(Kind.PUNCT, "{"), *rest[1:], rest[0].like(Kind.PUNCT, "}")]
    return rest


def _type(base: str, dims: list[list[Token]]) -> str:
    if not dims:
        return base
    if not dims[0]:
        return f"dynamic_array<{_element(base, dims[1:])}>"
    return _element(base, dims)


def _element(base: str, dims: list[list[Token]]) -> str:
    for dim in reversed(dims):
        if not dim:
            raise TranslationError(f"{base}: expected a size in every dimension but the first, found none")
        base = f"fixed_array<{base}, ({' '.join(token.text for token in dim)})>"
    return base


def _split(part: list[Token]) -> list[list[Token]]:
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in part:
        depth += token.is_punct("(", "{", "[") - token.is_punct(")", "}", "]")
        if depth == 0 and token.is_punct(","):
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _end(tokens: list[Token], at: int, *marks: str) -> int:
    """The place of the first of the marks that is in no inner bracket."""
    depth = 0
    for k in range(at, len(tokens)):
        if depth == 0 and tokens[k].is_punct(*marks):
            return k
        depth += tokens[k].is_punct("(", "{", "[") - tokens[k].is_punct(")", "}", "]")
    if at < len(tokens):
        raise TranslationError(f"{tokens[at].file}:{tokens[at].line}: expected {marks}, found the end")
    return at
