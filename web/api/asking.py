"""What the addresses share that ask the gate about an order or a position: who may, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from marshmallow import Schema

from web.answer_docs import ACCEPTED, gives
from web.api.schemas import ErrorAnswer
from web.auth import needs
from web.blueprint import Blueprint
from zmq_bridge.storage.keys import Scope

V = TypeVar("V", bound=Callable[..., Any])


def asks_the_gate(blueprint: Blueprint, path: str, body: type[Schema]) -> Callable[[V], V]:
    """Serve a view at `POST path`, for keys that may trade; the view gets the body as the schema reads it."""

    def decorate(view: V) -> V:
        described = blueprint.arguments(body)(blueprint.alt_response(422, schema=ErrorAnswer)(view))
        served: V = blueprint.post(path)(needs(Scope.TRADE)(gives(ACCEPTED, 202)(described)))
        return served

    return decorate
