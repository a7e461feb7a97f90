"""The server day, the daily reference, and the NAV-per-unit index."""

import decimal
from datetime import UTC, date, datetime, timedelta

import pytest

from risk.day import add_flow, day_ends_at, equity_floor, loss_allowed, loss_today, roll_over, server_day
from risk.nav_index import NavIndexError, drawdown_percent, latch, reset, start, update
from risk.snapshot import DayReference, NavIndex
from tests.risk.world import NOW, OFFSET_S, SERVER_DAY, D, account, limits

TODAY = DayReference(server_day=SERVER_DAY, reference=D(10_000), net_flows=D(0))
MIDNIGHT = datetime(2024, 5, 15, 22, 0, tzinfo=UTC)  # 00:00 of May 16 on a server two hours ahead


@pytest.mark.parametrize(
    ("offset_s", "now", "day"),
    [
        (0, datetime(2024, 5, 15, 23, 59, 59, tzinfo=UTC), date(2024, 5, 15)),
        (7200, datetime(2024, 5, 15, 21, 59, 59, tzinfo=UTC), date(2024, 5, 15)),
        (7200, MIDNIGHT, date(2024, 5, 16)),
        (-18_000, datetime(2024, 5, 15, 4, 59, tzinfo=UTC), date(2024, 5, 14)),
    ],
)
def test_the_server_day_follows_the_servers_clock(offset_s: int, now: datetime, day: date) -> None:
    assert server_day(now, offset_s) == day


@pytest.mark.parametrize("now", [NOW, MIDNIGHT - timedelta(microseconds=1)])
def test_the_day_ends_at_the_servers_midnight(now: datetime) -> None:
    assert day_ends_at(now, OFFSET_S) == MIDNIGHT
    assert day_ends_at(MIDNIGHT, OFFSET_S) == MIDNIGHT + timedelta(days=1)


def test_within_the_day_the_reference_stays() -> None:
    richer = account(balance=D(20_000), equity=D(20_000))
    assert roll_over(TODAY, richer, MIDNIGHT - timedelta(seconds=1), OFFSET_S) is TODAY


@pytest.mark.parametrize(
    ("balance", "equity", "credit", "reference"),
    [
        (10_000, 9_000, 0, 10_000),
        (9_000, 10_000, 0, 10_000),
        (9_000, 10_000, 2_000, 9_000),
        (9_000, 12_000, 500, 11_500),
    ],
)
def test_a_new_day_takes_the_larger_of_balance_and_equity_less_credit(
    balance: int, equity: int, credit: int, reference: int
) -> None:
    state = account(balance=D(balance), equity=D(equity), credit=D(credit))
    flowed = add_flow(TODAY, D(500))
    assert roll_over(flowed, state, MIDNIGHT, OFFSET_S) == DayReference(
        server_day=date(2024, 5, 16), reference=D(reference), net_flows=D(0)
    )


def test_the_first_day_needs_no_day_before() -> None:
    assert roll_over(None, account(), NOW, OFFSET_S) == TODAY


def test_a_clock_that_steps_back_does_not_reopen_yesterday() -> None:
    tomorrow = DayReference(server_day=date(2024, 5, 16), reference=D(5), net_flows=D(1))
    assert roll_over(tomorrow, account(), NOW, OFFSET_S) is tomorrow


def test_flows_never_hide_a_loss_and_never_look_like_one() -> None:
    lost = account(equity=D(9_700))
    assert loss_today(TODAY, lost) == 300
    assert loss_today(add_flow(TODAY, D(1_000)), account(equity=D(10_700))) == 300
    assert loss_today(add_flow(TODAY, D(-1_000)), account(equity=D(8_700))) == 300
    assert loss_today(TODAY, account(equity=D(10_200), credit=D(500))) == 300


def test_allowed_loss_and_floor() -> None:
    assert loss_allowed(TODAY, limits()) == 500
    assert equity_floor(TODAY, limits()) == 9_500
    assert equity_floor(add_flow(TODAY, D(-1_000)), limits()) == 8_500


def test_the_index_starts_at_one() -> None:
    assert start(D(1234)) == NavIndex(price=D(1), peak=D(1), units=D(1234))
    assert start(D(-5)).units == 0


