"""docs/wire.md against the code: every table, every number and every byte that it shows."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest

from zmq_bridge.protocol import commands, dialogue, kinds, limits, published, strategy, values
from zmq_bridge.protocol.commands import COMMANDS, AnyCommand
from zmq_bridge.protocol.dialogue import TickRows
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.published import EVENTS, AnyEvent, CommandResult, CommandStatus, Role
from zmq_bridge.protocol.terminal_session import TRANSITIONS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
VECTORS = ROOT / "tests" / "wire_vectors"
COMMAND_HEAD = ("command_id", "expires_at_ms", "attempt")
INTERNAL = {
    "VERSION", "VERSIONS", "U64_MAX", "I64_MIN", "I64_MAX", "I32_MAX", "MS_MAX", "OFFSET_S_MAX", "DIGITS_MAX",
    "ID_CHARS",
}  # said in words

BY_HEADING: dict[str, type] = {
    **{cls.type: cls for cls in (
        dialogue.Hello, dialogue.Welcome, dialogue.Pull, dialogue.Work, dialogue.History, dialogue.Symbols,
        dialogue.Received, dialogue.Bye, dialogue.Farewell, dialogue.ErrorReply, published.Snapshot, published.Beat,
        published.Gap, strategy.Submit, strategy.Accepted, strategy.Denied, strategy.Query, strategy.Answer,
        strategy.Kill, strategy.Killed,
    )},
    **COMMANDS,
    "command_result": CommandResult,
    "trading_state": published.TradingState,
}  # fmt: skip
BY_LABEL: dict[str, type] = {
    "`program`:": dialogue.Program,
    "`snapshot` (books):": published.Books,
    "`account`:": values.Account,
    "`position`:": values.Position,
    "`order`, also the data of the event `order`:": values.Order,
    "`deal`, the data of the event `deal`:": values.Deal,
    "`probe`:": values.Probe,
    "`symbol` (spec), also the data of the event `symbol`:": values.Spec,
}
_NAMES = {
    "U64": "u64", "U63": "u63", "U31": "u31", "Positive": "u64 ≥ 1", "Ordinal": "u63 ≥ 1", "TimeMs": "ms",
    "OffsetS": "offset", "Digits": "digits", "Money": "number", "Text": "text", "AnyText": "any text",
    "Comment": "text ≤ 124 B", "Symbol": "symbol", "SymbolOrAll": 'symbol or ""', "Ulid": "ulid", "RawMap": "map",
}  # fmt: skip
TYPE_OF_KIND = {
    **{get_args(getattr(kinds, name))[1]: text for name, text in _NAMES.items()},
    get_args(AnyCommand)[1]: "command",
    get_args(AnyEvent)[1]: "event",
    get_args(TickRows)[1]: f"array ≤ {limits.TICKS_PER_HISTORY_MAX} of tick rows",
}


def _rows(text: str) -> list[list[str]]:
    """The first table of a stretch of text, without its head."""
    lines = re.search(r"((?:^\|.*\|$\n?)+)", text, re.MULTILINE)
    assert lines is not None, text[:200]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines.group(1).splitlines()[2:]]


def _after(mark: str) -> str:
    assert TEXT.count(mark) == 1, f"{mark!r} stands {TEXT.count(mark)} times"
    return TEXT.split(mark)[1]


def _type_text(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        mark = arguments[1]
        if isinstance(mark, kinds.Limit):
            return f"array ≤ {mark.items_max} of {_type_text(get_args(arguments[0])[0])}"
        return TYPE_OF_KIND[mark]
    if origin is Literal:
        return " ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return "array of " + _type_text(arguments[0])
        return "[" + ", ".join(map(_type_text, arguments)) + "]"
    if origin is dict:
        return "map of " + _type_text(arguments[1])
    if type(None) in arguments:
        return "nil or " + _type_text(arguments[0])
    return {bool: "bool", Any: "any"}.get(annotation) or str(annotation.__name__).lower()


def _default_text(field: Field[Any]) -> str:
    if field.default is MISSING:
        return ""
    if isinstance(field.default, bool):
        return f"`{field.default}`".lower()
    return {"None": "nil", "()": "`[]`", "": '`""`'}.get(str(field.default), f"`{field.default}`")


def _expected_rows(cls: type) -> list[list[str]]:
    assert is_dataclass(cls)
    hints = get_type_hints(cls, include_extras=True)
    hidden = COMMAND_HEAD if issubclass(cls, commands.Command) else ()
    return [
        [f"`{field.name}`", _type_text(hints[field.name]), _default_text(field)]
        for field in fields(cls)
        if field.name not in hidden
    ]


@pytest.mark.parametrize("name", BY_HEADING)
def test_the_fields_of_every_message_are_as_the_code_has_them(name: str) -> None:
    found = [row[:3] for row in _rows(_after(f"\n### `{name}`\n"))]
    assert found == _expected_rows(BY_HEADING[name])


@pytest.mark.parametrize("label", BY_LABEL)
def test_the_fields_of_every_part_are_as_the_code_has_them(label: str) -> None:
    assert [row[:3] for row in _rows(_after(f"\n{label}\n"))] == _expected_rows(BY_LABEL[label])


def test_the_head_of_a_command_is_as_the_code_has_it() -> None:
    found = {row[0]: row[1:3] for row in _rows(_after("Every command begins with:"))}
    expected = {row[0]: row[1:] for row in _expected_rows_of_head()}
    assert found == {**expected, "`kind`": ["text", ""]}


def _expected_rows_of_head() -> list[list[str]]:
    hints = get_type_hints(commands.Command, include_extras=True)
    return [
        [f"`{field.name}`", _type_text(hints[field.name]), _default_text(field)] for field in fields(commands.Command)
    ]


def test_the_envelope_of_an_event_is_as_the_code_has_it() -> None:
    found = [row[:2] for row in _rows(_after("\n### `event`\n"))]
    assert [name for name, _ in found] == ["`v`", "`type`", "`login`", "`session`", "`seq`", "`kind`", "`data`"]
    kinds_row = next(row for row in _rows(_after("\n### `event`\n")) if row[0] == "`kind`")
    assert set(re.findall(r"`(\w+)`", kinds_row[3])) == set(EVENTS)


@pytest.mark.parametrize("name", re.findall(r"^```hex (\S+)$", TEXT, re.MULTILINE))
def test_the_bytes_shown_are_those_of_the_golden_file(name: str) -> None:
    block = re.search(rf"^```hex {name}$(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block is not None
    shown = "".join(re.split(r" {2,}(?=[^ ])", line.strip(), maxsplit=1)[0] for line in block.group(1).splitlines())
    assert bytes.fromhex(shown) == (VECTORS / f"{name}.bin").read_bytes()


def test_bytes_are_shown_of_the_hot_path_and_of_a_request_with_its_reply() -> None:
    assert set(re.findall(r"^```hex (\S+)$", TEXT, re.MULTILINE)) == {"tick-one", "pull-empty", "work-empty"}


def test_every_limit_is_told_with_its_value() -> None:
    found = {row[0]: int(row[1]) for row in _rows(_after("\n## Limits and times\n"))}
    known = {name: value for name, value in vars(limits).items() if name.isupper() and name not in INTERNAL}
    assert found == known


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        (r"more than (\d+) levels of nesting", limits.DEPTH_MAX),
        (r"heartbeat, .* was heard within (\d+) ms", limits.LIVENESS_MS),
        (r"no reply `wait_ms` \+ (\d+) ms after", limits.REPLY_GRACE_MS),
        (r"Sent every (\d+) ms", limits.BEAT_MS),
        (r"waits: (\d+) ms at first", limits.BACKOFF_FIRST_MS),
        (r"doubled each time up to (\d+) ms", limits.BACKOFF_MAX_MS),
        (r"not sooner than (\d+) ms after the last time", limits.COMMAND_RESEND_MS),
        (r"1 to (\d+) ticks", limits.TICKS_PER_FRAME_MAX),
        (r"never more than (\d+) in one `history`", limits.TICKS_PER_HISTORY_MAX),
        (r"at most (\d+) bytes unless", limits.TEXT_BYTES_MAX),
        (r"text of 1 to (\d+) bytes without NUL", limits.SYMBOL_BYTES_MAX),
        (r"Sent on change and at least every (\d+) ms", limits.SNAPSHOT_MS),
        (r"brought them, and at least every (\d+) ms", limits.SNAPSHOT_MS),
        (r"again at least every (\d+) ms\*\* \(15 minutes\)", limits.SPECS_MS_MAX),
    ],
)
def test_numbers_in_sentences_are_those_of_the_code(sentence: str, value: int) -> None:
    found = re.findall(sentence.replace(" ", r"\s+"), TEXT, re.DOTALL)
    assert found == [str(value)]


def test_every_error_code_is_told() -> None:
    assert [row[0].strip("`") for row in _rows(_after("\n## Errors\n"))] == [
        "MALFORMED", "UNSUPPORTED_VERSION", "UNKNOWN_TYPE", "TOO_LARGE", "WRONG_LOGIN", "UNKNOWN_SESSION", "SUPERSEDED",
        "OWNED_ELSEWHERE", "RATE_LIMITED", "UNAVAILABLE", "UNAUTHENTICATED", "FORBIDDEN", "INVALID_FIELD", "NOT_FOUND",
    ]  # fmt: skip
    assert {row[0].strip("`") for row in _rows(_after("\n## Errors\n"))} == set(ErrorCode)


def test_the_terminals_state_table_is_the_codes() -> None:
    rows = _rows(_after("is in one of five states"))
    found = {(state, each): following for state, inputs, following in rows for each in inputs.split(", ")}
    assert found == {(state.name, each.name): following.name for (state, each), following in TRANSITIONS.items()}


def test_every_status_of_a_command_is_told_with_its_finality() -> None:
    found = {row[0].strip("`"): row[2] == "yes" for row in _rows(_after("\n### Life of a command\n"))}
    assert set(found) == set(get_args(CommandStatus))
    for status, is_final in found.items():
        assert CommandResult(command_id="0" * 26, status=status).is_final == is_final  # type: ignore[arg-type]  # checked above


def test_the_roles_and_queries_are_told() -> None:
    assert {row[0].strip("`") for row in _rows(_after("**Roles.**"))} == set(get_args(Role))
    queries = _rows("| `what` | `data` |" + _after("\n| `what` | `data` |"))
    assert [row[0].strip("`") for row in queries] == list(get_args(strategy.QueryName))


def test_every_link_inside_the_page_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    wanted = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert wanted
    assert wanted <= headings
