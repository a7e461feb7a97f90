"""Signals: the way in, and what became of them.

The body is read by admission's own schema, the same that the ZeroMQ port uses, and judged by the same gate.
202: accepted, commands are on their way. 422: denied by risk, with the code to act on. 400: not a signal. 409: the
idempotency key stands for another signal. 503: nothing was decided, or the outcome is unknown; ask again with the key.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from web.answers import answer
from web.api.accounts import visible_ids
from web.api.schemas import ErrorAnswer, SignalQuery
from web.auth import current_key, needs
from web.errors import ApiError, NotFound
from web.parts import parts
from zmq_bridge.admission.answers import Accepted, Answer, Code, Denied
from zmq_bridge.admission.schema import InvalidSignal, SignalSchema, parse_signal
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.trading.views import SignalFilter, get_signal, list_signals

blueprint = Blueprint("signals", __name__, url_prefix="/api", description="Trading signals")

DENIED_STATUS = {Code.IDEMPOTENCY_KEY_REUSED: 409}
IDEMPOTENCY_HEADER = "Idempotency-Key"


@blueprint.post("/signal")
@needs(Scope.SIGNAL)
@blueprint.doc(requestBody={"content": {"application/json": {"schema": SignalSchema}}, "required": True})
@blueprint.alt_response(400, schema=ErrorAnswer)
@blueprint.alt_response(422, schema=ErrorAnswer)
def submit() -> Response:
    """Submit a signal; the answer is final and durable."""
    try:
        signal = parse_signal(_body())
    except InvalidSignal as error:
        raise _not_a_signal(error) from None
    return _say(parts().gate.admit(signal, Source.of_key(current_key())))


@blueprint.get("/signals")
@needs(Scope.READ, Scope.SIGNAL)
@blueprint.arguments(SignalQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List signals, newest first, each with its decision and its commands."""
    with parts().engine.connect() as connection:
        wanted = SignalFilter(
            account_ids=visible_ids(connection, query["account"]) if _restricted(query) else None,
            symbol=query["symbol"],
            status=query["status"],
            before=query["before"],
            limit=query["limit"],
        )
        found = list_signals(connection, wanted)
    more = len(found) == query["limit"]
    return answer({"signals": found, "next_before": found[-1]["id"] if more else None})


@blueprint.get("/signals/<signal_id>")
@needs(Scope.READ, Scope.SIGNAL)
def one(signal_id: str) -> Response:
    """One signal with its decision, its commands and the deals that came of it."""
    with parts().engine.connect() as connection:
        found = get_signal(connection, signal_id)
    accounts = current_key().accounts
    if found is None or (accounts is not None and found["account"] not in accounts):
        raise NotFound("SIGNAL_UNKNOWN", f"There is no signal {signal_id!r}, or not for this key.")
    return answer(found)


def _restricted(query: dict[str, Any]) -> bool:
    """Whether the list is cut to accounts; else it also has signals that were denied for want of one."""
    return query["account"] is not None or current_key().accounts is not None


def _body() -> Any:
    """The parsed body; a header `Idempotency-Key` counts like the field, and must not contradict it."""
    body = request.get_json(silent=True)
    if body is None:
        expected = "Expected a JSON object and Content-Type: application/json"
        raise ApiError("MALFORMED", f"{expected}; found {request.mimetype or 'no type'}, {len(request.get_data())} bytes.")
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key and isinstance(body, dict) and body.setdefault("idempotency_key", key) != key:
        message = f"The header {IDEMPOTENCY_HEADER} and the field idempotency_key differ."
        raise ApiError("INVALID_FIELD", message, field="idempotency_key")
    return body


def _not_a_signal(error: InvalidSignal) -> ApiError:
    first = error.problems[0]
    errors: dict[str, list[str]] = {}
    for problem in error.problems:
        errors.setdefault(problem.field, []).append(problem.message)
    return ApiError("INVALID_FIELD", f"{first.field}: {first.message}", field=first.field or None, errors=errors)


def _say(result: Answer) -> Response:
    """One answer of the gate, over HTTP."""
    if isinstance(result, Accepted):
        ids = {"signal_id": result.signal_id, "decision_id": result.decision_id, "duplicate": result.duplicate}
        commands = {"command_id": result.command_id or None, "command_ids": list(result.command_ids)}
        return answer({"status": "accepted", **ids, **commands}, 202)
    body = {"code": result.code, "context": result.context, "signal_id": result.signal_id}
    if isinstance(result, Denied):
        more = {"status": "denied", "decision_id": result.decision_id, "duplicate": result.duplicate}
        return answer({**body, **more, "message": _words(result)}, DENIED_STATUS.get(result.code, 422))  # type: ignore[call-overload]
    return answer({**body, "status": "unavailable", "message": result.code.explanation}, 503)


def _words(denied: Denied) -> str:
    """The denial in one line, as the log has it."""
    return f"{denied.code}: " + ", ".join(f"{name}={value}" for name, value in denied.context.items())
