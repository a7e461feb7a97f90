"""Signals and queries over a real ROUTER: lost answers, slow and absent bridges, refusals; nothing is ever doubled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import zmq

from tests.client.bridge_parts import scripted_desk
from tests.support import free_port
from zmq_bridge.client import (
    Accepted,
    AsyncClient,
    Client,
    ClientMisuse,
    Denied,
    NoAnswer,
    Price,
    RequestRefused,
    Tick,
)
from zmq_bridge.client import desk_call as desk_call_module
from zmq_bridge.protocol.ids import is_id
from zmq_bridge.protocol.messages import Answer, ErrorReply, Query, StrategyReply, StrategyRequest, Submit

ID = "01HF7YAT00AAAAAAAAAAAAAAAA"
SIGNAL = {"symbol": "EURUSD", "action": "BUY", "volume": Decimal("0.10"), "sl": "1.10", "tp": "1.13", "comment": None}
ACCEPTED = Accepted(signal_id=ID, command_id=ID, decision_id=ID, duplicate=False)
KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


PATIENCE_S = 30.0
one_attempt = pytest.mark.usefixtures("_one_attempt")
"""For tests that count requests: a busy machine's late answer is no lost one."""


@pytest.fixture(autouse=True)
def _short_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is lost is asked for again after 0.2 s, so that the tests are quick."""
    monkeypatch.setattr(desk_call_module, "ATTEMPT_S", 0.2)


@pytest.fixture
def _one_attempt(_short_attempts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_call_module, "ATTEMPT_S", PATIENCE_S)


def _call(kind: str, port: int, name: str, *arguments: Any, api_key: str = "key", **named: Any) -> Any:
    """Make one call with either client, by default a patient one."""
    if name in {"submit", "query"}:
        named.setdefault("timeout_s", PATIENCE_S)

    async def call() -> Any:
        async with AsyncClient(strategy_port=port, api_key=api_key) as client:
            return await getattr(client, name)(*arguments, **named)

    if kind == "async":
        return asyncio.run(call())
    with Client(strategy_port=port, api_key=api_key) as client:
        return getattr(client, name)(*arguments, **named)


class Gate:
    """Answers submits as the bridge does: one verdict per idempotency key, given again as a duplicate."""

    def __init__(self, deaf_for: int = 0) -> None:
        self.taken: dict[str, int] = {}
        self.deaf_for = deaf_for

    def __call__(self, request: StrategyRequest) -> StrategyReply | None:
        assert isinstance(request, Submit)
        key = request.signal["idempotency_key"]
        self.taken[key] = self.taken.get(key, 0) + 1
        if sum(self.taken.values()) <= self.deaf_for:
            return None  # taken, but the answer is lost
        return Accepted(signal_id=ID, command_id=ID, decision_id=ID, duplicate=self.taken[key] > 1)


@one_attempt
@KINDS
def test_a_signal_is_accepted(context: zmq.Context[Any], kind: str) -> None:
    with scripted_desk(context, Gate()) as desk:
        assert _call(kind, desk.port, "submit", SIGNAL) == ACCEPTED
    (request,) = desk.requests
    assert isinstance(request, Submit)
    assert request.api_key == "key"
    assert {**request.signal, "created_at": ..., "idempotency_key": ...} == {
        "symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.10", "tp": "1.13", "created_at": ...,
        "idempotency_key": ...,
    }  # fmt: skip
    assert is_id(request.signal["idempotency_key"])
    age = datetime.now(UTC) - datetime.fromisoformat(request.signal["created_at"])
    assert 0 <= age.total_seconds() < 30


@KINDS
def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(context: zmq.Context[Any], kind: str) -> None:
    gate = Gate(deaf_for=2)
    with scripted_desk(context, gate) as desk:
        answer = _call(kind, desk.port, "submit", SIGNAL)
    assert answer.duplicate
    (times,) = gate.taken.values()
    assert times >= 3
    assert len(set(desk.payloads)) == 1


@KINDS
def test_a_denied_signal_is_a_value_with_its_code(context: zmq.Context[Any], kind: str) -> None:
    denied = Denied(code="NO_STOP_LOSS", context={"sl": None}, decision_id=ID)
    with scripted_desk(context, lambda _: denied) as desk:
        assert _call(kind, desk.port, "submit", SIGNAL) == denied


@KINDS
def test_without_any_answer_the_outcome_is_unknown_and_the_key_is_told(context: zmq.Context[Any], kind: str) -> None:
    with scripted_desk(context, lambda _: None) as desk, pytest.raises(NoAnswer, match="no answer to submit") as caught:
        _call(kind, desk.port, "submit", SIGNAL, idempotency_key="mine-1", timeout_s=2.0)
    assert caught.value.idempotency_key == "mine-1"
    assert "mine-1" in str(caught.value)
    assert len(desk.requests) >= 2


@KINDS
def test_a_signal_that_nobody_took_is_not_delivered_after_the_call_gave_up(
    context: zmq.Context[Any], kind: str
) -> None:
    port, gate = free_port(), Gate()

    async def ask() -> None:
        async with AsyncClient(strategy_port=port) as client:
            with pytest.raises(NoAnswer):
                await client.submit(SIGNAL, idempotency_key="old", timeout_s=0.3)
            with scripted_desk(context, gate, port):
                await client.submit(SIGNAL, idempotency_key="new", timeout_s=PATIENCE_S)

    if kind == "async":
        asyncio.run(ask())
    else:
        with Client(strategy_port=port) as client:
            with pytest.raises(NoAnswer):
                client.submit(SIGNAL, idempotency_key="old", timeout_s=0.3)
            with scripted_desk(context, gate, port):
                client.submit(SIGNAL, idempotency_key="new", timeout_s=PATIENCE_S)
    assert set(gate.taken) == {"new"}


@KINDS
def test_a_late_answer_is_never_taken_for_the_next_requests(context: zmq.Context[Any], kind: str) -> None:
    release = threading.Event()

    def slow_first(request: StrategyRequest) -> StrategyReply:
        assert isinstance(request, Query)
        if request.symbol == "SLOW":
            release.wait(PATIENCE_S)
        return Answer(what=request.what, data={"symbol": request.symbol})

    async def ask(port: int) -> Any:
        async with AsyncClient(strategy_port=port) as client:
            with pytest.raises(NoAnswer):
                await client.query("positions", symbol="SLOW", timeout_s=0.15)
            release.set()
            return await client.query("positions", symbol="FAST", timeout_s=PATIENCE_S)

    with scripted_desk(context, slow_first) as desk:
        if kind == "async":
            found = asyncio.run(ask(desk.port))
        else:
            with Client(strategy_port=desk.port) as client:
                with pytest.raises(NoAnswer):
                    client.query("positions", symbol="SLOW", timeout_s=0.15)
                release.set()
                found = client.query("positions", symbol="FAST", timeout_s=PATIENCE_S)
    assert found == {"symbol": "FAST"}


@one_attempt
@KINDS
@pytest.mark.parametrize("code", ["UNAVAILABLE", "RATE_LIMITED"])
def test_a_refusal_that_may_pass_is_tried_again(context: zmq.Context[Any], kind: str, code: str) -> None:
    replies = iter([ErrorReply(now_ms=1, code=code, message="not now")] * 2)
    with scripted_desk(context, lambda _: next(replies, ACCEPTED)) as desk:
        assert _call(kind, desk.port, "submit", SIGNAL) == ACCEPTED
    assert len(desk.requests) == 3


@one_attempt
@KINDS
def test_a_refusal_that_does_not_pass_in_time_is_told(
    context: zmq.Context[Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_call_module, "PAUSE_FIRST_S", 2 * PATIENCE_S)
    busy = ErrorReply(now_ms=1, code="UNAVAILABLE", message="the books are away")
    with (
        scripted_desk(context, lambda _: busy) as desk,
        pytest.raises(RequestRefused, match="UNAVAILABLE: the books are away"),
    ):
        _call(kind, desk.port, "submit", SIGNAL)


@one_attempt
@KINDS
def test_a_bad_field_is_named_and_not_tried_again(context: zmq.Context[Any], kind: str) -> None:
    error = ErrorReply(now_ms=1, code="INVALID_FIELD", message="side", field="signal.side", expected="BUY", found="bye")
    with scripted_desk(context, lambda _: error) as desk:
        with pytest.raises(
            RequestRefused, match=r"INVALID_FIELD in signal\.side: side \(expected BUY, found bye"
        ) as caught:
            _call(kind, desk.port, "submit", SIGNAL)
        assert (caught.value.code, caught.value.field) == ("INVALID_FIELD", "signal.side")
    assert len(desk.requests) == 1


@KINDS
@pytest.mark.parametrize("reply", [b"", b"\xc1", b"\x80", Answer(what="price", data=None)])
def test_an_answer_that_makes_no_sense_is_a_refusal_not_a_crash(
    context: zmq.Context[Any], kind: str, reply: StrategyReply | bytes
) -> None:
    with scripted_desk(context, lambda _: reply) as desk:
        for call in ("submit", "query"):
            with pytest.raises(RequestRefused):
                _call(kind, desk.port, call, SIGNAL if call == "submit" else "status")


@KINDS
def test_history_comes_as_ticks_and_a_price_as_decimals(context: zmq.Context[Any], kind: str) -> None:
    def answer(request: StrategyRequest) -> StrategyReply:
        assert isinstance(request, Query)
        assert request.symbol == "EURUSD"
        if request.what == "ticks":
            assert (request.count, request.login) == (2, 7)
            return Answer(what="ticks", data=[[5, 1.1, 1.2, 0.0, 0.0, 6]] * 2)
        return Answer(
            what="price", data={"bid": "1.10001", "ask": "1.10003", "time_msc": 5, "age_ms": 12, "more": None}
        )

    with scripted_desk(context, answer) as desk:
        assert _call(kind, desk.port, "history", "EURUSD", 2, login=7) == [Tick(5, 1.1, 1.2, 0.0, 0.0, 6)] * 2
        assert _call(kind, desk.port, "price", "EURUSD") == Price(
            symbol="EURUSD", bid=Decimal("1.10001"), ask=Decimal("1.10003"), time_msc=5, age_ms=12
        )


@KINDS
@pytest.mark.parametrize(
    ("call", "data"), [("price", {}), ("price", None), ("price", {"bid": "x"}), ("history", [[1]])]
)
def test_data_of_the_wrong_shape_is_a_refusal(context: zmq.Context[Any], kind: str, call: str, data: Any) -> None:
    what: Any = "ticks" if call == "history" else call
    with scripted_desk(context, lambda _: Answer(what=what, data=data)) as desk, pytest.raises(RequestRefused):
        _call(kind, desk.port, call, "EURUSD")


@KINDS
@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("submit", ({"volume": float("nan")},)), ("submit", ({"volume": object()},)), ("query", ("weather",)),
        ("history", ("EURUSD", -1)), ("price", ("x" * 100,)),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_sent_is_misuse(kind: str, call: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ClientMisuse):
        _call(kind, free_port(), call, *arguments)


@KINDS
def test_a_time_out_that_makes_no_sense_is_misuse(kind: str) -> None:
    with pytest.raises(ClientMisuse, match="timeout_s above 0"):
        _call(kind, free_port(), "query", "status", timeout_s=0)


@one_attempt
def test_the_callers_signal_is_not_touched_and_its_own_key_and_time_are_kept(context: zmq.Context[Any]) -> None:
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    signal: dict[str, Any] = {"idempotency_key": "own", "created_at": created, "reason": ["a", Decimal("1.5")]}
    before = dict(signal)
    with scripted_desk(context, Gate()) as desk:
        _call("sync", desk.port, "submit", signal)
        _call("sync", desk.port, "submit", signal, idempotency_key="given")
    assert signal == before
    first, second = desk.requests
    assert isinstance(first, Submit)
    assert isinstance(second, Submit)
    assert first.signal == {"idempotency_key": "own", "created_at": created.isoformat(), "reason": ["a", "1.5"]}
    assert second.signal["idempotency_key"] == "given"


@KINDS
def test_a_signal_repeated_by_hand_after_no_answer_is_the_same_signal(context: zmq.Context[Any], kind: str) -> None:
    gate = Gate(deaf_for=10**6)
    with scripted_desk(context, gate) as desk:
        with pytest.raises(NoAnswer) as caught:
            _call(kind, desk.port, "submit", SIGNAL, timeout_s=2.0)
        gate.deaf_for = 0
        again = _call(kind, desk.port, "submit", SIGNAL, idempotency_key=caught.value.idempotency_key)
    assert again.duplicate
    assert len(gate.taken) == 1
    assert len(set(desk.payloads)) == 1


def test_a_key_of_the_callers_own_adds_no_time_that_would_differ_at_a_repetition(context: zmq.Context[Any]) -> None:
    with scripted_desk(context, Gate()) as desk:
        for _ in range(2):
            _call("sync", desk.port, "submit", SIGNAL, idempotency_key="order-7")
    assert len(set(desk.payloads)) == 1


def test_calls_from_many_threads_take_turns_and_each_gets_its_own_answer(context: zmq.Context[Any]) -> None:
    def echo(request: StrategyRequest) -> StrategyReply:
        assert isinstance(request, Query)
        return Answer(what=request.what, data=request.count)

    wrong: list[int] = []
    with scripted_desk(context, echo) as desk, Client(strategy_port=desk.port) as client:

        def ask_for(number: int) -> Any:
            return client.query("ticks", symbol="E", count=number, timeout_s=PATIENCE_S)

        def ask(number: int) -> None:
            wrong.extend(number for _ in range(20) if ask_for(number) != number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_tasks_that_ask_at_once_each_get_their_own_answer_and_a_cancelled_one_breaks_nothing(
    context: zmq.Context[Any],
) -> None:
    def echo(request: StrategyRequest) -> StrategyReply | None:
        assert isinstance(request, Query)
        return None if request.count == 99 else Answer(what=request.what, data=request.count)

    async def ask(port: int) -> list[Any]:
        async with AsyncClient(strategy_port=port) as client:
            doomed = asyncio.create_task(client.query("ticks", symbol="E", count=99))
            await asyncio.sleep(0.05)
            doomed.cancel()
            calls = [client.query("ticks", symbol="E", count=number, timeout_s=PATIENCE_S) for number in range(1, 20)]
            return await asyncio.gather(*calls)

    with scripted_desk(context, echo) as desk:
        assert asyncio.run(ask(desk.port)) == list(range(1, 20))


def test_a_bridge_that_comes_late_still_answers(context: zmq.Context[Any]) -> None:
    port, answers = free_port(), []
    with Client(strategy_port=port) as client:
        thread = threading.Thread(target=lambda: answers.append(client.submit(SIGNAL, timeout_s=PATIENCE_S)))
        thread.start()
        with scripted_desk(context, Gate(), port):
            thread.join()
    assert [type(answer) for answer in answers] == [Accepted]


def test_a_bridge_that_restarts_between_two_calls_is_found_again(context: zmq.Context[Any]) -> None:
    port = free_port()
    with Client(strategy_port=port) as client:
        for _ in range(2):
            with scripted_desk(context, Gate(), port):
                assert isinstance(client.submit(SIGNAL, timeout_s=PATIENCE_S), Accepted)


def test_giving_up_does_not_take_longer_than_asked() -> None:
    with Client(strategy_port=free_port()) as client:
        begun_s = time.monotonic()
        with pytest.raises(NoAnswer):
            client.query("status", timeout_s=0.5)
        assert 0.4 < time.monotonic() - begun_s < 4.0  # the usual time-out is 5 s


def test_both_clients_have_the_same_names() -> None:
    def names(cls: type) -> set[str]:
        return {name for name in vars(cls) if not name.startswith("_")}

    def parameters(cls: type, name: str) -> list[str]:
        method: Callable[..., Any] = getattr(cls, name)
        return list(method.__code__.co_varnames[: method.__code__.co_argcount + method.__code__.co_kwonlyargcount])

    assert names(Client) == names(AsyncClient)
    for name in names(Client):
        assert parameters(Client, name) == parameters(AsyncClient, name)


def test_a_call_under_way_when_its_client_is_closed_is_not_answered_and_its_task_not_cancelled() -> None:
    async def ask() -> None:
        client = AsyncClient(strategy_port=free_port(), api_key="key")
        call = asyncio.create_task(client.submit(SIGNAL, timeout_s=PATIENCE_S))
        await asyncio.sleep(0.05)  # it is sent, and nobody will ever answer
        client.close()
        with pytest.raises(NoAnswer, match="idempotency_key="):
            await call

    asyncio.run(ask())
