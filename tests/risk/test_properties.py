"""What must hold in every world: the promises of the package, tried on random ones."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from risk import Approved, Denied, Intent, Kind, Limits, assess, tightest
from risk.intent import Side
from risk.nav_index import drawdown_percent, start, update
from risk.snapshot import MarginMode, Snapshot
from tests.risk.strategies import (
    aged,
    lost_at_stop,
    lost_by_order,
    openings,
    positions,
    reservations,
    rules,
    snapshots,
    tighter,
)
from tests.risk.world import NOW, D

TOLERANCE = Fraction(1, 10**14)  # a conversion is a division; what it leaves is dropped behind the 16th place
relaxed = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def amounts(verdict: Approved) -> tuple[Fraction, Decimal]:
    assert verdict.volume is not None
    return Fraction(verdict.risk), verdict.volume


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules())
def test_an_approval_keeps_every_limit_on_what_may_be_lost(wish: Intent, world: Snapshot, limits: Limits) -> None:
    verdict = assess(wish, world, limits, NOW)
    event(verdict.code.value if isinstance(verdict, Denied) else "approved")
    if isinstance(verdict, Denied):
        return
    account, day = world.account, world.day
    assert account is not None
    assert day is not None
    assert verdict.volume is not None
    capital = Fraction(account.equity - account.credit)
    base = min(Fraction(account.balance), capital)
    before = lost_at_stop(world, limits)
    moved = lost_at_stop(world, limits, wish) - before  # netting: what the new stop does to the position it joins
    new = lost_by_order(wish, verdict.volume, world, limits) + moved
    assert abs(Fraction(verdict.risk) - new) < Fraction(1, 100)
    assert Fraction(verdict.risk) >= new - TOLERANCE
    assert new <= base * Fraction(limits.max_position_size_percent) / 100 + TOLERANCE
    assert before + new <= base * Fraction(limits.max_total_exposure_percent) / 100 + TOLERANCE
    floor = Fraction(day.reference) * (1 - Fraction(limits.max_daily_loss_percent) / 100) + Fraction(day.net_flows)
    assert capital - before - new >= floor - TOLERANCE
    slots = sum(r.slots for r in world.reservations or ())
    assert len(world.positions or ()) + len(world.orders or ()) + slots + 1 <= limits.max_positions


@relaxed
@given(wish=openings(sized=True), world=snapshots(), limits=rules())
def test_sizing_spends_at_most_the_budget_and_leaves_less_than_a_step(
    wish: Intent, world: Snapshot, limits: Limits
) -> None:
    verdict = assess(wish, world, limits, NOW)
    assume(isinstance(verdict, Approved))
    assert isinstance(verdict, Approved)
    assert wish.risk_percent is not None
    assert verdict.volume is not None
    account = world.account
    assert account is not None
    base = min(Fraction(account.balance), Fraction(account.equity - account.credit))
    moved = lost_at_stop(world, limits, wish) - lost_at_stop(world, limits)
    budget = base * Fraction(wish.risk_percent) / 100 - moved
    step = world.specs[wish.symbol].volume_step
    assert lost_by_order(wish, verdict.volume, world, limits) <= budget + TOLERANCE
    assert lost_by_order(wish, verdict.volume + step, world, limits) > budget - TOLERANCE
    assert verdict.volume % step == 0


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules())
def test_the_same_question_gets_the_same_answer(wish: Intent, world: Snapshot, limits: Limits) -> None:
    assert assess(wish, world, limits, NOW) == assess(wish, world, limits, NOW)


@relaxed
@given(wish=openings(sized=False), world=snapshots(), limits=rules(), more=st.data())
def test_adding_risk_never_turns_a_denial_into_an_approval(
    wish: Intent, world: Snapshot, limits: Limits, more: st.DataObject
) -> None:
    extra = more.draw(reservations("extra"))
    heavier = replace(world, reservations=(*(world.reservations or ()), extra))
    if isinstance(assess(wish, heavier, limits, NOW), Approved):
        assert isinstance(assess(wish, world, limits, NOW), Approved)


@relaxed
@given(wish=openings(sized=False), world=snapshots(), limits=rules(), more=st.data())
def test_another_open_position_never_turns_a_denial_into_an_approval(
    wish: Intent, world: Snapshot, limits: Limits, more: st.DataObject
) -> None:
    """Except by the cap on net currency exposure, which an opposite position lowers, by definition."""
    limits = replace(limits, max_currency_exposure_percent=D(10_000))
    extra = more.draw(positions(50))
    heavier = replace(world, positions=(*(world.positions or ()), extra))
    if isinstance(assess(wish, heavier, limits, NOW), Approved):
        assert isinstance(assess(wish, world, limits, NOW), Approved)


@relaxed
@given(wish=openings(sized=False), world=snapshots(), limits=rules(), ticks=st.integers(1, 500))
def test_a_wider_stop_in_the_book_never_turns_a_denial_into_an_approval(
    wish: Intent, world: Snapshot, limits: Limits, ticks: int
) -> None:
    """Except on a netting account's own symbol: there the new stop replaces the old one, by definition."""
    joins = any(held.symbol == wish.symbol for held in world.positions or ())
    netting = world.account is not None and world.account.margin_mode is MarginMode.NETTING
    assume(not (netting and joins))

    def wider(held: Any) -> Any:
        distance = ticks * world.specs[held.symbol].point
        return replace(held, sl=held.sl - distance if held.side is Side.BUY else held.sl + distance)

    heavier = replace(world, positions=tuple(map(wider, world.positions or ())))
    if isinstance(assess(wish, heavier, limits, NOW), Approved):
        assert isinstance(assess(wish, world, limits, NOW), Approved)


