"""What is done with a signal that is stored: execute it (again), or take it back.

Executing judges the stored signal anew, as of now. A signal of which anything was, is being, or may have been done is
not executed a second time: whoever asks is told which signal did it. One at a time for each stored signal, so that
two people who press the button at once can't double an order.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from web.admitting import OWN_KEYS, say, source
from web.answer_docs import gives
from web.answers import answer
from web.api.schemas import ErrorAnswer
from web.api.signals import visible_signal
from web.auth import actor, current_key, needs
from web.blueprint import Blueprint
from web.errors import Conflict
from web.parts import parts
from web.shapes.trading import Executed, SignalCancelled
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.requests import CancelOrder
from zmq_bridge.admission.schema import TYPES, parse_signal
from zmq_bridge.admission.signal import Signal
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.commands.cancel import cancel_queued, resting_orders
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.locks import Lock, hold_named
from zmq_bridge.storage.trading.signals import (
    Record,
    account_id_of,
    executions,
    get_signal,
    may_have_acted,
    stored_request,
)

blueprint = Blueprint("signal_actions", __name__, url_prefix="/api/signals", description="Trading signals")

SENT_TYPES = {str(stored): sent for sent, stored in TYPES.items()}
"""The types of orders as people send them, by the words that are stored."""


class ExecuteBody(Schema):
    """Which stored signal."""

    signal_id = fields.String(required=True, validate=validate.Length(equal=26))


@blueprint.post("/execute")
@needs(Scope.SIGNAL)
@gives(Executed, 202)
@blueprint.arguments(ExecuteBody)
@blueprint.alt_response(409, schema=ErrorAnswer)
@blueprint.alt_response(422, schema=ErrorAnswer)
def execute(body: dict[str, Any]) -> Response:
    """Execute a stored signal that was not executed: denied then, expired, or rejected by the broker."""
    stored = visible_signal(body["signal_id"])
    with parts().engine.begin() as connection:
        hold_named(connection, Lock.EXECUTION, stored["id"])  # until this request is answered
        earlier = [_current(connection, stored["id"]), *executions(connection, stored["id"])]
        request = stored_request(connection, stored["id"])
        if acted := next((signal for signal in earlier if may_have_acted(signal)), None):
            return _told(stored, acted)
        result = parts().gate.admit(_again(request, stored["id"], len(earlier)), source())
        if isinstance(result, Accepted):
            after = {"signal_id": result.signal_id, "command_ids": list(result.command_ids)}
            record(connection, actor=actor(), action="signal.execute", subject=f"signal:{stored['id']}", after=after,
                   account_id=account_id_of(connection, stored["id"]))  # fmt: skip
    return say(result, executes=stored["id"])


@blueprint.post("/<string:signal_id>/cancel")
@needs(Scope.SIGNAL, Scope.TRADE)
@gives(SignalCancelled, 202)
@blueprint.alt_response(409, schema=ErrorAnswer)
def cancel(signal_id: str) -> Response:
    """Take a signal back: what was not sent yet never is, and pending orders that came of it are cancelled."""
    stored = visible_signal(signal_id)
    cancelled, resting = [], []
    with parts().engine.begin() as connection:
        account_id = account_id_of(connection, stored["id"])
        if account_id is not None:
            cancelled = cancel_queued(connection, account_id, stored["id"], actor=actor())
            resting = resting_orders(connection, account_id, stored["id"])
    requested = [_cancel_order(stored, ticket) for ticket in resting]
    if not cancelled and not requested:
        states = ", ".join(command["status"] for command in stored["commands"]) or stored["status"]
        raise Conflict("NOTHING_TO_CANCEL", f"Nothing of this signal waits or rests at the broker; found {states}.")
    return answer({"status": "accepted", "signal_id": stored["id"], "cancelled": cancelled, "orders": requested}, 202)


def _told(stored: Record, acted: Record) -> Response:
    """The first answer again for who asked before; a refusal for anybody else."""
    if acted["id"] != stored["id"] and acted["source"] == current_key().id:
        commands = tuple(command["id"] for command in acted["commands"])
        accepted = Accepted(
            signal_id=acted["id"], decision_id=acted["decision_id"], command_ids=commands, duplicate=True
        )
        return say(accepted, executes=stored["id"])
    raise Conflict("ALREADY_EXECUTED", f"Signal {acted['id']} did, or may have done it.", signal_id=acted["id"])


def _again(request: Record, signal_id: str, number: int) -> Signal:
    """The stored signal as if it had been sent now, with a key that says what it executes."""
    values = {name: value for name, value in request.items() if name != "created_at"}
    values["type"] = SENT_TYPES[values["type"]]
    return parse_signal(values | {"idempotency_key": f"{OWN_KEYS}{signal_id}:{number}"})


def _current(connection: Connection, signal_id: str) -> Record:
    """The signal as it stands now that nobody else executes it."""
    found = get_signal(connection, signal_id)
    assert found is not None  # signals are never deleted
    return found


def _cancel_order(stored: Record, ticket: int) -> dict[str, Any]:
    """Ask the gate to delete a pending order; asking twice is one request."""
    key = f"cancel:{stored['id']}:{ticket}"
    result = parts().gate.request(
        CancelOrder(ticket=ticket), source(), account=stored["account"], idempotency_key=key
    )  # fmt: skip
    if isinstance(result, Accepted):
        return {"ticket": ticket, "status": "accepted", "command_id": result.command_id}
    return {"ticket": ticket, "status": "refused", "code": str(result.code)}
