"""Whatever is missing, NaN, infinite, negative or of the wrong kind, anywhere: denied, never approved, never raised."""

import decimal
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from risk import Approved, Code, Denied, Intent, Kind, Limits, Side, assess
from risk.intent import OrderType
from risk.snapshot import CalcMode, Compared, Snapshot
from tests.risk.world import (
    NOW,
    D,
    intent,
    limits,
    pending,
    position,
    quote,
    reservation,
    snapshot,
    spec,
)

LIMITS: Limits = limits(max_total_exposure_percent="50", max_correlated_exposure_percent="50")

BAD: dict[str, Any] = {
    "nan": D("NaN"),
    "snan": D("sNaN"),
    "infinity": D("Infinity"),
    "minus infinity": D("-Infinity"),
    "negative": D("-1"),
    "huge": D("1E+999999"),
    "missing": None,
    "float": 1.5,
    "float nan": math.nan,
    "text": "1",
}

# What may be changed like this without a denial, and why.
HARMLESS = {
    # Optional by definition: None is "the broker set none", "the terminal gave none".
    ("missing", "tp"), ("missing", "volume_limit"), ("missing", "margin_initial"), ("missing", "margin_maintenance"),
    ("missing", "terminal_margin"), ("missing", "terminal_profit"),
    # Signed by definition: a withdrawal, a clock behind ours.
    ("negative", "net_flows"), ("negative", "clock_skew_s"),
}  # fmt: skip
HARMLESS_IN_INTENT = {("missing", "price"), ("text", "source"), ("text", "strategy")}


def rich() -> Snapshot:
    """Return a world in which every figure takes part in the decision."""
    used = ("EURUSD", "GBPJPY", "USDJPY", "GBPUSD")
    base = snapshot()
    bonus = {
        "volume_limit": D(50),
        "terminal_margin": Compared(given=D("1085"), low=D("1084.9"), high=D("1085")),
        "terminal_profit": Compared(given=D(100), low=D(100), high=D(100)),
        "margin_initial": D(100_000),
    }
    return replace(
        base,
        quotes={name: base.quotes[name] for name in used},
        specs={**{name: base.specs[name] for name in ("USDJPY", "GBPUSD")},
               "EURUSD": spec("EURUSD", margin_maintenance=D(100_000), **bonus), "GBPJPY": spec("GBPJPY")},
        positions=(
            position(1, symbol="GBPJPY", price_open=D("191.000"), sl=D("190.900"), tp=D("195.000"), volume=D("0.05")),
            position(2, symbol="USDJPY", price_open=D("151.000"), sl=D("151.000"), tp=D("155.000"), volume=D("0.05")),
            position(3, symbol="GBPUSD", price_open=D("1.26"), sl=D("1.26"), tp=D("1.3"), volume=D("0.01")),
        ),
        orders=(
            pending(10, volume=D("0.05")),
            pending(11, volume=D("0.05"), order_type=OrderType.STOP_LIMIT, price=D("1.09000"), stoplimit=D("1.08900"),
                    sl=D("1.08700"), tp=D("1.09500")),
        ),
        reservations=(reservation(),),
    )  # fmt: skip


RICH = rich()
STATE: Any = RICH.trading_state
CHECKED = (Decimal, int, datetime)
IDENTITIES = {"login", "command_id", "usable", "days", "title", "reason", "actor", "rate"}  # not figures of a decision


