"""How much hangs on one thing: number of tickets, correlated clusters, one currency."""

from decimal import Decimal

from risk.book import directions
from risk.case import Case
from risk.codes import Code
from risk.correlation import cluster, is_fresh
from risk.numbers import ZERO, percent_of
from risk.verdict import Check, plain

CORRELATED_EXPOSURE = Code.CORRELATED_EXPOSURE
CURRENCY_EXPOSURE = Code.CURRENCY_EXPOSURE
MAX_POSITIONS = Code.MAX_POSITIONS


def check_positions(case: Case) -> Check:
    """Open, pending, reserved and new tickets <= max_positions."""
    count, limit = case.book.count + 1, case.ask.limits.max_positions
    return Check(MAX_POSITIONS, count, limit, count <= limit)


def check_correlated(case: Case) -> Check:
    """Sum of R of the cluster the new order joins <= its budget, a share of B."""
    total = case.risk + cluster_risk(case)
    limit = percent_of(case.ask.limits.max_correlated_exposure_percent, case.base)
    return Check(CORRELATED_EXPOSURE, total, limit, total <= limit)


def check_currency(case: Case) -> Check:
    """The largest net exposure to one currency, whatever fills, <= its cap, a share of B."""
    limit = percent_of(case.ask.limits.max_currency_exposure_percent, case.base)
    size, currency = largest_exposure(case)
    return Check(CURRENCY_EXPOSURE, size if size <= limit else f"{plain(size)} {currency}", limit, size <= limit)


def cluster_risk(case: Case) -> Decimal:
    """Return the risk the book already carries in the cluster of the new order."""
    snapshot, risks = case.ask.snapshot, case.book.risk_by_side
    fresh = is_fresh(snapshot.correlations, case.ask.limits, case.ask.now)
    joined = cluster((case.order.symbol, case.order.side), risks, snapshot.correlations, snapshot.specs, fresh)
    total = ZERO
    for node in joined:
        total += risks.get(node, ZERO)
    return total


def largest_exposure(case: Case) -> tuple[Decimal, str]:
    """Return how large the net exposure to a currency can get with the new order, whatever fills, and which one."""
    gains, loses = directions(case.order.side, case.order.lot.spec)
    worst, currency = (case.notional, gains) if gains else (ZERO, "")
    for name, highest, lowest in case.book.exposures():
        high = highest + case.notional if name == gains else highest
        low = lowest - case.notional if name == loses else lowest
        size = high if high > -low else -low
        if size > worst:
            worst, currency = size, name
    return worst, currency
