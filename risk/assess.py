"""The entry point: one intent, one snapshot, one answer.

`assess` never raises for bad data and never approves what it could not compute. It reads its arguments and nothing
else, so the same arguments give the same answer.
"""

from datetime import datetime
from decimal import localcontext

from risk.codes import Code
from risk.form import require_intent
from risk.intent import Intent, Kind
from risk.limits import Limits
from risk.modification import judge_modification
from risk.numbers import CONTEXT, is_moment
from risk.opening import deny, judge_opening, require_ask
from risk.reduction import pass_reduction
from risk.refusal import Refused
from risk.snapshot import Snapshot
from risk.verdict import Check, Denied, Verdict

WAYS_OUT = (Kind.REDUCE, Kind.CANCEL)
DETAIL_LENGTH_MAX = 200  # characters of a failure's own text that are kept


def assess(intent: Intent, snapshot: Snapshot | None, limits: Limits | None, now: datetime) -> Verdict:
    """Judge one intent.

    Args:
        intent: the wish to trade.
        snapshot: the account's state; None when it could not be loaded (only reductions pass).
        limits: the account's limits with all overrides applied; None when they could not be loaded.
        now: aware UTC time of the decision.

    Returns:
        Approved with the volume and what to reserve, or Denied with a code.
    """
    done: list[Check] = []
    try:
        with localcontext(CONTEXT):
            return _assess(intent, snapshot, limits, now, done)
    except Refused as refused:
        return _first_failure(done) or Denied(code=refused.code, context=refused.context, checks=tuple(done))
    except Exception as failure:  # noqa: BLE001 - the one place where anything unforeseen becomes a denial
        detail = {"failure": type(failure).__name__, "detail": str(failure)[:DETAIL_LENGTH_MAX]}
        return _first_failure(done) or Denied(code=Code.COMPUTATION_FAILED, context=detail, checks=tuple(done))


def _assess(
    intent: Intent, snapshot: Snapshot | None, limits: Limits | None, now: datetime, done: list[Check]
) -> Verdict:
    require_intent(intent)
    if intent.kind in WAYS_OUT:
        return pass_reduction(intent, snapshot)
    if not is_moment(now):
        raise Refused(Code.COMPUTATION_FAILED, now=now, expected="an aware datetime")
    if intent.kind is Kind.MODIFY:
        return judge_modification(intent, snapshot, limits, now, done)
    return judge_opening(require_ask(intent, snapshot, limits, now, intent.symbol), done)


def _first_failure(done: list[Check]) -> Denied | None:
    """Return the denial of a check that had failed before the computation broke off."""
    failed = next((check for check in done if not check.passed), None)
    return None if failed is None else deny(failed, done)
