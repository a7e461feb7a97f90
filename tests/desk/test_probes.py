"""The terminal's own figures: set beside ours when they come, with the quotes of the moment; then everybody knows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal

import pytest
import redis

from tests.desk.terminal import EURUSD, LOGIN, START_MSC, Terminal
from tests.desk.world import Books
from tests.support import wait_until
from zmq_bridge.admission.specs import SpecCache, Specs
from zmq_bridge.live import keys
from zmq_bridge.live.connection import open_redis
from zmq_bridge.protocol.dialogue import Symbols
from zmq_bridge.protocol.limits import SPECS_MS_MAX
from zmq_bridge.protocol.values import Probe
from zmq_bridge.relay.probes import pause_s
from zmq_bridge.simulator.terminal.settings import TerminalSettings
from zmq_bridge.storage.commands.gate import read_for_watch
from zmq_bridge.storage.trading.overview import accounts_standing
from zmq_bridge.storage.trading.probes import Judged, Pending

Connect = Callable[..., Terminal]
PROBE = Probe(  # 1:100 and 1.10010: 1100.10 of margin for 100 000 EUR
    volume=Decimal(1), price_open=Decimal("1.10010"), price_close=Decimal("1.11111"), margin_buy=Decimal("1100.10"),
    margin_sell=Decimal("1100.00"), profit_buy=Decimal("1101.00"), profit_sell=Decimal("-1101.00"),
)  # fmt: skip
PROBED = replace(EURUSD, probe=PROBE)
SPEC_ROW = "SELECT updated_at, seen_at, spec ? 'probe' AS has_probe FROM symbols"


@pytest.fixture
def live(redis_url: str) -> Iterator[redis.Redis]:
    """Redis, for putting quotes where the recorder would."""
    client = open_redis(redis_url)
    yield client
    client.close()


def quote(live: redis.Redis, bid: float = 1.1, ask: float = 1.1001) -> None:
    """A fresh price of the account's broker."""
    fields = {"bid": bid, "ask": ask, "time_msc": START_MSC, "received_ms": int(time.time() * 1000)}
    live.hset(keys.quotes(LOGIN), "EURUSD", json.dumps(fields))


def judged(books: Books) -> Judged:
    """What status and doctor say of the account's figures."""
    with books.engine.connect() as connection:
        (standing,) = accounts_standing(connection)
    return standing.judged


def wait_for_figures(books: Books) -> None:
    wait_until(lambda: books.value("SELECT figures_at FROM symbols WHERE probe IS NULL"))


def test_figures_that_agree_are_kept_beside_ours(connect: Connect, books: Books, live: redis.Redis) -> None:
    quote(live)
    connect().hello(symbols=(PROBED,))
    wait_for_figures(books)
    stored = books.value("SELECT figures FROM symbols")
    found = {name: [Decimal(pair[part]) for part in ("low", "given", "high")] for name, pair in stored.items()}
    assert found == {
        "margin": [Decimal("1099.99"), Decimal("1100.10"), Decimal("1100.11")],
        "profit": [Decimal("1100.99"), Decimal("1101.00"), Decimal("1101.01")],
    }
    assert judged(books) == Judged(disagree={}, unchecked=())


@pytest.mark.parametrize(
    "changes", [{"margin_buy": Decimal("2200")}, {"profit_sell": Decimal("-1089")}], ids=["margin", "profit"]
)
def test_figures_that_disagree_are_named_until_they_agree(
    connect: Connect, books: Books, live: redis.Redis, changes: dict[str, Decimal]
) -> None:
    quote(live)
    terminal = connect()
    terminal.hello(symbols=(replace(EURUSD, probe=replace(PROBE, **changes)),))
    wait_for_figures(books)
    assert list(judged(books).disagree) == ["EURUSD"]
    assert terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(EURUSD,)))
    assert list(judged(books).disagree) == ["EURUSD"], "no figures at all do not make bad ones good"
    quote(live)
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(PROBED,)))
    wait_until(lambda: not judged(books).disagree)


