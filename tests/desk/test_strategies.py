"""Strategies submit through the same gate as HTTP and ask for state, each within what its key may do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
import zmq

from tests.desk.terminal import CONTEXT, LOGIN, PATIENCE_MS, Publisher, Terminal, deposit, position, resting_order
from tests.desk.world import Books, DeskProcess
from tests.running import PATIENT
from tests.support import wait_until
from zmq_bridge.client import Client
from zmq_bridge.client.desk_call import KILL_ATTEMPT_S, KILL_TIMEOUT_S
from zmq_bridge.live import keys
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.writer import to_json
from zmq_bridge.protocol.commands import ClosePosition
from zmq_bridge.protocol.dialogue import ErrorReply
from zmq_bridge.protocol.messages import StrategyReply, StrategyRequest, decode_strategy_reply, encode
from zmq_bridge.protocol.strategy import Accepted, Answer, Denied, Kill, Killed, Query, Submit
from zmq_bridge.relay.desk import KILL_STATEMENT_MS
from zmq_bridge.storage.engine import IDLE_IN_TRANSACTION_TIMEOUT_MS, dump_json
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.limits import Scope, set_limits
from zmq_bridge.storage.visits import WAIT_MS_MAX, WHOLE_S

Connect = Callable[..., Terminal]
BUY = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.08300", "tp": "1.08900"}


class Strategy:
    """A REQ socket and a key."""

    def __init__(self, endpoint: str, api_key: str) -> None:
        self.api_key = api_key
        self.socket = CONTEXT.socket(zmq.REQ)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def ask(self, request: StrategyRequest) -> StrategyReply:
        """Send and wait."""
        self.socket.send(encode(request))
        assert self.socket.poll(PATIENCE_MS), "no reply"
        return decode_strategy_reply(self.socket.recv())

    def submit(self, **changes: Any) -> StrategyReply:
        """Send the usual BUY with some fields changed."""
        return self.ask(Submit(api_key=self.api_key, signal=BUY | changes))

    def query(self, what: str, **arguments: Any) -> Any:
        """Ask for state; return its data, or the error."""
        reply = self.ask(Query(api_key=self.api_key, what=what, **arguments))  # type: ignore[arg-type]  # a test may ask nonsense
        return reply.data if isinstance(reply, Answer) else reply


@pytest.fixture
def make_strategy(desk: DeskProcess, books: Books) -> Iterator[Callable[..., Strategy]]:
    """Strategies with a key of their own: `make_strategy("signal", "read", accounts=[...])`."""
    made: list[Strategy] = []

    def make(*scopes: str, **said: Any) -> Strategy:
        with books.engine.begin() as connection:
            new = create_key(connection, name="bot", scopes=scopes, now=datetime.now(UTC), actor="test", **said)
        made.append(Strategy(desk.settings.strategy_endpoint, new.text))
        return made[-1]

    yield make
    for strategy in made:
        strategy.socket.close()


@pytest.fixture
def market(
    connect: Connect, books: Books, publisher: Publisher, redis_url: str
) -> Iterator[tuple[Terminal, redis.Redis]]:
    """An account that may trade: deposited, reconciled, quoted."""
    terminal = connect()
    terminal.hello(clock_ms=time.time_ns() // 1_000_000)
    terminal.deliver(terminal.event(deposit(1)))
    for ticket in (7, 9):  # nobody here opened them: without a name that answers for them nothing may be opened
        books.rows(
            "INSERT INTO adoptions (account_id, ticket, actor, reason, adopted_at)"
            " VALUES (%s, %s, 'ann', 'test', now()) RETURNING 1", books.account_id(), ticket,
        )  # fmt: skip
    resting = resting_order(9, sl=Decimal("1.08"))
    publisher.publish(terminal.snapshot(balance="10000", positions=[position(7)], orders=[resting]))
    wait_until(lambda: terminal.pull(wait_ms=200).trading_state == "active")
    books.rows(
        "INSERT INTO correlations (account_id, as_of, symbols, links) VALUES (%s, %s, %s, '{}') RETURNING 1",
        books.account_id(), datetime.now(UTC) - timedelta(minutes=5), dump_json(["EURUSD"]),
    )  # fmt: skip
    with books.engine.begin() as connection:
        set_limits(connection, Scope(), PATIENT, actor="test", now=datetime.now(UTC))
    with redis.Redis.from_url(redis_url) as client:
        terminal.pull()
        now_ms = time.time_ns() // 1_000_000
        quote = {"bid": 1.0849, "ask": 1.0850, "time_msc": now_ms + 7_200_000, "received_ms": now_ms}
        client.hset(keys.quotes(LOGIN), "EURUSD", to_json(quote))
        yield terminal, client


def test_a_signal_becomes_a_command_in_the_terminals_hands(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books
) -> None:
    terminal, client = market
    strategy = make_strategy("signal")
    reply = strategy.submit(idempotency_key="one")
    assert isinstance(reply, Accepted), reply
    command = terminal.pull_command()
    assert command.command_id == reply.command_id
    again = strategy.submit(idempotency_key="one")
    assert isinstance(again, Accepted)
    assert (again.duplicate, again.signal_id) == (True, reply.signal_id)
    assert books.value("SELECT count(*) FROM commands") == 1
    told = wait_until(lambda: LiveReader(client).signals())
    assert (told[0]["symbol"], told[0]["status"], told[0]["login"]) == ("EURUSD", "admitted", str(LOGIN))


def test_a_signal_without_a_stop_is_denied_with_the_reason(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy]
) -> None:
    reply = make_strategy("signal").submit(sl=None)
    assert isinstance(reply, Denied), reply
    assert reply.code == "STOP_LOSS_MISSING"
    assert reply.decision_id


def test_a_field_that_makes_no_sense_is_named(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy]
) -> None:
    reply = make_strategy("signal").submit(volume="a lot")
    assert isinstance(reply, ErrorReply)
    assert (reply.code, reply.field) == ("INVALID_FIELD", "signal.volume")


def test_state_is_answered_in_decimal_strings(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books
) -> None:
    strategy = make_strategy("read")
    assert strategy.query("status")["accounts"][0] | {"roles": {}} == {
        "login": LOGIN, "server": "Demo-1", "trading_state": "active", "trading_state_reason": "no hold",
        "terminal": "connected", "roles": {},
    }  # fmt: skip
    account = strategy.query("account")
    assert (account["balance"], account["currency"]) == ("10000", "USD")
    assert [held["ticket"] for held in strategy.query("positions")] == [7]
    assert strategy.query("positions", symbol="GBPUSD") == []
    assert [order["price_open"] for order in strategy.query("orders")] == ["1.09"]
    assert strategy.query("price", symbol="EURUSD")["ask"] == "1.085"
    assert strategy.query("ticks", symbol="EURUSD", count=5) == []


@pytest.mark.parametrize(
    ("what", "arguments", "code", "field"),
    [
        ("price", {}, "INVALID_FIELD", "symbol"),
        ("price", {"symbol": "XYZ"}, "NOT_FOUND", "symbol"),
        ("account", {"login": 5}, "NOT_FOUND", "login"),
        ("signal", {"signal_id": "nobody's"}, "NOT_FOUND", "signal_id"),
        ("ticks", {"symbol": "EURUSD", "count": 10**6}, "INVALID_FIELD", "count"),
    ],
)
def test_a_question_without_an_answer_says_which_part(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], what: str, arguments: dict[str, Any],
    code: str, field: str,
) -> None:  # fmt: skip
    reply = make_strategy("read").query(what, **arguments)
    assert isinstance(reply, ErrorReply)
    assert (reply.code, reply.field) == (code, field)


def test_a_key_opens_only_what_it_is_for(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], desk: DeskProcess
) -> None:
    refused = [
        make_strategy("read").submit(),
        make_strategy("signal").query("account"),
        make_strategy("read", accounts=[LOGIN + 1]).query("positions", login=LOGIN),
        Strategy(desk.settings.strategy_endpoint, "zb_nobody_knows").query("status"),
    ]
    assert [reply.code for reply in refused] == ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "UNAUTHENTICATED"]
    assert make_strategy("read", accounts=[LOGIN + 1]).query("status") == {"accounts": []}


def test_the_kill_switch_stops_the_account_and_the_terminal_is_told(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books
) -> None:
    terminal, _ = market
    trade = make_strategy("trade")
    killed = trade.ask(Kill(api_key=trade.api_key, reason="storm", close_positions=True))
    assert isinstance(killed, Killed), killed
    assert (killed.login, killed.new, len(killed.command_ids)) == (LOGIN, True, 2)
    assert terminal.pull_command("close_all").command_id in killed.command_ids
    wait_until(lambda: terminal.pull(wait_ms=200).trading_state == "halted")
    again = trade.ask(Kill(api_key=trade.api_key, reason="storm", close_positions=True))
    assert isinstance(again, Killed)
    assert (again.new, again.command_ids) == (False, ())
    assert books.value("SELECT count(*) FROM holds WHERE cause = 'kill_switch' AND reason = 'storm'") == 1
    reply = make_strategy("signal").submit()
    assert isinstance(reply, Denied)
    assert reply.code == "TRADING_HALTED"


def test_a_busy_account_is_stopped_in_time_and_the_desk_does_the_rest_when_it_is_free(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books
) -> None:
    terminal, _ = market
    trade = make_strategy("trade")
    with books.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, books.account_id())
        killed = trade.ask(Kill(api_key=trade.api_key, reason="storm", close_positions=True))
        assert isinstance(killed, Killed), killed
        assert (killed.new, killed.waiting, killed.command_ids) == (True, True, ())
        assert books.value("SELECT count(*) FROM holds WHERE cause = 'kill_switch' AND ended_at IS NULL") == 1
    assert terminal.pull_command("close_all").command_id
    wait_until(lambda: terminal.pull(wait_ms=200).trading_state == "halted")
    wait_until(lambda: books.value("SELECT count(*) FROM stops_outstanding") == 0)


def test_who_asks_for_a_kill_waits_for_longer_than_its_answer_may_take_and_goes_on_until_nobody_is_in_its_way() -> None:
    assert KILL_STATEMENT_MS / 1000 + WAIT_MS_MAX / 1000 + WHOLE_S < KILL_ATTEMPT_S
    assert KILL_TIMEOUT_S > IDLE_IN_TRANSACTION_TIMEOUT_MS / 1000 + KILL_ATTEMPT_S


def test_a_kill_goes_through_though_somebody_keeps_the_holds_for_longer_than_an_answer_may_take(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books, desk: DeskProcess
) -> None:
    key, port = make_strategy("trade").api_key, int(desk.settings.strategy_endpoint.rpartition(":")[2])
    killed: Future[Killed] = Future()

    def stop() -> None:
        with Client(api_key=key, strategy_port=port) as client:
            killed.set_result(client.kill("storm"))

    def waits() -> bool:
        return bool(books.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))

    thread = threading.Thread(target=stop, daemon=True)
    with books.engine.connect() as busy:
        hold(busy, Lock.HOLDS, books.account_id())
        thread.start()
        wait_until(waits)
        wait_until(lambda: not waits())  # answered that it was not possible yet
        assert not killed.done()
    assert killed.result(30).new
    thread.join()
    assert books.value("SELECT count(*) FROM holds WHERE cause = 'kill_switch' AND ended_at IS NULL") == 1


@pytest.mark.parametrize(
    ("scopes", "restricted", "asked", "code"),
    [
        (["signal", "read"], {}, {}, "FORBIDDEN"),
        (["trade"], {}, {"reason": " "}, "INVALID_FIELD"),
        (["trade"], {"accounts": [5]}, {"login": LOGIN}, "FORBIDDEN"),
        (["trade"], {"symbols": ["EURUSD"]}, {"close_positions": True}, "FORBIDDEN"),
    ],
)
def test_the_kill_switch_is_only_for_who_may_trade_the_account(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books, scopes: list[str],
    restricted: dict[str, Any], asked: dict[str, Any], code: str,
) -> None:  # fmt: skip
    strategy = make_strategy(*scopes, **restricted)
    reply = strategy.ask(Kill(**({"api_key": strategy.api_key, "reason": "x"} | asked)))
    assert isinstance(reply, ErrorReply)
    assert reply.code == code
    assert books.value("SELECT count(*) FROM holds WHERE cause = 'kill_switch'") == 0


def test_another_accounts_signal_is_not_shown(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy]
) -> None:
    mine = make_strategy("signal")
    reply = mine.submit()
    assert isinstance(reply, Accepted), reply
    assert mine.query("signal", signal_id=reply.signal_id)["status"] == "admitted"
    assert make_strategy("signal", accounts=[5]).query("signal", signal_id=reply.signal_id).code == "NOT_FOUND"


def test_live_state_shows_the_account_and_forgets_a_silent_terminal(
    market: tuple[Terminal, redis.Redis], publisher: Publisher
) -> None:
    terminal, client = market
    live = LiveReader(client)
    state = live.account(LOGIN)
    assert state is not None
    assert state.fields["balance"] == "10000"
    assert set(live.positions(LOGIN)) == {7}
    assert live.terminal(LOGIN) is not None
    kinds = {entry["kind"] for entry in live.events()}
    assert {"terminal", "deal"} <= kinds
    wait_until(lambda: live.terminal(LOGIN) is None)
    terminal.pull()
    wait_until(lambda: live.terminal(LOGIN) is not None)


def test_a_position_whose_magic_number_is_beyond_signed_ones_is_closed_as_any_other(
    market: tuple[Terminal, redis.Redis], make_strategy: Callable[..., Strategy], books: Books, publisher: Publisher
) -> None:
    """Another program's -1, which the wire has as 2**64 - 1 and the books as it was meant."""
    terminal, _ = market
    publisher.publish(terminal.snapshot(balance="10000", positions=[position(8, magic=2**64 - 1)]))
    wait_until(lambda: terminal.pull(wait_ms=200) and books.value("SELECT magic FROM positions WHERE ticket = 8") == -1)
    reply = make_strategy("signal").submit(action="CLOSE", ticket=8, volume=None, sl=None, tp=None)
    assert isinstance(reply, Accepted), reply
    closing = terminal.pull_command("close_position")
    assert isinstance(closing, ClosePosition)
    assert (closing.position, closing.magic) == (8, 2**64 - 1)
