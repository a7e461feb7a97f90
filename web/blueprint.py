"""A blueprint whose addresses refuse a parameter that they do not have: a misspelt filter would show everything."""

from __future__ import annotations

from typing import Any

import flask_smorest
from flask import current_app, request
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser

from web.auth import require, scopes_of
from web.errors import unknown_fields


class StrictParser(FlaskParser):
    """Reads parameters as it reads bodies: what is unknown is an error."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012  # its form


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A noun of the API."""

    ARGUMENTS_PARSER = StrictParser()


def refuse_parameters() -> None:
    """Refuse any parameter at an address of the API that has none; where there are some, the parser does it.

    Raises:
        ApiError: there is one.
    """
    if not request.query_string or request.endpoint is None or not request.path.startswith("/api/"):
        return
    view = current_app.view_functions[request.endpoint]
    if request.args and not _takes_parameters(view):
        if scopes := scopes_of(view):
            require(*scopes)  # who may not ask at all is told that, as everywhere
        raise unknown_fields(request.args)


def _takes_parameters(view: Any) -> bool:
    """Whether a view has `arguments` of the query, as flask-smorest documents them."""
    documented = getattr(view, "_apidoc", {}).get("arguments", {})
    return any(each["in"] == "query" for each in documented.get("parameters", ()))
