"""Every answer that any test of the web gets, against the OpenAPI document: exactly the fields that it names.

The fixture `app` looks at each answer and fails its test at the end, so an answer that has a field too many, too few,
or of another kind does not pass anywhere, whatever the test itself was about.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
from flask import Flask, Response, request

Document = dict[str, Any]


class Described:
    """Compares answers with the document of their application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._checks: dict[tuple[str, str, str], jsonschema_rs.Draft202012Validator | None] = {}
        self.wrong: list[str] = []

    def look(self, response: Response) -> Response:
        """Note what is wrong with an answer, if it is one that the document describes."""
        if request.url_rule is not None and response.mimetype == "application/json" and response.status_code < 300:
            self._compare(request.url_rule.rule, request.method.lower(), str(response.status_code), response)
        return response

    def _compare(self, rule: str, method: str, status: str, response: Response) -> None:
        path = re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule)
        name = (path, method, status)
        if name not in self._checks:
            self._checks[name] = self._check(*name)
        check = self._checks[name]
        if check is None:
            return
        for error in check.iter_errors(json.loads(response.get_data())):
            self.wrong.append(f"{method.upper()} {path}: {'/'.join(map(str, error.instance_path))}: {error.message}")

    def _check(self, path: str, method: str, status: str) -> jsonschema_rs.Draft202012Validator | None:
        document = document_of(self._app)
        operation = document["paths"].get(path, {}).get(method)
        if operation is None:
            return None
        described = operation["responses"].get(status)
        if described is None:
            self.wrong.append(f"{method.upper()} {path}: {status} is not in the document")
            return None
        schema = described["content"]["application/json"]["schema"]
        return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def document_of(app: Flask) -> Document:
    """The application's OpenAPI document."""
    found: Document = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return found
