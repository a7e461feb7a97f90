"""What the addresses of notifications take."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate

from web.paging import PageQuery
from zmq_bridge.admission.numbers import WholeNumber
from zmq_bridge.admission.schema import BIGINT_MAX, AwareTime, text
from zmq_bridge.storage.notifications.destinations import NAME, URL, URL_CHARS_MAX, VARIABLE
from zmq_bridge.storage.notifications.events import Event, Severity
from zmq_bridge.storage.notifications.rules import ANY, DIGEST_MINUTES_MAX

CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
ZONE_CHARS_MAX = 64


class NotificationQuery(PageQuery):
    """A page of notifications, newest first."""

    account = fields.Integer(load_default=None, validate=validate.Range(min=1, max=BIGINT_MAX))
    status = fields.String(load_default=None, data_key="event", validate=validate.OneOf(list(Event)))
    from_at = AwareTime(load_default=None, data_key="from")
    to_at = AwareTime(load_default=None, data_key="to")


class DestinationBody(Schema):
    """A place that messages can go to: an address, or the variable of the sender's environment that holds it."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    name = fields.String(required=True, validate=validate.Regexp(NAME))
    url = fields.String(
        load_default=None,
        load_only=True,
        validate=[validate.Length(max=URL_CHARS_MAX), validate.Regexp(URL, error="Expected an apprise URL.")],
        metadata={"description": "an apprise URL; stored sealed, never returned"},
    )
    variable = fields.String(load_default=None, validate=validate.Regexp(VARIABLE))
    quiet_from = fields.String(load_default=None, validate=validate.Regexp(CLOCK + r"\Z"))
    quiet_to = fields.String(load_default=None, validate=validate.Regexp(CLOCK + r"\Z"))
    quiet_zone = text(ZONE_CHARS_MAX, load_default="UTC")


class EnabledBody(Schema):
    """Whether a destination gets messages."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    enabled = fields.Boolean(required=True, truthy={True}, falsy={False})


class RuleBody(Schema):
    """Who hears of what."""

    class Meta:
        """An unknown field is an error."""

        unknown = RAISE

    destination = fields.String(required=True, validate=validate.Regexp(NAME))
    event = fields.String(load_default=ANY, validate=validate.OneOf([ANY, *Event]))
    severity_min = fields.String(load_default=Severity.INFO.value, validate=validate.OneOf(list(Severity)))
    account = WholeNumber(at_least=1, at_most=BIGINT_MAX, load_default=None)
    digest_minutes = WholeNumber(at_least=0, at_most=DIGEST_MINUTES_MAX, load_default=0)
