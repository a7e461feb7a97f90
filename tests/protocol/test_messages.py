"""Messages: identity over the wire, precise errors, tolerance where the wire promises it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no annotations
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol import samples
from tests.protocol.strategies import messages, plain, ticks
from zmq_bridge.protocol import commands, dialogue, published, strategy, values
from zmq_bridge.protocol.codec import join_frame, pack, unpack
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import (
    COMMANDS_PER_WORK_MAX,
    EVENTS_PER_PULL_MAX,
    SYMBOLS_PER_MESSAGE_MAX,
    TICKS_PER_HISTORY_MAX,
)
from zmq_bridge.protocol.messages import (
    ErrorReply,
    Unreadable,
    UnreadableCommand,
    decode_frame,
    decode_strategy_reply,
    decode_strategy_request,
    decode_terminal_reply,
    decode_terminal_request,
    encode,
    encode_frame,
    session_of,
)
from zmq_bridge.protocol.schema import to_map
from zmq_bridge.protocol.ticks import Tick, TickBatch, tick_frame
from zmq_bridge.protocol.topics import tick_topic

Decode = Callable[[bytes], Any]
DECODERS: list[Decode] = [
    decode_terminal_request, decode_terminal_reply, decode_strategy_request, decode_strategy_reply, decode_frame,
]  # fmt: skip
BY_DECODER: list[tuple[Decode, Any]] = [
    (decode_terminal_request, dialogue.Hello),
    (decode_terminal_request, dialogue.Pull),
    (decode_terminal_request, dialogue.History),
    (decode_terminal_request, dialogue.Symbols),
    (decode_terminal_request, dialogue.Bye),
    (decode_terminal_reply, dialogue.Welcome),
    (decode_terminal_reply, dialogue.Work),
    (decode_terminal_reply, dialogue.Received),
    (decode_terminal_reply, dialogue.Farewell),
    (decode_terminal_reply, dialogue.ErrorReply),
    (decode_strategy_request, strategy.Submit),
    (decode_strategy_request, strategy.Query),
    (decode_strategy_request, strategy.Kill),
    (decode_strategy_reply, strategy.Killed),
    (decode_strategy_reply, strategy.Accepted),
    (decode_strategy_reply, strategy.Denied),
    (decode_strategy_reply, strategy.Answer),
    (decode_strategy_reply, dialogue.ErrorReply),
]


@pytest.mark.parametrize(("decode", "cls"), BY_DECODER, ids=lambda value: getattr(value, "__name__", None))
@settings(max_examples=40)
@given(data=st.data())
def test_decode_after_encode_is_identity(decode: Decode, cls: Any, data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    assert decode(encode(message)) == message


@pytest.mark.parametrize("cls", [published.Event, published.Snapshot, published.Gap])
@settings(max_examples=40)
@given(data=st.data())
def test_a_published_message_comes_back_with_its_topic(cls: Any, data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    topic, found = decode_frame(encode_frame(message))
    assert found == message
    assert topic.endswith(f".{message.login}")


@given(messages(published.Beat))
def test_a_heartbeat_comes_back_with_its_topic(beat: published.Beat) -> None:
    assert decode_frame(encode_frame(beat)) == ("beat.bridge" if beat.login == 0 else f"beat.{beat.login}", beat)


@given(st.lists(ticks, min_size=1, max_size=3))
def test_ticks_come_through_the_same_door(rows: list[Tick]) -> None:
    frame = tick_frame(tick_topic("EURUSD.z", 5), 7, 9, rows)
    assert decode_frame(frame) == ("tick.EURUSD.z.5", TickBatch(7, 9, rows))


@pytest.mark.parametrize("decode", DECODERS)
@given(payload=st.binary(max_size=200) | plain.map(pack) | st.dictionaries(st.text(max_size=8), plain).map(pack))
def test_arbitrary_bytes_only_ever_give_a_violation(decode: Decode, payload: bytes) -> None:
    for each in (payload, join_frame("event.1", payload), join_frame("account.1", payload)):
        try:
            decode(each)
        except ProtocolViolation:
            pass


ALL_TYPES = ["hello", "pull", "history", "symbols", "bye", "welcome", "work", "received", "farewell", "error", "submit",
             "query", "kill", "killed", "accepted", "denied", "answer", "event", "snapshot", "beat", "gap"]  # fmt: skip


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.data())
def test_a_well_formed_envelope_with_arbitrary_fields_only_ever_gives_a_violation(
    decode: Decode, data: st.DataObject
) -> None:
    names = ["login", "session", "seq", "events", "snapshot", "commands", "acks", "ticks", "data", "kind", "streams"]
    fields = data.draw(st.dictionaries(st.sampled_from(names), plain))
    payload = pack({"v": 1, "type": data.draw(st.sampled_from(ALL_TYPES)), **fields})
    for each in (payload, join_frame("event.1", payload)):
        try:
            decode(each)
        except ProtocolViolation:
            pass


def _changed(message: Any, **changes: object) -> bytes:
    """Encode `message` with fields replaced, or removed where the value is `...`."""
    value = {**unpack(encode(message)), **changes}
    return pack({name: each for name, each in value.items() if each is not ...})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"login": "7"}, r"login \(expected an integer from 1 to .*, found 7\)"),
        ({"login": True}, r"login \(expected an integer"),
        ({"login": 0}, r"login \(expected an integer from 1"),
        ({"login": ...}, r"login \(expected an integer from 1 .*, found no such field\)"),
        ({"role": "boss"}, r"role \(expected one of both, feed, desk, found boss\)"),
        ({"versions": 1}, r"versions \(expected an array"),
        ({"versions": [1, "2"]}, r"versions\[1\] \(expected an integer from 0 to 2147483647, found 2\)"),
        ({"program": []}, r"program \(expected a map, found list of 0\)"),
        ({"program": {"name": "x"}}, r"program.version \(expected text"),
        ({"snapshot": 5}, r"snapshot \(expected a map, found 5\)"),
        ({"symbols": [{}]}, r"symbols\[0\].symbol \(expected a symbol"),
        ({"server": "x" * 5000}, r"server \(expected text of at most 4096 bytes"),
        ({"clock_ms": 1.0}, r"clock_ms \(expected an integer"),
        ({"clock_ms": -1}, r"clock_ms \(expected an integer"),
        ({"v": ...}, "v .expected the version"),
        ({"type": "olleh"}, "UNKNOWN_TYPE: type .*expected one of hello, pull.*found olleh"),
        ({"type": ...}, "UNKNOWN_TYPE: type"),
        ({"type": ["hello"]}, "UNKNOWN_TYPE: type"),
    ],
)
def test_an_error_names_the_field_what_was_expected_and_what_was_found(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ProtocolViolation, match=text):
        decode_terminal_request(_changed(samples.hello, **changes))


def test_an_error_deep_inside_names_the_whole_path() -> None:
    value = unpack(encode(samples.hello))
    value["snapshot"]["positions"][0]["volume"] = "much"
    with pytest.raises(
        ProtocolViolation, match=r"snapshot.positions\[0\].volume \(expected a finite number, found much"
    ):
        decode_terminal_request(pack(value))


def test_fields_with_a_default_may_be_absent_and_unknown_fields_are_ignored() -> None:
    found = decode_terminal_request(_changed(samples.hello, symbols=..., snapshot=..., news=[1, {"a": None}]))
    assert found == replace(samples.hello, symbols=(), snapshot=None)


def test_an_integer_stands_for_a_double_but_nothing_else_does() -> None:
    value = to_map(samples.deal)
    frame = {"v": 1, "type": "event", "login": 1, "session": 1, "seq": 1, "kind": "deal"}
    whole = published.event_from_map({**frame, "data": {**value, "price": 2}})
    assert isinstance(whole.data, values.Deal)
    assert whole.data.price == Decimal(2)
    for wrong in (True, "2", None, [2]):
        assert type(published.event_from_map({**frame, "data": {**value, "price": wrong}}).data) is Unreadable


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_refused_in_every_message_but_hello_and_error(version: int) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        decode_terminal_request(_changed(samples.pull, v=version))
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION
    assert decode_terminal_request(_changed(samples.hello, v=version, versions=[version])).session == samples.SESSION
    refusal = ErrorReply(session=1, now_ms=1, code="UNSUPPORTED_VERSION", message="versions")
    assert decode_terminal_reply(_changed(refusal, v=version)) == refusal


def test_a_command_of_an_unknown_kind_does_not_take_its_neighbours_with_it() -> None:
    value = unpack(encode(samples.work))
    strange = {**value["commands"][0], "command_id": samples.OTHER_ID, "kind": "make_coffee"}
    found = decode_terminal_reply(pack({**value, "commands": [strange, value["commands"][0]]}))
    assert isinstance(found, dialogue.Work)
    first, second = found.commands
    assert isinstance(first, UnreadableCommand)
    assert (first.command_id, first.kind_found) == (samples.OTHER_ID, "make_coffee")
    assert "expected one of place_order" in first.problem
    assert second == samples.place_order


def test_a_command_with_a_bad_field_is_kept_by_its_id() -> None:
    value = unpack(encode(samples.work))
    value["commands"][0]["volume"] = "all"
    found = decode_terminal_reply(pack(value))
    assert isinstance(found, dialogue.Work)
    (command,) = found.commands
    assert isinstance(command, UnreadableCommand)
    assert command.command_id == samples.COMMAND_ID
    assert command.expires_at_ms == samples.place_order.expires_at_ms
    assert "commands[0].volume (expected a finite number, found all)" in command.problem


@pytest.mark.parametrize("changes", [{"command_id": "short"}, {"command_id": None}, {"kind": 5}, {"expires_at_ms": -1}])
def test_a_command_that_cannot_even_be_answered_is_a_violation(changes: dict[str, object]) -> None:
    value = unpack(encode(samples.work))
    value["commands"][0].update(changes)
    with pytest.raises(ProtocolViolation, match=r"commands\[0\]"):
        decode_terminal_reply(pack(value))


@pytest.mark.parametrize("changes", [{"kind": "news"}, {"data": {"ticket": "x"}}, {"data": {}}])
def test_event_data_that_cannot_be_read_keeps_its_identity_and_its_raw_data(changes: dict[str, Any]) -> None:
    value = unpack(encode(samples.pull))
    value["events"][0].update(changes)
    found = decode_terminal_request(pack(value))
    assert isinstance(found, dialogue.Pull)
    (event,) = found.events
    assert event.key == samples.event.key
    assert isinstance(event.data, Unreadable)
    assert event.data.raw == value["events"][0]["data"]
    assert event.data.problem
    with pytest.raises(ProtocolMisuse):
        encode(event)


@pytest.mark.parametrize(
    "changes", [{"seq": 0}, {"session": -1}, {"login": "x"}, {"data": []}, {"v": 2}, {"type": "x"}]
)
def test_an_event_without_an_identity_is_a_violation(changes: dict[str, object]) -> None:
    value = unpack(encode(samples.pull))
    value["events"][0].update(changes)
    with pytest.raises(ProtocolViolation, match=r"events\[0\]"):
        decode_terminal_request(pack(value))


def test_a_message_under_another_logins_topic_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match=r"WRONG_LOGIN.*expected event.999, found event.123456"):
        decode_frame(join_frame("event.999", encode(samples.event)))


def test_a_message_under_another_kind_of_topic_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="UNKNOWN_TYPE"):
        decode_frame(join_frame(f"account.{samples.LOGIN}", encode(samples.event)))


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (lambda size: replace(samples.pull, events=(samples.event,) * size), EVENTS_PER_PULL_MAX),
        (lambda size: replace(samples.work, commands=(samples.place_order,) * size), COMMANDS_PER_WORK_MAX),
        (lambda size: dialogue.Symbols(login=1, session=1, symbols=(samples.spec,) * size), SYMBOLS_PER_MESSAGE_MAX),
        (
            lambda size: dialogue.History(
                login=1, session=1, command_id=samples.COMMAND_ID, symbol="E", from_msc=0, to_msc=1, skip=0,
                ticks=(Tick(1, 1.0, 1.0, 1.0, 1.0, 1),) * size, complete=True, oldest_msc=0,
            ),
            TICKS_PER_HISTORY_MAX,
        ),
    ],
    ids=["events", "commands", "symbols", "history"],
)  # fmt: skip
def test_arrays_are_bounded_on_both_ways(message: Callable[[int], Any], limit: int) -> None:
    full = message(limit)
    decode = decode_terminal_reply if isinstance(full, dialogue.Work) else decode_terminal_request
    assert decode(encode(full)) == full
    with pytest.raises(ProtocolMisuse, match=str(limit)):
        encode(message(limit + 1))
    value = unpack(encode(full))
    name = next(name for name, each in value.items() if isinstance(each, list) and len(each) == limit)
    value[name].append(value[name][0])
    with pytest.raises(ProtocolViolation) as caught:
        decode(msgpack.packb(value))
    assert caught.value.code == ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "message",
    [
        replace(samples.hello, login=0), replace(samples.hello, login=2**64), replace(samples.hello, server="\ud800"),
        replace(samples.place_order, volume=Decimal("NaN")), replace(samples.pull, wait_ms=-1), samples.deal, object(),

        replace(samples.hello, role="boss"),  # type: ignore[arg-type]  # that is the point
        replace(samples.hello, program=samples.account),  # type: ignore[arg-type]  # that is the point

        replace(samples.work, commands=(UnreadableCommand(
            command_id=samples.COMMAND_ID, expires_at_ms=1, kind_found="x", problem="y"),) * 65),
        strategy.Submit(api_key="k", signal={"volume": Decimal(1)}),
        strategy.Submit(api_key="k", signal={"x": float("nan")}),
    ],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_what_the_schema_does_not_allow_is_never_sent(message: Any) -> None:
    with pytest.raises(ProtocolMisuse):
        encode(message)


def test_a_bad_command_of_ours_names_its_field() -> None:
    bad = replace(samples.place_order, volume=Decimal("NaN"))
    with pytest.raises(ProtocolMisuse, match=r"PlaceOrder\.volume: expected a finite Decimal, found Decimal"):
        encode(replace(samples.work, commands=(bad,)))


def test_an_unreadable_command_is_never_sent_on() -> None:
    bad = UnreadableCommand(command_id=samples.COMMAND_ID, expires_at_ms=1, kind_found="x", problem="y")
    with pytest.raises(ProtocolMisuse):
        encode(replace(samples.work, commands=(bad,)))


def test_the_session_of_an_unreadable_request_is_found_when_it_is_there() -> None:
    assert session_of(pack({"session": 5, "type": "nonsense"})) == 5
    values_without: list[Any] = [[], {}, {"session": "5"}, {"session": -5}, {"session": True}]
    for value in values_without:
        assert session_of(pack(value)) == 0
    assert session_of(b"") == session_of(b"\xc1") == 0


def test_an_error_reply_tells_the_peer_what_the_violation_said() -> None:
    violation = ProtocolViolation(ErrorCode.MALFORMED, "login", expected="an integer", found="x")
    reply = ErrorReply.of(violation, session=5, now_ms=7)
    assert decode_terminal_reply(encode(reply)) == reply
    assert (reply.code, reply.message, reply.expected, reply.found) == ("MALFORMED", "login", "an integer", "x")
    assert reply.means(ErrorCode.MALFORMED)


def test_an_error_stays_short_whatever_key_the_peer_chose() -> None:
    beat = published.Beat(login=1, session=1, seq=1, role="both", time_msc=0, streams={"k" * 100_000: 1})
    with pytest.raises(ProtocolViolation) as caught:
        decode_frame(encode_frame(beat).replace(pack("k" * 100_000) + b"\x01", pack("k" * 100_000) + b"\xc0"))
    assert caught.value.message.startswith("streams.kkk")
    assert len(str(caught.value)) < 700
    encode(ErrorReply.of(caught.value, session=1, now_ms=1))


def test_an_api_key_does_not_show_in_a_log_line() -> None:
    assert "secret" not in repr(strategy.Submit(api_key="secret", signal={}))
    assert "secret" not in repr(strategy.Query(api_key="secret", what="status"))


def test_every_command_kind_of_the_wire_has_a_class_and_a_role() -> None:
    assert {kind: cls.is_trade for kind, cls in commands.COMMANDS.items()} == {  # type: ignore[attr-defined]  # Command
        "place_order": True, "modify_position": True, "close_position": True, "close_by": True, "modify_order": True,
        "cancel_order": True, "close_all": True, "set_trading_state": True, "fetch_ticks": False,
    }  # fmt: skip


@pytest.mark.parametrize("state", ["active", "reducing", "halted"])
def test_what_closes_or_cancels_passes_in_every_trading_state(state: commands.TradingStateName) -> None:
    ids: Any = {"command_id": samples.COMMAND_ID, "expires_at_ms": 1}
    for command in (
        commands.ClosePosition(**ids, position=1, symbol="E"), commands.CloseBy(**ids, position=1, position_by=2),
        commands.CancelOrder(**ids, order=1), commands.CloseAll(**ids), commands.SetTradingState(**ids, state="active"),
    ):  # fmt: skip
        assert commands.is_permitted(command, state)
    position = commands.ModifyPosition(**ids, position=1, symbol="E")
    for change in (position, commands.ModifyOrder(**ids, order=1, price=Decimal(1))):
        assert commands.is_permitted(change, state, only_eases=True)
        assert commands.is_permitted(change, state) == (state == "active")
    for only_eases in (False, True):
        assert commands.is_permitted(samples.place_order, state, only_eases=only_eases) == (state == "active")


def test_an_event_knows_its_kind_and_its_place() -> None:
    assert samples.event.kind == "deal"
    earlier, later = replace(samples.event, session=2, seq=9), replace(samples.event, session=3, seq=1)
    assert earlier.key < later.key
