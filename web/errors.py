"""Every error leaves the web as JSON of one form: `{code, message, field?, errors?, context?, ...}`.

`code` is stable and meant for programs; `message` says what was expected and what was found. A stack trace, an SQL
text or a path never leaves; it goes to the log with the request's id, and the client gets that id.

    ApiError                an answer that is not a success
    +- Unauthenticated      401: no key, or one that is not valid
    +- Forbidden            403: the key lacks a scope, an account or a member
    +- NotFound             404
    +- Conflict             409: same idempotency key, another request
    +- TooMany              429: more requests than the key may send
    +- Unavailable          503: a part that is needed does not answer; nothing was done
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, request
from marshmallow import Schema
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from zmq_bridge.admission.requests import InvalidRequest
from zmq_bridge.live.errors import LiveError
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify

log = logging.getLogger(__name__)

NO_OBJECT = "Invalid input type."  # marshmallow's word for a body that is no object
NO_FIELD = "Unknown field."  # its word for a field that there is not; it does not say which there are
DATABASE_TROUBLE = (OperationalError, InterfaceError, PoolTimeout)


class ApiError(Exception):
    """An answer that is not a success.

    Args:
        code: stable, upper case; what a program acts on.
        message: what was expected and what was found.
        more: further fields of the answer (`field`, `context`, ids).
    """

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, **more}


class Unauthenticated(ApiError):
    """No key, or one that is not valid."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(ApiError):
    """The key is valid, and may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(ApiError):
    """There is no such thing, or not for this key."""

    status = HTTPStatus.NOT_FOUND


class Conflict(ApiError):
    """The request contradicts an earlier one."""

    status = HTTPStatus.CONFLICT


class TooMany(ApiError):
    """Too often; `Retry-After` says when to ask again."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(ApiError):
    """A part that is needed does not answer. Nothing was done; ask again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def install(app: Flask) -> None:
    """Register the handlers that give every error its form."""
    app.register_error_handler(ApiError, api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(InvalidRequest, _invalid_request)
    app.register_error_handler(LiveError, _redis_down)
    app.register_error_handler(RecursionError, _too_deep)
    for trouble in DATABASE_TROUBLE:
        app.register_error_handler(trouble, _database_down)
    app.register_error_handler(Exception, _unexpected)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response


def api_error(error: ApiError) -> Response:
    """Write one of our own errors."""
    response = _answer(error.body, error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="zmq-bridge"'
    return response


def _invalid_request(error: InvalidRequest) -> Response:
    return _answer({"code": "INVALID_FIELD", "field": error.field, "message": str(error)}, HTTPStatus.BAD_REQUEST)


def _http_error(error: HTTPException) -> Response:
    told = getattr(error, "data", None) or {}
    if "messages" in told:
        return _answer(_invalid(told["messages"], told.get("schema")), HTTPStatus.BAD_REQUEST)
    if isinstance(error, RequestEntityTooLarge):
        return _answer({"code": "TOO_LARGE", "message": "The body is larger than this address takes."}, 413)
    code = (error.name or "error").upper().replace(" ", "_")
    return _answer({"code": code, "message": error.description or error.name}, error.code or 500)


def _invalid(messages: Any, schema: Schema | None) -> dict[str, Any]:
    """Body for a request whose fields do not fit; names the first field, lists them all."""
    errors = next(iter(messages.values())) if isinstance(messages, dict) and messages else messages
    if not isinstance(errors, dict) or not errors:
        return {"code": "MALFORMED", "message": f"The request can't be read: {_first(errors)}"}
    errors = {name: _known(schema) if found == [NO_FIELD] else found for name, found in errors.items()}
    field = next(iter(errors))
    if field == "_schema":
        return {"code": "INVALID_FIELD", "field": None, "message": _whole(_first(errors[field])), "errors": errors}
    return {"code": "INVALID_FIELD", "field": field, "message": f"{field}: {_first(errors[field])}", "errors": errors}


def unknown_fields(names: Iterable[str]) -> ApiError:
    """The refusal of parameters by an address that has none, in the words for any field that there is not."""
    return ApiError(**_invalid({"query": {name: [NO_FIELD] for name in names}}, None))


def _known(schema: Schema | None) -> list[str]:
    names = () if schema is None else (each.data_key or name for name, each in schema.load_fields.items())
    return [f"There is no such field; expected {', '.join(sorted(names)) or 'none'}."]


def _whole(message: str) -> str:
    """What is wrong with a body as a whole; the library's word for one that is no object says too little."""
    if message != NO_OBJECT:
        return message
    found = {list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return f"Expected a JSON object with the fields of the request; found {found.get(type(_body()), 'a number')}."


def _body() -> Any:
    return request.get_json(silent=True)


def _first(messages: Any) -> str:
    while isinstance(messages, (dict, list)) and messages:
        messages = next(iter(messages.values())) if isinstance(messages, dict) else messages[0]
    return str(messages)


def _too_deep(error: RecursionError) -> Response:
    """Tell a body that is nested deeper than JSON can be read from an error of our own."""
    try:
        json.loads(request.get_data())
    except RecursionError:
        return _answer({"code": "MALFORMED", "message": "Expected JSON; found it nested too deep to be read."}, 400)
    except ValueError:
        pass
    return _unexpected(error)


def _redis_down(error: LiveError) -> Response:
    log.warning("Redis does not answer: %s", error)
    return _answer({"code": "LIVE_STATE_UNAVAILABLE", "message": "Live state (Redis) does not answer; try again."}, 503)


def _database_down(error: Exception) -> Response:
    log.error("Postgres does not answer: %s", error)
    return _answer({"code": "DATABASE_UNAVAILABLE", "message": "The database does not answer; try again."}, 503)


def _unexpected(error: Exception) -> Response:
    incident = uuid.uuid4().hex[:12]
    log.exception("incident %s", incident, exc_info=error)
    _tell_people(incident, error)
    message = f"Something went wrong on our side; it is in the log as incident {incident}."
    return _answer({"code": "INTERNAL", "message": message, "incident": incident}, 500)


def _tell_people(incident: str, error: Exception) -> None:
    """Tell of an error of our own, of each kind at most once in ten minutes; the client is answered in any case."""
    from web.parts import parts, utc_now

    now = utc_now()
    what = f"{type(error).__name__} at {request.method} {request.url_rule or request.path}"
    try:
        with parts().engine.begin() as connection:
            notify(
                connection, Event.API_ERROR, title=f"The API failed: {what}",
                body=f"Incident {incident} of the web log has the rest.",
                dedupe_key=f"api_error:{what}:{now:%Y%m%d%H}{now.minute // 10}",
            )  # fmt: skip
    except SQLAlchemyError as trouble:
        log.error("incident %s is not told: %s", incident, type(trouble).__name__)
