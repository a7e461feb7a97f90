"""How much hangs on one thing: number of tickets, correlated clusters, one currency."""

from decimal import Decimal

from risk.case import Case
from risk.codes import Code
from risk.correlation import cluster
from risk.intent import Side
from risk.numbers import percent_of, span
from risk.verdict import Check


def check_positions(case: Case) -> Check:
    """Open, pending, reserved and new tickets <= max_positions."""
    count, limit = case.book.count + 1, case.ask.limits.max_positions
    return Check(Code.MAX_POSITIONS, count, limit, count <= limit)


def check_correlated(case: Case) -> Check:
    """Sum of R of the cluster the new order joins <= its budget, a share of B."""
    total = case.risk + cluster_risk(case)
    limit = percent_of(case.ask.limits.max_correlated_exposure_percent, case.base)
    return Check(Code.CORRELATED_EXPOSURE, total, limit, total <= limit)


def check_currency(case: Case) -> Check:
    """The largest net exposure to one currency, whatever fills, <= its cap, a share of B."""
    currency, size = case.book.largest_exposure(case.order.side, case.notional, case.order.lot.spec)
    limit = percent_of(case.ask.limits.max_currency_exposure_percent, case.base)
    return Check(Code.CURRENCY_EXPOSURE, f"{size} {currency}" if size > limit else size, limit, size <= limit)


def cluster_risk(case: Case) -> Decimal:
    """Return the risk the book already carries in the cluster of the new order."""
    nodes, start = case.book.risk_by_side, (case.order.symbol, case.order.side)
    joined = cluster(start, nodes, case.ask.snapshot.correlations, _currencies(case, start), _fresh(case))
    return sum((nodes[node] for node in joined if node in nodes), Decimal(0))


def _currencies(case: Case, start: tuple[str, Side]) -> dict[str, frozenset[str]]:
    specs = case.ask.snapshot.specs
    symbols = {start[0], *(symbol for symbol, _ in case.book.risk_by_side)}
    return {s: frozenset((specs[s].currency_base, specs[s].currency_profit)) for s in symbols}


def _fresh(case: Case) -> bool:
    correlations = case.ask.snapshot.correlations
    if correlations is None:
        return False
    return case.ask.now - span(case.ask.limits.max_correlation_age_s) <= correlations.as_of <= case.ask.now
