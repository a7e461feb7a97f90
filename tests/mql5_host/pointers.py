"""Pointers: `X *` becomes `Ptr<X>`, a handle that knows whether its object lives; `new` and `delete` go through it.

MQL5 has pointers to objects of classes only, never to structs.
"""

from __future__ import annotations

from tests.mql5_host.names import Names
from tests.mql5_host.tokens import Kind, Token, TranslationError


def with_pointers(tokens: list[Token], names: Names) -> list[Token]:
    """Respell pointer types, `new` and `delete`."""
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        following = tokens[i + 1] if i + 1 < len(tokens) else token
        if token.is_name("new") and names.is_class(following):
            _check(following, names)
            has_arguments = i + 2 < len(tokens) and tokens[i + 2].is_punct("(")
            found.append(token.like(Kind.CODE, f"mql_new<{following.text}>" + ("" if has_arguments else "()")))
            i += 2
        elif token.is_name("delete"):
            end = next(at for at in range(i, len(tokens)) if tokens[at].is_punct(";"))
            inner = with_pointers(tokens[i + 1 : end], names)
            found += [token.like(Kind.CODE, "mql_delete("), *inner, token.like(Kind.CODE, ")")]
            i = end
        elif names.is_class(token) and following.is_punct("*"):
            _check(token, names)
            found.append(token.like(Kind.TYPE, f"Ptr<{_constness(found)}{token.text}>"))
            i += 2
        else:
            found.append(token)
            i += 1
    return found


def _constness(found: list[Token]) -> str:
    """`const X *` points to what may not be changed; the pointer itself may."""
    if found and found[-1].is_name("const"):
        found.pop()
        return "const "
    return ""


def _check(token: Token, names: Names) -> None:
    if names.classes.get(token.text, "class") != "class" or token.text.startswith("Mql"):
        raise TranslationError(f"{token.file}:{token.line}: expected a class, found a pointer to struct {token.text}")
