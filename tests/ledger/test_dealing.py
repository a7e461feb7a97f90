"""Units, lots and fees: what is paid, what is burned, who gets the remainder, and when the answer is no."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.dealing import adopt_value, settle_redemption, settle_subscription
from ledger.errors import InvalidTerms
from ledger.fee_dealing import crystallise_fees
from ledger.fees import YEAR_S, FeeTerms, accrue_management, crystallise
from ledger.journal import UNIT, AccountKind, Transaction
from ledger.lots import Lot, Redeemed, net_claim, redeem_all, redeem_cash
from ledger.money import total
from ledger.parts import Dealing
from ledger.refusals import RefusalCode, Refused
from ledger.units import (
    INITIAL_PRICE,
    Bought,
    Pool,
    Price,
    PriceBand,
    dealing_price,
    net_asset_value,
    subscribe,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
CENT = Decimal("0.01")


def pool(nav: str, units: str, floating: str = "0") -> Pool:
    return Pool(nav=Decimal(nav), units=Decimal(units), floating=Decimal(floating))


def lot(name: str, units: str, *, mark: str = "1", member: int = 1, opened: int = 0) -> Lot:
    price = Price(nav=Decimal(mark), units=Decimal(1))
    return Lot(
        lot=name, member=member, opened=opened, units=Decimal(units), units_bought=Decimal(units),
        cost=Decimal(units) * Decimal(mark), high_water_mark=price,
    )  # fmt: skip


def code(outcome: object) -> RefusalCode:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def redeemed(outcome: Redeemed | Refused) -> Redeemed:
    assert isinstance(outcome, Redeemed), outcome
    return outcome


# prices


def test_nav_is_equity_less_all_that_is_owed_to_others():
    nav = net_asset_value(
        equity=Decimal("1000"), credit=Decimal("100"), unmatched_deposits=Decimal("50"), accrued_fees=Decimal("7.25")
    )
    assert nav == Decimal("842.75")


def test_the_first_unit_costs_one():
    bought = subscribe(Decimal("123.45"), pool("0", "0"))
    assert bought == Bought(units=Decimal("123.45000000"), price=INITIAL_PRICE)


@pytest.mark.parametrize(
    ("nav", "units", "expected"),
    [
        ("0", "100", RefusalCode.NAV_NOT_POSITIVE),
        ("-0.01", "100", RefusalCode.NAV_NOT_POSITIVE),
        ("0.01", "0", RefusalCode.NAV_WITHOUT_UNITS),
        ("-0.01", "0", RefusalCode.NAV_WITHOUT_UNITS),
        ("0.99", "10000", RefusalCode.PRICE_BELOW_BAND),
        ("1000000.01", "100", RefusalCode.PRICE_ABOVE_BAND),
    ],
)
def test_nobody_deals_at_a_price_that_makes_no_sense(nav, units, expected):
    state = pool(nav, units)
    holder = [lot("a", "50")]
    assert code(subscribe(Decimal("10.00"), state)) == expected
    assert code(redeem_cash(Decimal("0.01"), holder, state)) == expected
    assert code(redeem_all(holder, state)) == expected


@pytest.mark.parametrize(("nav", "units"), [("1.00", "10000"), ("1000000.00", "100")])
def test_the_edges_of_the_price_band_are_inside(nav, units):
    assert isinstance(dealing_price(pool(nav, units)), Price)


@pytest.mark.parametrize(("low", "high"), [("0", "1"), ("-1", "1"), ("2", "2"), ("3", "2")])
def test_a_price_band_that_holds_nothing_is_refused(low, high):
    with pytest.raises(InvalidTerms, match="expected 0 < minimum < maximum"):
        PriceBand(minimum=Decimal(low), maximum=Decimal(high))


@pytest.mark.parametrize(
    ("cash", "expected"),
    [
        ("0", RefusalCode.AMOUNT_NOT_POSITIVE),
        ("-1", RefusalCode.AMOUNT_NOT_POSITIVE),
        ("NaN", RefusalCode.AMOUNT_NOT_POSITIVE),
        ("Infinity", RefusalCode.AMOUNT_NOT_POSITIVE),
        ("1.001", RefusalCode.AMOUNT_TOO_FINE),
    ],
)
def test_an_amount_that_can_not_be_paid_is_refused(cash, expected):
    assert code(subscribe(Decimal(cash), pool("100", "100"))) == expected
    assert code(redeem_cash(Decimal(cash), [lot("a", "100")], pool("100", "100"))) == expected


def test_money_that_buys_less_than_the_smallest_part_of_a_unit_is_refused():
    wide = PriceBand(minimum=Decimal("0.0001"), maximum=Decimal(10) ** 9)
    assert code(subscribe(CENT, pool("10000000.01", "1"), wide)) == RefusalCode.AMOUNT_TOO_SMALL


# rounding


def test_bought_units_are_rounded_down_and_burned_units_up():
    state = pool("3", "1")
    bought = subscribe(Decimal("1.00"), state)
    assert isinstance(bought, Bought)
    assert bought.units == Decimal("0.33333333")
    burned = redeemed(redeem_cash(Decimal("1.00"), [lot("a", "0.9", mark="3")], state))
    assert (burned.units, burned.cash) == (Decimal("0.33333334"), Decimal("1.00"))


def test_a_full_exit_is_paid_down_to_the_cent():
    out = redeemed(redeem_all([lot("a", "1")], pool("10.00", "3")))
    assert (out.units, out.cash) == (Decimal(1), Decimal("3.33"))


def test_the_last_holder_takes_everything():
    out = redeemed(redeem_all([lot("a", "1.5"), lot("b", "1.5", opened=1)], pool("10.01", "3")))
    assert (out.units, out.cash) == (Decimal(3), Decimal("10.01"))


def test_the_last_holder_may_not_leave_open_positions_behind():
    state = pool("10.00", "3", floating="-0.01")
    assert code(redeem_all([lot("a", "3")], state)) == RefusalCode.OPEN_PROFIT
    assert code(redeem_cash(Decimal("10.00"), [lot("a", "3")], state)) == RefusalCode.OPEN_PROFIT
    assert redeemed(redeem_all([lot("a", "2")], state)).cash == Decimal("6.66")


@given(
    nav=st.integers(100, 10**9), units=st.integers(10**8, 10**15), cents=st.integers(1, 10**8), held=st.integers(1, 100)
)
def test_no_redemption_pays_more_than_its_units_are_worth(nav, units, cents, held):
    state = Pool(nav=Decimal(nav).scaleb(-2), units=Decimal(units).scaleb(-8))
    mine = state.units * held / 200
    assume(mine == mine.quantize(Decimal("1e-8")) and isinstance(dealing_price(state), Price))
    out = redeem_cash(Decimal(cents).scaleb(-2), [lot("a", str(mine))], state)
    if isinstance(out, Redeemed):
        price = Fraction(state.nav) / Fraction(state.units)
        assert 0 <= Fraction(out.units) * price - Fraction(out.cash) < price / 10**8


@given(split=st.lists(st.integers(1, 10**12), min_size=1, max_size=6), cents=st.integers(1, 10**6))
def test_how_units_are_spread_over_lots_changes_no_burn(split, cents):
    lots = [lot(f"l{place}", str(Decimal(part).scaleb(-8)), opened=place) for place, part in enumerate(split)]
    whole = lot("one", str(total(each.units for each in lots)))
    state = Pool(nav=Decimal("1234567.89"), units=Decimal("1000000.00000007"))
    cash = Decimal(cents).scaleb(-2)
    spread, single = redeem_cash(cash, lots, state), redeem_cash(cash, [whole], state)
    assert type(spread) is type(single)
    if isinstance(spread, Redeemed) and isinstance(single, Redeemed):
        assert (spread.units, spread.cash) == (single.units, single.cash)


def test_the_oldest_lot_is_burned_first():
    lots = [lot("new", "5", opened=2), lot("old", "1", opened=1)]
    out = redeemed(redeem_cash(Decimal("2.00"), lots, pool("10.00", "10")))
    assert [(burn.lot, burn.units) for burn in out.burns] == [("old", Decimal(1)), ("new", Decimal(1))]


def test_more_than_the_claim_is_refused_and_the_claim_is_named():
    out = redeem_cash(Decimal("3.34"), [lot("a", "1")], pool("10.00", "3"))
    assert str(out) == "CLAIM_TOO_SMALL: amount=3.34, claim=3.33"


# performance fees


def test_a_redeemed_unit_pays_its_fee_out_of_its_own_gain():
    out = redeemed(
        redeem_cash(Decimal("108.00"), [lot("x", "1000", mark="100")], pool("220000", "2000"), rate=Decimal("0.20"))
    )
    assert (out.units, out.fee, out.cash) == (Decimal(1), Decimal("2.00"), Decimal("108.00"))
    assert out.minted == Decimal("0.01818181")


def test_a_unit_below_its_mark_pays_no_fee():
    out = redeemed(redeem_all([lot("x", "1000", mark="120")], pool("220000", "2000"), rate=Decimal("0.20")))
    assert (out.fee, out.cash) == (Decimal(0), Decimal("110000.00"))


def test_net_claim_is_what_a_full_exit_pays():
    lots = [lot("x", "1000", mark="100"), lot("y", "7", mark="90", opened=1)]
    state, rate = pool("220000", "2000"), Decimal("0.20")
    price = Price(nav=state.nav, units=state.units)
    assert redeemed(redeem_all(lots, state, rate=rate)).cash == net_claim(lots, price, rate, 2)


@given(
    rate=st.integers(0, 99),
    mark=st.integers(1, 200),
    cents=st.integers(1, 10**7),
    nav=st.integers(10**6, 10**9),
)
def test_paying_a_fee_dilutes_nobody_who_stays(rate, mark, cents, nav):
    state = Pool(nav=Decimal(nav).scaleb(-2), units=Decimal("100000"))
    mine = lot("x", "60000", mark=str(Decimal(mark) / 100))
    out = redeem_cash(Decimal(cents).scaleb(-2), [mine], state, rate=Decimal(rate) / 100)
    if isinstance(out, Redeemed):
        units = state.units - out.units + out.minted
        before = Fraction(state.nav) / Fraction(state.units)
        after = Fraction(state.nav - out.cash) / Fraction(units)
        assert before <= after


def test_crystallising_twice_at_one_price_takes_one_fee():
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=9)
    price = Price(nav=Decimal(220000), units=Decimal(2000))
    first = crystallise([lot("x", "1000", mark="100")], price, terms, 2)
    (burn,) = first.burns
    assert burn.high_water_mark == price
    after = replace(lot("x", "1000", mark="100"), units=Decimal(1000) - burn.units, high_water_mark=price)
    assert crystallise([after], price, terms, 2).burns == ()


def test_a_fall_and_a_rise_to_the_old_mark_cost_nothing():
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=9)
    at_mark = lot("x", "1000", mark="110")
    for nav in (180000, 220000):
        assert crystallise([at_mark], Price(nav=Decimal(nav), units=Decimal(2000)), terms, 2).burns == ()


def test_the_manager_pays_no_fee_to_itself():
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=1)
    assert crystallise([lot("x", "1000", mark="100")], Price(nav=Decimal(220), units=Decimal(2)), terms, 2).burns == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"management_rate": Decimal("1"), "manager": 1},
        {"management_rate": Decimal("-0.01"), "manager": 1},
        {"performance_rate": Decimal("NaN"), "manager": 1},
        {"performance_rate": Decimal("0.2")},
    ],
)
def test_fee_terms_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidTerms, match="expected"):
        FeeTerms(**wrong)


# management fee


TWO_PERCENT = FeeTerms(management_rate=Decimal("0.02"), manager=9)


def test_a_year_of_management_costs_its_rate():
    assert accrue_management(Decimal("50000"), TWO_PERCENT, Decimal(YEAR_S), Decimal(0), 2).amount == Decimal("1000.00")


def test_accruing_every_second_costs_what_accruing_once_does():
    carry, sum_of_parts = Decimal(0), Decimal(0)
    for _ in range(1000):
        part = accrue_management(Decimal("50000"), TWO_PERCENT, Decimal(61), carry, 2)
        carry, sum_of_parts = part.carry, sum_of_parts + part.amount
    once = accrue_management(Decimal("50000"), TWO_PERCENT, Decimal(61_000), Decimal(0), 2)
    assert once.amount == Decimal("1.93")
    assert sum_of_parts == once.amount


@pytest.mark.parametrize("nav", ["0", "-5000"])
def test_a_pool_without_value_accrues_nothing(nav):
    assert accrue_management(Decimal(nav), TWO_PERCENT, Decimal(YEAR_S), Decimal(0), 2).amount == 0


def test_time_does_not_run_backwards():
    with pytest.raises(InvalidTerms, match="forward"):
        accrue_management(Decimal(1), TWO_PERCENT, Decimal(-1), Decimal(0), 2)


# transactions


def dealing(state: Pool, terms: FeeTerms | None = None) -> Dealing:
    return Dealing(at=NOW, currency="USD", pool=state, terms=terms or FeeTerms())


def amounts(transaction: object, kind: AccountKind) -> dict[int | None, Decimal]:
    assert isinstance(transaction, Transaction), transaction
    return {entry.member: entry.amount for entry in transaction.entries if entry.kind is kind}


def test_a_subscription_moves_suspense_to_the_member_and_issues_units():
    done = settle_subscription(dealing(pool("110", "100")), request="R", member=1, cash=Decimal("11.00"))
    assert isinstance(done, Transaction)
    assert done.cause == "subscription:R"
    assert amounts(done, AccountKind.SUSPENSE) == {None: Decimal("11.00")}
    assert amounts(done, AccountKind.CONTRIBUTIONS) == {1: Decimal("-11.00")}
    assert amounts(done, AccountKind.UNITS) == {1: Decimal("10.00000000")}
    assert done.detail == {"price_nav": "110", "price_units": "100"}


def test_a_redemption_with_a_fee_pays_member_and_manager():
    terms = FeeTerms(performance_rate=Decimal("0.20"), manager=9)
    done = settle_redemption(
        dealing(pool("220000", "2000"), terms), request="R", member=1, cash=Decimal("108.00"),
        lots=[lot("x", "1000", mark="100")],
    )  # fmt: skip
    assert amounts(done, AccountKind.REDEMPTIONS) == {1: Decimal("108.00")}
    assert amounts(done, AccountKind.PAYABLE) == {1: Decimal("-108.00")}
    assert amounts(done, AccountKind.FEES_PAID) == {1: Decimal("2.00")}
    assert amounts(done, AccountKind.FEES_EARNED) == {9: Decimal("-2.00")}
    assert amounts(done, AccountKind.UNITS) == {1: Decimal("-1"), 9: Decimal("0.01818181")}


def test_crystallising_mints_the_manager_both_fees():
    terms = FeeTerms(management_rate=Decimal("0.02"), performance_rate=Decimal("0.20"), manager=9)
    lots = [lot("x", "1000", mark="100"), lot("y", "1000", mark="110", member=2)]
    done = crystallise_fees(
        dealing(pool("220000", "2000"), terms), period="2026-01", lots=lots, accrued=Decimal("55.00")
    )
    assert amounts(done, AccountKind.FEES_ACCRUED) == {None: Decimal("55.00")}
    assert amounts(done, AccountKind.FEES_PAID) == {1: Decimal("2000.00")}
    assert amounts(done, AccountKind.FEES_EARNED) == {9: Decimal("-2055.00")}
    assert amounts(done, AccountKind.UNITS) == {1: Decimal("-18.18181819"), 9: Decimal("18.68181818")}


def test_without_fees_there_is_nothing_to_crystallise():
    assert crystallise_fees(dealing(pool("100", "100")), period="p", lots=[lot("x", "100")], accrued=Decimal(0)) is None


def test_value_without_units_goes_to_the_named_member_at_a_price_of_one():
    done = adopt_value(dealing(pool("77.70", "0")), number="1", member=4, actor="eve", reason="profit of before")
    assert amounts(done, AccountKind.UNITS) == {4: Decimal("77.70000000")}
    assert isinstance(done, Transaction)
    assert {entry.currency for entry in done.entries} == {UNIT}


@pytest.mark.parametrize(("nav", "units"), [("77.70", "1"), ("0", "0"), ("-5", "0")])
def test_only_value_without_units_can_be_adopted(nav, units):
    done = adopt_value(dealing(pool(nav, units)), number="1", member=4, actor="eve", reason="r")
    assert code(done) == RefusalCode.AMOUNT_MISMATCH
