"""What people are told: the news and what became of it, where it goes, who hears of what, and whether it arrives."""

from __future__ import annotations

from datetime import time
from typing import Any

from flask import Response, current_app

from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.notification_bodies import DestinationBody, EnabledBody, NotificationQuery, RuleBody
from web.api.schemas import ErrorAnswer
from web.auth import actor, current_key, needs
from web.blueprint import Blueprint
from web.errors import ApiError, Forbidden, NotFound
from web.paging import page, to_filter
from web.parts import parts
from web.shapes.operations import (
    Deliveries,
    Destination,
    DestinationRemoved,
    Destinations,
    EventKinds,
    Notification,
    Rule,
    RuleRemoved,
    Rules,
    TestSent,
)
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.notifications import deliveries, destinations, rules
from zmq_bridge.storage.notifications.destinations import DestinationError, QuietHours
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.rules import RuleError
from zmq_bridge.storage.notifications.sealing import Seal

blueprint = Blueprint(
    "notifications", __name__, url_prefix="/api/notifications", description="What people are told, and how"
)


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives_page("notifications", Notification)
@blueprint.arguments(NotificationQuery, location="query")
def listing(query: dict[str, Any]) -> Response:
    """List notifications, newest first, each with where it was sent and what became of it.

    They are sentences about any symbol, so a key that is for some symbols is refused.
    """
    if current_key().symbols is not None:
        raise Forbidden("SYMBOL_NOT_ALLOWED", "Expected a key for all symbols; found one for some.")
    with parts().engine.connect() as connection:
        found = deliveries.list_notifications(connection, to_filter(connection, {"symbol": None, **query}, int))
    return answer(page("notifications", found, query["limit"], "id"))


@blueprint.get("/events")
@needs(Scope.READ, Scope.TRADE)
@gives(EventKinds)
def events() -> Response:
    """What people can be told of."""
    every = [{"event": event, "severity": event.severity, "meaning": event.meaning} for event in Event]
    return answer({"events": every})


@blueprint.get("/destinations")
@needs(Scope.ADMIN)
@gives(Destinations)
def list_destinations() -> Response:
    """Where messages can go; never an address."""
    with parts().engine.connect() as connection:
        found = destinations.list_destinations(connection)
    return answer({"destinations": [destinations.public(each) for each in found]})


@blueprint.post("/destinations")
@needs(Scope.ADMIN)
@gives(Destination, 201)
@blueprint.arguments(DestinationBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
def add_destination(body: dict[str, Any]) -> Response:
    """Add a place that messages can go to. Rules say which do; a test message says whether they arrive."""
    _for_all_accounts()
    sealed = None if body["url"] is None else Seal(str(current_app.config["SECRET_KEY"])).seal(body["url"])
    try:
        with parts().engine.begin() as connection:
            made = destinations.add_destination(
                connection, body["name"], sealed=sealed, variable=body["variable"], quiet=_quiet(body), actor=actor()
            )
    except DestinationError as error:
        raise ApiError("INVALID_FIELD", str(error)) from None
    return answer(destinations.public(made), 201)


@blueprint.patch("/destinations/<string:name>")
@needs(Scope.ADMIN)
@gives(Destination)
@blueprint.arguments(EnabledBody)
@blueprint.alt_response(404, schema=ErrorAnswer)
def enable_destination(body: dict[str, Any], name: str) -> Response:
    """Let a destination get messages, or none for now; what waits for it waits on."""
    _for_all_accounts()
    with parts().engine.begin() as connection:
        found = destinations.enable_destination(connection, name, enabled=body["enabled"], actor=actor())
    if found is None:
        raise _unknown(name)
    return answer(destinations.public(found))


@blueprint.delete("/destinations/<string:name>")
@needs(Scope.ADMIN)
@gives(DestinationRemoved)
@blueprint.alt_response(404, schema=ErrorAnswer)
def remove_destination(name: str) -> Response:
    """Forget a destination, its rules, and what waits for it."""
    _for_all_accounts()
    with parts().engine.begin() as connection:
        if not destinations.remove_destination(connection, name, actor=actor()):
            raise _unknown(name)
    return answer({"removed": name})


@blueprint.post("/destinations/<string:name>/test")
@needs(Scope.ADMIN)
@gives(TestSent, 202)
@blueprint.alt_response(404, schema=ErrorAnswer)
def test_destination(name: str) -> Response:
    """Send a test message, past rules and quiet hours. 202: it is on its way; its deliveries say what became of it."""
    _for_all_accounts()
    with parts().engine.begin() as connection:
        place = destinations.find_destination(connection, name)
        if place is None:
            raise _unknown(name)
        sent = deliveries.send_test(connection, place, actor=actor())
    return answer({"notification": sent, "destination": name}, 202)


@blueprint.get("/<int:notification_id>/deliveries")
@needs(Scope.ADMIN)
@gives(Deliveries)
def deliveries_of(notification_id: int) -> Response:
    """What became of one notification: a line a destination."""
    with parts().engine.connect() as connection:
        found = deliveries.deliveries_of(connection, min(notification_id, 2**63 - 1))
    return answer({"notification": notification_id, "deliveries": found})


@blueprint.get("/rules")
@needs(Scope.ADMIN)
@gives(Rules)
def list_rules() -> Response:
    """Who hears of what."""
    with parts().engine.connect() as connection:
        found = rules.list_rules(connection)
    return answer({"rules": [rules.public(rule) for rule in found]})


@blueprint.post("/rules")
@needs(Scope.ADMIN)
@gives(Rule, 201)
@blueprint.arguments(RuleBody)
@blueprint.alt_response(400, schema=ErrorAnswer)
def add_rule(body: dict[str, Any]) -> Response:
    """Let a destination hear of an event from now on."""
    _for_all_accounts()
    try:
        with parts().engine.begin() as connection:
            account = None if body["account"] is None else chosen_account(connection, body["account"])
            made = rules.add_rule(
                connection, destination=body["destination"], event=body["event"], severity_min=body["severity_min"],
                account_id=account.id if account else None, digest_minutes=body["digest_minutes"], actor=actor(),
            )  # fmt: skip
    except RuleError as error:
        raise ApiError("INVALID_FIELD", str(error)) from None
    return answer(rules.public(made), 201)


@blueprint.delete("/rules/<int:rule_id>")
@needs(Scope.ADMIN)
@gives(RuleRemoved)
@blueprint.alt_response(404, schema=ErrorAnswer)
def remove_rule(rule_id: int) -> Response:
    """End a rule."""
    _for_all_accounts()
    with parts().engine.begin() as connection:
        if not rules.remove_rule(connection, rule_id, actor=actor()):
            raise NotFound("RULE_UNKNOWN", f"There is no rule {rule_id}.")
    return answer({"removed": rule_id})


def _for_all_accounts() -> None:
    """Refuse a key that is for some accounts: where messages go concerns all of them."""
    if current_key().accounts is not None:
        raise Forbidden("ACCOUNT_NOT_ALLOWED", "Expected a key for all accounts; found one for some.")


def _quiet(body: dict[str, Any]) -> QuietHours | None:
    begins, ends = body["quiet_from"], body["quiet_to"]
    if (begins is None) != (ends is None):
        raise ApiError("INVALID_FIELD", "Expected quiet_from and quiet_to together; found one.", field="quiet_from")
    if begins is None:
        return None
    return QuietHours(begins=time.fromisoformat(begins), ends=time.fromisoformat(ends), zone=body["quiet_zone"])


def _unknown(name: str) -> NotFound:
    return NotFound("DESTINATION_UNKNOWN", f"There is no destination {name!r}.")
