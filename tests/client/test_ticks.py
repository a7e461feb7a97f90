"""Ticks over real sockets, with the blocking client and with the asyncio one."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from typing import Any

import psutil
import pytest
import zmq

from tests.client.bridge_parts import LOGIN, SESSION, Publisher
from tests.support import wait_until
from zmq_bridge.client import (
    AsyncClient,
    AsyncTickFeed,
    Client,
    ClientMisuse,
    Credentials,
    GapNotice,
    LiveTick,
    StaleData,
)
from zmq_bridge.protocol.messages import Beat, encode_frame
from zmq_bridge.protocol.topics import tick_topic

PREFIX = b"tick.EURUSD."
MAX_AGE_S = 2.5  # so long a busy machine may take over two steps of a test


def test_ten_thousand_ticks_arrive_all_and_in_order(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        publisher.ticks(10_000)
        found = list(itertools.islice(feed, 10_000))
        assert [tick.seq for tick in found] == list(range(1, 10_001))
        assert found[0] == LiveTick("EURUSD", LOGIN, 1, 1.1, 1.2, 0.0, 0.0, 6, SESSION, 1, found[0].queued_s, False)
        assert (feed.lost, feed.malformed) == (0, 0)


def test_ten_thousand_ticks_arrive_with_asyncio_too(publisher: Publisher) -> None:
    async def collect() -> list[int]:
        async with AsyncClient(subscribe_port=publisher.port) as client:
            feed = client.ticks("EURUSD")
            publisher.await_subscription(PREFIX)
            publisher.ticks(10_000, batch=4)
            seqs = []
            async for tick in feed:
                seqs.append(tick.seq)
                if len(seqs) == 10_000:
                    return seqs
            raise AssertionError("the feed ended")

    assert asyncio.run(collect()) == list(range(1, 10_001))


def test_a_busy_stream_does_not_starve_other_tasks(publisher: Publisher) -> None:
    async def count_turns() -> int:
        turns, done = 0, asyncio.Event()

        async def other() -> None:
            nonlocal turns
            while not done.is_set():
                turns += 1
                await asyncio.sleep(0)

        async with AsyncClient(subscribe_port=publisher.port) as client:
            feed = client.ticks("EURUSD")
            publisher.await_subscription(PREFIX)
            publisher.ticks(10_000)
            task = asyncio.create_task(other())
            for _ in range(10_000):
                await anext(feed)
            done.set()
            await task
        return turns

    assert asyncio.run(count_turns()) > 10


def test_only_the_exact_symbol_is_handed_out(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client, client.ticks("EURUSD") as feed:
        publisher.await_subscription(PREFIX)
        publisher.ticks(3, symbol="EURUSD.z")
        publisher.ticks(1)
        assert next(feed).symbol == "EURUSD"
        assert feed.take(0.05) is None


def test_a_loss_on_the_wire_is_told_before_the_tick_behind_it(publisher: Publisher) -> None:
    told: list[GapNotice] = []
    with Client(subscribe_port=publisher.port, on_gap=told.append) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        publisher.ticks(2)
        publisher.ticks(1, skip=5)
        assert (next(feed).seq, next(feed).seq) == (1, 2)
        assert told == []
        assert next(feed).seq == 8
        assert told == [GapNotice("EURUSD", LOGIN, "jump", 5, "open", 2, 8)]


def test_a_strategy_that_is_too_slow_loses_ticks_and_is_told_how_many(context: zmq.Context[Any]) -> None:
    publisher = Publisher(context, messages_max=10)
    told: list[GapNotice] = []
    with Client(subscribe_port=publisher.port, on_gap=told.append, buffer_frames=10) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        publisher.ticks(200_000)  # nobody reads: both bounds and the kernel's buffers fill up
        received = 0
        while feed.take(1.5) is not None:
            received += 1
        publisher.ticks(1)
        assert next(feed).seq == 200_001
        assert told
        assert received + feed.lost == 200_000
        assert feed.lost == sum(notice.lost for notice in told) > 0


def test_conflation_skips_what_is_old(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD", conflate=True)
        publisher.await_subscription(PREFIX)
        publisher.ticks(5000)
        wanted = 5000
        seqs = [next(feed).seq]
        while seqs[-1] != wanted:
            seqs.append(next(feed).seq)
        assert seqs == sorted(set(seqs))
        assert len(seqs) < 1000
        assert feed.lost == 0


def test_a_feed_that_falls_silent_raises_and_a_heartbeat_keeps_it_alive(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD", max_age_s=MAX_AGE_S)
        publisher.await_subscription(PREFIX)
        publisher.ticks(1)
        assert next(feed).seq == 1
        beats = iter(range(1, 1000))

        def beat() -> bool:
            streams = {tick_topic("EURUSD", LOGIN): 1}
            publisher.socket.send(
                encode_frame(
                    Beat(login=LOGIN, session=SESSION, seq=next(beats), role="both", time_msc=0, streams=streams)
                )
            )
            assert feed.take(0.1) is None
            return time.monotonic() > begun_s + 1.2 * MAX_AGE_S

        begun_s = time.monotonic()
        wait_until(beat)
        silent_s = time.monotonic()
        with pytest.raises(StaleData, match="no tick and no heartbeat"):
            next(feed)
        assert time.monotonic() - silent_s > 0.7 * MAX_AGE_S


def test_a_feed_that_never_speaks_raises(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client, pytest.raises(StaleData, match="no tick since"):
        next(client.ticks("EURUSD", max_age_s=1.0))


def test_silence_is_flagged_with_asyncio(publisher: Publisher) -> None:
    async def watch() -> LiveTick:
        async with AsyncClient(subscribe_port=publisher.port, max_age_s=MAX_AGE_S) as client:
            feed = client.ticks("EURUSD", stale="flag")
            publisher.await_subscription(PREFIX)
            publisher.ticks(1)
            assert not (await anext(feed)).is_stale
            return await anext(feed)

    assert asyncio.run(watch()).is_stale


def test_a_strategy_that_thought_too_long_does_not_get_old_ticks_as_fresh(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD", max_age_s=MAX_AGE_S)
        publisher.await_subscription(PREFIX)
        publisher.ticks(1)
        next(feed)
        publisher.ticks(1)
        thinking_until_s = time.monotonic() + 1.2 * MAX_AGE_S
        wait_until(lambda: time.monotonic() > thinking_until_s)
        with pytest.raises(StaleData, match="may have waited here"):
            next(feed)


def test_waiting_for_a_tick_ends_in_time(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        begun_s = time.monotonic()
        assert client.ticks("EURUSD").take(0.1) is None
        assert 0.09 < time.monotonic() - begun_s < 10.0
        assert client.ticks("EURUSD").take() is None  # not waiting at all


def test_waiting_costs_no_cpu(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD", max_age_s=60.0)
        thread = psutil.Process()
        before = thread.cpu_times()
        assert feed.take(1.0) is None
        after = thread.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.3


def test_a_bridge_that_restarts_is_found_again_and_the_loss_is_told(context: zmq.Context[Any]) -> None:
    told: list[GapNotice] = []
    first = Publisher(context)
    with Client(subscribe_port=first.port, on_gap=told.append) as client:
        feed = client.ticks("EURUSD")
        first.await_subscription(PREFIX)
        first.ticks(3)
        assert [next(feed).seq for _ in range(3)] == [1, 2, 3]
        first.socket.close()
        second = Publisher(context, port=first.port)
        wait_until(lambda: feed.take(0.02) or second.has_subscription(PREFIX))
        second.ticks(1, skip=9)
        assert next(feed).seq == 10
    assert [notice.lost for notice in told] == [6]


def test_leaving_the_loop_ends_the_subscription(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        publisher.ticks(1)
        for _ in feed:
            break
        del feed
        gc.collect()
        publisher.await_nobody()


def test_a_closed_feed_ends_its_loop() -> None:
    client = Client()
    feed = client.ticks("EURUSD")
    client.close()
    assert list(feed) == []
    client.close()  # twice is harmless
    with pytest.raises(ClientMisuse, match="one that was closed"):
        client.ticks("EURUSD")


def test_a_feed_that_is_closed_while_a_task_waits_for_it_ends_its_loop() -> None:
    async def follow(feed: AsyncTickFeed) -> list[LiveTick]:
        return [tick async for tick in feed]

    async def main() -> list[LiveTick]:
        client = AsyncClient()
        task = asyncio.create_task(follow(client.ticks("EURUSD")))
        await asyncio.sleep(0.05)
        client.close()
        return await task

    assert asyncio.run(main()) == []


def test_a_task_that_is_cancelled_while_it_waits_for_a_tick_is_cancelled() -> None:
    async def main() -> None:
        async with AsyncClient() as client:
            task = asyncio.create_task(client.ticks("EURUSD").take(None))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_two_subscriptions_of_one_client_do_not_take_from_each_other(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        euro, gold = client.ticks("EURUSD"), client.ticks("XAUUSD")
        publisher.await_subscription(PREFIX)
        publisher.await_subscription(b"tick.XAUUSD.")
        publisher.ticks(2)
        publisher.ticks(1, symbol="XAUUSD")
        assert [next(gold).symbol, next(euro).seq, next(euro).seq] == ["XAUUSD", 1, 2]


def test_a_subscription_works_in_a_thread_of_its_own(publisher: Publisher) -> None:
    found: list[int] = []
    with Client(subscribe_port=publisher.port) as client:
        thread = threading.Thread(
            target=lambda: found.extend(tick.seq for tick in itertools.islice(client.ticks("EURUSD"), 100))
        )
        thread.start()
        publisher.await_subscription(PREFIX)
        publisher.ticks(100)
        thread.join()
    assert found == list(range(1, 101))


def test_noise_from_a_publisher_is_survived(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        for noise in (b"tick.EURUSD.1\0\xc1", b"tick.EURUSD.", b"tick.EURUSD.1\0" + b"\x91" * 5000, b"beat.\xff\0"):
            publisher.socket.send(noise)
        publisher.ticks(1)
        assert next(feed).seq == 1
        assert feed.malformed == 4


def test_a_multipart_message_is_noise_not_a_crash(publisher: Publisher) -> None:
    with Client(subscribe_port=publisher.port) as client:
        feed = client.ticks("EURUSD")
        publisher.await_subscription(PREFIX)
        publisher.socket.send_multipart([b"tick.EURUSD.1", b"payload"])
        publisher.ticks(1)
        assert next(feed).seq == 1
        assert feed.malformed == 2


def test_curve_and_plain_credentials_reach_the_socket(context: zmq.Context[Any]) -> None:
    public, secret = zmq.curve_keypair()
    server = context.socket(zmq.XPUB)
    server.setsockopt(zmq.CURVE_SERVER, 1)
    server.setsockopt(zmq.CURVE_SECRETKEY, secret)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    ours_public, ours_secret = zmq.curve_keypair()
    keys = Credentials(server_key=public.decode(), public_key=ours_public.decode(), secret_key=ours_secret.decode())
    with Client(subscribe_port=port, credentials=keys) as client:
        client.ticks("EURUSD")
        feed = client.ticks("EURUSD")
        assert server.poll(30_000)
        assert feed.take() is None
    assert "secret" not in repr(Credentials(username="u", password="secret", secret_key="secret"))


@pytest.mark.parametrize("options", [{"subscribe_port": 0}, {"strategy_port": 70_000}, {"buffer_frames": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ClientMisuse, match="expected"):
        Client(**options)


def test_an_ipv6_host_is_put_in_brackets() -> None:
    with Client(host="::1") as client:
        assert client.options.ticks_endpoint == "tcp://[::1]:5556"
