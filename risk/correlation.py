"""Which symbols move together: computed from closed bars outside the hot path, walked inside it.

rho is Pearson's coefficient of log returns over the last `RETURNS` bars both symbols have. Floats are fine here: rho is
a statistic compared with a bound, not money. Unknown counts against us: too few common bars and a shared currency means
related whatever the direction; no correlations at all means everything is related.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from risk.intent import Side
from risk.limits import Limits
from risk.numbers import span
from risk.snapshot import Correlations, Link, SymbolSpec

RETURNS = 100  # closed H1 bars that must be common to both symbols (101 closes make 100 returns)
RHO_BOUND = 0.8  # related at or above

Node = tuple[str, Side]

SAME, EITHER = Link.SAME, Link.EITHER
_NO_LINKS: Mapping[str, Link] = {}


class Bar(NamedTuple):
    """A closed bar."""

    closed_at: datetime  # aware UTC
    close: Decimal  # > 0


def correlate(bars: Mapping[str, Sequence[Bar]], currencies: Mapping[str, frozenset[str]]) -> Correlations:
    """Judge every pair of symbols.

    Args:
        bars: closed H1 bars by symbol, any order; more than 101 so that 101 are common to each pair.
        currencies: base and profit currency by symbol.
    """
    closes = {symbol: _usable(series) for symbol, series in bars.items()}
    links: dict[str, dict[str, Link]] = {symbol: {} for symbol in bars}
    names = sorted(bars)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            link = _judge(rho(closes[a], closes[b]), currencies.get(a), currencies.get(b))
            if link is not None:
                links[a][b] = links[b][a] = link
    newest = [max(series) for series in closes.values() if series]  # one without bars is linked as unknown above
    as_of = min(newest) if newest else datetime.min.replace(tzinfo=UTC)
    return Correlations(as_of=as_of, symbols=frozenset(bars), links=links)


def rho(a: Mapping[datetime, float], b: Mapping[datetime, float]) -> float | None:
    """Return the correlation of the last `RETURNS` common log returns; None: too few, or one of them never moved."""
    common = sorted(a.keys() & b.keys())[-(RETURNS + 1) :]
    if len(common) <= RETURNS:
        return None
    x = [math.log(a[t] / a[s]) for s, t in pairwise(common)]
    y = [math.log(b[t] / b[s]) for s, t in pairwise(common)]
    mean_x, mean_y = math.fsum(x) / RETURNS, math.fsum(y) / RETURNS
    var_x, var_y = math.fsum((v - mean_x) ** 2 for v in x), math.fsum((v - mean_y) ** 2 for v in y)
    if not (var_x > 0 and var_y > 0):
        return None
    covariance = math.fsum((v - mean_x) * (w - mean_y) for v, w in zip(x, y, strict=True))
    return covariance / math.sqrt(var_x * var_y)


def cluster(
    start: Node, nodes: Iterable[Node], correlations: Correlations | None, specs: Mapping[str, SymbolSpec], fresh: bool
) -> set[Node]:
    """Return every node that hangs together with `start`, itself included.

    Args:
        start: symbol and side of the new order.
        nodes: symbols and sides of the book.
        correlations: what the bars said; None: unknown, everything is related.
        specs: for the currencies of pairs the bars say nothing about.
        fresh: False: the correlations are too old, a shared currency relates on top of what they say.
    """
    if correlations is None:
        return {start, *nodes}
    inside, rest, edge = {start}, [node for node in nodes if node != start], [start]
    while edge and rest:
        near, rest = _split(edge.pop(), rest, correlations, specs, fresh)
        inside.update(near)
        edge += near
    return inside


def _split(
    here: Node, nodes: list[Node], correlations: Correlations, specs: Mapping[str, SymbolSpec], fresh: bool
) -> tuple[list[Node], list[Node]]:
    """Part the nodes into those related to `here` and the rest."""
    symbol, side = here
    links, judged = correlations.links.get(symbol, _NO_LINKS), correlations.symbols
    known = fresh and symbol in judged
    near: list[Node] = []
    rest: list[Node] = []
    for node in nodes:
        other, other_side = node
        link = links.get(other)
        if other == symbol:
            hit = other_side is side
        elif link is not None and (link is EITHER or (other_side is side) is (link is SAME)):
            hit = True
        else:
            hit = not (known and other in judged) and share_currency(specs[symbol], specs[other])
        (near if hit else rest).append(node)
    return near, rest


def is_fresh(correlations: Correlations | None, limits: Limits, now: datetime) -> bool:
    """Tell whether the bars behind the correlations are young enough to say that two symbols are not related."""
    return correlations is not None and now - span(limits.max_correlation_age_s) <= correlations.as_of <= now


def share_currency(a: SymbolSpec, b: SymbolSpec) -> bool:
    """Tell whether two symbols have a base or profit currency in common."""
    ours = (a.currency_base, a.currency_profit)
    return b.currency_base in ours or b.currency_profit in ours


def _usable(series: Sequence[Bar]) -> dict[datetime, float]:
    return {bar.closed_at: float(bar.close) for bar in series if bar.close.is_finite() and bar.close > 0}


def _judge(value: float | None, a: frozenset[str] | None, b: frozenset[str] | None) -> Link | None:
    if value is None:
        return Link.EITHER if a is None or b is None or a & b else None
    if value >= RHO_BOUND:
        return Link.SAME
    return Link.OPPOSITE if value <= -RHO_BOUND else None