def test_a_probe_waits_for_a_quote_and_is_unchecked_meanwhile(
    connect: Connect, books: Books, live: redis.Redis
) -> None:
    terminal = connect()
    terminal.hello(symbols=())
    terminal.deliver(terminal.event(PROBED))
    wait_until(lambda: books.value("SELECT probe FROM symbols"))
    assert judged(books) == Judged(disagree={}, unchecked=("EURUSD",))
    quote(live)
    wait_for_figures(books)
    assert judged(books).unchecked == ()


def told_late(connect: Connect, books: Books, **changes: Decimal) -> Terminal:
    """A terminal whose probe came an hour ago, when the market was closed."""
    terminal = connect()
    terminal.hello(symbols=(replace(EURUSD, probe=replace(PROBE, **changes)),))
    books.rows("UPDATE symbols SET probed_at = now() - interval '10 minutes' RETURNING 1")
    return terminal


@pytest.mark.parametrize(("factor", "disagrees"), [("1", False), ("1.2", True)])
def test_a_probe_that_came_while_the_market_was_closed_is_compared_at_the_next_fresh_quote(
    connect: Connect, books: Books, live: redis.Redis, factor: str, disagrees: bool
) -> None:
    terminal = told_late(connect, books, margin_buy=PROBE.margin_buy * Decimal(factor))
    assert judged(books).unchecked == ("EURUSD",)
    quote(live)
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(EURUSD,)))  # wakes the thread, brings no probe
    wait_for_figures(books)
    assert bool(judged(books).disagree) is disagrees


@pytest.mark.parametrize("percent", ["1.5", "5", "9.9"])
def test_a_late_probe_in_doubt_stops_openings_until_the_terminal_says_it_again(
    connect: Connect, books: Books, live: redis.Redis, percent: str
) -> None:
    """Rates may have moved over a weekend, or a figure is wrong: nobody can tell, so it counts until the next word."""
    factor = 1 + Decimal(percent) / 100
    terminal = told_late(connect, books, margin_buy=PROBE.margin_buy * factor)
    quote(live)
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(EURUSD,)))  # without a probe: only wakes
    wait_for_figures(books)
    assert list(judged(books).disagree) == ["EURUSD"]
    quote(live)
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(PROBED,)))
    wait_until(lambda: judged(books) == Judged(disagree={}, unchecked=()), 30)


def test_a_terminal_says_its_figures_again_within_minutes() -> None:
    """So long a doubt lasts."""
    [every_s] = [each.default for each in fields(TerminalSettings) if each.name == "specs_every_s"]
    assert isinstance(every_s, float)
    assert every_s * 1000 == SPECS_MS_MAX <= 15 * 60_000


def test_late_probes_are_looked_at_less_often_and_none_not_at_all() -> None:
    young = Pending(account_id=1, login=1, symbol="EURUSD", probe={}, is_late=False)
    late = replace(young, is_late=True)
    assert pause_s([]) is None
    assert (pause_s([late]) or 0) > (pause_s([young, late]) or 0) == pause_s([young])


def test_a_specification_told_again_unchanged_is_only_seen_again(connect: Connect, books: Books) -> None:
    terminal = connect()
    terminal.hello()
    before = books.rows(SPEC_ROW)[0]
    cache = SpecCache()
    first = specs(cache, books)
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(PROBED,)))
    after = books.rows(SPEC_ROW)[0]
    assert after.updated_at == before.updated_at
    assert after.seen_at > before.seen_at
    assert after.has_probe is False, "what drifts with the rates is no part of the specification"
    second = specs(cache, books)
    assert second.symbols["EURUSD"].as_of == after.seen_at
    assert replace(second.symbols["EURUSD"], as_of=first.symbols["EURUSD"].as_of) == first.symbols["EURUSD"]
    terminal.ask(Symbols(login=LOGIN, session=terminal.session, symbols=(replace(PROBED, stops_level=5),)))
    assert specs(cache, books).symbols["EURUSD"].stops_level == 5


def specs(cache: SpecCache, books: Books) -> Specs:
    """What a gate knows of the account's symbols."""
    with books.engine.begin() as connection:
        account_id = books.account_id()
        row = read_for_watch(connection, account_id, now=books.value("SELECT now()"))
        return cache.get(connection, account_id, row.specs_version)
