"""Ask our own API from within: the same address, the same person, the same refusals, without the network.

A request inside has a context of its own, so that nothing of it (who asks, what was measured) leaks into the outer one.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import current_app, g, request
from werkzeug.test import Client

from web.errors import ApiError
from web.limits import INSIDE
from web.sessions import COOKIE

FORWARDED = ("X-API-Key", "Authorization")


@dataclass(frozen=True, slots=True)
class NoAnswer(Exception):
    """The API refused, or could not answer."""

    status: int
    code: str
    message: str


def ask(path: str, *, accept: Collection[int] = (), **query: Any) -> Any:
    """GET one address of the API as the person who asks for the page.

    Whatever is shown together rests on one answer: the same question within one request is asked once.

    Args:
        path: such as `/api/positions`.
        accept: statuses besides 2xx whose body is as good as an answer.
        query: parameters; those that are None are left out.

    Raises:
        NoAnswer: any other status.
    """
    asked: dict[tuple[Any, ...], Any] = g.setdefault("asked", {})
    question = (path, *sorted((name, str(value)) for name, value in query.items() if value is not None))
    if question in asked:
        return asked[question]
    status, body = contextvars.Context().run(_get, current_app._get_current_object(), _identity(), path, query)  # type: ignore[attr-defined]
    if status < 300 or status in accept:
        asked[question] = body
        return body
    body = body if isinstance(body, dict) else {}
    raise NoAnswer(status, body.get("code", "NO_ANSWER"), body.get("message", f"The API answered {status}."))


def as_no_answer(error: Exception) -> NoAnswer:
    """What went wrong while a card was gathered, as if the API had said it."""
    if isinstance(error, NoAnswer):
        return error
    if isinstance(error, ApiError):
        return NoAnswer(int(error.status), str(error.body["code"]), str(error.body["message"]))
    return NoAnswer(503, "LIVE_STATE_UNAVAILABLE", "Live state (Redis) does not answer; try again.")


def _identity() -> dict[str, Any]:
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    token = request.cookies.get(COOKIE)
    return {
        "headers": headers | ({"Cookie": f"{COOKIE}={token}"} if token else {}),
        "environ_base": {"REMOTE_ADDR": request.remote_addr or "", INSIDE: True},
        "base_url": request.host_url,
    }


def _get(app: Any, identity: dict[str, Any], path: str, query: dict[str, Any]) -> tuple[int, Any]:
    given = {name: str(value) for name, value in query.items() if value is not None}
    response = Client(app.wsgi_app, use_cookies=False).get(path, query_string=given, **identity)
    try:
        return response.status_code, json.loads(response.get_data())
    except ValueError:
        return response.status_code, None
