"""The OpenAPI document against the application, by schemathesis: whatever it can think of, within a bounded time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from cryptography.fernet import Fernet
from flask import Flask
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.admission.world import World, order, position
from tests.web.conftest import Caller, Reply
from tests.web.described import Described, document_of
from tests.web.test_trading import deal
from zmq_bridge.settings import Settings

EXAMPLES = 4


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A web process that can seal credentials."""
    return replace(settings, credentials_keys=(Fernet.generate_key().decode(),), requests_per_minute=100_000)


@pytest.fixture
def schema(app: Flask) -> OpenApiSchema:
    """The document, as the application serves it."""
    found = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    refusals = found.config.checks.negative_data_rejection.expected_statuses
    found.config.checks.negative_data_rejection.expected_statuses = [*refusals, "413"]  # it makes lists beyond any size
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_every_address_keeps_to_its_document(
    schema: OpenApiSchema, caller: Callable[..., Caller], world: World, mode: GenerationMode
) -> None:
    """Requests that fit the document, and requests that do not: each answer must be one that the document has.

    Left out is only the check that whatever fits is accepted: that depends on the account, its limits and its book.
    """
    world.snapshot(positions=[position(7)], orders=[order(55)])
    deal(world, 1)
    deal(world, 2, type="sell", entry="out", profit="10")
    deal(world, 3, position=71)
    headers = {"X-API-Key": caller("admin").key or ""}
    failures: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        try:
            _try(operation, mode, headers, world)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  # every operation is tried, every failure told
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str], world: World) -> None:
    """Send some requests of a kind, as far as there are any of it."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @trying(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: Any) -> None:
        world.freshen()
        for key in world.client.scan_iter("rate:strangers:*"):
            world.client.delete(key)  # checks of schemathesis ask without a key, many times
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    with suppress(Unsatisfiable):  # nothing can be wrong about an address without parameters
        send()


def test_the_document_is_openapi_3_1_and_says_which_scopes_an_address_needs(app: Flask) -> None:
    document = Reply.of(app.test_client().get("/api/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    assert document["paths"]["/api/audit"]["get"]["security"][0] == {"apiKey": ["admin"]}
    assert document["paths"]["/health"]["get"]["security"] == []


def test_every_address_says_all_that_it_answers(app: Flask) -> None:
    """Also an address that somebody adds: what it answers is described, with all fields, and `app` compares them."""
    document = document_of(app)
    for path, item in document["paths"].items():
        for method, said in item.items():
            if method == "parameters" or path == "/metrics":
                continue
            good = [each for status, each in said["responses"].items() if status.startswith("2")]
            assert good, f"{method} {path}"
            for each in good:
                shape = document["components"]["schemas"][reference_of(each)]
                assert shape["properties"], f"{method} {path}"
                assert shape["additionalProperties"] is False, f"{method} {path}"


def reference_of(answer: Any) -> str:
    """The name of the schema of an answer."""
    return str(answer["content"]["application/json"]["schema"]["$ref"]).rsplit("/", 1)[1]


def test_an_answer_that_is_not_as_described_is_noticed(app: Flask) -> None:
    described = Described(app)
    with app.test_request_context("/api/risk/codes"):
        described.look(app.json.response({"codes": [{"by": "risk", "code": "X", "meaning": "y"}]}))
        assert described.wrong == []
        described.look(app.json.response({"codes": [{"by": "nobody", "code": "X"}], "more": 1}))
    assert len(described.wrong) == 3


def test_the_reference_shows_every_operation_without_any_script(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/api/docs").text
    document = Reply.of(client.get("/api/openapi.json")).json
    assert "<script" not in page
    assert "style=" not in page
    for path, item in document["paths"].items():
        assert page.count(f"<code>{path}</code>") >= sum(method in item for method in ("get", "post", "put", "delete"))
    assert "positions[].price_current" in page
    assert client.get("/api/docs/static/reference.css").status_code == 200
