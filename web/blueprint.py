"""A blueprint whose addresses refuse a parameter that they do not have: a misspelt filter would show everything."""

from __future__ import annotations

import flask_smorest
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser


class StrictParser(FlaskParser):
    """Reads parameters as it reads bodies: what is unknown is an error."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012  # its form


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A noun of the API."""

    ARGUMENTS_PARSER = StrictParser()