def test_profit_and_loss_move_the_price_and_the_peak_remembers() -> None:
    index = update(update(start(D(1000)), D(1250)), D(1000))
    assert (index.price, index.peak) == (D(1), D("1.25"))
    assert drawdown_percent(index) == 20


def test_a_deposit_buys_units_at_the_price_after_todays_result() -> None:
    index = update(start(D(1000)), D(1600), flow=D(500))  # 1000 -> 1100, then 500 in
    assert index.price == D("1.1")
    assert abs(index.units - 1600 / D("1.1")) < D("1e-20")


def test_taking_everything_out_and_coming_back_keeps_the_drawdown() -> None:
    index = update(update(start(D(1000)), D(900)), D(0), flow=D(-900))
    assert (index.units, index.price) == (D(0), D("0.9"))
    again = update(index, D(300), flow=D(300))
    assert drawdown_percent(again) == 10
    assert drawdown_percent(update(again, D(270))) == 19


def test_an_account_that_starts_empty_gets_units_with_its_first_deposit() -> None:
    assert update(start(D(0)), D(500), flow=D(500)) == NavIndex(price=D(1), peak=D(1), units=D(500))


def test_losing_everything_is_a_drawdown_of_a_hundred_percent_even_below_zero() -> None:
    broke = update(start(D(1000)), D(-50))
    assert drawdown_percent(broke) == 100
    assert latch(broke, limits()).latched


def test_new_money_after_a_total_loss_starts_over_but_stays_latched() -> None:
    broke = latch(update(start(D(1000)), D(0)), limits())
    again = update(broke, D(500), flow=D(500))
    assert again == NavIndex(price=D(1), peak=D(1), units=D(500), latched=True)


def test_a_deposit_that_only_fills_the_hole_buys_nothing() -> None:
    hole = update(start(D(1000)), D(-50))
    filled = update(hole, D(-20), flow=D(30))
    assert filled.units == 0
    assert update(filled, D(80), flow=D(100)).units == 80


@pytest.mark.parametrize("nav", ["-0.01", "-100"])
def test_more_cannot_be_withdrawn_than_there_is(nav: str) -> None:
    with pytest.raises(NavIndexError, match="expected a withdrawal of at most the NAV"):
        update(start(D(1000)), D(nav), flow=D(-1000))


@pytest.mark.parametrize(("nav", "latched"), [("800.01", False), ("800", True), ("799.99", True)])
def test_the_latch_sets_at_the_limit(nav: str, latched: bool) -> None:
    assert latch(update(start(D(1000)), D(nav)), limits()).latched is latched


def test_a_set_latch_survives_recovery_and_flows_until_reset() -> None:
    index = latch(update(start(D(1000)), D(700)), limits())
    index = latch(update(index, D(1500), flow=D(100)), limits())
    assert index.latched
    free = reset(index)
    assert free.latched is False
    assert drawdown_percent(free) == 0
    assert not latch(free, limits()).latched


def test_reset_counts_from_the_price_of_that_moment() -> None:
    free = reset(latch(update(start(D(1000)), D(700)), limits()))
    assert free.peak == free.price == D("0.7")
    assert not latch(update(free, D(561)), limits()).latched
    assert latch(update(free, D(560)), limits()).latched


def test_reset_after_a_total_loss_gives_a_usable_index() -> None:
    free = reset(latch(update(start(D(1000)), D(0)), limits()))
    assert free.usable
    assert free.latched is False


def test_a_hole_filled_exactly_leaves_nothing_to_divide() -> None:
    hole = update(start(D(1000)), D(-50))
    filled = update(hole, D(0), flow=D(50))
    assert (filled.units, filled.price, filled.peak) == (D(0), D(0), D(1))


def test_the_callers_decimal_context_changes_nothing() -> None:
    deep, nav = start(D("1234.56")), D("1111.11")
    expected = update(deep, nav)
    with decimal.localcontext(decimal.Context(prec=3)):
        assert update(deep, nav) == expected
        assert drawdown_percent(expected) == drawdown_of(expected)


def drawdown_of(index: NavIndex) -> decimal.Decimal:
    with decimal.localcontext(decimal.Context(prec=34)):
        return (index.peak - index.price) * 100 / index.peak
