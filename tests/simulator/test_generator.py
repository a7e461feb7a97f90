"""The seeded generator: the same ticks every time, and such as a market makes."""

from __future__ import annotations

from itertools import islice, pairwise

from zmq_bridge.simulator.generator import TickStream, generate

STREAMS = (
    TickStream(symbol="EURUSD", price=1.0850, digits=5, spread_points=8),
    TickStream(symbol="USDJPY", price=151.2, digits=3, spread_points=10),
    TickStream(symbol="EURUSD.z", price=1.0850, digits=5, spread_points=8, walk="EURUSD"),
)


def test_the_same_seed_gives_the_same_ticks_and_another_gives_others() -> None:
    first, again, other = (list(islice(generate(seed, STREAMS, 0), 3000)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_symbol_moves_the_same_whatever_else_is_generated() -> None:
    alone = list(islice(generate(1, STREAMS[1:2], 0), 200))
    among = [item for item in islice(generate(1, STREAMS, 0), 3000) if item[0] == "USDJPY"]
    assert among[:200] == alone


def test_times_never_run_backwards_and_many_ticks_share_a_millisecond() -> None:
    ticks = list(islice(generate(1, STREAMS, 1000), 20_000))
    assert all(a[1].time_msc <= b[1].time_msc for a, b in pairwise(ticks))
    assert ticks[0][1].time_msc > 1000
    one = [tick for symbol, tick in ticks if symbol == "EURUSD"]
    assert sum(a.time_msc == b.time_msc for a, b in pairwise(one)) > 500


def test_quotes_have_the_symbols_digits_and_a_living_spread() -> None:
    for symbol, tick in islice(generate(3, STREAMS, 0), 5000):
        digits = 3 if symbol == "USDJPY" else 5
        assert tick.bid == round(tick.bid, digits)
        assert tick.ask == round(tick.ask, digits)
        assert tick.ask > tick.bid
    spreads = {round((t.ask - t.bid) * 1e5) for s, t in islice(generate(3, STREAMS, 0), 5000) if s == "EURUSD"}
    assert len(spreads) > 5


def test_the_rate_is_about_what_was_asked() -> None:
    ticks = [tick for _, tick in islice(generate(5, STREAMS[:1], 0), 20_000)]
    seconds = (ticks[-1].time_msc - ticks[0].time_msc) / 1000
    assert 1.7 < len(ticks) / seconds < 2.3


def test_symbols_of_one_walk_move_alike() -> None:
    ticks = list(islice(generate(1, STREAMS, 0), 2000))
    plain = [t for s, t in ticks if s == "EURUSD"]
    suffixed = [t for s, t in ticks if s == "EURUSD.z"]
    assert plain[: len(suffixed)] == suffixed[: len(plain)]
