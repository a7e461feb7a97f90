"""Live state on a real Redis-protocol server: what writers write, readers read, and what happens without a server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import start_valkey
from tests.feed.conftest import LOGIN, START_MSC, SYMBOL, make_ticks
from tests.support import free_port, wait_until
from zmq_bridge.embedded import EmbeddedValkey
from zmq_bridge.live import keys
from zmq_bridge.live.connection import RedisUrlInvalid, open_redis
from zmq_bridge.live.errors import LiveError, LiveMalformed, LiveUnavailable
from zmq_bridge.live.packed import unpack_entry
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.tick_writer import (
    PACKED_TICKS_MAX,
    READABLE_TICKS_MAX,
    LiveBatch,
    LiveBeat,
    TickWriter,
    server_time,
)
from zmq_bridge.live.types import Quote
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.protocol.ticks import Tick, pack_ticks

NOW_MS = 1_767_323_045_678


@pytest.fixture
def client(redis_url: str):
    client = open_redis(redis_url)
    yield client
    client.close()


@pytest.fixture
def reader(client) -> LiveReader:
    return LiveReader(client)


@pytest.fixture
def writer(client) -> LiveWriter:
    return LiveWriter(client)


def batch_of(ticks: list[Tick], *, seq: int = 1, symbol: str = SYMBOL, login: int = LOGIN) -> LiveBatch:
    return LiveBatch(symbol, login, 77, seq, ticks, pack_ticks(77, seq, ticks), NOW_MS)


def test_a_quote_is_exact_and_knows_when_it_reached_us(client, reader):
    TickWriter(client).write([batch_of([Tick(START_MSC, 1.1, 1.1 + 0.1, 0.0, 2.0, 6)])])
    assert reader.quotes(LOGIN) == {
        SYMBOL: Quote(
            symbol=SYMBOL, bid=Decimal("1.1"), ask=Decimal("1.2000000000000002"), time_msc=START_MSC, received_ms=NOW_MS
        )
    }
    quote = reader.quote(LOGIN, SYMBOL)
    assert quote is not None
    assert quote.age_ms(NOW_MS + 250) == 250
    assert reader.quote(LOGIN, "GBPUSD") is None
    assert reader.quotes(LOGIN + 1) == {}


def test_an_account_sees_its_own_brokers_price_and_the_symbol_the_last_of_any(client, reader):
    here, there = Tick(START_MSC, 1.1, 1.2, 0.0, 0.0, 6), Tick(START_MSC, 1.3, 1.4, 0.0, 0.0, 6)
    TickWriter(client).write([batch_of([here]), batch_of([there], login=LOGIN + 1)])
    assert reader.quotes(LOGIN)[SYMBOL].bid == Decimal("1.1")
    assert reader.quotes(LOGIN + 1)[SYMBOL].bid == Decimal("1.3")
    latest = reader.tick(SYMBOL)
    assert latest is not None
    assert (latest.login, latest.bid) == (LOGIN + 1, Decimal("1.3"))


@pytest.mark.parametrize("count", [1, READABLE_TICKS_MAX, READABLE_TICKS_MAX + 1, 2 * PACKED_TICKS_MAX + 5])
def test_recent_ticks_read_the_same_packed_or_not(client, reader, count):
    ticks = make_ticks(count)
    batches = [batch_of(ticks[at : at + 3], seq=at + 1) for at in range(0, count, 3)]
    TickWriter(client).write(batches)
    found = reader.ticks(SYMBOL, count)
    assert [(t.seq, t.time_msc, float(t.bid), float(t.volume_real), t.flags, t.login, t.session) for t in found] == [
        (n, t.time_msc, t.bid, t.volume_real, t.flags, LOGIN, 77) for n, t in enumerate(ticks, start=1)
    ]
    assert reader.ticks(SYMBOL, 1)[0].seq == count
    entries = client.xlen(keys.ticks(SYMBOL))
    assert entries == count if count <= READABLE_TICKS_MAX else entries <= count // PACKED_TICKS_MAX + 2


def test_a_packed_entry_never_mixes_accounts(client, reader):
    ticks = make_ticks(READABLE_TICKS_MAX)
    TickWriter(client).write([batch_of(ticks), batch_of(ticks, login=LOGIN + 1), batch_of(ticks, seq=21)])
    assert [t.login for t in reader.ticks(SYMBOL, 60)] == [LOGIN] * 20 + [LOGIN + 1] * 20 + [LOGIN] * 20


def test_the_stream_of_ticks_is_capped_at_any_rate(client, reader):
    writer = TickWriter(client)
    for at in range(0, 40_000, 1_000):
        writer.write([batch_of(make_ticks(1_000), seq=at + 1)])
    packed = client.xlen(keys.ticks(SYMBOL))
    assert packed < 300, "forty thousand ticks in packed entries"
    for at in range(0, 15_000, 20):
        writer.write([batch_of(make_ticks(20), seq=40_001 + at)])
    assert 10_000 <= client.xlen(keys.ticks(SYMBOL)) < 10_500
    assert client.memory_usage(keys.ticks(SYMBOL)) < 5_000_000


def test_a_flush_publishes_the_latest_under_the_names_of_its_keys(client):
    with client.pubsub(ignore_subscribe_messages=True) as channels:
        channels.subscribe(keys.tick(SYMBOL), keys.quotes(LOGIN))
        wait_until(lambda: len(client.pubsub_channels()) == 2)
        TickWriter(client).write([batch_of(make_ticks(5))])
        first = wait_until(channels.get_message)
        second = wait_until(channels.get_message)
    assert {first["channel"], second["channel"]} == {b"tick:EURUSD", b"quotes:5000001"}


@given(st.binary(max_size=200))
def test_arbitrary_bytes_in_a_packed_entry_are_a_value_error(packed):
    try:
        unpack_entry(SYMBOL, LOGIN, packed)
    except ValueError:
        pass


def test_the_server_clock_is_shown_for_people():
    assert server_time(1_577_898_000_065) == "2020-01-01 17:00:00.065"


def test_an_account_snapshot_replaces_the_one_before(writer, reader):
    writer.write_account(LOGIN, {"balance": Decimal("1000.10"), "equity": 999.5, "old": 1}, received_ms=1)
    writer.write_account(LOGIN, {"balance": Decimal("1000.20"), "trade_allowed": True}, received_ms=NOW_MS)
    found = reader.account(LOGIN)
    assert found is not None
    assert found.received_ms == NOW_MS
    assert dict(found.fields) == {"balance": "1000.20", "trade_allowed": "true", "received_ms": str(NOW_MS)}
    assert reader.account(LOGIN + 1) is None


def test_a_closed_position_is_gone(writer, reader):
    first = {"ticket": 2**63 + 1, "symbol": SYMBOL, "volume": Decimal("0.10"), "sl": 1.05}
    writer.write_positions(LOGIN, [first, {"ticket": 2}], received_ms=NOW_MS)
    found = reader.positions(LOGIN)
    assert set(found) == {2, 2**63 + 1}
    assert found[2**63 + 1] == {
        "ticket": 2**63 + 1, "symbol": SYMBOL, "volume": "0.10", "sl": Decimal("1.05"), "received_ms": NOW_MS
    }  # fmt: skip
    writer.write_positions(LOGIN, [], received_ms=NOW_MS)
    assert reader.positions(LOGIN) == {}


def test_a_terminal_vanishes_when_it_is_silent_and_at_once_when_it_says_bye(client, writer, reader):
    writer.write_terminal(LOGIN, "feed", session=8, last_seen_ms=NOW_MS)
    writer.write_terminal(LOGIN, "desk", session=9, last_seen_ms=NOW_MS + 1, fields={"version": "1.2"})
    assert 0 < client.pttl(keys.terminal(LOGIN)) <= keys.TERMINAL_TTL_MS == 3_000
    client.persist(keys.terminal(LOGIN))  # however long this test takes
    life = reader.terminal(LOGIN)
    assert life is not None
    assert life.trading() == life.roles["desk"]
    assert (life.roles["desk"].session, life.roles["desk"].last_seen_ms) == (9, NOW_MS + 1)
    assert dict(life.roles["desk"].fields) == {"version": "1.2"}
    writer.forget_terminal(LOGIN, "desk")
    after = reader.terminal(LOGIN)
    assert after is not None
    assert after.trading() is None
    writer.forget_terminal(LOGIN, "feed")
    assert reader.terminal(LOGIN) is None


def test_a_beat_alone_is_not_a_terminal_that_answers(client, writer, reader):
    beat = LiveBeat(login=LOGIN, role="both", session=8, time_msc=START_MSC, received_ms=NOW_MS)
    TickWriter(client).write([], [beat])
    assert reader.terminal(LOGIN) is None
    writer.write_terminal(LOGIN, "both", session=8, last_seen_ms=NOW_MS)
    client.persist(keys.terminal(LOGIN))  # however long this test takes
    TickWriter(client).write([], [beat])
    life = reader.terminal(LOGIN)
    assert life is not None
    assert life.roles["both"].fields["beat_ms"] == str(NOW_MS)


def test_signals_and_events_are_read_newest_first(writer, reader):
    for number in range(3):
        writer.add_signal({"signal_id": f"S{number}", "price": None, "volume": Decimal("0.1")})
        writer.add_event("deal", LOGIN, {"ticket": number, "price": Decimal("1.10")})
    assert [signal["signal_id"] for signal in reader.signals(2)] == ["S2", "S1"]
    assert reader.signals(1)[0]["price"] == ""
    newest = reader.events(1)[0]
    assert (newest["kind"], newest["login"], newest["data"]) == ("deal", str(LOGIN), '{"ticket":2,"price":"1.10"}')
    assert newest["id"].count("-") == 1


def test_each_process_writes_its_own_figures(writer, reader):
    writer.write_stats("recorder", {"ticks": 5})
    writer.write_stats("desk", {"commands": 1})
    writer.write_stats("recorder", {"ticks": 6})
    assert reader.stats() == {"recorder.ticks": "6", "desk.commands": "1"}


def test_a_new_run_of_a_process_removes_the_figures_of_the_last(client, writer, reader):
    writer.write_stats("recorder", {"ticks": 5, "gaps.EURUSD.1": 3})
    writer.write_stats("desk", {"commands": 1})
    LiveWriter(client).write_stats("recorder", {"ticks": 0})
    assert reader.stats() == {"recorder.ticks": "0", "desk.commands": "1"}


@pytest.mark.parametrize(
    ("key", "field", "value", "read"),
    [
        (keys.quotes(LOGIN), SYMBOL, "no json", lambda r: r.quotes(LOGIN)),
        (keys.quotes(LOGIN), SYMBOL, '{"bid":1.1}', lambda r: r.quote(LOGIN, SYMBOL)),
        (keys.quotes(LOGIN), SYMBOL, '{"bid":"x","ask":1,"time_msc":1,"received_ms":1}', lambda r: r.quotes(LOGIN)),
        (keys.quotes(LOGIN), SYMBOL, '{"bid":NaN,"ask":1,"time_msc":1,"received_ms":1}', lambda r: r.quotes(LOGIN)),
        (keys.quotes(LOGIN), SYMBOL, "[]", lambda r: r.quotes(LOGIN)),
        (keys.tick(SYMBOL), "bid", "1.1", lambda r: r.tick(SYMBOL)),
        (keys.terminal(LOGIN), "both.last_seen_ms", "soon", lambda r: r.terminal(LOGIN)),
        (keys.account(LOGIN), "balance", "1", lambda r: r.account(LOGIN)),
        (keys.positions(LOGIN), "one", "{}", lambda r: r.positions(LOGIN)),
        (keys.account(LOGIN), b"\xff", "1", lambda r: r.account(LOGIN)),
    ],
)
def test_what_the_bridge_did_not_write_is_refused(client, reader, key, field, value, read):
    client.hset(key, field, value)
    with pytest.raises(LiveMalformed):
        read(reader)


def test_a_key_of_another_type_is_a_live_error(client, reader):
    client.set(keys.quotes(LOGIN), "a string")
    with pytest.raises(LiveError):
        reader.quotes(LOGIN)


def test_without_a_server_everything_is_unavailable_soon():
    nowhere = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    reader, writer = LiveReader(nowhere), LiveWriter(nowhere)
    for call in (
        reader.ping,
        reader.stats,
        lambda: reader.quotes(LOGIN),
        lambda: reader.ticks(SYMBOL),
        lambda: writer.write_stats("x", {}),
        lambda: writer.forget_terminal(LOGIN, "both"),
        lambda: TickWriter(nowhere).write([batch_of(make_ticks(1))]),
    ):
        with pytest.raises(LiveUnavailable, match="expected an answer from Redis"):
            call()


def test_a_wrong_url_is_named_without_its_password():
    with pytest.raises(RedisUrlInvalid, match=r"found 'http://example\.org/0'"):
        open_redis("http://me:secret@example.org/0")


def test_a_client_survives_a_server_that_drops_connections(client, reader, redis_url):
    reader.ping()
    with redis.Redis.from_url(redis_url) as other:
        assert other.client_kill_filter(_type="normal", skipme=True) >= 1
    reader.ping()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server that this test may stop."""
    server = start_valkey(tmp_path / "valkey")
    yield server
    server.stop()


