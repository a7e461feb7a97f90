"""The reference of the API for people: the OpenAPI document as one readable page, made here, without any script.

The document itself is at `/api/openapi.json`; whatever is missing on the page is missing there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, current_app, render_template

from web.auth import open_to_all

blueprint = Blueprint(
    "reference", __name__, url_prefix="/api/docs", static_folder="static", template_folder="templates"
)  # fmt: skip

METHODS = ("get", "post", "put", "patch", "delete")

Document = Mapping[str, Any]


@blueprint.get("")
@open_to_all
def page() -> str:
    """Show every address with its scopes, parameters, body and answers."""
    document: Document = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return render_template("reference.html", info=document["info"], groups=groups(document))


def groups(document: Document) -> dict[str, list[dict[str, Any]]]:
    """The operations of a document by their first tag, in the document's order."""
    found: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document.get("tags", ())}
    for operation in _operations(document):
        found.setdefault(operation["tag"], []).append(operation)
    return {tag: operations for tag, operations in found.items() if operations}


def _operations(document: Document) -> Iterator[dict[str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(document, path, method, item[method], item.get("parameters", ()))


def _operation(document: Document, path: str, method: str, said: Document, shared: Any) -> dict[str, Any]:
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    scopes = next((scopes for way in said.get("security", ()) for scopes in way.values()), ())
    parameters = [_resolved(document, each) for each in (*shared, *said.get("parameters", ()))]
    return {
        "tag": (said.get("tags") or ["other"])[0],
        "method": method,
        "path": path,
        "summary": said.get("summary", ""),
        "description": said.get("description", ""),
        "scopes": scopes,
        "parameters": [{**each, "kind": _kind(document, each.get("schema", {}))} for each in parameters],
        "fields": _fields(document, body) if body else (),
        "answer_fields": _fields(document, _answer(said), inside=True),
        "answers": {
            status: _resolved(document, each).get("description", "") for status, each in said["responses"].items()
        },
    }


def _answer(said: Document) -> Document:
    """The schema of what is answered when all is well; empty where that is no JSON."""
    good: Document = next((each for status, each in said["responses"].items() if status.startswith("2")), {})
    found: Document = good.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _fields(document: Document, schema: Document, *, inside: bool = False, before: str = "") -> list[dict[str, Any]]:
    """The fields of a schema, one a line; `inside`: also those of the objects in it, as `positions[].ticket`."""
    resolved = _resolved(document, schema)
    required, found = resolved.get("required", ()), []
    for name, each in resolved.get("properties", {}).items():
        line = {"name": before + name, "kind": _kind(document, each), "required": name in required}
        found.append({**line, "description": each.get("description", "")})
        if inside:
            of_list = _resolved(document, each).get("items")
            deeper = f"{before}{name}[]." if of_list else f"{before}{name}."
            found += _fields(document, of_list or each, inside=True, before=deeper)
    return found


def _kind(document: Document, schema: Document) -> str:
    """A schema in a few words: `string, one of BUY, SELL`."""
    resolved = _resolved(document, schema)
    kinds = resolved.get("type", "any")
    words = [" or ".join(kinds) if isinstance(kinds, list) else str(kinds)]
    if "enum" in resolved:
        words.append("one of " + ", ".join(str(value) for value in resolved["enum"] if value is not None))
    if resolved.get("format"):
        words.append(str(resolved["format"]))
    for name, phrase in (("minimum", "from"), ("maximum", "to"), ("default", "default")):
        if resolved.get(name) is not None:
            words.append(f"{phrase} {resolved[name]}")
    if "items" in resolved:
        words.append(f"of {_kind(document, resolved['items'])}")
    return ", ".join(words)


def _resolved(document: Document, part: Document) -> Document:
    """A part of the document, or what it refers to; of what may be null, what it is otherwise."""
    if "anyOf" in part:
        other = next(each for each in part["anyOf"] if each.get("type") != "null")
        return {**_resolved(document, other), "type": ["object", "null"]}
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = document
    for name in str(reference).removeprefix("#/").split("/"):
        found = found[name]
    return _resolved(document, found)
