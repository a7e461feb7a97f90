"""The recorder as its own process behind the real proxy, into real Postgres and Valkey, through what can go wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import zmq

from tests.conftest import start_valkey
from tests.feed.conftest import (
    LOGIN,
    PATIENCE_MS,
    PATIENCE_S,
    START_MSC,
    SYMBOL,
    Feed,
    Process,
    add_account,
    make_ticks,
    proxy_main,
)
from tests.support import wait_until
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
from zmq_bridge.protocol.codec import join_frame, pack
from zmq_bridge.protocol.messages import Beat, Gap, decode_frame
from zmq_bridge.protocol.ticks import Tick, parse_tick_frame
from zmq_bridge.relay.postgres_sink import PostgresSink
from zmq_bridge.relay.recorder import run_recorder
from zmq_bridge.sockets.proxy import ProxySettings
from zmq_bridge.storage.migrations import migrate
from zmq_bridge.storage.ticks.history import close_gap, replace_range


def hear(strategy: zmq.Socket[bytes], count: int) -> list[tuple[int, Tick]]:
    """Numbered ticks as a plain subscriber gets them."""
    heard: list[tuple[int, Tick]] = []
    while len(heard) < count and strategy.poll(PATIENCE_MS):
        _, _, batch = parse_tick_frame(strategy.recv())
        heard += enumerate(batch.ticks, start=batch.seq)
    return heard


def backfill(feed: Feed, account_id: int, history: Sequence[Tick]) -> int:
    """What the desk does about open gaps, with a terminal that remembers everything."""
    filled = 0
    for gap in feed.gaps():
        if gap.state == "open":
            part = [tick for tick in history if gap.from_msc <= tick.time_msc <= gap.to_msc]
            with feed.engine.begin() as connection:
                filled += replace_range(
                    connection, account_id, gap.symbol, gap.from_msc, gap.to_msc, part, now=datetime.now(UTC)
                )
                close_gap(connection, gap.id, "filled")
    return filled


def complete(feed: Feed, account_id: int, history: Sequence[Tick]) -> None:
    """Fill gaps, as the desk does, until everything is stored; the last gaps may still be on their way."""

    def is_complete() -> bool:
        backfill(feed, account_id, history)
        return feed.stored(account_id) == list(history)

    wait_until(is_complete, PATIENCE_S)


def test_every_tick_arrives_in_order_at_a_subscriber_in_redis_and_in_postgres(feed, account_id):
    strategy = feed.subscribe(b"tick.EURUSD.")
    terminal = feed.terminal()
    ticks = make_ticks(5_000)
    terminal.send(ticks, batch=7)
    numbered = list(enumerate(ticks, start=1))
    assert hear(strategy, 5_000) == numbered
    feed.wait_stored(account_id, ticks)
    assert [row.seq for row in feed.rows("SELECT seq FROM ticks ORDER BY time_msc, id")] == list(range(1, 5_001))
    wait_until(lambda: len(feed.live.ticks(SYMBOL, 5_000)) == 5_000, PATIENCE_S)
    live = feed.live.ticks(SYMBOL, 5_000)
    assert [(t.seq, t.time_msc, t.bid, t.ask, t.volume_real, t.flags, t.login) for t in live] == [
        (n, t.time_msc, Decimal(repr(t.bid)), Decimal(repr(t.ask)), Decimal(repr(t.volume_real)), t.flags, LOGIN)
        for n, t in numbered
    ]
    quote = feed.live.quote(LOGIN, SYMBOL)
    assert (quote.bid, quote.time_msc) == (Decimal(repr(ticks[-1].bid)), ticks[-1].time_msc)
    assert feed.gaps() == []
    assert feed.recorder.stop() == 0


def test_streams_of_several_accounts_and_symbols_stay_apart(feed, account_id):
    other_id = add_account(feed.engine, LOGIN + 1)
    first, second = feed.terminal(), feed.terminal(LOGIN + 1)
    mine, theirs, third = make_ticks(300), make_ticks(200, START_MSC + 5), make_ticks(100)
    for part in range(10):
        first.send(mine[part * 30 : part * 30 + 30])
        second.send(theirs[part * 20 : part * 20 + 20])
        first.send(third[part * 10 : part * 10 + 10], symbol="EURUSD.z")
    feed.wait_stored(account_id, mine)
    feed.wait_stored(account_id, third, "EURUSD.z")
    feed.wait_stored(other_id, theirs)
    wait_until(lambda: feed.live.quote(LOGIN + 1, SYMBOL), PATIENCE_S)
    assert feed.live.quote(LOGIN + 1, SYMBOL).bid == Decimal(repr(theirs[-1].bid))
    assert feed.gaps() == []


def test_what_was_lost_on_the_way_is_a_gap_is_announced_and_comes_back(feed, account_id):
    strategy = feed.subscribe(b"gap.EURUSD.")
    terminal = feed.terminal()
    ticks = make_ticks(300)
    terminal.send(ticks[:100])
    feed.wait_stored(account_id, ticks[:100])
    terminal.lose(ticks[100:160])
    terminal.send(ticks[160:])
    announced = next_gap(strategy)
    assert (announced.state, announced.lost, announced.symbol, announced.login) == ("open", 60, SYMBOL, LOGIN)
    assert (announced.from_msc, announced.to_msc) == (ticks[99].time_msc, ticks[160].time_msc)
    wait_until(lambda: feed.stat("gaps.EURUSD.5000001") == 1, PATIENCE_S)
    wait_until(lambda: len(feed.stored(account_id)) == 240, PATIENCE_S)
    assert backfill(feed, account_id, ticks) == 60
    assert next_gap(strategy).state == "filled"
    assert feed.stored(account_id) == ticks


def next_gap(strategy: zmq.Socket[bytes]) -> Gap:
    assert strategy.poll(PATIENCE_MS), "no gap was announced"
    _, message = decode_frame(strategy.recv())
    assert isinstance(message, Gap)
    return message


def test_a_lost_tail_is_found_by_the_next_beat(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(50)
    terminal.send(ticks[:40])
    feed.wait_stored(account_id, ticks[:40])
    terminal.lose(ticks[40:])
    terminal.beat(ticks[-1].time_msc)
    wait_until(feed.gaps, PATIENCE_S)
    assert [gap.lost for gap in feed.gaps()] == [10]
    backfill(feed, account_id, ticks)
    assert feed.stored(account_id) == ticks
    later = make_ticks(9, ticks[-1].time_msc + 100)
    terminal.send(later)
    feed.wait_stored(account_id, [*ticks, *later])
    assert len(feed.gaps()) == 1


def test_what_comes_twice_is_stored_once(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(60)
    frames = [terminal.frame(ticks[at : at + 20]) for at in (0, 20, 40)]
    for frame in (frames[0], frames[0], frames[1], frames[0], frames[2], frames[1]):
        terminal.socket.send(frame)
    wait_until(lambda: feed.stat("duplicates") == 60, PATIENCE_S)
    feed.wait_stored(account_id, ticks)
    assert feed.gaps() == []


def test_a_killed_recorder_costs_nothing(feed, account_id):
    """Killed while ticks arrive, twice; what it missed is a gap, and the gaps cover all of it."""
    terminal = feed.terminal()
    ticks = make_ticks(6_000)
    for round_number in range(3):
        part = ticks[round_number * 2_000 : (round_number + 1) * 2_000]
        terminal.send(part[:1_000])
        wait_until(lambda: len(feed.stored(account_id)) > 0, PATIENCE_S)
        feed.recorder.kill()
        terminal.send(part[1_000:])
        beats = feed.stat("beats")
        feed.restart_recorder()

        def heard(beats_before: int = beats, at: Tick = part[-1]) -> bool:
            terminal.beat(at.time_msc)
            return feed.stat("beats") not in (0, beats_before)

        wait_until(heard, PATIENCE_S)
    end = make_ticks(10, ticks[-1].time_msc + 100)
    terminal.send(end)
    wait_until(lambda: feed.stored(account_id)[-1] == end[-1], PATIENCE_S)
    wait_until(feed.gaps, PATIENCE_S, "three kills and no gap")
    assert feed.stored(account_id) != [*ticks, *end]
    complete(feed, account_id, [*ticks, *end])


def test_a_killed_proxy_costs_nothing_once_it_is_back(database, redis_url, account_id, free_ports):
    endpoints = [f"tcp://127.0.0.1:{port}" for port in free_ports(2)]
    settings = ProxySettings(feed_endpoint=endpoints[0], subscribe_endpoint=endpoints[1])
    proxy = Process(proxy_main, settings)
    feed = Feed(proxy, database, redis_url)
    try:
        terminal = feed.terminal()
        ticks = make_ticks(400)
        terminal.send(ticks[:100])
        feed.wait_stored(account_id, ticks[:100])
        proxy.kill()
        terminal.send(ticks[100:300])
        proxy = Process(proxy_main, settings)

        def found() -> bool:
            terminal.beat(ticks[299].time_msc)
            return feed.stat("gap_ticks") + feed.stat("postgres_ticks") == 300

        wait_until(found, PATIENCE_S)
        terminal.send(ticks[300:])
        wait_until(lambda: feed.stored(account_id)[-1] == ticks[-1], PATIENCE_S)
        complete(feed, account_id, ticks)
    finally:
        feed.close()
        proxy.kill()


def test_a_stopped_recorder_flushes_what_it_received(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(3_000)
    strategy = feed.subscribe(b"tick.")
    wait_until(lambda: _linked(terminal, strategy), PATIENCE_S)
    terminal.send(ticks)
    assert len(hear(strategy, 3_000)) == 3_000
    wait_until(lambda: feed.stat("ticks") == 3_000, PATIENCE_S)
    assert feed.recorder.stop() == 0
    assert feed.stored(account_id) == ticks


def _linked(terminal, strategy) -> bool:
    terminal.socket.send(b"tick.probe\0")
    return bool(strategy.poll(20)) and bool(strategy.recv())


def test_ticks_before_their_account_is_known_are_held_and_stored(feed, database):
    terminal = feed.terminal()
    ticks = make_ticks(200)
    terminal.send(ticks[:150])
    wait_until(lambda: feed.stat("held") == 150, PATIENCE_S)
    account_id = add_account(feed.engine)
    feed.wait_stored(account_id, ticks[:150])
    terminal.send(ticks[150:])
    feed.wait_stored(account_id, ticks)
    assert feed.gaps() == []


def test_an_account_that_stays_unknown_costs_bounded_memory_and_is_a_gap_when_it_appears(feed, database):
    terminal = feed.terminal()
    ticks = make_ticks(30_000)
    terminal.send(ticks, batch=500)
    wait_until(lambda: feed.stat("unknown_login") > 0 and feed.stat("ticks") == 30_000, PATIENCE_S)
    wait_until(lambda: feed.stat("unknown_login") + feed.stat("held") == 30_000, PATIENCE_S)
    assert feed.stat("held") <= 20_000
    account_id = add_account(feed.engine)
    wait_until(lambda: len(feed.stored(account_id)) == 30_000 - feed.stat("unknown_login"), PATIENCE_S)
    wait_until(feed.gaps, PATIENCE_S)
    assert backfill(feed, account_id, ticks) == feed.stat("unknown_login")
    assert feed.stored(account_id) == ticks


def test_a_flood_of_sessions_that_somebody_makes_up_keeps_nobody_elses_ticks_waiting(feed, account_id):
    terminal, stranger = feed.terminal(), feed.terminal(LOGIN + 1)
    for _ in range(20_000):
        stranger.restart()
        stranger.send(make_ticks(1))
    ticks = make_ticks(20)
    terminal.send(ticks)
    feed.wait_stored(account_id, ticks)
    assert feed.stored(account_id) == ticks


def test_garbage_is_counted_and_disturbs_nobody(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(100)
    good = terminal.frame(ticks[:50])
    terminal.sent[SYMBOL] = 0
    topic = b"tick.EURUSD.5000001\0"
    rubbish = [
        b"tick.",
        b"tick.\0",
        b"tick.EURUSD.\0\x93",
        topic,
        topic + b"\xc1",
        topic + os.urandom(300),
        topic + good.partition(b"\0")[2][:-3],
        topic + pack([1, 5, 1, [[1, 2, 3, 4, 5, 6]]]),
        topic + pack([2, 5, 1, [[START_MSC, 1.0, 1.0, 1.0, 1.0, 6]]]),
        topic + b"\xdd\xff\xff\xff\xff",
        b"beat.5000001\0" + pack({"v": 1, "type": "beat"}),
        b"beat.5000001\0\xff",
        join_frame("beat.5000001", pack({"v": 1, "type": "beat", "login": 7, "session": 1, "seq": 1})),
        _beat(terminal.session, time_msc=4_200_000_000_000),
        _beat(terminal.session, time_msc=2**63 - 1),
        _beat(terminal.session, seq=2**63),
        _beat(terminal.session, last=2**64 - 1),
    ]
    terminal.socket.send(_beat(terminal.session, last=2**62))  # well-formed, and not believed
    for at, frame in enumerate(rubbish):
        terminal.send(ticks[at * 5 : at * 5 + 5])
        terminal.socket.send(frame)
    terminal.send(ticks[len(rubbish) * 5 :])
    feed.wait_stored(account_id, ticks)
    wait_until(lambda: feed.stat("malformed") == len(rubbish), PATIENCE_S)
    wait_until(lambda: feed.stat("absurd") == 1, PATIENCE_S)
    assert feed.gaps() == []


def _beat(session: int, *, seq: int = 1, time_msc: int = START_MSC, last: int = 1) -> bytes:
    """A heartbeat of our terminal with whatever numbers."""
    said = {"v": 1, "type": "beat", "login": LOGIN, "session": session, "seq": seq, "role": "both"}
    streams = {f"tick.{SYMBOL}.{LOGIN}": last}
    return join_frame(f"beat.{LOGIN}", pack({**said, "time_msc": time_msc, "streams": streams}))


def test_numbers_that_postgres_cannot_hold_are_counted(feed, account_id):
    terminal = feed.terminal()
    terminal.send([Tick(2**63, 1.0, 1.1, 0.0, 0.0, 6)], symbol="BROKEN")
    terminal.send([Tick(4_200_000_000_000, 1.0, 1.1, 0.0, 0.0, 6)], symbol="FUTURE")
    ticks = make_ticks(10)
    terminal.send(ticks)
    feed.wait_stored(account_id, ticks)
    wait_until(lambda: feed.stat("unstorable") == 2, PATIENCE_S)
    assert feed.live.tick("BROKEN") is None


def test_a_sink_that_breaks_ends_the_process_for_the_supervisor_to_see(feed, account_id):
    broken = Process(_recorder_with_a_broken_sink, feed.settings)
    feed.terminal().send(make_ticks(1))
    broken.process.join(PATIENCE_S)
    assert broken.process.exitcode == 1


def _recorder_with_a_broken_sink(settings, pipe) -> None:
    def break_down(*_: object) -> None:
        raise AssertionError("a bug nobody foresaw")

    PostgresSink._store = break_down  # type: ignore[method-assign,assignment]  # in this child process only
    run_recorder(settings, lambda: pipe.send("ready"))


def test_a_stalled_postgres_delays_neither_redis_nor_a_strategy_and_loses_nothing(feed, account_id):
    strategy = feed.subscribe(b"tick.")
    terminal = feed.terminal()
    ticks = make_ticks(4_000)
    terminal.send(ticks[:10])
    feed.wait_stored(account_id, ticks[:10])
    with feed.engine.begin() as blocker:
        blocker.exec_driver_sql("LOCK TABLE tick_cursors IN ACCESS EXCLUSIVE MODE")
        terminal.send(ticks[10:])
        assert len(hear(strategy, 4_000)) == 4_000
        wait_until(lambda: feed.stat("redis_ticks") == 4_000, PATIENCE_S)
        assert feed.live.quote(LOGIN, SYMBOL).bid == Decimal(repr(ticks[-1].bid))
        assert feed.rows("SELECT count(*) AS n FROM ticks")[0].n == 10
    feed.wait_stored(account_id, ticks)
    assert feed.gaps() == []


def test_a_queue_that_overflows_refuses_counts_and_becomes_a_gap(start_feed, database, redis_url, account_id):
    feed = start_feed(database, redis_url, postgres_queue_ticks=2_000)
    terminal = feed.terminal()
    ticks = make_ticks(20_000)
    terminal.send(ticks[:10])
    feed.wait_stored(account_id, ticks[:10])
    with feed.engine.begin() as blocker:
        blocker.exec_driver_sql("LOCK TABLE tick_cursors IN ACCESS EXCLUSIVE MODE")
        terminal.send(ticks[10:])
        wait_until(lambda: feed.stat("ticks") == 20_000 and feed.stat("postgres_refused"), PATIENCE_S)
    terminal.beat(ticks[-1].time_msc)
    wait_until(feed.gaps, PATIENCE_S)
    wait_until(lambda: feed.stat("gap_ticks") == feed.stat("postgres_refused"), PATIENCE_S)
    refused = feed.stat("postgres_refused")
    wait_until(lambda: len(feed.stored(account_id)) == 20_000 - refused, PATIENCE_S)
    assert backfill(feed, account_id, ticks) == refused
    assert feed.stored(account_id) == ticks


@pytest.fixture
def own_postgres(run_dir) -> Iterator[EmbeddedPostgres]:
    """A Postgres that this test may kill."""
    directory = run_dir / f"own-{os.urandom(3).hex()}"
    server = EmbeddedPostgres(directory, log_path=directory.with_suffix(".log"), durable=False)
    server.start()
    migrate(server.url())
    yield server
    server.stop()


@pytest.fixture
def own_valkey(run_dir) -> Iterator[EmbeddedValkey]:
    """A Valkey that this test may kill."""
    server = start_valkey(run_dir / f"own-{os.urandom(3).hex()}")
    yield server
    server.stop()


def test_a_killed_postgres_costs_nothing(start_feed, own_postgres, redis_url):
    feed = start_feed(own_postgres.url(), redis_url)
    account_id = add_account(feed.engine)
    terminal = feed.terminal()
    ticks = make_ticks(6_000)
    terminal.send(ticks[:2_000])
    feed.wait_stored(account_id, ticks[:2_000])
    killed = threading.Event()
    sender = threading.Thread(target=_send_slowly, args=(terminal, ticks[2_000:], killed))
    sender.start()
    wait_until(lambda: len(feed.stored(account_id)) > 2_500, PATIENCE_S)
    assert own_postgres.pid
    os.kill(own_postgres.pid, signal.SIGKILL)
    killed.set()
    wait_until(lambda: feed.stat("postgres_failures") > 0, PATIENCE_S)
    own_postgres.start()
    feed.engine.dispose()
    sender.join()
    terminal.beat(ticks[-1].time_msc)
    wait_until(lambda: feed.stat("ticks") == 6_000 and feed.stat("postgres_queue") == 0, PATIENCE_S)
    wait_until(lambda: feed.stored(account_id)[-1:] == ticks[-1:], PATIENCE_S)
    complete(feed, account_id, ticks)
    assert feed.recorder.process.is_alive()


def _send_slowly(terminal, ticks: Sequence[Tick], killed: threading.Event) -> None:
    """Two thousand a second, the last ones after the kill, so that it comes in the middle."""
    for at in range(0, len(ticks), 20):
        killed.wait(0.01 if at < len(ticks) - 1_000 else PATIENCE_S)
        terminal.send(ticks[at : at + 20])


def test_a_killed_redis_is_skipped_counted_and_comes_back(start_feed, database, account_id, own_valkey):
    feed = start_feed(database, own_valkey.url())
    terminal = feed.terminal()
    ticks = make_ticks(3_000)
    terminal.send(ticks[:1_000])
    feed.wait_stored(account_id, ticks[:1_000])
    wait_until(lambda: feed.stat("redis_ticks") == 1_000, PATIENCE_S)
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGKILL)
    terminal.send(ticks[1_000:2_000])
    feed.wait_stored(account_id, ticks[:2_000])
    own_valkey.stop()
    own_valkey.start()
    terminal.send(ticks[2_000:])
    feed.wait_stored(account_id, ticks)
    more = make_ticks(5, ticks[-1].time_msc + 1_000)

    def live_again() -> bool:
        terminal.send(more)
        quote = feed.live.quote(LOGIN, SYMBOL)
        return quote is not None and quote.bid == Decimal(repr(more[-1].bid))

    wait_until(live_again, PATIENCE_S)
    wait_until(lambda: feed.stat("redis_refused") and feed.stat("redis_refused") + feed.stat("redis_ticks") >= 3_000)
    assert feed.gaps() == []


def test_a_stalled_redis_does_not_delay_postgres(start_feed, database, account_id, own_valkey):
    feed = start_feed(database, own_valkey.url())
    terminal = feed.terminal()
    ticks = make_ticks(2_000)
    terminal.send(ticks[:10])
    feed.wait_stored(account_id, ticks[:10])
    assert own_valkey.pid
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        terminal.send(ticks[10:])
        feed.wait_stored(account_id, ticks)
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
    wait_until(lambda: feed.stat("ticks") == 2_000, PATIENCE_S)


def test_the_bridge_beats_even_when_both_stores_are_away(start_feed, run_dir):
    """Neither URL leads anywhere: the recorder still comes up, beats, and stops when told."""
    nowhere = f"postgresql://nobody@/none?host={run_dir}/nowhere"
    feed = start_feed(nowhere, "redis://127.0.0.1:1/0")
    strategy = feed.subscribe(b"beat.bridge")
    seqs: list[int] = []
    while len(seqs) < 4:
        assert strategy.poll(PATIENCE_MS), "no beat"
        _, beat = decode_frame(strategy.recv())
        assert isinstance(beat, Beat)
        seqs.append(beat.seq)
    assert seqs == list(range(seqs[0], seqs[0] + 4))
    assert (beat.login, beat.role) == (0, "bridge")
    assert feed.recorder.stop() == 0


def test_a_terminal_that_starts_anew_leaves_a_gap_and_doubles_nothing(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(90)
    terminal.send(ticks[:30])
    feed.wait_stored(account_id, ticks[:30])
    terminal.restart()
    terminal.send(ticks[60:])
    wait_until(lambda: len(feed.stored(account_id)) == 60, PATIENCE_S)
    [gap] = wait_until(feed.gaps, PATIENCE_S)
    assert (gap.from_msc, gap.to_msc, gap.lost) == (ticks[29].time_msc, ticks[60].time_msc, None)
    backfill(feed, account_id, ticks)
    assert feed.stored(account_id) == ticks


def test_a_replayed_day_is_not_stored_twice(feed, account_id):
    terminal = feed.terminal()
    ticks = make_ticks(500)
    terminal.send(ticks)
    feed.wait_stored(account_id, ticks)
    terminal.restart()
    terminal.send(ticks, batch=3)
    wait_until(lambda: feed.stat("duplicates") == 500, PATIENCE_S)
    assert feed.stored(account_id) == ticks
    assert feed.gaps() == []
