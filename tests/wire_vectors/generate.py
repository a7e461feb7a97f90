"""Write the golden files of the wire: `NAME.bin`, the bytes of one frame, and `NAME.json`, what they say.

    python -m tests.wire_vectors.generate        # writes beside this file; a test compares

Three sorts, told apart by `sort` in the JSON:
    encode   a writer MUST produce exactly these bytes, a reader MUST read them
    accept   a reader MUST read these bytes as the given value; a writer never produces them
    refuse   a reader MUST refuse these bytes; `code` says with which error code

`tokens` is the payload in the order of its bytes, one object per MessagePack item: {"map": n} and {"array": n} are
followed by their items; {"int": "decimal"}, {"float": "decimal", "bits": "hex"}, {"str": text}, {"bool": bool},
{"nil": true}. It is complete: it can be written and compared without any other rule. `value` is the same for people:
integers above 2**53 are decimal strings there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.protocol import samples
from zmq_bridge.protocol import messages as m
from zmq_bridge.protocol.codec import join_frame, pack, unpack
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic

HERE = Path(__file__).parent
JSON_INT_MAX = 2**53
LOGIN, SESSION, NOW_MS = samples.LOGIN, samples.SESSION, samples.NOW_MS
IDS: Any = {"command_id": samples.COMMAND_ID, "expires_at_ms": NOW_MS + 5000}
LONG = "Länge " * 60  # 420 bytes of UTF-8
TICK = Tick(1_577_836_800_123, 1.12345, 1.12346, 0.0, 0.0, 6)
BALANCE = replace(
    samples.deal,
    ticket=1,
    order=0,
    position=0,
    symbol="",
    type="balance",
    volume=Decimal(0),
    price=Decimal(0),
    profit=Decimal("10000.01"),
    commission=Decimal(0),
    magic=0,
    comment="Einzahlung für Köln ✓",
    reason="",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One golden file."""

    name: str
    about: str
    where: str  # pub, terminal_request, terminal_reply, strategy_request, strategy_reply, or value (any single value)
    sort: str = "encode"
    frame: bytes
    code: str = ""  # of the refusal

    @property
    def topic(self) -> str | None:
        """Topic of a PUB frame."""
        return self.frame.split(b"\0", 1)[0].decode() if self.where == "pub" else None

    @property
    def payload(self) -> bytes:
        """What follows the topic, or everything."""
        return self.frame.split(b"\0", 1)[1] if self.where == "pub" else self.frame

    def description(self) -> dict[str, Any]:
        """Give the content of the JSON file."""
        head = {"name": self.name, "about": self.about, "where": self.where, "sort": self.sort}
        if self.sort == "refuse":
            return {**head, "bytes": len(self.frame), "code": self.code}
        value = unpack(self.payload)
        body = {
            "topic": self.topic,
            "bytes": len(self.frame),
            "value": _readable(value),
            "tokens": list(_tokens(value)),
        }
        return {**head, **body}


def vectors() -> list[Vector]:
    """Give every golden file."""
    return [*_ticks(), *_published(), *_dialogue(), *_strategies(), *_values(), *_accepted(), *_refused()]


def _ticks() -> Iterator[Vector]:
    def one(name: str, about: str, symbol: str, login: int, session: int, seq: int, ticks: list[Tick]) -> Vector:
        frame = tick_frame(tick_topic(symbol, login), session, seq, ticks)
        return Vector(name=name, about=about, where="pub", frame=frame)

    big = 2**64 - 1
    yield one("tick-one", "one tick", "EURUSD", LOGIN, SESSION, 1, [TICK])
    several = [
        TICK,
        Tick(TICK.time_msc, 1.12344, 1.12346, 0.0, 0.0, 2),
        Tick(TICK.time_msc + 1, 1.12344, 1.12345, 0.0, 0.0, 4),
    ]
    yield one("tick-batch", "three ticks, two of one millisecond", "EURUSD", LOGIN, SESSION, 2, several)
    yield one(
        "tick-batch-16", "sixteen ticks: the array no longer fits one byte", "EURUSD", LOGIN, SESSION, 5, [TICK] * 16
    )
    yield one(
        "tick-symbol-dots", "a symbol with dots: the login is behind the last", "EURUSD.z", LOGIN, SESSION, 1, [TICK]
    )
    yield one("tick-symbol-utf8", "a symbol in UTF-8", "Золото#1", LOGIN, SESSION, 1, [TICK])
    extremes = [
        Tick(0, -0.0, 0.0, 5e-324, -5e-324, 0),
        Tick(big, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, -1.5, 2**32 - 1),
        Tick(1, 2.2250738585072014e-308, 1e-5, 0.30000000000000004, 1e15, 126),
    ]
    yield one("tick-extremes", "smallest, largest and awkward numbers", "X", big, big, 2**63, extremes)