@relaxed
@given(wish=openings(sized=False), world=snapshots(), limits=rules(), volume=st.integers(1, 50))
def test_a_smaller_order_is_denied_only_where_it_is_too_small(
    wish: Intent, world: Snapshot, limits: Limits, volume: int
) -> None:
    assert wish.volume is not None
    smaller = replace(wish, volume=min(wish.volume, D(volume) / 100))
    if isinstance(assess(wish, world, limits, NOW), Approved):
        assert isinstance(assess(smaller, world, limits, NOW), Approved)


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules(), points=st.integers(0, 30), commission=st.integers(0, 20))
def test_adding_cost_never_allows_more(
    wish: Intent, world: Snapshot, limits: Limits, points: int, commission: int
) -> None:
    dearer = replace(
        limits, slippage_points=limits.slippage_points + points, commission=limits.commission + D(commission)
    )
    costly, plain = assess(wish, world, dearer, NOW), assess(wish, world, limits, NOW)
    if wish.volume is not None:
        assert not isinstance(costly, Approved) or isinstance(plain, Approved)
    elif isinstance(costly, Approved) and isinstance(plain, Approved):
        assert amounts(costly)[1] <= amounts(plain)[1]


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules(), age=st.floats(0, 400_000, allow_nan=False))
def test_adding_staleness_never_turns_a_denial_into_an_approval(
    wish: Intent, world: Snapshot, limits: Limits, age: float
) -> None:
    patient = replace(limits, max_quote_age_s=D(10**6), max_account_age_s=D(10**6), max_heartbeat_age_s=D(10**6),
                      max_spec_age_s=D(10**6))  # fmt: skip
    for bounds in (limits, patient):
        if isinstance(assess(wish, aged(world, age), bounds, NOW), Approved):
            assert isinstance(assess(wish, world, bounds, NOW), Approved)


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules(), age=st.floats(0, 100, allow_nan=False))
def test_an_older_signal_is_never_better(wish: Intent, world: Snapshot, limits: Limits, age: float) -> None:
    older = replace(wish, created_at=NOW - timedelta(seconds=1 + age))
    if isinstance(assess(older, world, limits, NOW), Approved):
        assert isinstance(assess(wish, world, limits, NOW), Approved)


@relaxed
@given(wish=openings(), world=snapshots(), limits=rules(), override=tighter())
def test_a_tighter_limit_never_approves_more(
    wish: Intent, world: Snapshot, limits: Limits, override: dict[str, Any]
) -> None:
    strict = tightest(limits, replace(limits, **override))
    tight, loose = assess(wish, world, strict, NOW), assess(wish, world, limits, NOW)
    if isinstance(tight, Approved):
        assert isinstance(loose, Approved)
        assert amounts(tight) == amounts(loose)


@relaxed
@given(
    world=snapshots(), limits=rules(), volume=st.none() | st.decimals("0.01", "100", places=2), ticket=st.integers(0, 9)
)
def test_reductions_always_pass_and_never_exceed_the_position(
    world: Snapshot, limits: Limits, volume: Decimal | None, ticket: int
) -> None:
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, ticket=ticket, volume=volume), world, limits, NOW)
    assert isinstance(verdict, Approved)
    held = next((p.volume for p in world.positions or () if p.ticket == ticket), None)
    assert verdict.volume == (volume if held is None or volume is None else min(volume, held))


weird = st.one_of(
    st.none(), st.decimals(allow_nan=True, allow_infinity=True), st.floats(), st.integers(), st.text(max_size=3),
    st.booleans(), st.just(D("sNaN")),
)  # fmt: skip


@relaxed
@given(wish=openings(), world=snapshots(), name=st.sampled_from(sorted(Intent.__dataclass_fields__)), value=weird)
def test_any_field_of_an_intent_may_hold_anything_without_raising(
    wish: Intent, world: Snapshot, name: str, value: Any
) -> None:
    for kind in (Kind.OPEN, Kind.MODIFY, Kind.REDUCE):
        changed: Any = {"ticket": 0, "kind": kind, name: value}
        verdict = assess(replace(wish, **changed), world, Limits(), NOW)
        assert isinstance(verdict, (Approved, Denied))


@relaxed
@given(
    path=st.lists(
        st.tuples(st.sampled_from(("trade", "flow")), st.integers(-400, 900)), min_size=1, max_size=20
    ),
    flow=st.integers(-900, 5000),
)  # fmt: skip
def test_deposits_and_withdrawals_leave_drawdown_unchanged(path: list[tuple[str, int]], flow: int) -> None:
    nav, index = D(1000), start(D(1000))
    for what, amount in path:
        change = max(D(amount), -nav + 1)
        nav += change
        before = drawdown_percent(index)
        index = update(index, nav, change if what == "flow" else D(0))
        if what == "flow":
            assert abs(drawdown_percent(index) - before) < D("1e-25")
    moved = max(D(flow), -nav + 1)
    after = update(update(index, nav + moved, moved), nav + moved)
    assert abs(drawdown_percent(after) - drawdown_percent(index)) < D("1e-25")
