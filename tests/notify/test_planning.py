"""Who hears of what, and when: pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmq_bridge.notify.courier import cleaned
from zmq_bridge.notify.planning import after_quiet, digest_at, pause_after, plan
from zmq_bridge.storage.notifications.deliveries import News
from zmq_bridge.storage.notifications.destinations import Destination, QuietHours
from zmq_bridge.storage.notifications.events import Event, Severity
from zmq_bridge.storage.notifications.rules import Rule

NIGHT = QuietHours(begins=time(22), ends=time(7), zone="Europe/Berlin")
moments = st.integers(0, 3 * 365 * 86_400).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


def news(severity=Severity.INFO, event=Event.FILL, account_id=None):
    return News(
        id=1, event=event, severity=severity, title="t", body="", account_id=account_id, account=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def rule(destination_id=1, **changes):
    fields = {"event": "*", "severity_min": Severity.INFO, "account_id": None, "digest_minutes": 0}
    return Rule(id=1, account=None, destination_id=destination_id, destination="d", **(fields | changes))


def place(quiet=None, enabled=True):
    return Destination(id=1, name="d", sealed=b"", variable=None, enabled=enabled, quiet=quiet)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-15T20:59+00:00", "2026-01-15T20:59+00:00"),  # 21:59 in Berlin
        ("2026-01-15T21:00+00:00", "2026-01-16T06:00+00:00"),  # 22:00: over midnight, to 07:00 in winter
        ("2026-01-16T05:59+00:00", "2026-01-16T06:00+00:00"),
        ("2026-01-16T06:00+00:00", "2026-01-16T06:00+00:00"),
        ("2026-07-15T21:00+00:00", "2026-07-16T05:00+00:00"),  # summer
        ("2026-03-28T23:00+00:00", "2026-03-29T05:00+00:00"),  # the clock goes forward in that night
    ],
)
def test_quiet_hours_end_on_the_clock_of_their_zone(at, expected):
    assert after_quiet(datetime.fromisoformat(at), NIGHT) == datetime.fromisoformat(expected)


@given(moments, st.times(), st.times())
def test_nothing_waits_a_day_and_what_was_moved_is_out_of_the_quiet_hours(at, begins, ends):
    if begins == ends:
        return
    quiet = QuietHours(begins=begins.replace(tzinfo=None), ends=ends.replace(tzinfo=None), zone="UTC")
    after = after_quiet(at, quiet)
    assert at <= after < at + timedelta(days=1)
    assert after_quiet(after, quiet) == after


@given(moments, st.integers(1, 1440))
def test_a_digest_is_due_within_its_stretch(now, minutes):
    due = digest_at(now, minutes)
    assert now < due <= now + timedelta(minutes=minutes)


@given(
    moments, st.sampled_from(Severity), st.lists(st.tuples(st.integers(0, 60), st.sampled_from(Severity)), max_size=4)
)
def test_one_destination_gets_one_message_and_the_critical_at_once(now, severity, wanted):
    rules = [rule(digest_minutes=minutes, severity_min=least) for minutes, least in wanted]
    planned = plan(news(severity), rules, {1: place(NIGHT)}, now)
    fits = [least for _, least in wanted if severity.rank >= least.rank]
    assert len(planned) == bool(fits)
    if planned and severity is Severity.CRITICAL:
        assert (planned[0].due_at, planned[0].digest) == (now, False)


def test_a_rule_of_one_account_hears_of_no_other_and_of_nothing_general():
    rules = [rule(account_id=7)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    heard = [bool(plan(news(account_id=account), rules, {1: place()}, now)) for account in (7, 8, None)]
    assert heard == [True, False, False]


def test_a_disabled_destination_hears_nothing():
    assert plan(news(), [rule()], {1: place(enabled=False)}, datetime(2026, 1, 1, tzinfo=UTC)) == []


@given(st.integers(1, 100))
def test_pauses_never_shrink(attempts):
    assert pause_after(attempts) <= pause_after(attempts + 1) <= timedelta(hours=1)


@pytest.mark.parametrize("url", ["tgram://12345:AbCdEf_secret/99887766/", "json://u%40x:p%2Fw0rd@h:1/path?key=abcd99"])
def test_no_part_of_an_address_survives_cleaning(url):
    said = cleaned(f"failed for {url}: 12345:AbCdEf_secret p/w0rd p%2Fw0rd abcd99 99887766 path", url)
    for secret in ("AbCdEf_secret", "99887766", "p/w0rd", "p%2Fw0rd", "abcd99"):
        assert secret not in said or secret not in url
