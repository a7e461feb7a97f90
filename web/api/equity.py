"""The account's money over time, for curves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import fields, validate

from web.answer_docs import gives
from web.answers import answer, with_money
from web.api.accounts import chosen_account
from web.api.schemas import AccountQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import ApiError
from web.parts import parts, utc_now
from web.shapes.account import Curve
from zmq_bridge.admission.schema import AwareTime
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.equity import equity_curve

blueprint = Blueprint("equity", __name__, url_prefix="/api/account", description="The trading account")

POINTS_DEFAULT = 300
POINTS_MAX = 2_000
SPAN_DEFAULT = timedelta(days=1)
SPAN_MAX = timedelta(days=3_660)
MONEY = ("balance", "equity", "credit")


class CurveQuery(AccountQuery):
    """Which stretch of time; without one, the last day."""

    from_at = AwareTime(load_default=None, data_key="from")
    to_at = AwareTime(load_default=None, data_key="to")
    points = fields.Integer(
        load_default=POINTS_DEFAULT,
        validate=validate.Range(min=1, max=POINTS_MAX),
        metadata={"description": "at most so many: the first and the last are among them, of one only the last"},
    )


@blueprint.get("/history")
@needs(Scope.READ, Scope.TRADE)
@gives(Curve)
@blueprint.arguments(CurveQuery, location="query")
def history(query: dict[str, Any]) -> Response:
    """Balance, equity and credit: the first snapshot, and the last of each of at most so many equal stretches of time.

    Stretches begin at the same moments for everybody, so a curve that is asked for again keeps its points.
    """
    to_at = query["to_at"] or utc_now()
    from_at = query["from_at"] or to_at - SPAN_DEFAULT
    if not timedelta(0) < to_at - from_at <= SPAN_MAX:
        message = f"Expected `from` before `to`, at most {SPAN_MAX.days} days apart; found {from_at} and {to_at}."
        raise ApiError("INVALID_FIELD", message, field="from")
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = equity_curve(connection, account.id, from_at=from_at, to_at=to_at, points=query["points"])
    shown = [with_money(point, MONEY, account.currency_digits) for point in found]
    return answer({"account": account.login, "currency": account.currency, "points": shown})
