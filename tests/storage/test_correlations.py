"""Correlations from stored ticks: closed hours only, made once each, and what is unknown counts against us."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from risk.snapshot import Link
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.correlations import refresh
from zmq_bridge.storage.ticks.hourly_bars import DAY_MSC, HOUR_MSC, make, unmade
from zmq_bridge.storage.ticks.partitions import ensure_partitions

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MONDAY_MSC = int(MONDAY.timestamp() * 1000)
OFFSET_S = 7200
HOURS = 130


class Market:
    """An account whose ticks a test writes."""

    def __init__(self, engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            description = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}
            self.id = ensure_account(connection, login=1, server="s", **description).id
            run = connection.exec_driver_sql
            run(
                "INSERT INTO terminals (account_id, role, session, server_offset_s) VALUES (%s, 'feed', 1, %s)",
                (self.id, OFFSET_S),
            )
            for symbol in ("EURUSD", "GBPUSD", "USDCHF", "AUDJPY"):
                spec = f'{{"currency_base": "{symbol[:3]}", "currency_profit": "{symbol[3:]}"}}'
                run(
                    "INSERT INTO symbols (account_id, symbol, spec, digits, point, tick_size, tick_value,"
                    " contract_size, volume_min, volume_max, volume_step) VALUES (%s, %s, %s, 5, 1, 1, 1, 1, 1, 1, 1)",
                    (self.id, symbol, spec),
                )

    def ticks(self, symbol: str, ticks: list[tuple[int, float]]) -> None:
        """Store (time_msc, bid) and move the cursor."""
        with self.engine.begin() as connection:
            ensure_partitions(connection, ticks[0][0], ticks[-1][0])
            connection.exec_driver_sql(
                "INSERT INTO ticks (account_id, symbol, time_msc, bid, ask, last, volume_real, flags, session, seq,"
                " received_at) VALUES (%s, %s, %s, %s, 0, 0, 0, 6, 1, 1, now())",
                [(self.id, symbol, time_msc, bid) for time_msc, bid in ticks],
            )
            connection.exec_driver_sql(
                "INSERT INTO tick_cursors (account_id, symbol, session, seq, time_msc) VALUES (%s, %s, 1, 1, %s)"
                " ON CONFLICT (account_id, symbol) DO UPDATE SET time_msc = excluded.time_msc",
                (self.id, symbol, ticks[-1][0]),
            )

    def hours(self, symbol: str, price, hours: int = HOURS, start_msc: int = MONDAY_MSC) -> None:
        """A tick a half hour; `price(hour)` at the close."""
        times = [
            (start_msc + hour * HOUR_MSC + half * HOUR_MSC // 2, hour, half) for hour in range(hours) for half in (0, 1)
        ]
        self.ticks(symbol, [(time, price(hour) if half else 1.0) for time, hour, half in times])

    def rows(self, query):
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(query).all()


@pytest.fixture
def market(engine):
    return Market(engine)


def wave(hour: int) -> float:
    return 1 + 0.01 * math.sin(hour * 0.7) + 0.003 * math.sin(hour * 2.3)


def other(hour: int) -> float:
    return 1 + 0.01 * math.cos(hour * 1.9)


def test_symbols_that_move_together_are_linked(market):
    market.hours("EURUSD", wave)
    market.hours("GBPUSD", lambda hour: 2 * wave(hour))
    market.hours("USDCHF", lambda hour: 1 / wave(hour))
    market.hours("AUDJPY", other)
    found = refresh(market.engine, market.id)
    assert found.links["EURUSD"] == {"GBPUSD": Link.SAME, "USDCHF": Link.OPPOSITE}
    assert found.links["AUDJPY"] == {}
    assert found.symbols == {"EURUSD", "GBPUSD", "USDCHF", "AUDJPY"}
    [row] = market.rows("SELECT * FROM correlations")
    assert row.links["EURUSD"] == {"GBPUSD": "same", "USDCHF": "opposite"}


def test_the_age_is_that_of_the_last_closed_hour_in_utc(market):
    market.hours("EURUSD", wave)
    last_tick = MONDAY + timedelta(hours=HOURS) - timedelta(minutes=30)
    found = refresh(market.engine, market.id)
    assert found.as_of == last_tick.replace(minute=0) - timedelta(seconds=OFFSET_S)


def test_too_few_bars_count_against_symbols_that_share_a_currency(market):
    market.hours("EURUSD", wave, hours=20)
    market.hours("GBPUSD", other, hours=20)
    market.hours("AUDJPY", wave, hours=20)
    found = refresh(market.engine, market.id)
    assert found.links["EURUSD"] == {"GBPUSD": Link.EITHER}


def test_a_bar_is_the_hours_bids_and_an_hour_that_goes_on_has_none(market):
    market.ticks("EURUSD", [(MONDAY_MSC, 1.2), (MONDAY_MSC, 1.5), (MONDAY_MSC + 1, 1.1), (MONDAY_MSC + 2, 1.3)])
    refresh(market.engine, market.id)
    assert market.rows("SELECT * FROM candles") == []
    market.ticks("GBPUSD", [(MONDAY_MSC + HOUR_MSC, 1.0)])
    refresh(market.engine, market.id)
    [bar] = market.rows("SELECT symbol, time_msc, open, high, low, close, tick_volume, closed FROM candles")
    assert tuple(bar) == ("EURUSD", MONDAY_MSC, 1.2, 1.5, 1.1, 1.3, 4, True)


def test_ticks_that_came_late_are_in_the_bar_when_it_is_made_again(market):
    market.hours("EURUSD", wave, hours=5)
    refresh(market.engine, market.id)
    late = MONDAY_MSC + 3 * HOUR_MSC + 59 * 60_000
    with market.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ticks (account_id, symbol, time_msc, bid, ask, last, volume_real, flags, session, seq,"
            " received_at) VALUES (%s, 'EURUSD', %s, 9.0, 0, 0, 0, 6, 1, 1, now())", (market.id, late),
        )  # fmt: skip
    refresh(market.engine, market.id)
    bars = dict(
        row for row in market.rows("SELECT time_msc, close FROM candles") if row.time_msc == MONDAY_MSC + 3 * HOUR_MSC
    )
    assert bars == {MONDAY_MSC + 3 * HOUR_MSC: 9.0}


def test_a_weekend_is_stepped_over(market):
    market.hours("EURUSD", wave, hours=5)
    refresh(market.engine, market.id)
    market.hours("EURUSD", wave, hours=5, start_msc=MONDAY_MSC + 3 * DAY_MSC)
    refresh(market.engine, market.id)
    assert len(market.rows("SELECT * FROM candles")) == 9  # the last hour goes on


def test_a_long_absence_is_made_a_day_at_a_time_and_no_further_back_than_needed(market):
    market.hours("EURUSD", wave, hours=24 * 30)
    with market.engine.begin() as connection:
        spans = unmade(connection, market.id)
        assert len(spans) == 14
        assert all(0 < to_msc - from_msc <= DAY_MSC for from_msc, to_msc in spans)
        assert [span[0] for span in spans[1:]] == [span[1] for span in spans[:-1]]
        make(connection, market.id, *spans[0])
    assert len(market.rows("SELECT * FROM candles")) == 24


def test_a_symbol_whose_feed_ended_does_not_make_the_others_old(market):
    market.hours("EURUSD", wave, hours=HOURS + 100)
    market.hours("GBPUSD", wave, hours=HOURS)
    found = refresh(market.engine, market.id)
    assert found.symbols == {"EURUSD"}


def test_without_ticks_or_clock_nothing_is_claimed(market):
    assert refresh(market.engine, market.id) is None
    market.hours("EURUSD", wave, hours=5)
    with market.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM terminals")
    assert refresh(market.engine, market.id) is None
    assert market.rows("SELECT * FROM correlations") == []


def test_one_process_is_enough(market):
    market.hours("EURUSD", wave, hours=5)
    with market.engine.begin() as connection:
        hold(connection, Lock.CORRELATIONS, market.id)
        assert refresh(market.engine, market.id) is None
    assert refresh(market.engine, market.id) is not None
