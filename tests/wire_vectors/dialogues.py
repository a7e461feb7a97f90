"""Golden files of requests and replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.protocol import samples
from tests.wire_vectors.published import TICK
from tests.wire_vectors.vector import Vector
from zmq_bridge.protocol import messages as m

LOGIN, SESSION, NOW_MS = samples.LOGIN, samples.SESSION, samples.NOW_MS
IDS: Any = {"command_id": samples.COMMAND_ID, "expires_at_ms": NOW_MS + 5000}


def terminal_vectors() -> Iterator[Vector]:
    def ask(name: str, about: str, message: m.TerminalRequest) -> Vector:
        return Vector(name=name, about=about, where="terminal_request", frame=m.encode(message))

    def tell(name: str, about: str, message: m.TerminalReply) -> Vector:
        return Vector(name=name, about=about, where="terminal_reply", frame=m.encode(message))

    yield ask("hello", "greeting of a terminal that does both", samples.hello)
    feed = replace(
        samples.hello, role="feed", server_offset_s=-18000, journal="", journal_session=0, snapshot=None, symbols=()
    )
    yield ask("hello-feed", "greeting of a feed: no books; west of Greenwich", feed)
    yield ask("pull", "a pull that brings one event", samples.pull)
    yield ask("pull-empty", "a pull that brings nothing", replace(samples.pull, events=()))
    news = replace(samples.books, event_seq=1, seq=2)
    with_news = replace(samples.pull, snapshot=news)
    yield ask("pull-books", "a pull that brings an event and the books that show it", with_news)
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
    told = m.Symbols(login=LOGIN, session=SESSION, symbols=(samples.spec,))
    yield ask("symbols", "one specification, with its probe", told)
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


def strategy_vectors() -> Iterator[Vector]:
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
    yield ask("kill", "stop an account and close everything", m.Kill(
        api_key="zb_test_key", reason="storm", login=samples.LOGIN, close_positions=True))  # fmt: skip
    yield tell("killed", "an account that is stopped", m.Killed(
        login=samples.LOGIN, new=True, command_ids=(samples.COMMAND_ID, samples.OTHER_ID), now_ms=NOW_MS))  # fmt: skip
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
