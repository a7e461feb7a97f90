"""The permission matrix: every address that the application has, tried with no key and with a key of every scope.

What each is for is written in `matrix`, by hand: an address that somebody adds, or opens to others, fails until that
says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.admission.world import World
from tests.web.conftest import Caller
from tests.web.matrix import expected
from web.auth import needs
from web.permissions import Endpoint, endpoints
from zmq_bridge.storage.keys import Scope

Make = Callable[..., Caller]

SAMPLES = {"int": "1", "string": "x", "default": "x", "path": "x"}


def address(endpoint: Endpoint) -> str:
    """A rule with something in its placeholders."""
    return re.sub(
        r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda found: SAMPLES.get(found[1] or "default", "x"), endpoint.rule
    )  # fmt: skip


def told(app: Flask) -> dict[str, frozenset[str] | None]:
    """Each method and address of the application with the scopes that its view was marked with; None: with nothing."""
    return {
        f"{each.method} {each.rule}": None if each.scopes is None else frozenset(map(str, each.scopes))
        for each in endpoints(app)
    }


def test_every_address_is_for_whom_the_matrix_says(app: Flask) -> None:
    assert told(app) == expected()


@pytest.mark.own_app
def test_an_address_that_nobody_marked_or_listed_fails_the_matrix(app: Flask) -> None:
    app.add_url_rule("/api/forgotten", "forgotten", lambda: "all", methods=["POST"])
    app.add_url_rule("/api/unlisted", "unlisted", needs(Scope.READ)(lambda: "some"))
    found = told(app)
    assert found != expected()
    assert {name: found[name] for name in found.keys() - expected().keys()} == {
        "POST /api/forgotten": None, "GET /api/unlisted": frozenset({"read"})
    }  # fmt: skip


@pytest.mark.own_app
def test_a_view_without_a_mark_answers_nobody(app: Flask, caller: Make, world: World) -> None:
    app.add_url_rule("/api/forgotten", "forgotten", lambda: "all")
    for who in (caller(), caller("admin")):
        assert who.get("/api/forgotten").json["code"] == "NOT_OPENED"


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