def _published() -> Iterator[Vector]:
    def one(name: str, about: str, message: m.Published) -> Vector:
        return Vector(name=name, about=about, where="pub", frame=m.encode_frame(message))

    event = samples.event
    result = samples.result
    yield one("event-deal", "a fill, tickets above 2**63", event)
    yield one(
        "event-deal-balance",
        "a deposit: no order, position or symbol; UTF-8 comment",
        replace(event, seq=2, data=BALANCE),
    )
    done = replace(
        result, volume=Decimal("0.01"), price=Decimal("1.12345"), order=2**63, position=2**63 + 1, deals=(2**64 - 1,)
    )
    yield one("event-result-done", "a command that is done", replace(event, seq=3, data=done))
    rejected = replace(result, status="rejected", retcode=10019, retcode_name="NO_MONEY", deal=0, message=LONG)
    yield one("event-result-rejected", "a rejection with a long text", replace(event, seq=4, data=rejected))
    yield one(
        "event-result-least",
        "every field at its default",
        replace(event, seq=5, data=m.CommandResult(command_id=samples.COMMAND_ID, status="unknown")),
    )
    yield one("event-order", "a resting order", replace(event, seq=6, data=samples.order))
    yield one("event-symbol", "a specification", replace(event, seq=7, data=samples.spec))
    yield one(
        "event-trading-state",
        "the kill switch",
        replace(event, seq=8, data=m.TradingState(state="halted", reason="loss")),
    )
    snapshot = m.Snapshot(
        login=LOGIN,
        session=SESSION,
        seq=1,
        event_seq=8,
        time_msc=SESSION,
        account=samples.account,
        positions=(samples.position,),
        orders=(samples.order,),
    )
    yield one("snapshot", "account, a position, an order", snapshot)
    nothing = replace(
        samples.account, name="", company="", balance=Decimal("-0.01"), equity=Decimal("1e-12"), credit=Decimal("1e15")
    )
    empty = replace(snapshot, seq=2, event_seq=0, account=nothing, positions=(), orders=())
    yield one("snapshot-empty", "no position, no order, awkward amounts", empty)
    beat = m.Beat(login=LOGIN, session=SESSION, seq=9, role="both", time_msc=SESSION, streams={f"event.{LOGIN}": 8})
    yield one("beat", "a terminal's heartbeat", beat)
    streams = {tick_topic(f"S{number}", LOGIN): number * 10**9 for number in range(20)}
    yield one("beat-many", "twenty streams: the map no longer fits one byte", replace(beat, streams=streams))
    yield one(
        "beat-bridge", "the bridge's heartbeat", replace(beat, login=0, role="bridge", time_msc=NOW_MS, streams={})
    )
    yield one(
        "gap",
        "lost ticks announced by the bridge",
        m.Gap(
            session=NOW_MS,
            seq=1,
            symbol="EURUSD",
            login=LOGIN,
            state="open",
            lost=17,
            from_msc=SESSION,
            to_msc=SESSION + 90,
        ),
    )


def _dialogue() -> Iterator[Vector]:
    def ask(name: str, about: str, message: m.TerminalRequest) -> Vector:
        return Vector(name=name, about=about, where="terminal_request", frame=m.encode(message))

    def tell(name: str, about: str, message: m.TerminalReply) -> Vector:
        return Vector(name=name, about=about, where="terminal_reply", frame=m.encode(message))

    yield ask("hello", "greeting of a terminal that does both", samples.hello)
    feed = replace(samples.hello, role="feed", snapshot=None, symbols=(), server_offset_s=-18000)
    yield ask("hello-feed", "greeting of a feed: no books; west of Greenwich", feed)
    yield ask("pull", "a pull that brings one event", samples.pull)
    yield ask("pull-empty", "a pull that brings nothing", replace(samples.pull, events=()))
    history = m.History(
        login=LOGIN,
        session=SESSION,
        command_id=samples.COMMAND_ID,
        symbol="EURUSD",
        from_msc=SESSION,
        to_msc=SESSION + 5,
        skip=0,
        ticks=(TICK, TICK),
        complete=True,
        oldest_msc=SESSION - 86_400_000,
    )
    yield ask("history", "two equal ticks of a range", history)
    yield ask("history-empty", "a range without ticks", replace(history, ticks=(), oldest_msc=0))
    yield ask("symbols", "one changed specification", m.Symbols(login=LOGIN, session=SESSION, symbols=(samples.spec,)))
    yield ask("bye", "an orderly end", m.Bye(login=LOGIN, session=SESSION, reason="removed from chart"))
    yield tell("welcome", "greeting accepted", samples.welcome)
    yield tell("work", "every kind of command, one acknowledgement", replace(samples.work, commands=_every_command()))
    yield tell("work-empty", "nothing to do", replace(samples.work, commands=(), acks=()))
    yield tell("received", "history stored", m.Received(session=SESSION, now_ms=NOW_MS, command_id=samples.COMMAND_ID))
    yield tell("farewell", "bye answered", m.Farewell(session=SESSION, now_ms=NOW_MS))
    yield tell(
        "error",
        "a request refused",
        m.ErrorReply(
            session=SESSION, now_ms=NOW_MS, code="MALFORMED", message="login", expected="an integer", found="x"
        ),
    )


