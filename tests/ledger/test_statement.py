"""A statement's figures add up, and each line names its transaction."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ledger.fees import FeePerUnit
from ledger.history import DayClose
from ledger.journal import TransactionKind
from ledger.pool_statement import pool_statement
from ledger.statement import Holding, Movement, member_statement
from ledger.units import Price

START = datetime(2025, 1, 1, tzinfo=UTC)


def price(ratio: str) -> Price:
    return Price(nav=Decimal(ratio) * 1000, units=Decimal(1000))


def move(
    day: int,
    kind: TransactionKind,
    lot: str,
    units: str,
    cash: str,
    at_price: str | None,
    *,
    fee: str = "0",
    cause: str | None = None,
) -> Movement:
    return Movement(
        transaction_id=day, cause=cause or f"{kind}:{day}", kind=kind, at=START + timedelta(days=day), lot=lot,
        units=Decimal(units), cash=Decimal(cash), fee=Decimal(fee), price=price(at_price) if at_price else None,
    )  # fmt: skip


def holding(units: str, value: str, ratio: str, day: int = 365) -> Holding:
    return Holding(
        at=START + timedelta(days=day), units=Decimal(units), value=Decimal(value), price=price(ratio),
        pool_units=Decimal(1000), owed=Decimal(0), fee_accrued=Decimal(0),
    )  # fmt: skip


def close(day: int, ratio: str) -> DayClose:
    at = START + timedelta(days=day)
    return DayClose(day=at.date(), at=at, price=price(ratio))


BUY = TransactionKind.SUBSCRIPTION
SELL = TransactionKind.REDEMPTION


def test_profit_is_what_is_there_and_was_taken_out_less_what_was_paid_in():
    moves = [
        move(0, BUY, "a", "100", "100", "1"),
        move(100, BUY, "b", "50", "100", "2"),
        move(200, SELL, "a", "-40", "-120", "3"),
    ]
    found = member_statement(1, moves, holding("110", "440.00", "4"))
    assert (found.contributed, found.redeemed, found.profit) == (Decimal(200), Decimal(120), Decimal(360))
    assert found.realised == Decimal("80.00")
    assert found.unrealised == Decimal("280.00")
    assert found.share_percent == Decimal("11.0000")
    assert found.time_weighted_return == Decimal("3")
    assert [line.transaction_id for line in found.movements] == [0, 100, 200]


def test_fees_are_neither_profit_nor_flow():
    moves = [
        move(0, BUY, "x", "1000", "100000", "100"),
        move(100, TransactionKind.CRYSTALLISATION, "x", "-20", "-2000", "100", fee="2000"),
    ]
    found = member_statement(1, moves, holding("980", "98000.00", "100"))
    assert (found.contributed, found.redeemed, found.fees_paid) == (Decimal(100000), Decimal(0), Decimal(2000))
    assert (found.profit, found.realised, found.unrealised) == (Decimal(-2000), Decimal("0.00"), Decimal(0))
    assert found.time_weighted_return == Decimal("-0.02")


def test_the_managers_fees_are_earned_and_not_paid_in():
    moves = [move(0, TransactionKind.CRYSTALLISATION, "fee", "20", "2000", "100")]
    found = member_statement(9, moves, holding("20", "2200.00", "110"))
    assert (found.contributed, found.fees_earned) == (Decimal(0), Decimal(2000))
    assert (found.profit, found.unrealised) == (Decimal(2200), Decimal(200))
    assert found.time_weighted_return == Decimal("0.1")
    assert found.money_weighted_return is None


def test_what_was_reversed_moved_nothing():
    wrong = move(5, BUY, "w", "50", "50", "1", cause="subscription:w")
    undone = move(6, TransactionKind.REVERSAL, "w", "-50", "-50", None, cause="reversal:subscription:w")
    right = move(7, BUY, "r", "100", "100", "1")
    found = member_statement(1, [wrong, undone, right], holding("100", "110.00", "1.1"))
    assert (found.contributed, found.redeemed, found.realised) == (Decimal(100), Decimal(0), Decimal("0.00"))
    assert found.time_weighted_return == Decimal("0.1")
    assert len(found.movements) == 3


def test_a_member_who_left_keeps_a_statement():
    moves = [move(0, BUY, "a", "100", "100", "1"), move(365, SELL, "a", "-100", "-150", "1.5")]
    found = member_statement(1, moves, holding("0", "0.00", "1.2"))
    assert (found.profit, found.unrealised, found.share_percent) == (Decimal(50), Decimal(0), Decimal(0))
    assert (found.time_weighted_return, found.money_weighted_return) == (Decimal("0.5"), Decimal("0.5"))


def test_two_members_with_other_timing_have_one_return_of_the_pool_and_two_of_their_own():
    early = member_statement(1, [move(0, BUY, "a", "100", "100", "1")], holding("100", "121.00", "1.21", 730))
    late = member_statement(2, [move(365, BUY, "b", "100", "110", "1.1")], holding("100", "121.00", "1.21", 730))
    assert (early.time_weighted_return, late.time_weighted_return) == (Decimal("0.21"), Decimal("0.1"))
    assert early.money_weighted_return == late.money_weighted_return == Decimal("0.1")


def test_the_history_by_day_begins_with_the_first_unit():
    closes = [close(day, f"1.{day + 1}") for day in range(5)]
    moves = [move(2, BUY, "a", "100", "130", "1.3"), move(3, SELL, "a", "-50", "-70", "1.4")]
    found = member_statement(1, moves, holding("50", "75.00", "1.5"), closes)
    assert [(line.day.day, line.units, line.value, line.flow, line.profit) for line in found.days] == [
        (3, Decimal(100), Decimal("130.00"), Decimal(130), Decimal(0)),
        (4, Decimal(50), Decimal("70.00"), Decimal(-70), Decimal(10)),
        (5, Decimal(50), Decimal("75.00"), Decimal(0), Decimal(5)),
    ]


def test_a_day_is_the_servers_and_holds_what_came_before_its_last_price():
    """A deposit two hours before midnight UTC belongs to the next day of a server that is three hours ahead."""
    late = START + timedelta(hours=22)
    deposit = Movement(
        transaction_id=1, cause="s", kind=BUY, at=late, lot="a", units=Decimal(100), cash=Decimal(100), fee=Decimal(0),
        price=price("1"),
    )  # fmt: skip
    closes = [
        DayClose(day=date(2025, 1, 1), at=late - timedelta(hours=2), price=price("1")),
        DayClose(day=date(2025, 1, 2), at=late, price=price("1")),
    ]
    found = member_statement(1, [deposit], holding("100", "100.00", "1"), closes)
    assert [(line.day.day, line.flow) for line in found.days] == [(2, Decimal(100))]


def test_the_last_day_ends_now_at_the_value_that_was_shared_out_and_days_add_up_to_the_profit():
    moves = [move(0, BUY, "a", "33.333", "33.33", "1"), move(2, SELL, "a", "-3.333", "-4.44", "1.3333")]
    now = holding("30", "41.13", "1.371", 4)
    found = member_statement(1, moves, now, [close(0, "1"), close(2, "1.3333"), close(4, "1.371")])
    assert found.days[-1].value == found.value == Decimal("41.13")
    assert sum(line.profit for line in found.days) == found.profit
    assert sum(line.flow for line in found.days) == found.contributed - found.redeemed


def test_a_member_bears_the_management_fee_of_the_days_on_which_units_were_held():
    """0.50 a day on 1,000 units: 100 units for ten days and 50 for five bear 0.50 + 0.125, and nobody pays before."""
    charged = FeePerUnit((START + timedelta(days=day), Decimal("0.50"), Decimal(1000)) for day in range(1, 31))
    moves = [move(5, BUY, "a", "100", "100", "1"), move(15, SELL, "a", "-50", "-50", "1")]
    found = member_statement(1, moves, holding("50", "50.00", "1", 20), (), charged)
    assert found.management_fees == Decimal("0.62")


def test_a_pool_that_was_left_and_begins_again_goes_on_where_it_was():
    """The first unit costs one again; that is no fall from 1.50."""
    empty = replace(close(40, "1"), price=Price(nav=Decimal(0), units=Decimal(0)))
    points = [close(0, "1"), close(10, "1.5"), empty, close(41, "1"), close(70, "1.2")]
    flows = [(START, Decimal(1000)), (START + timedelta(days=20), Decimal(-1500)), (START, Decimal(500))]
    found = pool_statement(points, flows, Decimal("600"))
    assert found.time_weighted_return == Decimal("0.8")
    assert found.drawdown.fraction == 0
    assert (found.contributed, found.redeemed, found.profit) == (Decimal(1500), Decimal(1500), Decimal(600))
    assert [line.ratio for line in found.months] == [Decimal("0.5"), Decimal(0), Decimal("0.2")]
    assert next((line.nav_per_unit, line.flow) for line in found.days) == (Decimal(1), Decimal(1500))
    assert [day.drawdown for day in found.days] == [Decimal(0)] * 4
    (year,) = found.years
    assert (year.year, year.ratio, year.months[:4]) == (2025, Decimal("0.8"), (*(m.ratio for m in found.months), None))
