"""Say what a view answers, for the OpenAPI document: `@gives(Shape)`, or `@gives_page("signals", Shape)` for a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from marshmallow import Schema

from web.blueprint import Blueprint
from web.shapes.kinds import Shape, many, text
from web.shapes.trading import Accepted as ACCEPTED
from web.shapes.trading import Order as ORDER
from web.shapes.trading import Position as POSITION

__all__ = ["ACCEPTED", "ORDER", "POSITION", "gives", "gives_page"]

V = TypeVar("V", bound=Callable[..., Any])

PAGES: dict[tuple[str, type[Schema]], type[Schema]] = {}
"""The shapes of pages that were made so far: one for each list, however many views answer it."""


def gives(shape: type[Schema], status: int = 200, **more: Any) -> Callable[[V], V]:
    """Describe a view that answers one thing; `more` are further kinds of content, by media type."""
    content = {"application/json": {"schema": shape}, **more}
    described: Callable[[V], V] = Blueprint.doc(responses={str(status): {"description": "Done", "content": content}})
    return described


def gives_page(name: str, shape: type[Schema], **beside: Any) -> Callable[[V], V]:
    """Describe a view that answers a page of a list, with these fields beside it."""
    made = PAGES.get((name, shape))
    if made is None:
        parts = {**beside, name: many(shape), "next_cursor": text("of the next page; null: there is none", none=True)}
        made = type(f"{shape.__name__}Page", (Shape,), parts)
        PAGES[name, shape] = made
    return gives(made)