def _every_command() -> tuple[m.Command, ...]:
    cent = Decimal("0.01")
    return (
        samples.place_order,
        replace(
            samples.place_order,
            order_type="stop_limit",
            side="sell",
            price=Decimal("1.1"),
            stoplimit=Decimal("1.1005"),
            deviation=10,
            expiration_msc=NOW_MS + 10**7,
            magic=2**64 - 1,
            attempt=2,
        ),
        m.ModifyPosition(**IDS, position=2**63 + 1, symbol="EURUSD", sl=Decimal("1.1"), tp=Decimal(0)),
        m.ClosePosition(
            **IDS, position=2**63 + 1, symbol="EURUSD", volume=cent, deviation=20, comment=samples.COMMAND_ID
        ),
        m.CloseBy(**IDS, position=1, position_by=2),
        m.ModifyOrder(**IDS, order=2**64 - 1, price=Decimal("1.2")),
        m.CancelOrder(**IDS, order=2**64 - 1),
        m.CloseAll(**IDS, symbol="", cancel_pending=True, comment=samples.COMMAND_ID),
        m.SetTradingState(**IDS, state="reducing", reason="Tagesverlust über 5 %"),
        m.FetchTicks(**IDS, symbol="EURUSD", from_msc=SESSION, to_msc=SESSION + 60_000, skip=5000, limit=5000),
    )


def _strategies() -> Iterator[Vector]:
    def ask(name: str, about: str, message: m.StrategyRequest) -> Vector:
        return Vector(name=name, about=about, where="strategy_request", frame=m.encode(message))

    def tell(name: str, about: str, message: m.StrategyReply) -> Vector:
        return Vector(name=name, about=about, where="strategy_reply", frame=m.encode(message))

    signal = {"symbol": "EURUSD", "side": "buy", "volume": "0.01", "sl": "1.12", "tp": "1.13", "idempotency_key": "k-1"}
    yield ask("submit", "a signal", m.Submit(api_key="zb_test_key", signal=signal))
    yield ask(
        "query-ticks",
        "the latest ticks of a symbol",
        m.Query(api_key="zb_test_key", what="ticks", symbol="EURUSD", count=100),
    )
    yield ask("query-status", "every argument at its default", m.Query(api_key="zb_test_key", what="status"))
    yield tell(
        "accepted",
        "a signal that became a command",
        m.Accepted(
            signal_id=samples.OTHER_ID,
            command_id=samples.COMMAND_ID,
            decision_id=samples.OTHER_ID,
            duplicate=False,
            now_ms=NOW_MS,
        ),
    )
    context = {"volume": "15", "volume_max": "10"}
    yield tell(
        "denied", "a signal that was denied", m.Denied(code="VOLUME_EXCEEDS_MAXIMUM", context=context, now_ms=NOW_MS)
    )
    yield tell(
        "answer",
        "an answer with nested data",
        m.Answer(
            what="price",
            now_ms=NOW_MS,
            data={
                "bid": "1.12345",
                "ask": "1.12346",
                "age_ms": 40,
                "is_stale": False,
                "last": None,
                "spread": [1, -1, 0.5],
            },
        ),
    )
    yield tell(
        "error-field",
        "a signal with a bad field",
        m.ErrorReply(now_ms=NOW_MS, code="INVALID_FIELD", message="expected buy or sell, found bye", field="side"),
    )


def _values() -> Iterator[Vector]:
    def one(name: str, about: str, value: object) -> Vector:
        return Vector(name=name, about=about, where="value", frame=pack(value))

    edges = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
    below = [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]
    yield one("value-integers", "both sides of every change of format, always the shortest", edges + below)
    floats = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        1e15,
        0.30000000000000004,
    ]
    yield one("value-floats", "always 64 bits, whole numbers too", floats)
    yield one(
        "value-texts",
        "both sides of every change of format; UTF-8",
        ["", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 4096, "ä€😀", "tab\tnul\0"],
    )
    yield one("value-arrays", "both sides of the change of format", [[], [None] * 15, [True] * 16, [[[[]]]]])
    yield one(
        "value-maps",
        "both sides of the change of format",
        [
            {},
            {f"k{number:02d}": number for number in range(15)},
            {f"k{number:02d}": False for number in range(16)},
            {"": {"ä": []}},
        ],
    )