def test_a_server_that_stalls_longer_than_we_wait_takes_nothing_twice(own_server: EmbeddedValkey) -> None:
    """What was sent is done when the server goes on, although its answer came too late."""
    pid = own_server.pid
    assert pid is not None
    with open_redis(own_server.url(), answer_timeout_s=0.2) as client:
        ticks, live = TickWriter(client), LiveWriter(client)
        ticks.write([batch_of(make_ticks(1))])
        live.add_event("deal", LOGIN, {"ticket": 1})
        os.kill(pid, signal.SIGSTOP)
        try:
            for write in (
                lambda: ticks.write([batch_of(make_ticks(2), seq=2)]),
                lambda: live.add_event("deal", LOGIN, {"ticket": 2}),
            ):
                with pytest.raises(LiveUnavailable):
                    write()
        finally:
            os.kill(pid, signal.SIGCONT)
        ticks.write([batch_of(make_ticks(1), seq=4)])  # behind everything that waited: each connection is served
        wait_until(lambda: client.xlen(keys.EVENTS) >= 2 and client.xlen(keys.ticks(SYMBOL)) >= 4)
        assert [tick.seq for tick in LiveReader(client).ticks(SYMBOL)] in ([1, 2, 3, 4], [1, 4, 2, 3])
        assert client.xlen(keys.EVENTS) == 2
