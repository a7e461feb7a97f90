"""The golden files: what this program writes today is what every other language was tested with."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire_vectors import generate
from tests.wire_vectors.generate import HERE
from tests.wire_vectors.vector import Vector
from zmq_bridge.protocol import messages as m
from zmq_bridge.protocol.codec import unpack
from zmq_bridge.protocol.commands import COMMANDS
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.messages import TickBatch, Work
from zmq_bridge.protocol.published import EVENTS, Event
from zmq_bridge.protocol.ticks import pack_ticks

VECTORS = generate.vectors()
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "pub": m.decode_frame,
    "terminal_request": m.decode_terminal_request,
    "terminal_reply": m.decode_terminal_reply,
    "strategy_request": m.decode_strategy_request,
    "strategy_reply": m.decode_strategy_reply,
    "value": unpack,
}
named = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def test_the_files_are_what_the_generator_writes_today() -> None:
    wanted = generate.files()
    found = {path.name: path.read_bytes() for path in (*HERE.glob("*.bin"), *HERE.glob("*.json"))}
    assert sorted(found) == sorted(wanted)
    for name, content in wanted.items():
        assert found[name] == content, f"{name} changed: the wire changed"


@named
def test_a_golden_file_is_read_or_refused_as_it_says(vector: Vector) -> None:
    frame = (HERE / f"{vector.name}.bin").read_bytes()
    if vector.sort == "refuse":
        with pytest.raises(ProtocolViolation) as caught:
            DECODERS[vector.where](frame)
        assert caught.value.code == vector.code
    else:
        DECODERS[vector.where](frame)


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if each.sort == "encode" and each.where != "value"], ids=lambda each: each.name
)
def test_a_golden_message_is_written_again_byte_for_byte(vector: Vector) -> None:
    decoded = DECODERS[vector.where](vector.frame)
    message = decoded[1] if vector.where == "pub" else decoded
    payload = pack_ticks(*message) if isinstance(message, TickBatch) else m.encode(message)
    assert payload == vector.payload


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.sort == "encode"], ids=lambda each: each.name)
def test_the_json_alone_is_enough_to_write_the_bytes(vector: Vector) -> None:
    description = json.loads((HERE / f"{vector.name}.json").read_text(encoding="utf-8"))
    payload = b"".join(_written(token) for token in description["tokens"])
    topic = b"" if description["topic"] is None else description["topic"].encode() + b"\0"
    assert topic + payload == (HERE / f"{vector.name}.bin").read_bytes()
    assert len(topic + payload) == description["bytes"]


def _written(token: dict[str, Any]) -> bytes:
    """Write one MessagePack item by the book: the shortest format, floats always 64 bits. Independent of the codec."""
    if "nil" in token:
        return b"\xc0"
    if "bool" in token:
        return b"\xc3" if token["bool"] else b"\xc2"
    if "int" in token:
        return _written_int(int(token["int"]))
    if "float" in token:
        assert struct.pack(">d", float(token["float"])).hex() == token["bits"]
        return b"\xcb" + bytes.fromhex(token["bits"])
    if "str" in token:
        text: bytes = token["str"].encode()
        return _head(len(text), (0xA0, 31), {1: 0xD9, 2: 0xDA, 4: 0xDB}) + text
    if "array" in token:
        return _head(token["array"], (0x90, 15), {2: 0xDC, 4: 0xDD})
    return _head(token["map"], (0x80, 15), {2: 0xDE, 4: 0xDF})


def _written_int(number: int) -> bytes:
    if number >= 0:
        return _head(number, (0x00, 127), {1: 0xCC, 2: 0xCD, 4: 0xCE, 8: 0xCF})
    if number >= -32:
        return struct.pack(">b", number)
    size = next(size for size in (1, 2, 4, 8) if number >= -(1 << (8 * size - 1)))
    return bytes([{1: 0xD0, 2: 0xD1, 4: 0xD2, 8: 0xD3}[size]]) + number.to_bytes(size, "big", signed=True)


def _head(number: int, fix: tuple[int, int], codes: dict[int, int]) -> bytes:
    if number <= fix[1]:
        return bytes([fix[0] + number])
    size = next(size for size in codes if number < 1 << (8 * size))
    body = number.to_bytes(size, "big")
    return bytes([codes[size]]) + body


def test_every_message_every_command_and_every_event_has_a_golden_file() -> None:
    decoded = [DECODERS[each.where](each.frame) for each in VECTORS if each.sort == "encode" and each.where != "value"]
    found = [each[1] if isinstance(each, tuple) and not hasattr(each, "ticks") else each for each in decoded]
    assert {type(each) for each in found} == {TickBatch, *m._MESSAGES}
    assert {type(each.data) for each in found if isinstance(each, Event)} == set(EVENTS.values())
    work = [command for each in found if isinstance(each, Work) for command in each.commands]
    assert {type(command) for command in work} == set(COMMANDS.values())
