"""Golden files of what travels on PUB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tests.protocol import samples
from tests.wire_vectors.vector import Vector
from zmq_bridge.protocol import messages as m
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic

LOGIN, SESSION, NOW_MS = samples.LOGIN, samples.SESSION, samples.NOW_MS
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


def tick_vectors() -> Iterator[Vector]:
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
    yield one("tick-extremes", "smallest, largest and awkward numbers", "X", 2**63 - 1, 2**63 - 1, 2**62, extremes)


def event_vectors() -> Iterator[Vector]:
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
    unprobed = replace(samples.spec, probe=None)
    yield one("event-symbol", "a specification without a probe", replace(event, seq=7, data=unprobed))
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
        "lost ticks of which not all came back",
        m.Gap(
            session=NOW_MS,
            seq=1,
            symbol="EURUSD",
            login=LOGIN,
            state="lost",
            lost=17,
            from_msc=SESSION,
            to_msc=SESSION + 90,
            found=12,
        ),
    )
