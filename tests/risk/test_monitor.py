"""What a look at the account between signals finds."""

import decimal
from datetime import timedelta
from typing import Any

import pytest

from risk.codes import Code
from risk.monitor import Review, review
from risk.snapshot import DayReference, NavIndex
from risk.states import Cause
from tests.risk.test_day_and_nav_index import MIDNIGHT
from tests.risk.world import NOW, SERVER_DAY, D, account, limits, pending, position, reservation, snapshot


def look(rejects: int = 0, age_s: float = 1, **changes: Any) -> Review:
    return review(snapshot(**changes), limits(), NOW, (NOW - timedelta(seconds=age_s),) * rejects)


def causes(found: Review) -> set[Cause]:
    return {hold.cause for hold in found.impose}


def notices(found: Review) -> set[Code]:
    return {notice.code for notice in found.notices}


def test_a_healthy_account_needs_nothing() -> None:
    found = look(positions=(position(1),), orders=(pending(2),))
    assert found.impose == ()
    assert found.notices == ()
    assert set(found.mended) == {Cause.POSITION_UNPROTECTED, Cause.POSITION_BY_HAND, Cause.MARGIN_LOW}


@pytest.mark.parametrize(
    "changes", [{"positions": (position(11), position(7, sl=None))}, {"orders": (pending(7, sl=None),)}]
)
def test_a_ticket_without_a_stop_is_seen_and_named(changes: dict[str, Any]) -> None:
    found = look(**changes)
    assert causes(found) == {Cause.POSITION_UNPROTECTED}
    assert found.impose[0].reason == "without a stop loss: 7"
    assert (found.impose[0].actor, found.impose[0].at, found.impose[0].until) == ("risk monitor", NOW, None)
    assert Cause.POSITION_UNPROTECTED not in found.mended


@pytest.mark.parametrize("changes", [{"positions": (position(9, by_hand=True), position(8, by_hand=True))}])
def test_tickets_opened_by_hand_are_seen_and_named(changes: dict[str, Any]) -> None:
    found = look(**changes)
    assert causes(found) == {Cause.POSITION_BY_HAND}
    assert found.impose[0].reason == "opened by hand: 8, 9"
    assert found.mended == (Cause.POSITION_UNPROTECTED, Cause.MARGIN_LOW)


@pytest.mark.parametrize("part", ["positions", "orders"])
def test_an_unread_book_mends_nothing(part: str) -> None:
    nothing: dict[str, Any] = {part: None}
    found = look(**nothing)
    assert found.mended == (Cause.MARGIN_LOW,)
    assert Code.BOOK_INVALID in notices(found)


@pytest.mark.parametrize(("equity", "halted"), [("9500.01", False), ("9500", True), ("9499.99", True)])
def test_the_daily_loss_halts_at_the_limit_until_the_servers_midnight(equity: str, halted: bool) -> None:
    found = look(account=account(equity=D(equity)))
    assert (Cause.DAILY_LOSS in causes(found)) is halted
    if halted:
        assert found.impose[0].until == MIDNIGHT


@pytest.mark.parametrize(
    "changes",
    [
        {"day": None}, {"account": None}, {"server_offset_s": None}, {"account": account(equity=D("NaN"))},
        {"day": DayReference(server_day=SERVER_DAY, reference=D(0), net_flows=D(0))},
        {"day": DayReference(server_day=SERVER_DAY - timedelta(days=1), reference=D(1), net_flows=D(0))},
    ],
)  # fmt: skip
def test_a_daily_loss_that_cannot_be_judged_is_reported(changes: dict[str, Any]) -> None:
    found = look(**changes)
    assert Code.DAY_REFERENCE_MISSING in notices(found)
    assert Cause.DAILY_LOSS not in causes(found)


@pytest.mark.parametrize(("price", "halted"), [("0.8001", False), ("0.8", True)])
def test_drawdown_halts_and_sets_the_latch(price: str, halted: bool) -> None:
    found = look(nav_index=NavIndex(price=D(price), peak=D(1), units=D(10)))
    assert (Cause.DRAWDOWN in causes(found)) is halted
    assert found.nav_index is not None
    assert found.nav_index.latched is halted


def test_a_set_latch_holds_although_the_price_recovered() -> None:
    found = look(nav_index=NavIndex(price=D(1), peak=D(1), units=D(10), latched=True))
    assert Cause.DRAWDOWN in causes(found)


