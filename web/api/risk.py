"""How an account stands: what it may do and why, what is used and left of every limit, and what the gate would say.

Reading only. `assess` takes the same path as a signal and stores nothing; what changes something is in `risk_switch`
and `risk_limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from flask import Response

from risk import Code as RiskCode
from risk.day import equity_floor, loss_allowed, loss_today
from risk.nav_index import drawdown_percent
from risk.report import Report, Usage
from risk.states import RULES
from risk.verdict import describe, plain
from web.admitting import parsed_body, read_signal, source
from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.schemas import AccountQuery, ErrorAnswer
from web.auth import current_key, needs, open_to_all
from web.blueprint import Blueprint
from web.errors import Unavailable
from web.parts import parts
from web.shapes.risk import Assessment, Codes, RiskReport, RiskState
from zmq_bridge.admission.answers import Code as GateCode
from zmq_bridge.admission.inspection import Standing
from zmq_bridge.admission.schema import SignalSchema
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.risk.holds import effective_state, holds
from zmq_bridge.storage.risk.kill import standing_of_kill
from zmq_bridge.storage.risk.outstanding import outstanding

blueprint = Blueprint("risk", __name__, url_prefix="/api/risk", description="Limits, states and decisions of risk")

BODY = {"content": {"application/json": {"schema": SignalSchema}}, "required": True}
STOPS = frozenset(cause.value for cause, rule in RULES.items() if rule.cancels_pending)


@blueprint.get("/state")
@needs(Scope.READ, Scope.TRADE)
@gives(RiskState)
@blueprint.arguments(AccountQuery, location="query")
def state(query: dict[str, Any]) -> Response:
    """What the account may do, everything that holds it, today's loss and drawdown, and how far a stop has come."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        held = holds(connection, account.id)
        stop = min((hold.at for hold in held if hold.cause in STOPS), default=None)
        stopping = None if stop is None else standing_of_kill(connection, account.id, stop)
        waiting = account.id in outstanding(connection)
    found = parts().inspector.standing(account)
    return _say(
        {
            "account": account.login,
            "trading_state": effective_state(held),
            "holds": [asdict(hold) for hold in held],
            "waiting": waiting,
            "stopping": stopping,
            **_figures(found),
            "notices": [] if found.review is None else [asdict(notice) for notice in found.review.notices],
            "problem": found.situation.problem or found.situation.live.problem,
        }
    )


@blueprint.get("/report")
@needs(Scope.READ, Scope.TRADE)
@gives(RiskReport)
@blueprint.arguments(AccountQuery, location="query")
@blueprint.alt_response(503, schema=ErrorAnswer)
def live_report(query: dict[str, Any]) -> Response:
    """What is used and left of every limit, exposure by symbol and currency, clusters, the worst case."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
    found = parts().inspector.standing(account)
    if found.report is None:
        raise Unavailable("STATE_UNREADABLE", f"The account's state can't be understood: {found.situation.problem}.")
    head = {"account": account.login, "currency": account.currency, "at": found.situation.now}
    return _say(head | _report(found.report))


@blueprint.post("/assess")
@needs(Scope.READ, Scope.SIGNAL, Scope.TRADE)
@gives(Assessment)
@blueprint.doc(requestBody=BODY)
@blueprint.alt_response(400, schema=ErrorAnswer)
def assess() -> Response:
    """Say what would become of a signal now. Nothing is stored, nothing is sent, nothing is reserved."""
    found = parts().inspector.assess(read_signal(parsed_body()), source())
    plan = found.plan
    return _say(
        {
            "verdict": "approved" if plan.approved else "denied",
            "code": str(plan.code),
            "context": plan.context,
            "checks": describe(plan.checks),
            "account": None if found.account is None else found.account.login,
            "reserves": None if not plan.orders or plan.orders[0].reserve is None else asdict(plan.orders[0].reserve),
            "commands": [order.kind for order in plan.orders],
            "at": found.at,
        }
    )


@blueprint.get("/codes")
@open_to_all
@gives(Codes)
def codes() -> Response:
    """Every reason for a denial; the list is closed and stable."""
    found = [("risk", code.value, code.explanation) for code in RiskCode]
    found += [("gate", code.value, code.explanation) for code in GateCode]
    names = ("by", "code", "meaning")
    return answer({"codes": [dict(zip(names, each, strict=True)) for each in found]})


def _say(body: Any) -> Response:
    """Write an answer with its amounts as people write them: 500, not 500.00 or 5E+2."""
    return answer(_plainly(body))


def _plainly(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plainly(each) for name, each in value.items()}
    return [_plainly(each) for each in value] if isinstance(value, (list, tuple)) else value


def _figures(found: Standing) -> dict[str, Any]:
    """Today's loss and the drawdown; None: not known."""
    snapshot, limits = found.situation.snapshot, found.situation.limits
    if snapshot is None or limits is None:
        return {"day": None, "drawdown": None, "strategies_stopped": []}
    day, index, account = snapshot.day, snapshot.nav_index, snapshot.account
    known = day is not None and day.usable and account is not None and account.usable
    return {
        "day": {
            "server_day": day.server_day.isoformat(), "reference": day.reference, "net_flows": day.net_flows,
            "loss": loss_today(day, account), "loss_max": loss_allowed(day, limits),
            "equity_floor": equity_floor(day, limits),
        } if known and day is not None and account is not None else None,
        "drawdown": {
            "percent": drawdown_percent(index), "percent_max": limits.max_drawdown_percent, "latched": index.latched,
            "price": index.price, "peak": index.peak,
        } if index is not None and index.usable else None,
        "strategies_stopped": sorted(snapshot.latched_strategies),
    }  # fmt: skip


def _report(found: Report) -> dict[str, Any]:
    """The report; a key that is for some symbols reads sums of all, and by symbol only its own."""
    seen = current_key().symbols
    return {
        "base": found.base,
        "limits": [_usage(usage) for usage in found.usages],
        "symbols": [asdict(each) for each in found.symbols if seen is None or each.symbol in seen],
        "currencies": [asdict(each) for each in found.currencies],
        "clusters": [
            {"members": [{"symbol": symbol, "side": str(side)} for symbol, side in each.members], "risk": each.risk}
            for each in found.clusters
            if seen is None or seen.issuperset(symbol for symbol, _ in each.members)
        ],
        "worst_case": None if found.worst_case is None else asdict(found.worst_case),
        "problems": [asdict(problem) for problem in found.problems],
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {"limit": usage.limit, "used": usage.used, "allowed": usage.allowed, "left": usage.left}
