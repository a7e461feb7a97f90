"""Hypothesis strategies for every message, derived from the same annotations that declare the wire."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from zmq_bridge.protocol import kinds
from zmq_bridge.protocol.commands import COMMANDS, AnyCommand
from zmq_bridge.protocol.dialogue import TickRows
from zmq_bridge.protocol.ids import ALPHABET
from zmq_bridge.protocol.limits import DIGITS_MAX, I32_MAX, I64_MAX, MS_MAX, OFFSET_S_MAX, U64_MAX
from zmq_bridge.protocol.published import EVENTS, AnyEvent, Event
from zmq_bridge.protocol.ticks import FLAGS_MAX, Tick

finite = st.floats(allow_nan=False, allow_infinity=False)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
symbols = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=15)
logins = st.integers(1, I64_MAX)
ulids = st.builds(
    lambda first, rest: first + rest, st.sampled_from("01234567"), st.text(ALPHABET, min_size=25, max_size=25)
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), U64_MAX) | finite | any_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_texts, inner, max_size=4),
    max_leaves=12,
)
ticks = st.builds(Tick, st.integers(0, U64_MAX), finite, finite, finite, finite, st.integers(0, FLAGS_MAX))


@st.composite
def money(draw: st.DrawFn) -> Decimal:
    """Decimals that the wire carries exactly: at most 15 significant digits and 12 places."""
    digits = draw(st.integers(-(10**15) + 1, 10**15 - 1))
    return Decimal(digits).scaleb(-draw(st.integers(0, 12)))


def _kind(annotation: Any) -> kinds.Kind:
    kind = get_args(annotation)[1]
    assert isinstance(kind, kinds.Kind)
    return kind


_BY_KIND: dict[kinds.Kind, st.SearchStrategy[Any]] = {
    _kind(kinds.U64): st.integers(0, U64_MAX),
    _kind(kinds.Positive): st.integers(1, U64_MAX),
    _kind(kinds.U63): st.integers(0, I64_MAX),
    _kind(kinds.Ordinal): st.integers(1, I64_MAX),
    _kind(kinds.U31): st.integers(0, I32_MAX),
    _kind(kinds.Digits): st.integers(0, DIGITS_MAX),
    _kind(kinds.OffsetS): st.integers(-OFFSET_S_MAX, OFFSET_S_MAX),
    _kind(kinds.TimeMs): st.integers(0, MS_MAX),
    _kind(kinds.Money): money(),
    _kind(kinds.Text): texts,
    _kind(kinds.AnyText): any_texts,
    _kind(kinds.Comment): texts,
    _kind(kinds.Symbol): symbols,
    _kind(kinds.SymbolOrAll): st.just("") | symbols,
    _kind(kinds.Ulid): ulids,
    _kind(kinds.RawMap): st.dictionaries(any_texts, plain, max_size=4),
    _kind(AnyCommand): st.deferred(lambda: st.one_of([messages(cls) for cls in COMMANDS.values()])),
    _kind(AnyEvent): st.deferred(lambda: messages(Event)),
    _kind(TickRows): st.lists(ticks, max_size=4).map(tuple),
}


def messages(cls: Any) -> st.SearchStrategy[Any]:
    """Any message of a class."""
    if cls is Event:
        data = st.one_of([messages(each) for each in EVENTS.values()])
        return st.builds(Event, login=logins, session=logins, seq=logins, data=data)
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: _values(hints[field.name]) for field in fields(cls)})


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        mark = arguments[1]
        return _BY_KIND[mark] if isinstance(mark, kinds.Kind) else _values(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_values, arguments))
    if origin is dict:
        return st.dictionaries(texts, _values(arguments[1]), max_size=3)
    if origin is Union or type(None) in arguments:
        return st.none() | _values(arguments[0])
    if annotation is bool:
        return st.booleans()
    if annotation is Any:
        return plain
    assert is_dataclass(annotation)
    return messages(annotation)