@pytest.mark.parametrize("index", [None, NavIndex(price=D("NaN"), peak=D(1), units=D(1))])
def test_an_unusable_index_is_reported(index: NavIndex | None) -> None:
    found = look(nav_index=index)
    assert notices(found) == {Code.NAV_INDEX_MISSING}
    assert found.nav_index is index


@pytest.mark.parametrize(("count", "age_s", "halted"), [(4, 1, False), (5, 1, True), (5, 59.9, True), (5, 60, False)])
def test_a_storm_of_rejects_halts(count: int, age_s: float, halted: bool) -> None:
    assert (Cause.REJECT_STORM in causes(look(count, age_s))) is halted


@pytest.mark.parametrize(
    "burden",
    [{"positions": (position(1),)}, {"orders": (pending(2),)}, {"reservations": (reservation(),)}, {"positions": None},
     {"reservations": None}],
)  # fmt: skip
@pytest.mark.parametrize(("silent_s", "lost"), [(3, False), (3.001, True)])
def test_a_lost_terminal_with_something_at_risk_halts(burden: dict[str, Any], silent_s: float, lost: bool) -> None:
    found = look(heartbeat_at=NOW - timedelta(seconds=silent_s), **burden)
    assert (Cause.TERMINAL_LOST in causes(found)) is lost
    assert Code.TERMINAL_SILENT not in notices(found)


@pytest.mark.parametrize("heard", [None, NOW - timedelta(seconds=3.001)])
def test_a_lost_terminal_with_nothing_at_risk_is_only_reported(heard: Any) -> None:
    found = look(heartbeat_at=heard)
    assert found.impose == ()
    assert notices(found) == {Code.TERMINAL_SILENT}


@pytest.mark.parametrize(("margin", "warned"), [("5000", False), ("5000.01", True), ("0", False)])
def test_a_low_margin_level_is_reported(margin: str, warned: bool) -> None:
    found = look(account=account(margin=D(margin)))
    assert (Cause.MARGIN_LOW in causes(found)) is warned
    assert (Cause.MARGIN_LOW in found.mended) is not warned


@pytest.mark.parametrize(("free", "warned"), [("0", False), ("-0.01", True)])
def test_free_margin_below_zero_is_reported(free: str, warned: bool) -> None:
    assert (Cause.MARGIN_LOW in causes(look(account=account(margin_free=D(free))))) is warned


def test_several_things_are_found_at_once() -> None:
    found = look(rejects=9, positions=(position(1, sl=None, by_hand=True),), account=account(equity=D(9000)),
                 nav_index=NavIndex(price=D("0.5"), peak=D(1), units=D(10)), heartbeat_at=None)  # fmt: skip
    assert causes(found) == {
        Cause.POSITION_UNPROTECTED, Cause.POSITION_BY_HAND, Cause.DAILY_LOSS, Cause.DRAWDOWN, Cause.REJECT_STORM,
        Cause.TERMINAL_LOST,
    }  # fmt: skip


def test_without_margin_in_use_there_is_no_level_to_divide() -> None:
    found = look(account=account(margin=D(0), equity=D(-5), balance=D(-5)))
    assert Cause.MARGIN_LOW not in causes(found)


def test_the_reference_is_of_the_servers_day_not_of_ours() -> None:
    """At 23:00 UTC the server, two hours ahead, is in tomorrow."""
    late = NOW + timedelta(hours=11)
    for day, known in ((SERVER_DAY, False), (SERVER_DAY + timedelta(days=1), True)):
        world = snapshot(day=DayReference(server_day=day, reference=D(10_000), net_flows=D(0)), heartbeat_at=late)
        found = review(world, limits(), late)
        assert (Code.DAY_REFERENCE_MISSING not in notices(found)) is known


def test_the_callers_decimal_context_changes_nothing() -> None:
    index = NavIndex(price=D("0.799999"), peak=D("0.999999"), units=D(10))
    world = snapshot(nav_index=index, account=account(equity=D("9500.01")))
    expected = review(world, limits(), NOW)
    with decimal.localcontext(decimal.Context(prec=3)):
        assert review(world, limits(), NOW) == expected
    assert Cause.DAILY_LOSS not in causes(expected)
