"""Who hears of what: a rule names an event (or all), how much it must matter, and where the message goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.audit import record
from zmq_bridge.storage.notifications.events import Event, Severity

ANY = "*"
DIGEST_MINUTES_MAX = 1_440
RULES_MAX = 500

INSERT = """
INSERT INTO notification_rules (event, severity_min, account_id, destination_id, digest_minutes)
SELECT %(event)s, %(severity_min)s, %(account)s, id, %(digest_minutes)s
FROM notification_destinations WHERE name = %(destination)s AND (SELECT count(*) FROM notification_rules) < %(max)s
RETURNING id
"""
LIST = """
SELECT r.id, r.event, r.severity_min, r.account_id, a.login AS account, r.destination_id, d.name AS destination,
       r.digest_minutes
FROM notification_rules r
JOIN notification_destinations d ON d.id = r.destination_id
LEFT JOIN accounts a ON a.id = r.account_id
ORDER BY r.id
"""


class RuleError(ValueError):
    """A rule can't be as asked; says what was expected and what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Of several that fit and name the same destination, the one that is soonest counts."""

    id: int
    event: str  # of `Event`, or * for all
    severity_min: Severity
    account_id: int | None  # None: of every account, and of none
    account: int | None  # its login
    destination_id: int
    destination: str  # its name
    digest_minutes: int  # 0: at once; else gathered, and sent at most so often


def add_rule(
    connection: Connection,
    *,
    destination: str,
    event: str = ANY,
    severity_min: str = Severity.INFO,
    account_id: int | None = None,
    digest_minutes: int = 0,
    actor: str,
) -> Rule:
    """Let a destination hear of an event from now on.

    Raises:
        RuleError: an unknown event, severity or destination, a digest out of range, or too many rules.
    """
    if event != ANY and event not in set(Event):
        raise RuleError(f"Expected {ANY} or one of {', '.join(Event)}; found {event!r}.")
    if severity_min not in set(Severity):
        raise RuleError(f"Expected one of {', '.join(Severity)}; found {severity_min!r}.")
    if not 0 <= digest_minutes <= DIGEST_MINUTES_MAX:
        raise RuleError(f"Expected a digest every 0 to {DIGEST_MINUTES_MAX} minutes; found {digest_minutes}.")
    values = {
        "event": event, "severity_min": str(severity_min), "account": account_id, "destination": destination,
        "digest_minutes": digest_minutes, "max": RULES_MAX,
    }  # fmt: skip
    rule_id = connection.exec_driver_sql(INSERT, values).scalar_one_or_none()
    if rule_id is None:
        raise RuleError(f"Expected a destination that exists and fewer than {RULES_MAX} rules; found {destination!r}.")
    made = next(rule for rule in list_rules(connection) if rule.id == rule_id)
    record(connection, actor=actor, action="notification_rule.add", subject=f"notification_rule:{rule_id}",
           account_id=account_id, after=public(made))  # fmt: skip
    return made


def remove_rule(connection: Connection, rule_id: int, *, actor: str) -> bool:
    """End a rule. False: there is no such rule."""
    before = next((rule for rule in list_rules(connection) if rule.id == rule_id), None)
    if before is None:
        return False
    connection.exec_driver_sql("DELETE FROM notification_rules WHERE id = %s", (rule_id,))
    record(connection, actor=actor, action="notification_rule.remove", subject=f"notification_rule:{rule_id}",
           account_id=before.account_id, before=public(before))  # fmt: skip
    return True


def list_rules(connection: Connection) -> list[Rule]:
    """Every rule, oldest first."""
    return [_rule(row) for row in connection.exec_driver_sql(LIST)]


def public(rule: Rule) -> dict[str, Any]:
    """A rule as people see it."""
    names = ("id", "event", "severity_min", "account", "destination", "digest_minutes")
    return {name: getattr(rule, name) for name in names}


def _rule(row: Row[Any]) -> Rule:
    return Rule(**{**row._mapping, "severity_min": Severity(row.severity_min)})
