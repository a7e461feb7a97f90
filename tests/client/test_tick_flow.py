"""From frames to ticks: exact symbols, order, gaps at their place, staleness, conflation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.client import ClientMisuse, GapNotice, LiveTick, StaleData
from zmq_bridge.client.tick_flow import MAX_AGE_S_MIN, FlowOptions, TickFlow
from zmq_bridge.protocol.messages import Beat, Gap, encode_frame
from zmq_bridge.protocol.ticks import Tick, tick_frame
from zmq_bridge.protocol.topics import tick_topic

LOGIN, SESSION = 123456, 1_700_000_000_000
BEAT = Beat(login=LOGIN, session=SESSION, seq=1, role="both", time_msc=0, streams={})


def _tick(number: int) -> Tick:
    return Tick(1_000_000 + number, 1.1 + number / 1e5, 1.2, 0.0, 0.0, 6)


def _frame(seq: int, count: int = 1, *, symbol: str = "EURUSD", login: int = LOGIN, session: int = SESSION) -> bytes:
    return tick_frame(tick_topic(symbol, login), session, seq, [_tick(seq + index) for index in range(count)])


def _beat(last_seq: int, session: int = SESSION, symbol: str = "EURUSD") -> bytes:
    return encode_frame(replace(BEAT, session=session, streams={tick_topic(symbol, LOGIN): last_seq}))


class Watcher:
    """A flow with a clock in hand, and everything it told, in order."""

    def __init__(self, **options: object) -> None:
        self.told: list[GapNotice | LiveTick] = []
        self.now_s = 100.0
        self.flow = TickFlow(FlowOptions(**{"symbols": ("EURUSD",), "on_gap": self.told.append, **options}), self.now_s)  # type: ignore[arg-type]  # as the tests give them

    def take(self, *frames: bytes, waited_s: float = 0.0) -> list[GapNotice | LiveTick]:
        """Take frames in, hand everything out."""
        for frame in frames:
            self.flow.take(frame, self.now_s - waited_s, self.now_s)
        return self.drain()

    def drain(self) -> list[GapNotice | LiveTick]:
        """Hand everything out that waits, and give what was told meanwhile."""
        before = len(self.told)
        while (tick := self.flow.next(self.now_s)) is not None:
            self.told.append(tick)
        return self.told[before:]


def _seqs(told: list[GapNotice | LiveTick]) -> list[int]:
    return [each.seq for each in told if isinstance(each, LiveTick)]


def test_ticks_come_out_with_their_origin_and_number() -> None:
    told = Watcher().take(_frame(7, 2))
    assert told == [
        LiveTick("EURUSD", LOGIN, *_tick(7), SESSION, 7, 0.0, False),
        LiveTick("EURUSD", LOGIN, *_tick(8), SESSION, 8, 0.0, False),
    ]


def test_a_symbol_that_only_begins_alike_is_not_the_symbol() -> None:
    watcher = Watcher()
    assert watcher.take(_frame(1, symbol="EURUSD.z"), _frame(1, symbol="EURUSD.123")) == []
    assert _seqs(watcher.take(_frame(1))) == [1]


def test_a_login_that_only_begins_alike_is_not_the_login() -> None:
    watcher = Watcher(login=12)
    assert watcher.flow.prefixes()[0] == b"tick.EURUSD.12"
    assert watcher.take(_frame(1, login=123), _frame(1, login=12)) == [
        LiveTick("EURUSD", 12, *_tick(1), SESSION, 1, 0.0, False)
    ]


def test_without_symbols_every_symbol_is_wanted() -> None:
    watcher = Watcher(symbols=())
    assert watcher.flow.prefixes() == [b"tick.", b"gap.", b"beat."]
    assert len(watcher.take(_frame(1), _frame(1, symbol="XAUUSD"))) == 2


def test_the_prefixes_cover_ticks_gaps_and_heartbeats() -> None:
    prefixes = set(Watcher(symbols=("A", "B.c")).flow.prefixes())
    assert prefixes == {b"tick.A.", b"tick.B.c.", b"gap.A.", b"gap.B.c.", b"beat."}


def test_a_gap_is_told_at_its_place_with_its_size_and_its_ends() -> None:
    watcher = Watcher()
    told = watcher.take(_frame(1), _frame(2), _frame(6, 2))
    assert [type(each) for each in told] == [LiveTick, LiveTick, GapNotice, LiveTick, LiveTick]
    assert told[2] == GapNotice("EURUSD", LOGIN, "jump", 3, "open", _tick(2).time_msc, _tick(6).time_msc)
    assert watcher.flow.lost == 3


def test_a_lost_last_tick_is_told_by_the_next_heartbeat() -> None:
    watcher = Watcher()
    watcher.take(_frame(1))
    assert watcher.take(_beat(1)) == []
    assert watcher.take(_beat(4)) == [GapNotice("EURUSD", LOGIN, "beat", 3, "open", _tick(1).time_msc, 0)]
    assert _seqs(watcher.take(_frame(5))) == [5]


def test_a_restarted_terminal_is_a_possible_gap() -> None:
    watcher = Watcher()
    watcher.take(_frame(10))
    notice, tick = watcher.take(_frame(3, session=SESSION + 1))
    assert notice == GapNotice("EURUSD", LOGIN, "session", 2, "open", _tick(10).time_msc, _tick(3).time_msc)
    assert isinstance(tick, LiveTick)


def test_a_heartbeat_of_the_desk_role_says_nothing_about_the_feeds_streams() -> None:
    watcher = Watcher()
    watcher.take(_frame(10))
    desk = replace(BEAT, role="desk", session=SESSION + 5, streams={})
    assert watcher.take(encode_frame(desk)) == []
    assert _seqs(watcher.take(_frame(11))) == [11]


def test_repetitions_are_handed_out_once() -> None:
    watcher = Watcher()
    assert _seqs(watcher.take(_frame(1, 3), _frame(1, 3), _frame(2, 3))) == [1, 2, 3, 4]
    assert watcher.flow.lost == 0


def test_streams_of_two_accounts_are_counted_apart() -> None:
    watcher = Watcher()
    told = watcher.take(_frame(1), _frame(51, login=9), _frame(2), _frame(52, login=9))
    assert _seqs(told) == [1, 51, 2, 52]


def test_the_bridges_own_news_of_gaps_are_passed_on() -> None:
    gap = Gap(session=1, seq=1, symbol="EURUSD", login=LOGIN, state="lost", lost=5, from_msc=10, to_msc=20, found=3)
    watcher = Watcher()
    assert watcher.take(encode_frame(gap)) == [GapNotice("EURUSD", LOGIN, "bridge", 5, "lost", 10, 20, 3)]
    assert watcher.take(encode_frame(replace(gap, symbol="EURUSD.z"))) == []


@pytest.mark.parametrize(
    "frame", [b"", b"tick.EURUSD.123456\0\xc1", b"tick.EURUSD.123456\0", b"noise", b"beat.1\0\x80", b"\xff\0\x90"]
)
def test_noise_is_counted_and_dropped(frame: bytes) -> None:
    watcher = Watcher()
    assert watcher.take(frame, _frame(1), frame, _frame(2)) == watcher.told
    assert _seqs(watcher.told) == [1, 2]
    assert watcher.flow.malformed == 2


def test_a_broken_first_batch_makes_no_stream() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(b"tick.EURUSD.123456\0\xc1")
    watcher.now_s += 3
    with pytest.raises(StaleData, match="no tick since the subscription"):
        watcher.flow.check_silence(watcher.now_s)


def test_conflation_gives_the_latest_of_each_stream_and_still_tells_of_gaps() -> None:
    watcher = Watcher(symbols=(), conflate=True)
    told = watcher.take(_frame(1, 5), _frame(1, symbol="XAUUSD"), _frame(6), _frame(9), _frame(2, symbol="XAUUSD"))
    assert [(each.symbol, each.seq) for each in told if isinstance(each, LiveTick)] == [("EURUSD", 9), ("XAUUSD", 2)]
    assert [each.lost for each in told if isinstance(each, GapNotice)] == [2]
    assert watcher.drain() == []


# Staleness


def test_a_tick_that_may_have_waited_too_long_is_refused() -> None:
    watcher = Watcher(max_age_s=2.0)
    assert _seqs(watcher.take(_frame(1), waited_s=1.9)) == [1]
    with pytest.raises(StaleData, match=r"EURUSD: ticks may have waited here: 2.1 s, allowed are 2.0 s"):
        watcher.take(_frame(2), waited_s=2.1)


def test_a_tick_that_waited_too_long_is_flagged_when_asked() -> None:
    watcher = Watcher(max_age_s=2.0, stale="flag")
    told = [*watcher.take(_frame(1), waited_s=1.0), *watcher.take(_frame(2), waited_s=5.0)]
    assert [(each.is_stale, each.queued_s) for each in told if isinstance(each, LiveTick)] == [
        (False, 1.0),
        (True, 5.0),
    ]


def test_a_quiet_market_with_heartbeats_is_not_stale() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(_frame(1))
    for _ in range(10):
        watcher.now_s += 1.5
        watcher.take(_beat(1))
        assert watcher.flow.check_silence(watcher.now_s) is None


def test_silence_of_ticks_and_heartbeats_is_stale() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(_frame(1))
    watcher.now_s += 2.0
    assert watcher.flow.check_silence(watcher.now_s) is None
    watcher.now_s += 0.1
    with pytest.raises(StaleData, match=r"EURUSD: no tick and no heartbeat: 2\.1 s"):
        watcher.flow.check_silence(watcher.now_s)


def test_a_heartbeat_of_another_account_or_of_the_bridge_keeps_nothing_fresh() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(_frame(1))
    watcher.now_s += 2.1
    watcher.take(encode_frame(replace(BEAT, login=9)), encode_frame(replace(BEAT, login=0, role="bridge")))
    watcher.take(encode_frame(replace(BEAT, role="desk")))
    with pytest.raises(StaleData):
        watcher.flow.check_silence(watcher.now_s)


def test_a_symbol_without_any_tick_is_stale_although_the_terminal_lives() -> None:
    watcher = Watcher(symbols=("EURUSD", "NOSUCH"), max_age_s=2.0)
    watcher.now_s += 2.1
    watcher.take(_frame(1), _beat(1))
    with pytest.raises(StaleData, match="NOSUCH: no tick since the subscription"):
        watcher.flow.check_silence(watcher.now_s)


def test_one_fresh_account_is_enough_for_a_symbol() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(_frame(1), _frame(1, login=9))
    watcher.now_s += 2.1
    watcher.take(_frame(2, login=9))
    assert watcher.flow.check_silence(watcher.now_s) is None


def test_with_every_symbol_wanted_a_feed_without_any_tick_is_stale_too() -> None:
    watcher = Watcher(symbols=(), max_age_s=2.0)
    watcher.now_s += 2.1
    with pytest.raises(StaleData, match="every symbol: no tick since the subscription"):
        watcher.flow.check_silence(watcher.now_s)


def test_silence_is_flagged_once_and_again_only_after_it_ended() -> None:
    watcher = Watcher(max_age_s=2.0, stale="flag")
    watcher.take(_frame(5))
    watcher.now_s += 2.1
    flagged = watcher.flow.check_silence(watcher.now_s)
    assert flagged == LiveTick("EURUSD", LOGIN, *_tick(5), SESSION, 5, 0.0, True)
    assert watcher.flow.check_silence(watcher.now_s) is None
    assert _seqs(watcher.take(_frame(6))) == [6]
    watcher.now_s += 2.1
    assert watcher.flow.check_silence(watcher.now_s) is not None


def test_a_heartbeat_ends_a_silence_too() -> None:
    watcher = Watcher(max_age_s=2.0, stale="flag")
    watcher.take(_frame(5))
    for _ in range(2):
        watcher.now_s += 2.1
        assert watcher.flow.check_silence(watcher.now_s) is not None
        watcher.take(_beat(5))


def test_without_a_maximum_age_nothing_is_ever_stale() -> None:
    watcher = Watcher()
    assert _seqs(watcher.take(_frame(1), waited_s=1e6)) == [1]
    watcher.now_s += 1e6
    assert watcher.flow.check_silence(watcher.now_s) is None
    assert watcher.flow.silence_in_s(watcher.now_s) is None


def test_the_next_look_at_silence_is_soon_enough() -> None:
    watcher = Watcher(max_age_s=2.0)
    watcher.take(_frame(1))
    due_s = watcher.flow.silence_in_s(watcher.now_s)
    assert due_s is not None
    assert 0 < due_s <= 2.0


@pytest.mark.parametrize(
    "options", [{"max_age_s": MAX_AGE_S_MIN - 0.1}, {"max_age_s": float("nan")}, {"stale": "shrug"}]
)
def test_options_that_make_no_sense_are_misuse(options: dict[str, object]) -> None:
    with pytest.raises(ClientMisuse, match="expected"):
        Watcher(**options)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_handed_out_plus_lost_is_everything_and_in_order(messages: list[tuple[int, bool, bool]]) -> None:
    watcher, seq = Watcher(), 1
    watcher.take(_frame(seq))
    for count, arrives, repeated in messages:
        frame, seq = _frame(seq + 1, count), seq + count
        if arrives:
            watcher.take(*[frame] * (1 + repeated))
    watcher.take(_beat(seq))
    seqs = _seqs(watcher.told)
    assert seqs == sorted(set(seqs))
    assert len(seqs) + watcher.flow.lost == seq
    assert sum(each.lost for each in watcher.told if isinstance(each, GapNotice)) == watcher.flow.lost
