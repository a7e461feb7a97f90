"""Returns and drawdowns: known numbers, and what must hold for all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidFlows
from ledger.performance import (
    Flow,
    PricePoint,
    Valuation,
    drawdown,
    money_weighted_return,
    monthly_returns,
    time_weighted_return,
    yearly_returns,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def flow(days: float, amount: str) -> Flow:
    return Flow(at=START + timedelta(days=days), amount=Decimal(amount))


def test_a_year_at_ten_percent_is_ten_percent():
    assert money_weighted_return([flow(0, "-10000"), flow(365, "11000")]) == Decimal("0.10000000")


def test_the_textbook_example_of_xirr():
    """Invested on five dates, paid back on the last; the rate that spreadsheets give is 37.33625335 %."""
    flows = [
        ("2008-01-01", "-10000"), ("2008-03-01", "2750"), ("2008-10-30", "4250"),
        ("2009-02-15", "3250"), ("2009-04-01", "2750"),
    ]  # fmt: skip
    dated = [Flow(at=datetime.fromisoformat(f"{day}T00:00:00+00:00"), amount=Decimal(a)) for day, a in flows]
    rate = money_weighted_return(dated)
    assert rate is not None
    assert abs(rate - Decimal("0.3733625335")) < Decimal("1e-7")


@pytest.mark.parametrize(
    "flows",
    [
        [],
        [flow(0, "-100")],
        [flow(0, "-100"), flow(10, "-100")],
        [flow(0, "100"), flow(10, "100")],
        [flow(0, "-100"), flow(0, "110")],
    ],
)
def test_where_no_rate_exists_none_is_given(flows):
    assert money_weighted_return(flows) is None


@pytest.mark.parametrize(
    ("flows", "low", "high"),
    [
        ([flow(0, "-100"), flow(365, "0.0001")], "-1", "-0.99"),
        ([flow(0, "-0.01"), flow(1, "1000000")], "1e20", "1e40"),
        ([flow(0, "-100"), flow(3650, "100")], "-0.0000001", "0.0000001"),
    ],
)
def test_extreme_rates_are_found_or_refused_but_never_diverge(flows, low, high):
    rate = money_weighted_return(flows)
    assert rate is None or Decimal(low) <= rate <= Decimal(high)


def test_of_several_rates_the_one_nearest_to_zero_is_taken():
    """These flows discount to zero at 10 % and at 20 % alike."""
    flows = [flow(0, "-1000"), flow(365, "2300"), flow(730, "-1320")]
    assert money_weighted_return(flows) == Decimal("0.10000000")


@given(
    rate=st.integers(-80, 300),
    paid=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 10**6)), min_size=1, max_size=8),
)
def test_the_rate_at_which_money_really_grew_is_found(rate, paid):
    growth = 1 + rate / 100
    end = 2100
    worth = sum(amount * growth ** ((end - day) / 365) for day, amount in paid)
    flows = [flow(day, str(-amount)) for day, amount in paid]
    found = money_weighted_return([*flows, flow(end, f"{worth:.12f}")])
    assert found is not None
    assert abs(float(found) - rate / 100) < 1e-6


def value(before: str, moved: str = "0") -> Valuation:
    return Valuation(value=Decimal(before), flow=Decimal(moved))


def test_flows_do_not_count_as_growth():
    assert time_weighted_return(
        [value("0", "100"), value("110", "1000"), value("1221", "-1221"), value("0")]
    ) == Decimal("0.21")


def test_leaving_and_coming_back_is_no_loss():
    chain = [value("0", "100"), value("150", "-150"), value("0", "70"), value("77")]
    assert time_weighted_return(chain) == Decimal("0.65")


def test_a_total_loss_is_minus_one():
    assert time_weighted_return([value("0", "100"), value("0")]) == Decimal("-1")


@pytest.mark.parametrize("chain", [[value("0"), value("5")], [value("0", "10"), value("-1")]])
def test_values_out_of_nothing_and_below_nothing_are_refused(chain):
    with pytest.raises(InvalidFlows, match="expected a value"):
        time_weighted_return(chain)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=10))
def test_deposits_of_any_size_leave_the_return_of_constant_growth_alone(steps):
    """Whatever is paid in, growing 1 % between flows is growing 1 % between flows."""
    held, chain = Fraction(0), []
    for _, paid in steps:
        chain.append(Valuation(value=held, flow=Fraction(paid + 1)))
        held = (held + paid + 1) * Fraction(101, 100)
    chain.append(Valuation(value=held, flow=Fraction(0)))
    expected = Fraction(101, 100) ** len(steps) - 1
    assert abs(Fraction(time_weighted_return(chain)) - expected) <= Fraction(1, 10**8)


def points(*prices: int, step: timedelta = timedelta(days=1)) -> list[PricePoint]:
    moments = [START + place * step for place in range(len(prices))]
    return [PricePoint(at=at, day=at.date(), price=Fraction(price)) for at, price in zip(moments, prices, strict=True)]


def test_the_drawdown_is_the_deepest_fall_from_a_peak_and_not_the_last():
    found = drawdown(points(100, 120, 90, 130, 110))
    assert found.fraction == Decimal("0.25")
    assert (found.peak_at, found.trough_at) == (START + timedelta(days=1), START + timedelta(days=2))


def test_what_only_rises_has_no_drawdown():
    assert drawdown(points(1, 2, 3)).fraction == 0
    assert drawdown([]).peak_at is None


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30))
def test_a_drawdown_is_the_worst_of_all_pairs(prices):
    worst = max(
        (1 - Fraction(low, high) for place, high in enumerate(prices) for low in prices[place:]), default=Fraction(0)
    )
    assert abs(Fraction(drawdown(points(*prices)).fraction) - max(worst, Fraction(0))) <= Fraction(1, 10**8)


def test_monthly_returns_chain_to_the_whole():
    table = monthly_returns(points(100, 110, 121, 133, step=timedelta(days=20)))
    assert [line.month for line in table] == [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]
    assert [line.ratio for line in table] == [Decimal("0.1"), Decimal("0.1"), Decimal("0.09917355")]


def test_a_table_of_years_chains_its_months_and_leaves_out_those_without_a_price():
    table = yearly_returns(points(100, 110, 99, 198, step=timedelta(days=150)))
    assert [(line.year, line.ratio) for line in table] == [(2024, Decimal("-0.01")), (2025, Decimal(1))]
    assert [place + 1 for place, ratio in enumerate(table[0].months) if ratio is not None] == [1, 5, 10]
    assert table[1].months[2] == Decimal(1)
