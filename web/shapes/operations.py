"""Keys, sessions, the audit log, notifications."""

from __future__ import annotations

from web.shapes.kinds import Shape, anything, flag, many, moment, text, whole, word
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.notifications.events import Event, Severity
from zmq_bridge.storage.notifications.rules import ANY

SEVERITIES = tuple(Severity)
DELIVERY_STATES = ("pending", "sent", "failed")


class Rights(Shape):
    """What a key lets its holder do."""

    name = text()
    scopes = many(word(*Scope))
    accounts = many(whole("login"), none=True)
    symbols = many(text(), none=True)
    user_id = whole("the member whose key it is", none=True)
    expires_at = moment(none=True)


class SignedIn(Rights):
    """Who is signed in."""

    csrf_token = text("what every change must carry in X-CSRF-Token; null: no session", none=True)


class SignedOut(Shape):
    """The session is over."""

    status = word("signed out")


class Key(Rights):
    """A key, without its secret."""

    id = text()
    prefix = text("its public part")
    created_at = moment()
    last_used_at = moment("to the minute", none=True)
    revoked_at = moment(none=True)
    rotated_from = text("id of the key that it replaced", none=True)


class KeyMade(Key):
    """A key that was just made."""

    key = text("the key itself; shown here, and never again")


class Keys(Shape):
    """Every key, living or not."""

    keys = many(Key)


class AuditLine(Shape):
    """A change, or what the gate was asked for, with who did it."""

    id = text()
    at = moment()
    actor = text()
    action = text("as key.revoke, signal.deny")
    subject = text("as ticket:7")
    account = whole("login", none=True)
    before = anything("the state that was replaced")
    after = anything("the state from then on")


class Delivery(Shape):
    """What became of a notification on its way to one destination."""

    destination = text()
    status = word(*DELIVERY_STATES)
    attempts = whole()
    due_at = moment()
    sent_at = moment(none=True)
    last_error = text()


class Notification(Shape):
    """What people were told."""

    id = whole()
    event = word(*Event)
    severity = word(*SEVERITIES)
    title = text()
    body = text()
    account = whole("login", none=True)
    created_at = moment()
    deliveries = many(Delivery)


class EventKind(Shape):
    """What people can be told of."""

    event = word(*Event)
    severity = word(*SEVERITIES)
    meaning = text()


class EventKinds(Shape):
    """All that people can be told of."""

    events = many(EventKind)


class Destination(Shape):
    """A place that messages go to; never its address."""

    name = text()
    address = text("where the address is kept")
    enabled = flag()
    quiet_from = text("HH:MM on the clock of quiet_zone", none=True)
    quiet_to = text(none=True)
    quiet_zone = text(none=True)


class Destinations(Shape):
    """The places that messages can go to."""

    destinations = many(Destination)


class DestinationRemoved(Shape):
    """A destination is forgotten."""

    removed = text("its name")


class TestSent(Shape):
    """A test message is on its way."""

    notification = whole("id")
    destination = text()


class Deliveries(Shape):
    """What became of one notification."""

    notification = whole("id")
    deliveries = many(Delivery)


class Rule(Shape):
    """Who hears of what."""

    id = whole()
    event = word(ANY, *Event)
    severity_min = word(*SEVERITIES)
    account = whole("login; null: of all", none=True)
    destination = text()
    digest_minutes = whole("0: at once")


class Rules(Shape):
    """Who hears of what."""

    rules = many(Rule)


class RuleRemoved(Shape):
    """A rule has ended."""

    removed = whole("its id")
