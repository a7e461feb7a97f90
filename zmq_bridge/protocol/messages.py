"""Every message of the wire by name, and the functions that take bytes to messages and messages to bytes.

There is one decode function per place where bytes arrive, so that a message in the wrong place is a violation, not a
surprise. Ticks have their own module (ticks.py): they are the hot path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zmq_bridge.protocol.codec import join_frame, pack, split_frame, unpack
from zmq_bridge.protocol.commands import (
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    Command,
    FetchTicks,
    ModifyOrder,
    ModifyPosition,
    PlaceOrder,
    SetTradingState,
    UnreadableCommand,
)
from zmq_bridge.protocol.dialogue import (
    Bye,
    ErrorReply,
    Farewell,
    Hello,
    History,
    Program,
    Pull,
    Received,
    Symbols,
    Welcome,
    Work,
)
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import VERSION
from zmq_bridge.protocol.published import (
    Beat,
    Books,
    CommandResult,
    Event,
    Gap,
    Snapshot,
    TradingState,
    Unreadable,
    event_from_map,
    event_to_map,
)
from zmq_bridge.protocol.schema import from_map, registry, to_map
from zmq_bridge.protocol.strategy import Accepted, Answer, Denied, Kill, Killed, Query, Submit
from zmq_bridge.protocol.ticks import Tick, TickBatch, unpack_ticks
from zmq_bridge.protocol.topics import (
    ACCOUNT,
    BEAT,
    EVENT,
    GAP,
    TICK,
    account_topic,
    beat_topic,
    event_topic,
    gap_topic,
    parse_topic,
)
from zmq_bridge.protocol.values import Account, Deal, Order, Position, Probe, Spec

TerminalRequest = Hello | Pull | History | Symbols | Bye
TerminalReply = Welcome | Work | Received | Farewell | ErrorReply
StrategyRequest = Submit | Query | Kill
StrategyReply = Accepted | Denied | Answer | Killed | ErrorReply
Published = Event | Snapshot | Beat | Gap

_TERMINAL_REQUESTS = registry(Hello, Pull, History, Symbols, Bye, tag="type")
_TERMINAL_REPLIES = registry(Welcome, Work, Received, Farewell, ErrorReply, tag="type")
_STRATEGY_REQUESTS = registry(Submit, Query, Kill, tag="type")
_STRATEGY_REPLIES = registry(Accepted, Denied, Answer, Killed, ErrorReply, tag="type")
_PUBLISHED = {
    kind: registry(cls, tag="type") for kind, cls in ((EVENT, Event), (ACCOUNT, Snapshot), (BEAT, Beat), (GAP, Gap))
}
_MESSAGES = frozenset(
    (*_TERMINAL_REQUESTS.values(), *_TERMINAL_REPLIES.values(), *_STRATEGY_REQUESTS.values(),
     *_STRATEGY_REPLIES.values(), Event, Snapshot, Beat, Gap)
)  # fmt: skip
_VERSION_FREE = frozenset({Hello.type, ErrorReply.type})  # readable whatever version the peer hoped for


def encode(message: TerminalRequest | TerminalReply | StrategyRequest | StrategyReply | Published) -> bytes:
    """Write the payload of any message but ticks: `v`, `type`, then the fields in their order.

    Raises:
        ProtocolMisuse: a field that the wire cannot carry, or not a message.
    """
    if type(message) is Event:
        return pack(event_to_map(message))
    if type(message) not in _MESSAGES:
        raise ProtocolMisuse(f"expected a message, found {message!r}")
    return pack({"v": VERSION, "type": message.type, **to_map(message)})


def encode_frame(message: Published) -> bytes:
    """Write a whole PUB frame of any message but ticks; the topic follows from the message."""
    return join_frame(topic_of(message), encode(message))


def topic_of(message: Published) -> str:
    """Name the stream that a published message belongs to."""
    match message:
        case Event():
            return event_topic(message.login)
        case Snapshot():
            return account_topic(message.login)
        case Beat():
            return beat_topic(message.login)
        case Gap():
            return gap_topic(message.symbol, message.login)
    raise ProtocolMisuse(f"not a published message: {message!r}")


def decode_terminal_request(payload: bytes) -> TerminalRequest:
    """Read what a terminal asks of the bridge."""
    request: TerminalRequest = _decode(payload, _TERMINAL_REQUESTS)
    return request


def decode_terminal_reply(payload: bytes) -> TerminalReply:
    """Read what the bridge answers to a terminal."""
    reply: TerminalReply = _decode(payload, _TERMINAL_REPLIES)
    return reply


def decode_strategy_request(payload: bytes) -> StrategyRequest:
    """Read what a strategy asks of the bridge."""
    request: StrategyRequest = _decode(payload, _STRATEGY_REQUESTS)
    return request


def decode_strategy_reply(payload: bytes) -> StrategyReply:
    """Read what the bridge answers to a strategy."""
    reply: StrategyReply = _decode(payload, _STRATEGY_REPLIES)
    return reply


def decode_frame(frame: bytes) -> tuple[str, Published | TickBatch]:
    """Read any PUB frame into its topic and message; the message must belong to the topic."""
    topic, payload = split_frame(frame)
    kind = parse_topic(topic).kind
    if kind == TICK:
        return topic, unpack_ticks(payload)
    message: Published = _decode(payload, _PUBLISHED[kind])
    if topic_of(message) != topic:
        raise ProtocolViolation(
            ErrorCode.WRONG_LOGIN, "message and topic disagree", expected=topic, found=topic_of(message)
        )
    return topic, message


def session_of(payload: bytes) -> int:
    """Dig the session out of a request that could not be decoded, for the error reply; 0 when there is none."""
    try:
        value = unpack(payload)
    except ProtocolViolation:
        return 0
    session = value.get("session", 0) if type(value) is dict else 0
    return session if type(session) is int and session > 0 else 0


def _decode(payload: bytes, classes: Mapping[str, type]) -> Any:
    value = unpack(payload)
    if type(value) is not dict:
        raise ProtocolViolation(ErrorCode.MALFORMED, "message", expected="a map", found=value)
    name = value.get("type")
    _check_version(value.get("v"), name)
    cls = classes.get(name) if type(name) is str else None
    if cls is None:
        raise ProtocolViolation(
            ErrorCode.UNKNOWN_TYPE, "type", expected="one of " + ", ".join(classes), found=name or "no such field"
        )
    return event_from_map(value) if cls is Event else from_map(cls, value)


def _check_version(version: object, name: object) -> None:
    if type(version) is not int:
        raise ProtocolViolation(ErrorCode.MALFORMED, "v", expected="the version, an integer", found=version)
    if version != VERSION and name not in _VERSION_FREE:
        raise ProtocolViolation(ErrorCode.UNSUPPORTED_VERSION, "v", expected=str(VERSION), found=str(version))


__all__ = [
    "Accepted", "Account", "Answer", "Beat", "Books", "Bye", "CancelOrder", "CloseAll", "CloseBy", "ClosePosition",
    "Command", "CommandResult", "Deal", "Denied", "ErrorReply", "Event", "Farewell", "FetchTicks", "Gap", "Hello",
    "History", "Kill", "Killed", "ModifyOrder", "ModifyPosition", "Order", "PlaceOrder", "Position", "Probe",
    "Program", "Published", "Pull", "Query", "Received", "SetTradingState", "Snapshot", "Spec", "StrategyReply",
    "StrategyRequest", "Submit", "Symbols", "TerminalReply", "TerminalRequest", "Tick", "TickBatch", "TradingState",
    "Unreadable", "UnreadableCommand", "Welcome", "Work", "decode_frame", "decode_strategy_reply",
    "decode_strategy_request", "decode_terminal_reply", "decode_terminal_request", "encode", "encode_frame",
    "session_of", "topic_of",
]  # fmt: skip
