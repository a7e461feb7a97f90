"""A terminal that can only poll, against the simulated broker: the same guarantees as over sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import Engine

from tests.simulator.world import free_of_costs, rows, running_broker
from tests.web.conftest import Caller, Reply
from tests.web.polling_terminal import PollingTerminal
from zmq_bridge.booking.entering import NotWelcome
from zmq_bridge.booking.polled import hand_out
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.storage.commands.leases import lease_again
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.ledger.requests import request_subscription
from zmq_bridge.storage.locks import Lock, hold, own, try_hold_shared
from zmq_bridge.storage.risk.trading_state import set_account_state
from zmq_bridge.storage.users import create_user

LOGIN = 123456
ALWAYS = tuple((day, 0, 86_400) for day in range(7))
BUY = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.09800", "tp": "1.10500"}


def server_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def broker() -> Iterator[BrokerClient]:
    with running_broker(account=BrokerConfig(login=LOGIN, symbols=free_of_costs("EURUSD", sessions=ALWAYS))) as (
        client,
        _,
    ):
        client.call("inject", ticks={"EURUSD": rows((server_ms(), 1.1, 1.1001))})
        yield client


def key(engine: Engine, *scopes: str, **more: Any) -> str:
    with engine.begin() as connection:
        return create_key(
            connection, name="test", scopes=scopes, now=datetime.now(UTC), actor="test", **more
        ).text  # fmt: skip


@pytest.fixture
def terminal(app: Flask, engine: Engine, broker: BrokerClient, tmp_path: Path) -> Iterator[PollingTerminal]:
    """A polling terminal whose account is known, reconciled and owned by a member."""
    terminal = PollingTerminal(broker, app.test_client(), key(engine, "terminal", accounts=[LOGIN]), tmp_path)
    assert terminal.update().status_code == 200
    with engine.begin() as connection:
        user = create_user(connection, name="Ann", email="ann@example.org", actor="test")
        assert user is not None
        account_id = connection.exec_driver_sql("SELECT id FROM accounts").scalar_one()
        request_subscription(
            connection, account_id, user.id, Decimal("10000"), source="test", reference="Initial deposit"
        )  # fmt: skip
        connection.exec_driver_sql(
            "INSERT INTO correlations (account_id, as_of, symbols, links) VALUES (%s, now(), %s, '{}')",
            (account_id, dump_json(["EURUSD"])),
        )
    terminal.confirm()
    terminal.update()
    yield terminal
    terminal.close()


@pytest.fixture
def sender(app: Flask, engine: Engine, terminal: PollingTerminal) -> Caller:
    return Caller(app.test_client(), key(engine, "signal", "read", "trade"))


def quote(terminal: PollingTerminal, bid: float = 1.1) -> None:
    """A price of now, at the broker and over HTTP."""
    terminal.broker.call("inject", ticks={"EURUSD": rows((server_ms(), bid, bid + 0.0001))})
    assert terminal.update().status_code == 200


def fill(terminal: PollingTerminal, sender: Caller, **changes: Any) -> Any:
    """A signal, accepted."""
    quote(terminal)
    answer = sender.post("/api/signal", BUY | changes)
    assert answer.status_code == 202, answer.text
    return answer.json


def lapse(engine: Engine) -> None:
    """Let the leases of everything handed out lapse."""
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE commands SET sent_at = sent_at - interval '6 s'")
        connection.exec_driver_sql("UPDATE terminals SET journal_since = journal_since - interval '1 min'")


def statuses(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT status FROM commands ORDER BY id").scalars())


def test_from_a_signal_to_a_fill_in_the_books(
    terminal: PollingTerminal, sender: Caller, engine: Engine, broker: BrokerClient
) -> None:
    signal = fill(terminal, sender)
    terminal.turn()
    found = sender.get(f"/api/signals/{signal['signal_id']}").json
    assert [command["status"] for command in found["commands"]] == ["done"]
    held = broker.call("snapshot")["positions"]
    assert [position["ticket"] for position in held] == [found["commands"][0]["position"]]
    assert [(deal["entry"], deal["profit"]) for deal in found["deals"]] == [("in", "0.00")]  # as /api/deals has it
    assert "account_id" not in found
    shown = sender.get("/api/positions").json["positions"]
    assert [(position["ticket"], position["volume"]) for position in shown] == [(held[0]["ticket"], "0.1")]
    with engine.connect() as connection:
        reserved = connection.exec_driver_sql("SELECT count(*) FROM reservations WHERE ended_at IS NULL").scalar_one()
        breaks = connection.exec_driver_sql("SELECT count(*) FROM ledger_breaks").scalar_one()
    assert (reserved, breaks) == (0, 0)


def test_a_position_is_closed_and_the_money_is_the_brokers(
    terminal: PollingTerminal, sender: Caller, broker: BrokerClient
) -> None:
    fill(terminal, sender)
    terminal.turn()
    quote(terminal, 1.103)
    ticket = sender.get("/api/positions").json["positions"][0]["ticket"]
    assert sender.post("/api/positions/close", {"ticket": ticket}).status_code == 202
    terminal.turn()
    assert sender.get("/api/positions").json["positions"] == []
    account = sender.get("/api/account").json
    assert Decimal(account["balance"]) == Decimal(str(broker.call("account")["balance"])) > 10_000
    assert sender.get("/api/trades").json["trades"][0]["status"] == "closed"


def test_two_pollers_are_never_handed_the_same_command(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    for number in range(5):
        fill(terminal, sender, volume="0.01", idempotency_key=str(number))
    handed: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: handed.extend(command["command_id"] for command in terminal.ask().json["commands"])
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handed) == 5
    assert len(set(handed)) == 5
    assert terminal.ask().json["commands"] == []
    assert statuses(engine) == ["sent"] * 5


def test_a_command_whose_answer_was_lost_comes_again_once_its_lease_has_lapsed_and_is_executed_once(
    terminal: PollingTerminal, sender: Caller, engine: Engine, broker: BrokerClient
) -> None:
    fill(terminal, sender)
    lost = terminal.ask().json["commands"]
    assert terminal.ask().json["commands"] == []
    lapse(engine)
    again = terminal.ask()
    assert [(command["command_id"], command["attempt"]) for command in again.json["commands"]] == [
        (lost[0]["command_id"], 2)
    ]
    terminal.execute(again)
    terminal.execute(again)  # delivered twice
    terminal.confirm()
    assert len(broker.call("snapshot")["positions"]) == 1
    assert statuses(engine) == ["done"]


def test_an_order_handed_out_and_recalled_does_not_run_when_trading_goes_on(
    terminal: PollingTerminal, sender: Caller, engine: Engine, broker: BrokerClient
) -> None:
    """The answer that carried it was lost; meanwhile the kill switch was used and lifted."""
    fill(terminal, sender)
    terminal.ask()
    assert sender.post("/api/risk/kill", {"reason": "storm"}).status_code == 202
    with engine.begin() as connection:
        account_id = connection.exec_driver_sql("SELECT id FROM accounts").scalar_one()
        set_account_state(connection, account_id, "active", reason="over", actor="ann", now=datetime.now(UTC))
    lapse(engine)
    told = terminal.ask()
    assert told.json["trading_state"] == "active"
    assert {each.get("state", "active") for each in told.json["commands"]} == {"active"}, "the switch's own is older"
    terminal.execute(told)
    terminal.confirm()
    assert broker.call("snapshot")["positions"] == []
    assert standing(engine) == ({("place_order", "unknown"), ("set_trading_state", "done")}, 1), "it may not show yet"
    terminal.settle()
    terminal.confirm()
    assert standing(engine) == ({("place_order", "expired"), ("set_trading_state", "done")}, 0)
    assert broker.call("snapshot")["positions"] == []


def standing(engine: Engine) -> tuple[set[tuple[str, str]], int]:
    """Where commands stand, and how many reservations have not ended."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT kind, status FROM commands").all()
        reserved = connection.exec_driver_sql("SELECT count(*) FROM reservations WHERE ended_at IS NULL").scalar_one()
    return {(row.kind, row.status) for row in rows}, reserved