def figures(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every figure inside a snapshot."""
    if is_dataclass(value):
        for field in fields(value):
            if field.init and field.name not in IDENTITIES:
                yield from figures(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from figures(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from figures(inner, (*path, index))
    elif isinstance(value, CHECKED) and not isinstance(value, bool):
        yield path


def put(value: Any, path: tuple[Any, ...], bad: Any) -> Any:
    """Return the value with the figure at `path` replaced."""
    if not path:
        return bad
    head, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {**value, head: put(value[head], rest, bad)}
    if isinstance(value, tuple):
        return tuple(put(inner, rest, bad) if index == head else inner for index, inner in enumerate(value))
    return replace(value, **{head: put(getattr(value, head), rest, bad)})


PATHS = [path for path in figures(RICH) if path != ("trading_state", "at")]


def test_the_world_itself_is_approved() -> None:
    verdict = assess(intent(), RICH, LIMITS, NOW)
    assert isinstance(verdict, Approved), verdict


def test_the_paths_reach_every_part_of_the_snapshot() -> None:
    reached = {path[0] for path in PATHS}
    assert reached >= {
        "account", "quotes", "specs", "positions", "orders", "reservations", "day", "nav_index", "heartbeat_at",
        "clock_skew_s", "server_offset_s", "account_id",
    }  # fmt: skip
    assert len(PATHS) > 120


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_figure_anywhere_in_the_snapshot_is_denied(kind: str) -> None:
    for path in PATHS:
        verdict = assess(intent(), put(RICH, path, BAD[kind]), LIMITS, NOW)
        if (kind, path[-1]) not in HARMLESS:
            assert isinstance(verdict, Denied), (path, kind)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", ["volume", "price", "sl", "tp", "deviation_points", "created_at", "account", "symbol",
                                  "side", "order_type", "kind", "source", "strategy"])  # fmt: skip
def test_a_bad_field_of_the_intent_is_denied(name: str, kind: str) -> None:
    wish = replace(intent(price=D("1.08500")), **{name: BAD[kind]})
    verdict = assess(wish, RICH, LIMITS, NOW)
    assert isinstance(verdict, Denied) is ((kind, name) not in HARMLESS_IN_INTENT), (name, kind)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_risk_percent_is_denied(kind: str) -> None:
    wish = intent(volume=None, risk_percent=BAD[kind])
    assert isinstance(assess(wish, RICH, LIMITS, NOW), Denied)


@pytest.mark.parametrize("part", [f.name for f in fields(Snapshot)])
@pytest.mark.parametrize("bad", [None, 0, "nonsense", object(), [None], {"EURUSD": None}, math.nan])
def test_a_part_that_is_missing_or_nonsense_is_denied(part: str, bad: Any) -> None:
    fine: dict[str, list[Any]] = {
        "correlations": [None],  # everything then counts as related, which this world can carry
        "latched_strategies": [{"EURUSD": None}, "nonsense", [None]],  # the strategy is not in any of them
        "server_offset_s": [0],
    }
    verdict = assess(intent(), replace(RICH, **{part: bad}), LIMITS, NOW)
    assert isinstance(verdict, Denied) is (bad not in fine.get(part, [])), part


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((None, RICH, LIMITS, NOW), Code.INTENT_MALFORMED),
        (({"kind": "open"}, RICH, LIMITS, NOW), Code.INTENT_MALFORMED),
        ((intent(), None, LIMITS, NOW), Code.SNAPSHOT_MISSING),
        ((intent(), {}, LIMITS, NOW), Code.SNAPSHOT_MISSING),
        ((intent(), RICH, None, NOW), Code.LIMITS_MISSING),
        ((intent(), RICH, LIMITS, None), Code.COMPUTATION_FAILED),
        ((intent(), RICH, LIMITS, NOW.replace(tzinfo=None)), Code.COMPUTATION_FAILED),
        ((intent(), replace(RICH, account=None), LIMITS, NOW), Code.ACCOUNT_UNKNOWN),
        ((intent(), replace(RICH, account_id=8), LIMITS, NOW), Code.ACCOUNT_UNKNOWN),
        ((intent(), replace(RICH, positions=None), LIMITS, NOW), Code.BOOK_INVALID),
        ((intent(), replace(RICH, orders=None), LIMITS, NOW), Code.BOOK_INVALID),
        ((intent(), replace(RICH, reservations=None), LIMITS, NOW), Code.BOOK_INVALID),
        ((intent(), replace(RICH, recent_orders=None), LIMITS, NOW), Code.HISTORY_MISSING),
        ((intent(), replace(RICH, trading_state=None), LIMITS, NOW), Code.TRADING_STATE_UNKNOWN),
        ((intent(), replace(RICH, day=None), LIMITS, NOW), Code.DAY_REFERENCE_MISSING),
        ((intent(), replace(RICH, nav_index=None), LIMITS, NOW), Code.NAV_INDEX_MISSING),
        ((intent(), replace(RICH, heartbeat_at=None), LIMITS, NOW), Code.TERMINAL_SILENT),
        ((intent(), replace(RICH, clock_skew_s=None), LIMITS, NOW), Code.CLOCK_SKEWED),
        ((intent(), replace(RICH, server_offset_s=None), LIMITS, NOW), Code.CLOCK_SKEWED),
        ((intent(), replace(RICH, quotes={}), LIMITS, NOW), Code.QUOTE_MISSING),
        ((intent(), replace(RICH, specs={}), LIMITS, NOW), Code.SPEC_MISSING),
        ((intent(), replace(RICH, positions=(position(1, sl=None),)), LIMITS, NOW), Code.POSITION_UNPROTECTED),
        ((intent(), replace(RICH, orders=(pending(1, sl=None),)), LIMITS, NOW), Code.POSITION_UNPROTECTED),
        ((intent(), replace(RICH, orders=(pending(1, order_type=OrderType.MARKET),)), LIMITS, NOW), Code.BOOK_INVALID),
        ((intent(), replace(RICH, orders=(pending(1, order_type=OrderType.STOP_LIMIT),)), LIMITS, NOW),
         Code.BOOK_INVALID),
        ((intent(), replace(RICH, quotes={**RICH.quotes, "EURUSD": quote("1.0851", "1.0850")}), LIMITS, NOW),
         Code.QUOTE_INVALID),
        ((intent(), replace(RICH, specs={**RICH.specs, "EURUSD": spec("GBPUSD")}), LIMITS, NOW), Code.SPEC_INVALID),
        ((intent(symbol="USDCHF", sl=D("0.9"), tp=D("0.92")), replace(RICH, specs={**RICH.specs, "USDCHF": spec(
            "USDCHF", currency_profit="CHF", calc_mode=CalcMode.CFD, currency_margin="USD")},
            quotes={**RICH.quotes, "USDCHF": quote("0.905", "0.9051")}), LIMITS, NOW), Code.CONVERSION_MISSING),
    ],
)  # fmt: skip
def test_each_missing_piece_has_its_own_code(arguments: tuple[Any, ...], code: Code) -> None:
    verdict = assess(*arguments)
    assert isinstance(verdict, Denied)
    assert verdict.code is code


def test_futures_without_an_initial_margin_are_denied() -> None:
    future = spec("EURUSD", calc_mode=CalcMode.FUTURES, currency_margin="USD")
    verdict = assess(intent(), snapshot(specs={**snapshot().specs, "EURUSD": future}), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.SPEC_INVALID


def test_a_path_of_conversion_never_changes_because_a_quote_went_stale() -> None:
    """USDCHF direct is stale; EURCHF crossed with EURUSD would be fresh. Denied all the same."""
    specs = {**snapshot().specs, "EURCHF": spec("EURCHF"), "CHFJPY": spec("CHFJPY")}
    quotes = {**snapshot().quotes, "USDCHF": quote("0.905", "0.9051", 61), "EURCHF": quote("0.98", "0.9801"),
              "CHFJPY": quote("167.00", "167.01")}  # fmt: skip
    wish = intent(symbol="EURCHF", sl=D("0.97800"), tp=D("0.99000"), volume=D("0.01"))
    verdict = assess(wish, snapshot(specs=specs, quotes=quotes), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.CONVERSION_STALE


def spoiled(**changes: Any) -> Snapshot:
    """Return the rich world with parts replaced by anything at all."""
    return replace(RICH, **changes)


GARBAGE: list[Any] = [
    None, {}, "x", 5, object(), snapshot(), spoiled(positions=None), spoiled(positions="x"),
    spoiled(positions=(None, 5, object())), spoiled(account_id=99),
]  # fmt: skip


@pytest.mark.parametrize("world", GARBAGE)
@pytest.mark.parametrize("rules", [None, LIMITS, "x"])
@pytest.mark.parametrize("now", [NOW, None, "x"])
def test_reductions_and_cancels_pass_whatever_is_missing(world: Any, rules: Any, now: Any) -> None:
    close = Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=D("0.03"))
    close_all = Intent(account=7, kind=Kind.REDUCE)
    cancel = Intent(account=7, kind=Kind.CANCEL, ticket=10)
    for wish in (close, close_all, cancel):
        verdict = assess(wish, world, rules, now)
        assert isinstance(verdict, Approved)
        assert verdict.risk == 0
        assert verdict.slots == 0


def test_a_close_is_cut_to_what_the_position_has() -> None:
    """On a netting account more would open the other side."""
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=D(3)), RICH, LIMITS, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume == D("0.05")


def test_a_close_within_the_position_keeps_its_volume() -> None:
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=D("0.02")), RICH, LIMITS, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume == D("0.02")


def test_a_close_of_another_accounts_snapshot_is_not_cut_by_it() -> None:
    verdict = assess(Intent(account=8, kind=Kind.REDUCE, ticket=1, volume=D(3)), RICH, LIMITS, NOW)
    assert isinstance(verdict, Approved)
    assert verdict.volume == D(3)


@pytest.mark.parametrize("volume", [D("NaN"), D("Infinity"), D(0), D(-1), "1", 1.5])
def test_a_reduction_that_no_command_could_be_made_of_is_malformed(volume: Any) -> None:
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, ticket=1, volume=volume), RICH, LIMITS, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.INTENT_MALFORMED


def test_a_partial_close_without_a_ticket_is_malformed() -> None:
    verdict = assess(Intent(account=7, kind=Kind.REDUCE, volume=D(1)), RICH, LIMITS, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.INTENT_MALFORMED


def test_a_denial_reads_as_code_found_expected() -> None:
    verdict = assess(intent(volume=D(15)), RICH, limits(max_lots="10"), NOW)
    assert str(verdict) == "VOLUME_EXCEEDS_MAXIMUM: volume=15, volume_max=10"


def test_the_callers_decimal_context_changes_nothing() -> None:
    wish = intent(symbol="GBPJPY", volume=None, risk_percent=D(1), sl=D("190.750"), tp=D("193.000"))
    world = snapshot()
    expected = assess(wish, world, LIMITS, NOW)
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP, traps=[])):
        assert assess(wish, world, LIMITS, NOW) == expected
    assert isinstance(expected, Approved)


def test_a_failure_never_hides_a_check_that_had_already_failed() -> None:
    halted = spoiled(trading_state=replace(STATE, state="halted"), recent_orders="nonsense")
    verdict = assess(intent(), halted, LIMITS, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.TRADING_STATE_UNKNOWN


def test_sides_must_be_sides() -> None:
    verdict = assess(intent(side="long"), RICH, LIMITS, NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.INTENT_MALFORMED
    assert Side("buy") is Side.BUY
