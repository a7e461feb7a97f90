"""Correlation from bars, and the clusters it makes."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from risk.correlation import RETURNS, Bar, Node, _judge, cluster, correlate, is_fresh, rho
from risk.intent import Side
from risk.snapshot import Correlations, Link, SymbolSpec
from tests.risk.world import NOW, D, limits, spec

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUY, SELL = Side.BUY, Side.SELL
SPECS = {name: spec(name) for name in ("EURUSD", "GBPUSD", "USDJPY", "USDCHF", "GBPJPY", "XAUUSD")} | {
    "EURCHF": spec("EURCHF")
}


def walk(seed: int, count: int = RETURNS + 1, follow: list[float] | None = None, share: float = 0.0) -> list[float]:
    """Return steps of a random walk, partly those of another one."""
    rng = random.Random(seed)
    own = [rng.gauss(0, 0.001) for _ in range(count)]
    return own if follow is None else [share * f + (1 - abs(share)) * o for f, o in zip(follow, own, strict=True)]


def bars(steps: list[float], start: datetime = START, price: float = 1.0) -> list[Bar]:
    """Return hourly closes made of log steps."""
    out, level = [], price
    for n, step in enumerate(steps):
        level *= math.exp(step)
        out.append(Bar(start + n * HOUR, Decimal(level)))
    return out


def closes(series: list[Bar]) -> dict[datetime, float]:
    return {bar.closed_at: float(bar.close) for bar in series}


def test_rho_agrees_with_the_textbook() -> None:
    base = walk(1)
    other = walk(2, follow=base, share=0.6)
    x, y = base[1:], other[1:]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    expected = covariance / math.sqrt(sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y))
    found = rho(closes(bars(base)), closes(bars(other)))
    assert found == pytest.approx(expected, abs=1e-9)
    assert found is not None
    assert 0.5 < found < 1


def test_rho_of_a_series_with_itself_and_its_mirror() -> None:
    steps = walk(3)
    mirror = [-s for s in steps]
    assert rho(closes(bars(steps)), closes(bars(steps, price=150.0))) == pytest.approx(1.0)
    assert rho(closes(bars(steps)), closes(bars(mirror))) == pytest.approx(-1.0)


def test_only_common_bars_count_and_only_the_last_hundred_returns() -> None:
    base = walk(4, count=300)
    early_noise = walk(5, count=200) + base[200:]  # the last 100 steps are the same, the one before is not
    assert rho(closes(bars(base)), closes(bars(early_noise))) == pytest.approx(1.0)
    with_holes = [bar for n, bar in enumerate(bars(base)) if n % 3]
    assert rho(closes(bars(base)), closes(with_holes)) == pytest.approx(1.0)


def test_a_hundred_returns_are_enough_and_ninety_nine_are_not() -> None:
    steps = walk(6)
    assert rho(closes(bars(steps)), closes(bars(steps))) is not None
    assert rho(closes(bars(steps[1:])), closes(bars(steps[1:]))) is None


def test_a_price_that_never_moved_correlates_with_nothing() -> None:
    flat = closes(bars([0.0] * (RETURNS + 1)))
    assert rho(flat, closes(bars(walk(7)))) is None
    assert rho(closes(bars(walk(7))), flat) is None


def currencies(*names: str) -> dict[str, frozenset[str]]:
    return {name: frozenset((name[:3], name[3:])) for name in names}


def test_pairs_are_linked_by_the_size_and_sign_of_rho() -> None:
    base = walk(8)
    series = {
        "EURUSD": bars(base),
        "GBPUSD": bars(walk(9, follow=base, share=0.9)),
        "USDCHF": bars(walk(10, follow=base, share=-0.9)),
        "XAUUSD": bars(walk(11)),
    }
    found = correlate(series, currencies(*series))
    assert found.links["EURUSD"] == {"GBPUSD": Link.SAME, "USDCHF": Link.OPPOSITE}
    assert found.links["GBPUSD"]["EURUSD"] is Link.SAME
    assert found.links["XAUUSD"] == {}
    assert found.symbols == set(series)
    assert found.as_of == START + RETURNS * HOUR


@pytest.mark.parametrize(("share", "link"), [(0.95, Link.SAME), (0.5, None), (-0.5, None), (-0.95, Link.OPPOSITE)])
def test_the_bound_applies_to_both_signs(share: float, link: Link | None) -> None:
    base = walk(12)
    series = {"AAABBB": bars(base), "CCCDDD": bars(walk(13, follow=base, share=share))}
    assert correlate(series, currencies(*series)).links["AAABBB"].get("CCCDDD") is link


def test_too_few_bars_and_a_shared_currency_count_as_related_either_way() -> None:
    series = {"EURUSD": bars(walk(14)), "GBPUSD": bars(walk(15))[:50], "CHFJPY": bars(walk(16))[:50]}
    found = correlate(series, currencies(*series))
    assert found.links["EURUSD"] == {"GBPUSD": Link.EITHER}
    assert found.links["CHFJPY"] == {}


def test_unknown_currencies_count_as_shared() -> None:
    series = {"A": bars(walk(17))[:5], "B": bars(walk(18))[:5]}
    assert correlate(series, {}).links["A"] == {"B": Link.EITHER}
    assert correlate(series, {"A": frozenset({"USD"})}).links["B"] == {"A": Link.EITHER}


def test_unusable_bars_are_left_out() -> None:
    broken = [Bar(bar.closed_at, value) for bar, value in zip(bars(walk(19)), [D("NaN"), D(0), D(-1)], strict=False)]
    found = correlate({"EURUSD": bars(walk(19)), "GBPUSD": broken}, currencies("EURUSD", "GBPUSD"))
    assert found.links["EURUSD"] == {"GBPUSD": Link.EITHER}


def test_without_any_bar_nothing_is_fresh() -> None:
    assert not is_fresh(correlate({"EURUSD": []}, {}), limits(), NOW)


def test_the_oldest_symbol_sets_the_age() -> None:
    series = {"EURUSD": bars(walk(20)), "GBPUSD": bars(walk(21), start=START - 24 * HOUR)}
    assert correlate(series, currencies(*series)).as_of == START + (RETURNS - 24) * HOUR


def related(a: Node, b: Node, found: Correlations | None, specs: dict[str, SymbolSpec], fresh: bool) -> bool:
    """Tell whether two nodes are in one cluster."""
    return b in cluster(a, [b], found, specs, fresh)


def known(links: dict[str, dict[str, Link]], *symbols: str) -> Correlations:
    return Correlations(as_of=NOW, symbols=frozenset(symbols), links=links)


ALL = ("EURUSD", "GBPUSD", "USDJPY", "USDCHF")


@pytest.mark.parametrize(
    ("link", "same_side", "together"),
    [
        (Link.SAME, True, True), (Link.SAME, False, False), (Link.OPPOSITE, True, False),
        (Link.OPPOSITE, False, True), (Link.EITHER, True, True), (Link.EITHER, False, True), (None, True, False),
    ],
)  # fmt: skip
def test_links_and_sides(link: Link | None, same_side: bool, together: bool) -> None:
    links = {} if link is None else {"EURUSD": {"GBPUSD": link}}
    other = ("GBPUSD", BUY if same_side else SELL)
    assert related(("EURUSD", BUY), other, known(links, *ALL), SPECS, True) is together


def test_a_symbol_is_related_to_itself_on_the_same_side_only() -> None:
    assert related(("EURUSD", BUY), ("EURUSD", BUY), known({}, *ALL), SPECS, True)
    assert not related(("EURUSD", BUY), ("EURUSD", SELL), known({}, *ALL), SPECS, True)


def test_symbols_the_bars_do_not_cover_are_related_by_a_shared_currency() -> None:
    judged = known({}, "EURUSD")
    assert related(("EURUSD", BUY), ("GBPUSD", SELL), judged, SPECS, True)
    assert related(("GBPUSD", BUY), ("EURUSD", SELL), judged, SPECS, True)
    assert related(("EURCHF", BUY), ("EURUSD", BUY), judged, SPECS, True)  # base with base
    assert related(("USDJPY", BUY), ("EURUSD", BUY), judged, SPECS, True)  # base with profit
    assert not related(("EURUSD", BUY), ("GBPJPY", BUY), judged, SPECS, True)


def test_old_correlations_still_relate_and_shared_currencies_come_on_top() -> None:
    links = {"EURCHF": {"GBPJPY": Link.SAME}}
    judged = known(links, *SPECS)
    assert related(("EURCHF", BUY), ("GBPJPY", BUY), judged, SPECS, False)
    assert related(("EURUSD", BUY), ("GBPUSD", BUY), judged, SPECS, False)
    assert not related(("EURUSD", BUY), ("GBPUSD", BUY), judged, SPECS, True)


def test_without_correlations_everything_is_related() -> None:
    assert related(("EURCHF", BUY), ("GBPJPY", SELL), None, SPECS, True)
    nodes = [("EURCHF", BUY), ("GBPJPY", SELL), ("EURUSD", SELL)]
    assert cluster(("EURUSD", BUY), nodes, None, SPECS, True) == {("EURUSD", BUY), *nodes}


def test_a_cluster_reaches_through_others() -> None:
    links = {
        "EURUSD": {"GBPUSD": Link.SAME}, "GBPUSD": {"EURUSD": Link.SAME, "USDCHF": Link.OPPOSITE},
        "USDCHF": {"GBPUSD": Link.OPPOSITE},
    }  # fmt: skip
    nodes = [("USDCHF", SELL), ("GBPUSD", BUY), ("USDJPY", BUY), ("EURUSD", SELL)]
    found = cluster(("EURUSD", BUY), nodes, known(links, *ALL), SPECS, True)
    assert found == {("EURUSD", BUY), ("GBPUSD", BUY), ("USDCHF", SELL)}


def test_a_chain_breaks_where_the_side_is_the_other_one() -> None:
    links = {"EURUSD": {"GBPUSD": Link.SAME}, "GBPUSD": {"EURUSD": Link.SAME, "USDCHF": Link.OPPOSITE}}
    nodes = [("USDCHF", SELL), ("GBPUSD", SELL)]
    assert cluster(("EURUSD", BUY), nodes, known(links, *ALL), SPECS, True) == {("EURUSD", BUY)}


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (345_600, True), (345_601, False), (-1, False)])
def test_correlations_are_fresh_for_four_days_and_not_when_from_the_future(age_s: int, fresh: bool) -> None:
    old = Correlations(as_of=NOW - timedelta(seconds=age_s), symbols=frozenset(), links={})
    assert is_fresh(old, limits(), NOW) is fresh
    assert not is_fresh(None, limits(), NOW)


def test_a_cluster_follows_every_branch() -> None:
    links = {"EURUSD": {"GBPUSD": Link.SAME, "USDJPY": Link.SAME}, "GBPUSD": {"USDCHF": Link.SAME}}
    for middle in (("GBPUSD", BUY), ("USDJPY", BUY)), (("USDJPY", BUY), ("GBPUSD", BUY)):
        found = cluster(("EURUSD", BUY), [*middle, ("USDCHF", BUY)], known(links, *ALL), SPECS, True)
        assert ("USDCHF", BUY) in found


def test_a_strong_common_trend_is_not_correlation() -> None:
    """Returns are compared with their own mean: two steady climbs with independent noise are not related."""
    a, b = [0.01 + s for s in walk(30)], [0.01 + s for s in walk(31)]
    found = rho(closes(bars(a)), closes(bars(b)))
    assert found is not None
    assert abs(found) < 0.3


def test_one_unusable_bar_among_many_is_left_out() -> None:
    series = bars(walk(32, count=RETURNS + 2))
    series[3] = Bar(series[3].closed_at, D(0))
    found = correlate({"EURUSD": series, "GBPUSD": bars(walk(32, count=RETURNS + 2))}, currencies("EURUSD", "GBPUSD"))
    assert found.links["EURUSD"] == {"GBPUSD": Link.SAME}


@pytest.mark.parametrize(
    ("value", "link"),
    [(0.8, Link.SAME), (0.7999, None), (-0.8, Link.OPPOSITE), (-0.7999, None), (None, Link.EITHER)],
)
def test_the_bound_itself_counts_as_related(value: float | None, link: Link | None) -> None:
    assert _judge(value, frozenset({"EUR", "USD"}), frozenset({"GBP", "USD"})) is link
