"""Which account ticks are of: asked once for a whole batch, remembered, and asked again for who is still unknown."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tests.feed.conftest import LOGIN, SYMBOL, make_ticks
from zmq_bridge.live.tick_writer import LiveBatch
from zmq_bridge.relay import account_book
from zmq_bridge.relay.account_book import AccountBook
from zmq_bridge.relay.feed_stats import FeedStats
from zmq_bridge.storage.ticks.accounts import Speaker


def batch(session: int, login: int = LOGIN) -> LiveBatch:
    return LiveBatch(SYMBOL, login, session, 1, make_ticks(1), b"", 0)


class Accounts:
    """What is in Postgres, and how often it was asked."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {LOGIN: 1}
        self.asked: list[Collection[Speaker]] = []

    def look_up(self, speakers: Collection[Speaker]) -> Mapping[Speaker, int]:
        self.asked.append(speakers)
        return {speaker: self.known[speaker[0]] for speaker in speakers if speaker[0] in self.known}


def test_sessions_that_somebody_makes_up_cost_one_query_a_batch():
    accounts = Accounts()
    book = AccountBook(accounts.look_up, FeedStats())
    strangers = [batch(session, LOGIN + 1) for session in range(1, 5_001)]
    assert book.resolve([*strangers, batch(1)]) == [(1, batch(1))]
    assert [len(speakers) for speakers in accounts.asked] == [5_001]


def test_who_was_unknown_is_asked_for_again_and_then_no_more(monkeypatch):
    monkeypatch.setattr(account_book, "ASK_AGAIN_S", 0.0)
    accounts = Accounts()
    book = AccountBook(accounts.look_up, FeedStats())
    assert book.resolve([batch(1, LOGIN + 1)]) == []
    accounts.known[LOGIN + 1] = 2
    held = book.resolve([])
    assert held == [(2, batch(1, LOGIN + 1))]
    assert book.resolve([batch(1, LOGIN + 1)]) == held
    assert len(accounts.asked) == 2