def test_two_who_ask_again_at_once_do_not_both_get_a_lapsed_command(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    fill(terminal, sender)
    terminal.ask()
    lapse(engine)
    with engine.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT id FROM accounts").scalar_one()
    with engine.begin() as first, engine.begin() as second:
        assert len(lease_again(first, account_id, 10)) == 1
        assert lease_again(second, account_id, 10) == []


def test_a_confirmation_whose_answer_was_lost_is_said_again_and_booked_once(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    fill(terminal, sender)
    terminal.execute(terminal.ask())
    first = terminal.confirm(lose_answer=True)
    again = terminal.confirm()
    assert first.json["acks"] == again.json["acks"] != []
    with engine.connect() as connection:
        deals = connection.exec_driver_sql("SELECT count(*) FROM deals WHERE type = 'buy'").scalar_one()
        balance = connection.exec_driver_sql("SELECT sum(profit) FROM deals").scalar_one()
    assert (deals, balance) == (1, 10_000)


def test_a_terminal_that_crashed_after_executing_finds_it_in_its_journal(
    app: Flask, terminal: PollingTerminal, sender: Caller, engine: Engine, broker: BrokerClient, tmp_path: Path
) -> None:
    fill(terminal, sender)
    terminal.execute(terminal.ask())
    terminal.close()
    successor = PollingTerminal(broker, app.test_client(), terminal.key, tmp_path)
    successor.update()
    successor.desk.resolve_earlier(0)
    successor.turn()
    assert len(broker.call("snapshot")["positions"]) == 1
    assert statuses(engine) == ["done"]
    assert terminal.ask().json["code"] == "SUPERSEDED"
    terminal.memory = successor.memory


def test_a_successor_without_the_journal_is_not_handed_an_order_that_may_be_executing(
    app: Flask, terminal: PollingTerminal, sender: Caller, engine: Engine, broker: BrokerClient, tmp_path: Path
) -> None:
    fill(terminal, sender)
    assert len(terminal.ask().json["commands"]) == 1
    lapse(engine)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stranger = PollingTerminal(broker, app.test_client(), terminal.key, elsewhere)
    stranger.update()
    assert stranger.ask().json["commands"] == []
    stranger.close()


def test_an_account_that_a_desk_serves_is_not_served_here(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    fill(terminal, sender)
    with engine.connect() as desk:
        account_id = desk.exec_driver_sql("SELECT id FROM accounts").scalar_one()
        assert own(desk, Lock.OWNER, account_id)
        assert own(desk, Lock.READY, account_id)
        for answer in (terminal.update(), terminal.ask(), terminal.confirm()):
            assert (answer.status_code, answer.json["code"]) == (409, "OWNED_ELSEWHERE")
        desk.invalidate()
    assert len(terminal.ask().json["commands"]) == 1


def test_a_poll_under_way_does_not_pass_for_a_desk_that_stands_ready(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    quote(terminal)
    with engine.begin() as poll:
        hold(poll, Lock.POLLED, poll.exec_driver_sql("SELECT id FROM accounts").scalar_one())
        answer = sender.post("/api/signal", BUY)
    assert answer.status_code == 202, answer.text
    assert statuses(engine) == ["queued"]
    assert [command["attempt"] for command in terminal.ask().json["commands"]] == [1]


def test_a_poll_that_is_just_ending_does_not_pass_for_a_desk(terminal: PollingTerminal, engine: Engine) -> None:
    """Locks are given back one by one: the next poll may find the first free and the second not yet."""
    refused: list[Any] = []

    def poll(account_id: int) -> None:
        for _ in range(200):
            with engine.begin() as connection:
                try:
                    hand_out(connection, account_id, LOGIN, terminal.memory.session, 1)
                except NotWelcome as refusal:
                    refused.append(refusal)

    with engine.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT id FROM accounts").scalar_one()
        assert try_hold_shared(connection, Lock.OWNER, account_id)
        assert terminal.ask().status_code == 200
    threads = [threading.Thread(target=poll, args=(account_id,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []


def test_a_silent_terminal_gets_no_new_risk(terminal: PollingTerminal, sender: Caller, redis_url: str) -> None:
    fill(terminal, sender, idempotency_key="a")
    with redis.Redis.from_url(redis_url) as client:
        client.delete(f"terminal:{LOGIN}")
    answer = sender.post("/api/signal", BUY | {"idempotency_key": "b"})
    assert (answer.status_code, answer.json["code"]) == (422, "TERMINAL_SILENT")


def test_a_command_that_nobody_fetched_in_time_expires_and_frees_its_risk(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    fill(terminal, sender)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE commands SET expires_at = now()")
    assert terminal.ask().json["commands"] == []
    assert statuses(engine) == ["expired"]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT end_reason FROM reservations").scalar_one() == "expired"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"session": 0}, "session"),
        ({"session": "1"}, "session"),
        ({"snapshot": None}, None),
        ({"snapshot": {"event_seq": 0}}, "snapshot.seq"),
        ({"quotes": {"EURUSD": {"bid": "x"}}}, "quotes.EURUSD.bid"),
        ({"quotes": [1]}, "quotes"),
        ({"symbols": "all"}, "symbols"),
        ({"role": "king"}, "role"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused_with_its_field(
    terminal: PollingTerminal, changes: dict[str, Any], field: str | None
) -> None:
    answer = terminal.update(**changes)
    assert answer.status_code == 400, answer.text
    assert answer.json.get("field") == field


def test_a_terminals_key_speaks_for_its_own_account_only(app: Flask, terminal: PollingTerminal, engine: Engine) -> None:
    stranger = Caller(app.test_client(), key(engine, "terminal", accounts=[999]))
    session = terminal.memory.session
    assert stranger.get("/api/signals/pending", account=LOGIN, session=session).status_code == 404
    body = {"account": LOGIN, "session": session, "events": []}
    assert stranger.post("/api/trades/confirm", body).status_code == 404
    terminal.key = stranger.key or ""
    assert Reply.of(terminal.update()).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"account": 1}, {"events": "x"}, {"events": [1]}, {"events": [{"seq": 0, "kind": "deal", "data": {}}]}],
)
def test_a_confirmation_that_can_not_be_read_is_refused(terminal: PollingTerminal, body: dict[str, Any]) -> None:
    shared = {"account": terminal.login, "session": terminal.memory.session} if "events" in body else {}
    answer = terminal._post("/api/trades/confirm", shared | body)
    assert answer.status_code == 400, answer.text


def test_a_fill_that_can_not_be_read_is_kept_and_stops_new_risk(
    terminal: PollingTerminal, sender: Caller, engine: Engine
) -> None:
    event = {"seq": 900, "kind": "deal", "data": {"ticket": "x"}}
    body = {"account": terminal.login, "session": terminal.memory.session, "events": [event]}
    answer = terminal._post("/api/trades/confirm", body)
    assert answer.json["acks"] == [[terminal.memory.session, 900]]
    quote(terminal)
    assert sender.post("/api/signal", BUY).status_code == 422
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT error FROM terminal_events WHERE seq = 900").scalar_one()
    assert "ticket" in kept
