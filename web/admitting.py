"""What every address that asks the gate shares: the body, the idempotency key, and how an answer of the gate is said.

202: accepted, commands are on their way. 422: denied, with the code to act on. 409: the idempotency key stands for
another request. 503: nothing was decided, or the outcome is unknown; ask again with the same key.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from web.answers import answer
from web.api.accounts import chosen_account
from web.auth import current_key
from web.denials import denial
from web.errors import ApiError
from web.paging import visible_symbols
from web.parts import parts
from zmq_bridge.admission.answers import Accepted, Answer, Code, Denied
from zmq_bridge.admission.requests import InvalidRequest, Request
from zmq_bridge.admission.schema import InvalidSignal, parse_signal
from zmq_bridge.admission.signal import Signal
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.trading.views import list_symbols

DENIED_STATUS = {Code.IDEMPOTENCY_KEY_REUSED: 409, Code.LIFT_NOT_ALLOWED: 403}
IDEMPOTENCY_HEADER = "Idempotency-Key"
OWN_KEYS = "execute:"
"""Beginning of the idempotency keys that we make ourselves."""


def parsed_body() -> Any:
    """The parsed body; a header `Idempotency-Key` counts like the field, and must not contradict it."""
    body = request.get_json(silent=True)
    if body is None:
        raise ApiError("MALFORMED", f"Expected a JSON object and Content-Type: application/json; found {_found()}.")
    if isinstance(body, dict) and isinstance(body.get("idempotency_key", ""), str) and (key := idempotency_key(body)):
        body["idempotency_key"] = key
    return body


def _found() -> str:
    """What a body is that is not JSON: of another type, or where it stops being JSON."""
    if not request.is_json:
        return f"{request.mimetype or 'no type'}, {len(request.get_data())} bytes"
    try:
        json.loads(request.get_data())
    except ValueError as error:
        return f"a body that is no JSON: {error}"
    return "null"


def idempotency_key(body: dict[str, Any]) -> str | None:
    """The key of a request, from its body or its header.

    Raises:
        ApiError: the two contradict each other, or it is of a kind that we make ourselves.
    """
    sent = [key for key in (body.get("idempotency_key"), request.headers.get(IDEMPOTENCY_HEADER)) if key]
    if len(set(sent)) > 1:
        message = f"The header {IDEMPOTENCY_HEADER} and the field idempotency_key differ."
        raise ApiError("INVALID_FIELD", message, field="idempotency_key")
    if sent and str(sent[0]).startswith(OWN_KEYS):
        raise ApiError("INVALID_FIELD", f"Expected a key that does not begin with {OWN_KEYS}.", field="idempotency_key")
    return sent[0] if sent else None


def read_signal(body: Any) -> Signal:
    """The signal in a body.

    Raises:
        ApiError: it is none; with every problem found.
    """
    try:
        return parse_signal(body)
    except InvalidSignal as error:
        raise _not_a_signal(error) from None


def ask(wanted: Request, body: dict[str, Any]) -> Response:
    """Ask the gate for something about tickets that exist; `body` names account, server and key."""
    try:
        result = parts().gate.request(
            wanted,
            source(),
            account=body.get("account"),
            server=body.get("server"),
            idempotency_key=idempotency_key(body),
        )
    except InvalidRequest as error:
        raise ApiError("INVALID_FIELD", str(error), field=error.field) from None
    return say(result)


def source() -> Source:
    """The sender of this request."""
    return Source.of_key(current_key())


def say(result: Answer, *, login: int | None = None, **more: Any) -> Response:
    """One answer of the gate, over HTTP.

    Args:
        login: of the account that was asked about; None: the only one.
        more: further fields of the answer.
    """
    if isinstance(result, Accepted):
        ids = {"signal_id": result.signal_id, "decision_id": result.decision_id, "duplicate": result.duplicate}
        commands = {"command_id": result.command_id or None, "command_ids": list(result.command_ids)}
        return answer({"status": "accepted", **ids, **commands, **more}, 202)
    body = {"code": result.code, "context": result.context, "signal_id": result.signal_id, **more}
    if isinstance(result, Denied):
        ids = {"status": "denied", "decision_id": result.decision_id, "duplicate": result.duplicate}
        words = denial(result.code, result.context, lambda: _symbols(login))
        return answer({**body, **ids, "message": words}, DENIED_STATUS.get(result.code, 422))  # type: ignore[call-overload]
    return answer({**body, "status": "unavailable", "message": result.code.explanation}, 503)


def _symbols(login: int | None) -> list[str]:
    """What an account has that the key may see; nothing where the account is not plain."""
    with parts().engine.connect() as connection:
        try:
            account = chosen_account(connection, login)
        except ApiError:
            return []
        return [str(row["symbol"]) for row in list_symbols(connection, account.id, visible_symbols(None))]


def _not_a_signal(error: InvalidSignal) -> ApiError:
    first = error.problems[0]
    errors: dict[str, list[str]] = {}
    for problem in error.problems:
        errors.setdefault(problem.field, []).append(problem.message)
    message = ": ".join(filter(None, (first.field, first.message)))
    return ApiError("INVALID_FIELD", message, field=first.field or None, errors=errors)
