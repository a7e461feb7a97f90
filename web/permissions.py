"""Every address of the application with the scopes it needs: what the permission matrix is made of.

A view that nobody marked answers nobody: forgetting the mark closes an address, it does not open it.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, request

from web.auth import scopes_of
from web.errors import Forbidden
from zmq_bridge.storage.keys import Scope

UNPROTECTED = frozenset({"static", "vendor", "openapi_json"})
"""Last parts of the names of endpoints that serve what holds no data: files, and the OpenAPI document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One way to ask."""

    name: str
    method: str
    rule: str  # as Flask writes it, with <placeholders>
    scopes: tuple[Scope, ...] | None  # of which a key needs one; empty: open to all; None: not said

    def admits(self, scope: Scope) -> bool:
        """Whether a key with this scope alone gets past the door."""
        return not self.scopes or scope is Scope.ADMIN or scope in self.scopes


def endpoints(app: Flask) -> list[Endpoint]:
    """Every endpoint, by address and method."""
    found = [
        Endpoint(name=rule.endpoint, method=method, rule=rule.rule, scopes=scopes_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.rpartition(".")[2] not in UNPROTECTED
    ]
    return sorted(found, key=lambda endpoint: (endpoint.rule, endpoint.method))


def check_marked() -> None:
    """Refuse to serve a view of which nobody has said who may use it.

    Raises:
        Forbidden: nobody has.
    """
    name = request.endpoint
    if name is None or name.rpartition(".")[2] in UNPROTECTED:
        return
    if scopes_of(current_app.view_functions[name]) is None:
        raise Forbidden("NOT_OPENED", "Nobody has said who may use this address, so nobody may.")
