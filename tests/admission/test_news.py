"""News blackouts from a file: read again when it changes, closed when it can't be read, wrong lines named by number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admission.world import BUY, NOW
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.news import BYTES_MAX, NewsError, NewsFile, parse_news
from zmq_bridge.admission.schema import parse_signal
from zmq_bridge.live.reader import LiveReader

NOBODY = 65_534
LINE = "2026-03-04T11:55:00Z, 2026-03-04T12:05:00Z, USD EUR, Non-farm payrolls, revised"


class Ticker:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 2  # past the pause between two looks
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "news.txt"


def titles(news: NewsFile, now: datetime = NOW) -> list[str]:
    return [window.title for window in news(now)]


def test_a_line_is_a_window():
    [window] = parse_news(f"# calendar\n\n{LINE}\n")
    assert (window.starts_at, window.ends_at) == (NOW - timedelta(minutes=5), NOW + timedelta(minutes=5))
    assert (window.currencies, window.title) == (frozenset({"USD", "EUR"}), "Non-farm payrolls, revised")


def test_a_star_means_every_currency_and_offsets_are_understood():
    [window] = parse_news("2026-03-04T13:00:00+02:00,2026-03-04T13:00:00+02:00,*,Halt")
    assert (window.starts_at, window.currencies) == (datetime(2026, 3, 4, 11, tzinfo=UTC), frozenset())


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("2026-03-04T12:00:00Z, 2026-03-04T12:05:00Z, USD", "expected begin, end"),
        ("2026-03-04T12:00:00Z, 2026-03-04T12:05:00Z, USD,  ", "expected begin, end"),
        ("2026-03-04T12:00:00, 2026-03-04T12:05:00Z, USD, x", "ISO 8601 with an offset"),
        ("noon, 2026-03-04T12:05:00Z, USD, x", "found 'noon'"),
        ("2026-03-04T12:05:00Z, 2026-03-04T12:00:00Z, USD, x", "an end at or after"),
        ("2026-03-04T12:00:00Z, 2026-03-04T12:05:00Z, usd, x", "expected currencies"),
        ("2026-03-04T12:00:00Z, 2026-03-04T12:05:00Z, , x", "expected currencies"),
        ("2026-03-04T12:00:00Z, 2026-03-04T12:05:00Z, USD * , x", "expected currencies"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(line, word):
    with pytest.raises(NewsError, match="line 3: ") as caught:
        parse_news(f"# one\n{LINE}\n{line}\n")
    assert word in str(caught.value)


@given(st.text())
def test_any_text_is_a_calendar_or_a_news_error(text):
    try:
        parse_news(text)
    except NewsError:
        pass


@pytest.mark.parametrize(
    ("at", "held"),
    [(-300.000001, False), (-300, True), (0, True), (300, True), (300.000001, False)],
)
def test_both_ends_of_a_window_are_inside(path, at, held):
    path.write_text(LINE)
    assert bool(titles(NewsFile(path), NOW + timedelta(seconds=at))) is held


def test_a_window_begins_and_ends_also_when_nobody_touches_the_file(path):
    path.write_text(LINE)
    news = NewsFile(path, clock=lambda: 0.0)
    moments = (-301, -300, 299, 301, 0)
    assert [len(news(NOW + timedelta(seconds=at))) for at in moments] == [0, 1, 1, 0, 1]


def test_a_change_of_the_file_is_seen(path):
    path.write_text("")
    news = NewsFile(path, Ticker())
    assert titles(news) == []
    path.write_text(LINE)
    assert titles(news) == ["Non-farm payrolls, revised"]
    path.write_text("# quiet again, and long enough to differ in size from what was there before, to the byte")
    assert titles(news) == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"nonsense", b"#" * (BYTES_MAX + 1)])
def test_a_file_that_is_missing_or_cannot_be_read_closes_everything(path, content):
    if content is not None:
        path.write_bytes(content)
    news = NewsFile(path)
    [window] = news(NOW)
    assert path.name in window.title
    assert str(path.parent) not in window.title, "a denial carries it to clients"
    assert window.currencies == frozenset()
    assert news.problem == window.title


def test_a_file_that_goes_bad_closes_and_one_that_is_mended_opens(path):
    path.write_text("")
    news = NewsFile(path, Ticker())
    assert titles(news) == []
    path.write_text("nonsense")
    assert "line 1" in titles(news)[0]
    path.unlink()
    assert "No such file" in titles(news)[0]
    path.write_text("# fine")
    assert titles(news) == []
    assert news.problem is None


@contextmanager
def as_nobody() -> Iterator[None]:
    """Read as a user who is not root: root reads everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_file_without_permission_closes(path):
    path.write_text("")
    path.chmod(0)
    news = NewsFile(path, Ticker())
    with as_nobody():
        assert "Permission" in titles(news)[0]
    path.chmod(0o644)
    assert titles(news) == []


def test_a_directory_in_place_of_the_file_closes(path):
    path.mkdir()
    assert "directory" in titles(NewsFile(path))[0]


@pytest.mark.parametrize(
    ("content", "symbol", "code"),
    [
        ("", "EURUSD", None),
        (LINE, "EURUSD", "NEWS_BLACKOUT"),
        (LINE.replace("USD EUR", "CHF"), "EURUSD", None),
        (LINE.replace("USD EUR", "JPY"), "USDJPY", "NEWS_BLACKOUT"),
        (LINE.replace("USD EUR", "*"), "GBPUSD", "NEWS_BLACKOUT"),
        (None, "EURUSD", "NEWS_BLACKOUT"),
        ("nonsense", "EURUSD", "NEWS_BLACKOUT"),
    ],
)
def test_the_gate_denies_inside_a_window_of_a_currency_of_the_symbol(world, path, content, symbol, code):
    if content is not None:
        path.write_text(content)
    gate = Gate(world.engine, LiveReader(world.client), clock=world.clock, news=NewsFile(path))
    stops = {"GBPUSD": {"sl": "1.26340", "tp": "1.26960"}, "USDJPY": {"sl": "150.9", "tp": "152"}}
    world.freshen()
    answer = gate.admit(parse_signal(BUY | stops.get(symbol, {}) | {"symbol": symbol}), world.source)
    assert (None if isinstance(answer, Accepted) else answer.code) == code
    if content == "nonsense":
        assert "line 1" in answer.context["found"]


def test_ways_out_pass_whatever_the_calendar_says(world, path):
    gate = Gate(world.engine, LiveReader(world.client), clock=world.clock, news=NewsFile(path))
    signal = parse_signal({"symbol": "EURUSD", "action": "CLOSE", "ticket": 1})
    world.run(
        "INSERT INTO positions (account_id, ticket, symbol, side, volume, price_open, price_current, sl, tp, profit,"
        " swap, time_msc, magic, comment) VALUES (%s, 1, 'EURUSD', 'buy', 0.1, 1, 1, 0, 0, 0, 0, 1, 0, '')",
        world.account_id,
    )
    assert isinstance(gate.admit(signal, world.source), Accepted)
