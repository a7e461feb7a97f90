"""The sender against a real webhook and a real mail server: what arrives, what is tried again, what is never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from functools import partial

from tests.notify.conftest import SECRET_KEY
from tests.notify.receivers import MailServer, Webhook
from tests.support import free_port, wait_until
from zmq_bridge.notify.planning import ATTEMPTS_MAX
from zmq_bridge.notify.sender import LEASE, SWEEP_EVERY, Sender, SenderSettings
from zmq_bridge.storage.notifications.deliveries import SWEEP_MAX, overdue, send_test
from zmq_bridge.storage.notifications.destinations import QuietHours, add_destination, enable_destination
from zmq_bridge.storage.notifications.destinations import find_destination as find
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.rules import add_rule
from zmq_bridge.storage.notifications.tell import notify

SOON = timedelta(seconds=1)


def end(process: subprocess.Popen) -> None:
    """Leave nothing behind."""
    if process.poll() is None:
        process.kill()
        process.wait(60)


def now() -> datetime:
    return datetime.now(UTC) + SOON  # what was just told is due


def test_a_message_arrives_with_account_event_and_number(outbox, webhook, new_account):
    outbox.add("hook", webhook.url)
    told = outbox.tell(Event.RISK_LIMIT, "daily loss limit reached", body="equity 9400", account_id=new_account(77))
    assert outbox.sender.step(now()) == 1
    (message,) = webhook.received
    assert message["title"] == "zmq-bridge [77]: daily loss limit reached"
    assert message["message"].startswith("equity 9400")
    assert f"risk_limit #{told}" in message["message"]
    assert message["type"] == "failure"
    assert outbox.deliveries() == [("sent", 1, "")]
    assert outbox.sender.step(now()) == 0
    assert len(webhook.received) == 1


def test_a_mail_arrives(outbox):
    with MailServer() as server:
        outbox.add("mail", server.url)
        outbox.tell(Event.DEPOSIT, "1,000.00 USD came in", body="by wire")
        outbox.sender.step(now())
        assert outbox.deliveries() == [("sent", 1, "")]
        (mail,) = server.mails
        assert "1,000.00 USD came in" in mail["Subject"]
        assert mail["To"] == "ann@example.org"


def test_rules_decide_who_hears(outbox, new_account):
    one, other = new_account(1), new_account(2)
    with Webhook() as fills, Webhook() as critical, Webhook() as first:
        outbox.add("fills", fills.url, event="fill")
        outbox.add("critical", critical.url, severity_min="critical")
        outbox.add("first", first.url, account_id=one)
        outbox.tell(Event.FILL, "a", account_id=one)
        outbox.tell(Event.RISK_LIMIT, "b", account_id=other)
        outbox.tell(Event.API_ERROR, "c")
        outbox.sender.step(now())
        titles = [[message["title"][-1] for message in each.received] for each in (fills, critical, first)]
        assert titles == [["a"], ["b"], ["a"]]


def test_what_is_told_twice_with_one_key_is_sent_once(outbox, webhook):
    outbox.add("hook", webhook.url)
    assert outbox.tell(dedupe_key="deal:7") is not None
    assert outbox.tell(dedupe_key="deal:7") is None
    outbox.sender.step(now())
    assert len(webhook.received) == 1


def test_what_is_rolled_back_is_not_told(outbox, webhook, engine):
    outbox.add("hook", webhook.url)
    with engine.connect() as connection:
        assert notify(connection, Event.FILL, title="never happened") is not None
        connection.rollback()
    assert outbox.sender.step(now()) == 0
    assert webhook.received == []


def test_any_text_can_be_told_and_never_undoes_what_it_tells_of(outbox):
    assert outbox.tell(title="a\x00b\nc\ud800" * 300, body="\x00" * 9000, dedupe_key="\x00" * 500) is not None
    (row,) = outbox.rows("SELECT title, body FROM notifications")
    assert len(row.title) == 200
    assert "\n" not in row.title
    assert len(row.body) == 4000


def test_while_a_destination_is_down_the_pauses_grow_and_then_it_arrives(outbox):
    webhook = Webhook(free_port())
    outbox.add("hook", webhook.url)
    outbox.tell(Event.FILL, "patience")
    at = now()
    for seconds in (5, 15, 60, 300):
        began = datetime.now(UTC)
        assert outbox.sender.step(at) == 1
        (due_at,) = outbox.rows("SELECT due_at FROM notification_deliveries")[0]
        assert began <= due_at - timedelta(seconds=seconds) <= datetime.now(UTC)
        assert outbox.sender.step(due_at - timedelta(milliseconds=1)) == 0  # not before its time
        at = due_at
    ((status, attempts, error),) = outbox.deliveries()
    assert (status, attempts) == ("pending", 4)
    assert error
    with webhook:
        outbox.sender.step(at)
    assert [message["title"] for message in webhook.received] == ["zmq-bridge: patience"]
    assert outbox.deliveries() == [("sent", 5, "")]


def test_a_destination_that_never_works_is_given_up_and_says_why(outbox, webhook):
    outbox.add("hook", webhook.url)
    outbox.tell()
    webhook.answers = [500] * 2
    outbox.sender.step(now())
    outbox.rows("UPDATE notification_deliveries SET attempts = %s, due_at = now() RETURNING 1", ATTEMPTS_MAX - 1)
    outbox.sender.step(now())
    ((status, attempts, error),) = outbox.deliveries()
    assert (status, attempts) == ("failed", ATTEMPTS_MAX)
    assert "500" in error
    assert outbox.sender.step(now() + timedelta(days=1)) == 0


def test_one_destination_that_fails_keeps_no_other_from_its_messages(outbox, webhook):
    outbox.add("broken", f"json://127.0.0.1:{free_port()}/x")
    outbox.add("hook", webhook.url)
    for title in "abc":
        outbox.tell(title=title)
    outbox.sender.step(now())
    assert [message["title"][-1] for message in webhook.received] == ["a", "b", "c"]
    assert sorted(status for status, _, _ in outbox.deliveries()) == ["pending"] * 3 + ["sent"] * 3


def test_no_error_and_no_row_holds_an_address(outbox, webhook, caplog):
    outbox.add("hook", webhook.url)
    outbox.add("down", f"jsons://user:pa55word-7c1f@127.0.0.1:{free_port()}/token-4711-secret")
    webhook.answers = [403]
    outbox.tell()
    with caplog.at_level("DEBUG"):
        outbox.sender.step(now())
    everything = str(
        outbox.rows("SELECT d, x, a FROM notification_deliveries d, notification_destinations x, audit_log a")
    )
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("zmq_bridge"))
    for secret in ("pa55word-7c1f", "token-4711-secret"):
        assert secret not in everything
        assert secret not in ours


def test_another_secret_key_opens_nothing_and_says_so(outbox, webhook, engine, sender_settings):
    outbox.add("hook", webhook.url)
    outbox.tell()
    settings = SenderSettings(database_url=sender_settings.database_url, secret_key="o" * 40, variables={})
    Sender(engine, settings).step(now())
    assert "ZMQ_BRIDGE_SECRET_KEY" in outbox.deliveries()[0][2]
    assert webhook.received == []


def test_an_address_may_be_in_the_environment(outbox, webhook, engine, sender_settings):
    with engine.begin() as connection:
        add_destination(connection, "env", variable="NOTIFY_URL_HOOK", actor="ann")
        add_rule(connection, destination="env", actor="ann")
    outbox.tell()
    outbox.sender.step(now())
    assert "NOTIFY_URL_HOOK" in outbox.deliveries()[0][2]
    variables = {"NOTIFY_URL_HOOK": webhook.url}
    settings = SenderSettings(database_url=sender_settings.database_url, secret_key=SECRET_KEY, variables=variables)
    Sender(engine, settings).step(now() + timedelta(minutes=1))
    assert len(webhook.received) == 1


def test_quiet_hours_hold_back_all_but_the_critical_and_end_in_one_message(outbox, webhook):
    clock = now()
    quiet = QuietHours(begins=(clock - timedelta(hours=1)).time(), ends=(clock + timedelta(hours=1)).time(), zone="UTC")
    outbox.add("phone", webhook.url, quiet=quiet)
    for title in ("one", "two"):
        outbox.tell(Event.FILL, title)
    outbox.tell(Event.KILL_SWITCH, "now")
    outbox.sender.step(clock)
    assert [message["title"] for message in webhook.received] == ["zmq-bridge: now"]
    outbox.sender.step(clock + timedelta(hours=1, seconds=1))
    late = webhook.received[1]
    assert late["title"] == "zmq-bridge: 2 messages"
    assert "one" in late["message"]
    assert "two" in late["message"]


def test_a_digest_gathers(outbox, webhook):
    outbox.add("digest", webhook.url, digest_minutes=60)
    clock = now()
    for title in "abc":
        outbox.tell(Event.FILL, title)
    assert outbox.sender.step(clock) == 0
    assert outbox.sender.step(clock + timedelta(hours=1)) == 3
    (message,) = webhook.received
    assert message["title"] == "zmq-bridge: 3 messages"
    assert [status for status, _, _ in outbox.deliveries()] == ["sent"] * 3


def test_old_news_goes_with_its_deliveries_and_young_news_stays(outbox, webhook):
    outbox.add("hook", webhook.url)
    outbox.add("off", webhook.url)
    outbox.rows("UPDATE notification_destinations SET enabled = false WHERE name = 'off' RETURNING 1")
    old, unrouted, young = (outbox.tell(title=title) for title in ("old", "unrouted", "young"))
    outbox.sender.step(now())
    outbox.rows("UPDATE notifications SET created_at = %s WHERE id < %s RETURNING 1", now() - timedelta(days=91), young)
    outbox.rows("UPDATE notifications SET routed_at = NULL WHERE id = %s RETURNING 1", unrouted)
    assert outbox.sender.tidy(now()) == 1
    assert [row.id for row in outbox.rows("SELECT id FROM notifications ORDER BY id")] == [unrouted, young]
    kept = {row.notification_id for row in outbox.rows("SELECT notification_id FROM notification_deliveries")}
    assert kept == {unrouted, young}
    assert old not in kept


def test_of_very_much_old_news_all_goes_and_it_is_looked_for_once_an_hour(outbox):
    outbox.rows(
        "INSERT INTO notifications (event, severity, title, created_at, routed_at) "
        "SELECT 'fill', 'info', 't', %s, now() FROM generate_series(1, %s) RETURNING 1",
        now() - timedelta(days=100), 2 * SWEEP_MAX + 5,
    )  # fmt: skip
    assert outbox.sender.tidy(now()) == 2 * SWEEP_MAX + 5
    outbox.tell()
    outbox.rows("UPDATE notifications SET created_at = %s, routed_at = now() RETURNING 1", now() - timedelta(days=100))
    assert outbox.sender.tidy(now()) == 0
    assert outbox.sender.tidy(now() + SWEEP_EVERY) == 1


def test_a_disabled_destination_waits(outbox, webhook, engine):
    outbox.add("hook", webhook.url)
    outbox.tell()
    with engine.begin() as connection:
        enable_destination(connection, "hook", enabled=False, actor="ann")
    assert outbox.sender.step(now()) == 0
    with engine.begin() as connection:
        enable_destination(connection, "hook", enabled=True, actor="ann")
    outbox.tell(title="later")
    outbox.sender.step(now())
    assert [message["title"] for message in webhook.received] == ["zmq-bridge: later"]


def test_a_test_message_goes_past_rules_and_quiet_hours(outbox, webhook, engine):
    outbox.add(
        "hook", webhook.url, event="kill_switch", quiet=QuietHours(begins=time(0), ends=time(23, 59), zone="UTC")
    )
    with engine.begin() as connection:
        send_test(connection, find(connection, "hook"), actor="ann")
    outbox.sender.step(now())
    assert webhook.received[0]["title"] == "zmq-bridge: Test message"


def test_the_command_line_tries_a_destination_and_says_what_came_of_it(outbox, webhook, database):
    outbox.add("hook", webhook.url, event="kill_switch")
    env = os.environ | {
        "DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": SECRET_KEY, "REDIS_URL": "redis://127.0.0.1:1/0",
    }  # fmt: skip
    argv = [sys.executable, "-m", "zmq_bridge.cli", "notifications", "test", "hook"]
    for answer, code, words in ((200, 0, "hook took it"), (403, 1, "did not take it")):
        webhook.answers = [answer]
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            wait_until(partial(step, outbox))
            told, _ = process.communicate(timeout=90)
        finally:
            end(process)
        assert process.returncode == code, told
        assert words in told
        assert "pa55word" not in told


def step(outbox) -> bool:
    """One step of the sender; whether it had something to do."""
    return bool(outbox.sender.step(now()))


def test_two_senders_send_each_message_once(outbox, webhook, engine, sender_settings):
    from concurrent.futures import ThreadPoolExecutor

    outbox.add("hook", webhook.url)
    for number in range(30):
        outbox.tell(title=f"n{number}")
    other = Sender(engine, sender_settings)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            list(pool.map(lambda sender: sender.step(now()), (outbox.sender, other)))
    assert sorted(message["title"] for message in webhook.received) == sorted(f"zmq-bridge: n{n}" for n in range(30))


def test_a_sender_killed_between_sending_and_noting_sends_again(outbox, webhook, database):
    """At least once: the webhook has it, nobody noted it, so it comes again, with the same number."""
    outbox.add("hook", webhook.url)
    told = outbox.tell(Event.EXECUTION_FAILED, "order rejected")
    webhook.hold.clear()
    env = os.environ | {
        "DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": SECRET_KEY, "REDIS_URL": "redis://127.0.0.1:1/0",
    }  # fmt: skip
    argv = [sys.executable, "-m", "zmq_bridge.cli", "notify"]
    process = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
    try:
        wait_until(webhook.began.is_set)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    finally:
        webhook.hold.set()
        end(process)
    assert outbox.deliveries() == [("pending", 1, "")]
    assert outbox.sender.step(now()) == 0  # still in the dead one's hands
    assert outbox.sender.step(now() + LEASE) == 1
    first, second = webhook.received
    assert f"#{told}" in first["message"]
    assert first["message"] == second["message"]
    assert outbox.deliveries() == [("sent", 2, "")]


def test_the_process_sends_as_soon_as_it_is_told_and_ends_when_asked(outbox, webhook, database):
    outbox.add("hook", webhook.url)
    env = os.environ | {
        "DATABASE_URL": database, "ZMQ_BRIDGE_SECRET_KEY": SECRET_KEY, "REDIS_URL": "redis://127.0.0.1:1/0",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "zmq_bridge.cli", "notify"], env=env, stderr=subprocess.PIPE)
    try:
        outbox.tell(title="first")
        wait_until(lambda: len(webhook.received) == 1)
        outbox.tell(title="second")
        wait_until(lambda: len(webhook.received) == 2)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        end(process)
        process.stderr.close()
    wait_until(lambda: [status for status, _, _ in outbox.deliveries()] == ["sent", "sent"])


def test_what_nobody_sends_is_overdue_and_what_waits_for_its_time_is_not(outbox, webhook, engine):
    outbox.add("hook", webhook.url)
    outbox.tell()
    with engine.begin() as connection:
        assert overdue(connection, timedelta(minutes=3)) == 0
        connection.exec_driver_sql("UPDATE notifications SET created_at = now() - interval '4 minutes'")
        assert overdue(connection, timedelta(minutes=3)) == 1
    outbox.sender.step(now())
    with engine.begin() as connection:
        assert overdue(connection, timedelta(minutes=3)) == 0