def _accepted() -> Iterator[Vector]:
    def one(name: str, about: str, text: str) -> Vector:
        return Vector(name=name, about=about, where="value", sort="accept", frame=bytes.fromhex(text))

    yield one(
        "accept-wide-integers", "integers in longer formats than needed", "94 cc05 cd0005 ce00000005 d3ffffffffffffffff"
    )
    yield one("accept-float-32", "a single-precision float", "91 ca3fc00000")
    yield one("accept-wide-texts", "texts in longer formats than needed", "93 d90161 da000161 db0000000161")
    yield one("accept-wide-array", "an array in a longer format than needed", "dd00000002 01 02")
    yield one("accept-wide-map", "a map in a longer format than needed", "df00000001 a161 01")


def _refused() -> Iterator[Vector]:
    def one(name: str, about: str, text: str, code: str = "MALFORMED", where: str = "value") -> Vector:
        return Vector(name=name, about=about, where=where, sort="refuse", code=code, frame=bytes.fromhex(text))

    yield one("refuse-empty", "nothing at all", "")
    yield one("refuse-trailing", "a second value behind the first", "01 02")
    yield one("refuse-truncated", "ends inside an array", "93 01")
    yield one("refuse-lying-length", "an array of 4 294 967 295 items that are not there", "ddffffffff 01")
    yield one("refuse-reserved", "the byte that MessagePack never uses", "c1")
    yield one("refuse-nan", "not a number", "cb7ff8000000000000")
    yield one("refuse-infinity", "minus infinity", "cbfff0000000000000")
    yield one("refuse-bin", "binary data", "c40161")
    yield one("refuse-ext", "an extension", "d40100")
    yield one("refuse-timestamp", "the timestamp extension", "d6ff00000000")
    yield one("refuse-integer-key", "a map key that is not text", "81 01 02")
    yield one("refuse-key-twice", "a map that names a key twice", "82 a161 01 a161 02")
    yield one("refuse-not-utf8", "text that is not UTF-8", "a1ff")
    yield one("refuse-surrogate", "half a surrogate pair in UTF-8 clothes", "a3eda080")
    yield one("refuse-depth", "seventeen arrays in each other", "91" * 16 + "90", "TOO_LARGE")
    yield one(
        "refuse-version",
        "a pull of version 2",
        _hex({"v": 2, "type": "pull"}),
        "UNSUPPORTED_VERSION",
        "terminal_request",
    )
    yield one(
        "refuse-type",
        "a request that nobody knows",
        _hex({"v": 1, "type": "dance"}),
        "UNKNOWN_TYPE",
        "terminal_request",
    )
    yield one(
        "refuse-no-login", "a bye without a login", _hex({"v": 1, "type": "bye"}), "MALFORMED", "terminal_request"
    )
    yield one("refuse-frame", "a frame without a topic", "00 90", "MALFORMED", "pub")
    yield one(
        "refuse-topic", "a topic that is not the wire's", join_frame("news.1", b"\x90").hex(), "UNKNOWN_TYPE", "pub"
    )
    swapped = join_frame("event.999", m.encode(samples.event)).hex()
    yield one("refuse-other-login", "an event under another login's topic", swapped, "WRONG_LOGIN", "pub")
    integer_price = pack([1, SESSION, 1, [[1, 1, 1.0, 0.0, 0.0, 0]]])
    yield one(
        "refuse-tick-integer",
        "a tick with an integer for its bid",
        join_frame("tick.X.1", integer_price).hex(),
        where="pub",
    )


def _hex(value: object) -> str:
    return pack(value).hex()


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    too_big = type(value) is int and abs(value) > JSON_INT_MAX
    return str(value) if too_big else value


def _tokens(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield {"map": len(value)}
        for key, each in value.items():
            yield {"str": key}
            yield from _tokens(each)
    elif isinstance(value, list):
        yield {"array": len(value)}
        for each in value:
            yield from _tokens(each)
    else:
        yield _token(value)


def _token(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value), "bits": struct.pack(">d", value).hex()}
    return {"nil": True} if value is None else {"str": value}


def files() -> dict[str, bytes]:
    """Give the content of every file by its name."""
    found: dict[str, bytes] = {}
    for vector in vectors():
        text = json.dumps(vector.description(), ensure_ascii=False, indent=1)
        found[f"{vector.name}.bin"] = vector.frame
        found[f"{vector.name}.json"] = text.encode() + b"\n"
    return found


def main() -> None:
    """Write the files and remove those that no vector makes any more."""
    wanted = files()
    for path in (*HERE.glob("*.bin"), *HERE.glob("*.json")):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (HERE / name).write_bytes(content)
    print(f"{len(wanted)} files in {HERE}")


if __name__ == "__main__":
    main()
