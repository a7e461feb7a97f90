"""Which names are types, and what the program declares at its top level: found before anything is translated."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.mql5_host.tokens import Kind, Token


def words_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


BUILTIN = words_of(
    "bool char uchar short ushort int uint long mql_long ulong float double string datetime color void size_t"
)
EVENTS = words_of("OnInit OnDeinit OnTick OnTimer OnTrade OnTradeTransaction OnStart OnChartEvent OnBookEvent")


@dataclass(slots=True)
class Names:
    """What the program declares."""

    classes: dict[str, str] = field(default_factory=dict)  # name -> class, struct or union; also those in others
    top_classes: list[tuple[str, str]] = field(default_factory=list)  # (class | struct | union, name), no templates
    enums: dict[str, list[str]] = field(default_factory=dict)  # top-level enumeration -> its members
    parameters: set[str] = field(default_factory=set)  # of templates
    events: list[str] = field(default_factory=list)  # event handlers that the program has

    def is_type(self, token: Token) -> bool:
        """Whether a token names a type."""
        if token.kind is Kind.TYPE:
            return True
        name = token.text
        return token.kind is Kind.NAME and (
            name in BUILTIN
            or name in self.classes
            or name in self.enums
            or name in self.parameters
            or name.startswith(("ENUM_", "Mql"))
        )

    def is_class(self, token: Token) -> bool:
        """Whether a token names a class or struct, to which there can be pointers."""
        return token.kind is Kind.NAME and (
            token.text in self.classes or token.text in self.parameters or token.text.startswith("Mql")
        )


def names_of(tokens: list[Token]) -> Names:
    """Find what the program declares."""
    names = Names()
    depth = 0
    for i, token in enumerate(tokens[:-1]):
        depth += token.is_punct("{") - token.is_punct("}")
        following = tokens[i + 1]
        if token.is_name("class", "struct", "union") and following.is_name():
            _class(names, tokens, i, depth)
        elif token.is_name("enum") and following.is_name():
            names.enums[following.text] = _members(tokens, i + 2) if depth == 0 else []
        elif token.is_name("typename"):
            names.parameters.add(following.text)
        elif depth == 0 and token.is_name(*EVENTS) and following.is_punct("("):
            names.events.append(token.text)
    return names


def _class(names: Names, tokens: list[Token], i: int, depth: int) -> None:
    sort, name = tokens[i].text, tokens[i + 1].text
    if tokens[i - 1].is_punct("<", ","):  # template<class T>
        names.parameters.add(name)
        return
    is_template = i > 0 and tokens[i - 1].is_punct(">")
    if name not in names.classes and depth == 0 and not is_template:
        names.top_classes.append((sort, name))
    names.classes[name] = sort


def _members(tokens: list[Token], i: int) -> list[str]:
    """The members of an enumeration whose body begins at `i`."""
    members: list[str] = []
    expects_name = True
    for token in tokens[i + 1 :]:
        if token.is_punct("}"):
            break
        if token.is_punct(","):
            expects_name = True
        elif expects_name and token.is_name():
            members.append(token.text)
            expects_name = False
    return members
