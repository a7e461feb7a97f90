"""The switches: what accounts may do, the kill switch, and the latches that only a named person lifts.

The name is the key's: it stands in the audit log beside the reason. Every latch is one transaction;
a stop is committed first and then carried out account by account.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response
from sqlalchemy import Connection

from web.admitting import ask
from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.risk_bodies import AdoptBody, KillBody, Reasoned, StateBody, StrategyBody
from web.api.schemas import ErrorAnswer
from web.auth import actor, check_all_accounts, current_key, needs
from web.blueprint import Blueprint
from web.errors import Conflict, Forbidden, NotFound
from web.parts import parts, utc_now
from web.shapes.risk import Adopted, Killed, Lifted, StateChange
from web.shapes.trading import Accepted
from zmq_bridge.admission.answers import Code as GateCode
from zmq_bridge.admission.requests import SetTradingState
from zmq_bridge.storage.accounts import list_accounts
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.adoption import adopt
from zmq_bridge.storage.risk.kill import kill
from zmq_bridge.storage.risk.memory import release_strategy, reset_drawdown
from zmq_bridge.storage.risk.trading_state import LiftForbidden, StillStopping, set_global_state

blueprint = Blueprint("switches", __name__, url_prefix="/api/risk", description="What accounts may do")


@blueprint.post("/state")
@needs(Scope.TRADE)
@gives(Accepted, 202)
@gives(StateChange)
@blueprint.arguments(StateBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(409, schema=ErrorAnswer)
def set_state(body: dict[str, Any]) -> Response:
    """Set what one account may do, or all of them at most. What else holds an account goes on holding it.

    Whoever may trade may stop, and take back a state of his own. What somebody else set, the kill switch and what risk
    stopped is lifted with the scope admin: else 403, `LIFT_NOT_ALLOWED`. A state for all accounts names those that are
    busy, where what is on its way ends as soon as they are free; none is lifted before it has come to all of them: 409,
    `STILL_STOPPING`.
    """
    if not body["everywhere"]:
        return ask(SetTradingState(state=body["state"], reason=body["reason"]), body)
    check_all_accounts()
    try:
        change = set_global_state(
            parts().engine, body["state"], reason=body["reason"], actor=actor(), now=utc_now(),
            may_lift=current_key().allows(Scope.ADMIN),
        )  # fmt: skip
    except LiftForbidden as error:
        raise Forbidden(GateCode.LIFT_NOT_ALLOWED, str(error)) from None
    except StillStopping as error:
        raise Conflict("STILL_STOPPING", str(error)) from None
    return answer(asdict(change))


@blueprint.post("/kill")
@needs(Scope.TRADE)
@gives(Killed, 202)
@blueprint.arguments(KillBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
def use_kill_switch(body: dict[str, Any]) -> Response:
    """Halt, cancel every pending order, and if asked close every position: now, or as soon as the terminal is back.

    The halt is committed when this answers. An account that is `waiting` is busy: what was approved there before ends,
    and its orders are cancelled, as soon as it is free. Used twice it does what is still missing and nothing twice. How
    far it has come is at `GET /api/risk/state`.
    """
    if body["close_positions"] and current_key().symbols is not None:
        raise Forbidden("SYMBOL_NOT_ALLOWED", "Expected a key for all symbols to close every position.")
    account_id = _to_be_stopped(body)
    done = kill(
        parts().engine, account_id, close_positions=body["close_positions"], reason=body["reason"], actor=actor(),
        now=utc_now(),
    )  # fmt: skip
    with parts().engine.connect() as connection:
        logins = {account.id: account.login for account in list_accounts(connection)}
    killed = [
        {"account": logins[each.account_id], "new": each.new, "waiting": each.waiting, "command_ids": each.sent,
         "stopped": each.stopped, "recalled": each.recalled}
        for each in done
    ]  # fmt: skip
    return answer({"status": "killed", "accounts": killed}, 202)


@blueprint.post("/drawdown/reset")
@needs(Scope.ADMIN)
@gives(Lifted)
@blueprint.arguments(Reasoned)
@blueprint.alt_response(404, schema=ErrorAnswer)
def reset(body: dict[str, Any]) -> Response:
    """Lift the drawdown latch; drawdown counts from here."""
    with parts().engine.begin() as connection:
        account_id = _locked(connection, body)
        if not reset_drawdown(connection, account_id, actor=_by(body), now=utc_now()):
            raise NotFound("NOT_LATCHED", "The drawdown latch of this account is not set.")
    return answer({"status": "lifted"})


@blueprint.post("/strategies/release")
@needs(Scope.ADMIN)
@gives(Lifted)
@blueprint.arguments(StrategyBody)
@blueprint.alt_response(404, schema=ErrorAnswer)
def release(body: dict[str, Any]) -> Response:
    """Let a strategy that repeated itself trade again."""
    with parts().engine.begin() as connection:
        account_id = _locked(connection, body)
        if not release_strategy(connection, account_id, body["strategy"], actor=_by(body)):
            raise NotFound("NOT_LATCHED", f"The strategy {body['strategy']!r} of this account is not stopped.")
    return answer({"status": "lifted"})


@blueprint.post("/adopt")
@needs(Scope.ADMIN)
@gives(Adopted)
@blueprint.arguments(AdoptBody)
@blueprint.alt_response(404, schema=ErrorAnswer)
def take_on(body: dict[str, Any]) -> Response:
    """Answer for a position or order that was opened by hand: it no longer holds the account."""
    with parts().engine.begin() as connection:
        account_id = _locked(connection, body)
        if not adopt(connection, account_id, body["ticket"], actor=actor(), reason=body["reason"], now=utc_now()):
            raise NotFound("TICKET_UNKNOWN", f"No open position or working order has the ticket {body['ticket']}.")
    return answer({"status": "adopted", "ticket": body["ticket"]})


def _to_be_stopped(body: dict[str, Any]) -> int | None:
    if body["everywhere"]:
        check_all_accounts()
        return None
    with parts().engine.connect() as connection:
        return chosen_account(connection, body["account"]).id


def _locked(connection: Connection, body: dict[str, Any]) -> int:
    account_id = chosen_account(connection, body["account"]).id
    hold(connection, Lock.ADMISSION, account_id)
    return account_id


def _by(body: dict[str, Any]) -> str:
    return f"{actor()}: {body['reason']}"
