"""Who hears of a piece of news, and when. Pure: rules, destinations and the time in, deliveries out.

Several rules that fit and name the same destination make one message, the soonest. Critical news goes at once:
quiet hours and digests are for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from zmq_bridge.storage.notifications.deliveries import News
from zmq_bridge.storage.notifications.destinations import Destination, QuietHours
from zmq_bridge.storage.notifications.events import Severity
from zmq_bridge.storage.notifications.rules import ANY, Rule

BACKOFF_S = (5, 15, 60, 300, 900, 1_800, 3_600)
"""Pauses after each failed try; the last one again and again."""
ATTEMPTS_MAX = 20
"""Then it is given up: after some thirteen hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One message to be queued."""

    destination_id: int
    due_at: datetime
    digest: bool


def plan(news: News, rules: Iterable[Rule], destinations: Mapping[int, Destination], now: datetime) -> list[Planned]:
    """The messages that a piece of news becomes, one a destination at most."""
    soonest: dict[int, Planned] = {}
    for rule in rules:
        destination = destinations.get(rule.destination_id)
        if destination is None or not destination.enabled or not fits(rule, news):
            continue
        planned = _planned(news, rule, destination, now)
        before = soonest.get(destination.id)
        if before is None or planned.due_at < before.due_at:
            soonest[destination.id] = planned
    return list(soonest.values())


def fits(rule: Rule, news: News) -> bool:
    """Whether a rule is about a piece of news."""
    return (
        rule.event in (ANY, news.event)
        and news.severity.rank >= rule.severity_min.rank
        and rule.account_id in (None, news.account_id)
    )


def _planned(news: News, rule: Rule, destination: Destination, now: datetime) -> Planned:
    if news.severity is Severity.CRITICAL:
        return Planned(destination_id=destination.id, due_at=now, digest=False)
    due_at = digest_at(now, rule.digest_minutes) if rule.digest_minutes else now
    after = after_quiet(due_at, destination.quiet)
    # What waited through quiet hours arrives as one message, not as a salvo at seven in the morning.
    return Planned(destination_id=destination.id, due_at=after, digest=rule.digest_minutes > 0 or after != due_at)


def digest_at(now: datetime, minutes: int) -> datetime:
    """The end of the current stretch of so many minutes, counted from midnight UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    stretch = timedelta(minutes=minutes)
    return midnight + stretch * ((now - midnight) // stretch + 1)


def after_quiet(at: datetime, quiet: QuietHours | None) -> datetime:
    """The moment itself, or the end of the quiet hours that it falls into."""
    if quiet is None:
        return at
    local = at.astimezone(ZoneInfo(quiet.zone))
    clock = local.time()
    over_midnight = quiet.begins > quiet.ends
    is_quiet = clock >= quiet.begins or clock < quiet.ends if over_midnight else quiet.begins <= clock < quiet.ends
    if not is_quiet:
        return at
    day = local.date() + timedelta(days=1 if over_midnight and clock >= quiet.begins else 0)
    end = datetime.combine(day, quiet.ends, tzinfo=local.tzinfo)
    return max(at, end.astimezone(at.tzinfo))


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(seconds=BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1])


def is_given_up(attempts: int) -> bool:
    """Whether there is no other try."""
    return attempts >= ATTEMPTS_MAX
