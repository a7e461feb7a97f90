"""Requests to the bridge and what their answers mean: pure, shared by the blocking and the asyncio client.

A signal without an idempotency key gets one, a ULID, before it is first sent; its time of creation is read out of that
key. So every repetition of it is the very same bytes, even one made by hand after NoAnswer: the bridge answers it as it
answered the first, and denies a copy that lay about somewhere for too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from zmq_bridge.client.errors import ClientMisuse, RequestRefused
from zmq_bridge.client.values import Price
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.ids import id_ms, is_id, new_id
from zmq_bridge.protocol.limits import ARRAY_ITEMS_MAX
from zmq_bridge.protocol.messages import (
    Accepted,
    Answer,
    Denied,
    ErrorReply,
    Killed,
    Query,
    StrategyReply,
    StrategyRequest,
    Submit,
    decode_strategy_reply,
    encode,
)
from zmq_bridge.protocol.ticks import Tick, rows_to_ticks

TIMEOUT_S: Final = 5.0
"""How long a call takes at most, unless told otherwise."""
ATTEMPT_S: Final = 1.5
"""An attempt without an answer for so long is given up and made anew."""
KILL_TIMEOUT_S: Final = 40.0
"""How long stopping an account is tried: longer than anybody can keep the bridge from it (30 s)."""
KILL_ATTEMPT_S: Final = 6.0
"""The bridge answers a kill within this, if only that it could not stop the account yet, or not see to all of it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
PAUSE_FIRST_S: Final = 0.1
PAUSE_MAX_S: Final = 1.0
_MAY_PASS = frozenset({ErrorCode.UNAVAILABLE.value, ErrorCode.RATE_LIMITED.value})


class Attempts:
    """How often, how long and with which pauses a call is tried.

    Args:
        now_s: a monotonic clock, as below.
        attempt_s: how long one attempt may wait for its answer.
    """

    def __init__(self, now_s: float, timeout_s: float, attempt_s: float = ATTEMPT_S) -> None:
        if not timeout_s > 0:
            raise ClientMisuse(f"expected timeout_s above 0, found {timeout_s}")
        self._deadline_s = now_s + timeout_s
        self._attempt_s = attempt_s
        self._pause_s = PAUSE_FIRST_S

    def attempt_s(self, now_s: float) -> float:
        """Say how long to wait for an answer now; 0 or less = the time is over."""
        return min(self._attempt_s, self._deadline_s - now_s)

    def pause_s(self, now_s: float) -> float | None:
        """Say how long to wait before the next attempt; None = it would be too late."""
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, PAUSE_MAX_S)
        return pause_s if now_s + pause_s < self._deadline_s else None


def make_submit(api_key: str, signal: Mapping[str, object], idempotency_key: str | None, now: datetime) -> Submit:
    """Complete a signal; the caller's map is not touched.

    A key of the caller's own stands for exactly what the caller gives: nothing is added to it.
    """
    fields = {name: _plain(value) for name, value in signal.items() if value is not None}
    if idempotency_key is not None:
        fields["idempotency_key"] = idempotency_key
    key = str(fields.setdefault("idempotency_key", new_id((now - EPOCH) // MILLISECOND)))
    if is_id(key):
        fields.setdefault("created_at", (EPOCH + id_ms(key) * MILLISECOND).isoformat())
    return Submit(api_key=api_key, signal=fields)


def to_bytes(request: StrategyRequest) -> bytes:
    """Encode a request.

    Raises:
        ClientMisuse: it has something that cannot be sent.
    """
    try:
        return encode(request)
    except ProtocolMisuse as misuse:
        raise ClientMisuse(str(misuse)) from None


def read_reply(payload: bytes) -> StrategyReply:
    """Decode a reply; one that cannot be read is a refusal."""
    try:
        return decode_strategy_reply(payload)
    except ProtocolViolation as violation:
        raise RequestRefused(
            violation.code, f"the answer cannot be read: {violation.message}", "", violation.expected, violation.found
        ) from None


def may_pass(reply: StrategyReply) -> bool:
    """Say whether the same request may succeed a little later."""
    return isinstance(reply, ErrorReply) and reply.code in _MAY_PASS


def verdict_of(reply: StrategyReply) -> Accepted | Denied:
    """Read the answer to a submit."""
    if isinstance(reply, (Accepted, Denied)):
        return reply
    raise _refusal(reply, "accepted or denied")


def data_of(reply: StrategyReply, query: Query) -> Any:
    """Read the answer to a query."""
    if isinstance(reply, Answer) and reply.what == query.what:
        return reply.data
    raise _refusal(reply, f"an answer to {query.what}")


def killed_of(reply: StrategyReply) -> Killed:
    """Read the answer to a kill."""
    if isinstance(reply, Killed):
        return reply
    raise _refusal(reply, "killed")


def ticks_of(data: object) -> list[Tick]:
    """Read the answer to the query `ticks`."""
    try:
        return rows_to_ticks(data, ARRAY_ITEMS_MAX, rows_min=0)
    except ProtocolViolation as violation:
        raise RequestRefused(violation.code, violation.message, "", violation.expected, violation.found) from None


def price_of(data: object, symbol: str) -> Price:
    """Read the answer to the query `price`."""
    try:
        found: Any = data
        return Price(
            symbol=symbol,
            bid=Decimal(str(found["bid"])),
            ask=Decimal(str(found["ask"])),
            time_msc=int(found["time_msc"]),
            age_ms=int(found["age_ms"]),
        )
    except (TypeError, KeyError, ValueError, ArithmeticError):
        raise RequestRefused(
            ErrorCode.MALFORMED, "not a price", "", "bid, ask, time_msc and age_ms", repr(data)[:100]
        ) from None


def _refusal(reply: StrategyReply, expected: str) -> RequestRefused:
    if isinstance(reply, ErrorReply):
        return RequestRefused(reply.code, reply.message, reply.field, reply.expected, reply.found)
    return RequestRefused(ErrorCode.UNKNOWN_TYPE, "not an answer to this request", "", expected, reply.type)


def _plain(value: object) -> Any:
    """Decimals travel as text, times in ISO 8601; the bridge reads both exactly."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
