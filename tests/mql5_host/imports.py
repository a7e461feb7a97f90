"""`#import "x.dll"`: each prototype becomes a function that calls into the real library, loaded at the first call.

Arrays are given as the address of their first element, `T &v` as an address, texts are not used by what we import.
Functions whose arguments are laid out otherwise on Linux, and those that may wait, go through a shim of the host
(runtime/dll.hpp).
"""

from __future__ import annotations

from tests.mql5_host.names import Names
from tests.mql5_host.tokens import Token, TranslationError

SHIMS = frozenset({"zmq_poll", "zmq_recv", "zmq_send", "zmq_setsockopt"})


def import_code(library: str, prototypes: list[Token], names: Names) -> str:
    """C++ for the functions of one library."""
    return "\n".join(_function(library, function, names) for function in _statements(prototypes))


def imported_structs(imports: dict[str, list[Token]], names: Names) -> frozenset[str]:
    """Structs that a library is given."""
    every = (token.text for tokens in imports.values() for token in tokens)
    return frozenset(name for name in every if name in names.classes)


def _statements(tokens: list[Token]) -> list[list[Token]]:
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_punct(";"):
            found.append([])
        else:
            found[-1].append(token)
    return [each for each in found if each]


def _function(library: str, tokens: list[Token], names: Names) -> str:
    texts = [token.text for token in tokens]
    at = texts.index("(")
    result, name = " ".join(texts[: at - 1]), texts[at - 1]
    parameters = [_parameter(part, names) for part in _split(tokens[at + 1 : -1])]
    parameters = [each for each in parameters if each[0] != "void"]
    ours = ", ".join(f"{kind} a{i}" for i, (kind, _, _) in enumerate(parameters))
    theirs = ", ".join(kind for _, kind, _ in parameters)
    given = ", ".join(how.format(f"a{i}") for i, (_, _, how) in enumerate(parameters))
    if name in SHIMS:
        return f"inline {result} {name}({ours}) {{ return mql_shim_{name}({given}); }}"
    pointer = f"{result} (*)({theirs})"
    return (
        f"inline {result} {name}({ours}) "
        f'{{ static auto function = ({pointer})mql_library_function("{library}", "{name}"); '
        f"return function({given}); }}"
    )


def _parameter(tokens: list[Token], names: Names) -> tuple[str, str, str]:
    """The type for our side, the type for the library's, and how one becomes the other."""
    words = [token for token in tokens if not token.is_name("const")]
    if [token.text for token in words] in ([], ["void"]):
        return "void", "void", ""
    base = words[0].text
    if not names.is_type(words[0]) or base == "string":
        place = f"{words[0].file}:{words[0].line}"
        raise TranslationError(f"{place}: expected a type that a library can be given, found {base}")
    is_const = any(token.is_name("const") for token in tokens)
    if any(token.is_punct("[") for token in words):
        sort = f"const_array_ref<{base}>" if is_const else f"array_ref<{base}>"
        return sort, f"{'const ' if is_const else ''}{base}*", "{}.data()"
    if any(token.is_punct("&") for token in words):
        return f"{'const ' if is_const else ''}{base}&", f"{'const ' if is_const else ''}{base}*", "&{}"
    return base, base, "{}"


def _split(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_punct(","):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
