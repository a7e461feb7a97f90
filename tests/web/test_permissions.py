"""The permission matrix: every address that the application has, tried with no key and with a key of every scope.

Nothing is listed here but the few that are open to all: an address that somebody adds is tried the moment it exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask

from tests.admission.world import World
from tests.web.conftest import Caller
from web.permissions import Endpoint, endpoints
from zmq_bridge.storage.keys import Scope

Make = Callable[..., Caller]

OPEN_TO_ALL = {
    "/", "/health", "/health/live", "/health/ready", "/api/docs", "/api/risk/codes", "/api/session", "/sign-in",
}  # fmt: skip
SAMPLES = {"int": "1", "string": "x", "default": "x", "path": "x"}


def address(endpoint: Endpoint) -> str:
    """A rule with something in its placeholders."""
    return re.sub(
        r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda found: SAMPLES.get(found[1] or "default", "x"), endpoint.rule
    )  # fmt: skip


def test_every_address_says_who_may_use_it(app: Flask) -> None:
    unsaid = [(each.method, each.rule) for each in endpoints(app) if each.scopes is None]
    assert unsaid == []


def test_only_these_addresses_are_open_to_all(app: Flask) -> None:
    assert {each.rule for each in endpoints(app) if each.scopes == ()} <= OPEN_TO_ALL


def test_without_a_key_every_protected_address_is_401(app: Flask, world: World) -> None:
    client = app.test_client()
    for each in endpoints(app):
        if each.scopes:
            response = client.open(address(each), method=each.method)
            assert response.status_code == 401, f"{each.method} {each.rule}"


def test_a_key_opens_the_addresses_of_its_scope_and_no_others(app: Flask, caller: Make, world: World) -> None:
    user_id = world.rows("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.org') RETURNING id")[0].id
    for scope in Scope:
        key = caller(scope, user_id=user_id if scope is Scope.MEMBER else None).key
        client = app.test_client()
        for each in endpoints(app):
            response = client.open(address(each), method=each.method, headers={"X-API-Key": key})
            refused = (
                response.status_code == 403 and (response.get_json(silent=True) or {}).get("code") == "SCOPE_MISSING"
            )
            assert refused == (not each.admits(scope)), f"{each.method} {each.rule} with {scope}"
            assert response.status_code != 401, f"{each.method} {each.rule} with {scope}"
            assert response.status_code < 500 or response.status_code == 503, f"{each.method} {each.rule} with {scope}"
