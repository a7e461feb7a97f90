"""What the desk's books tell people: fills, money, failures, terminals; and what they don't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from zmq_bridge.storage.commands.outbox import doubt_sent, expire_queued
from zmq_bridge.storage.notifications import words
from zmq_bridge.storage.notifications.trading import tell_deal, tell_result, tell_terminal
from zmq_bridge.storage.trading.terminals import Speaker, mark_terminal, upsert_terminal

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DEAL = {
    "ticket": 1, "order": 2, "position": 3, "symbol": "EURUSD", "type": "buy", "entry": "in", "volume": Decimal("0.10"),
    "price": Decimal("1.0850"), "profit": Decimal("0"), "commission": Decimal("-0.70"), "swap": Decimal("0"),
    "fee": Decimal("0"), "time_msc": int(NOW.timestamp() * 1000), "comment": "", "reason": "expert",
}  # fmt: skip


@pytest.fixture
def account_id(new_account):
    return new_account(77)


def told(outbox):
    return [(row.event, row.severity, row.title) for row in outbox.rows("SELECT * FROM notifications ORDER BY id")]


@pytest.mark.parametrize(
    ("changes", "command_id", "event", "words"),
    [
        ({}, "C1", "fill", "Bought 0.10 EURUSD at 1.0850 (opened)"),
        ({"type": "sell", "entry": "out", "profit": Decimal("-12.5"), "reason": "sl"}, None, "fill", "), loss 12.50"),
        ({"type": "balance", "symbol": "", "profit": Decimal("1000.00")}, None, "deposit", "1000.00 USD came in"),
        ({"type": "balance", "symbol": "", "profit": Decimal("-20.00")}, None, "withdrawal", "20.00 USD went out"),
        ({}, None, "unusual_activity", "Nobody here asked for it"),
        ({"entry": "out", "reason": "mobile"}, None, "unusual_activity", "Nobody here asked for it"),
        ({"entry": "out", "reason": "so"}, None, "unusual_activity", "Stop-out"),
        ({"type": "credit", "profit": Decimal("5")}, None, "unusual_activity", "credit"),
    ],
)
def test_a_deal_is_told_for_what_it_is_and_once(outbox, engine, account_id, changes, command_id, event, words):
    for _ in range(2):
        with engine.begin() as connection:
            tell_deal(connection, account_id, DEAL | changes, command_id=command_id, now=NOW)
    ((kind, _, title),) = told(outbox)
    assert kind == event
    assert words in title


def test_deals_of_a_history_are_no_news(outbox, engine, account_id):
    with engine.begin() as connection:
        tell_deal(connection, account_id, DEAL, command_id=None, now=NOW + timedelta(days=1, seconds=1))
    assert told(outbox) == []


def test_a_deal_that_no_words_fit_is_told_all_the_same(outbox, engine, account_id):
    with engine.begin() as connection:
        tell_deal(connection, account_id, DEAL | {"volume": None}, command_id="C", now=NOW)
    assert told(outbox)[0][2] == "Deal 1 was booked"


def test_a_failed_order_is_told_in_words_with_its_code(outbox, engine, account_id):
    command = (
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at) "
        "VALUES (%s, %s, 'place_order', '{}', 'sent', now())"
    )
    result = {"command_id": "A" * 26, "status": "rejected", "retcode": 10019, "retcode_name": "NO_MONEY", "message": ""}
    with engine.begin() as connection:
        connection.exec_driver_sql(command, ("A" * 26, account_id))
        tell_result(connection, account_id, result)
    assert told(outbox)[0][2] == "The order was rejected: there is not enough money (NO_MONEY)"


@pytest.mark.parametrize(
    ("amount", "digits", "shown"),
    [
        ("10000.00000000", 2, "10000.00"), ("1500", 0, "1500"), ("0.00012", 5, "0.00012"), ("12.5", None, "12.50"),
        ("12.345", 2, "12.345"), ("1E+3", 2, "1000.00"), ("-0.5", 2, "-0.50"),
    ],
)  # fmt: skip
def test_money_has_the_digits_of_its_currency_and_nothing_is_rounded_away(amount, digits, shown):
    assert words.amount(Decimal(amount), digits) == shown


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("rejected", "execution_failed"),
        ("expired", "execution_failed"),
        ("unknown", "execution_unknown"),
        ("done", None),
    ],
)
def test_a_result_is_told_when_nothing_or_nobody_knows_what_was_done(outbox, engine, account_id, status, event):
    result = {"command_id": "C1", "status": status, "retcode": 10019, "retcode_name": "NO_MONEY", "message": ""}
    with engine.begin() as connection:
        tell_result(connection, account_id, result)
    assert [kind for kind, _, _ in told(outbox)] == ([event] if event else [])


def test_a_terminal_that_comes_and_goes_is_told_once_a_minute(outbox, engine, account_id):
    for second in (0, 20, 40, 61):
        with engine.begin() as connection:
            tell_terminal(
                connection, account_id, "both", 1, state="disconnected", last_seen_at=NOW + timedelta(seconds=second)
            )
    assert len(told(outbox)) == 2


def test_the_books_tell_of_the_terminal_that_they_mark_and_of_no_older_one(outbox, engine, account_id):
    speaker = Speaker(role="both", session=5, program="p", version="1", build=1, server_offset_s=0, clock_skew_ms=0)
    with engine.begin() as connection:
        upsert_terminal(connection, account_id, speaker)
        mark_terminal(connection, account_id, "both", 4, state="disconnected", last_seen_at=NOW)
        mark_terminal(connection, account_id, "both", 5, state="disconnected", last_seen_at=NOW)
    assert [kind for kind, _, _ in told(outbox)] == ["terminal_disconnected"]


def test_commands_that_nobody_took_or_answered_are_told(outbox, engine, account_id):
    command = (
        "INSERT INTO commands (id, account_id, kind, payload, status, expires_at, sent_at) "
        "VALUES (%s, %s, 'close_all', '{}', %s, now() - interval '1 hour', %s)"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(command, ("A" * 26, account_id, "queued", None))
        connection.exec_driver_sql(command, ("B" * 26, account_id, "sent", NOW))
        connection.exec_driver_sql(
            command.replace("close_all", "fetch_ticks"), ("C" * 26, account_id, "queued", None)
        )
        assert sorted(expire_queued(connection)) == [("A" * 26, account_id), ("C" * 26, account_id)]
        assert doubt_sent(connection, 1.0) == [("B" * 26, account_id)]
    assert [kind for kind, _, _ in told(outbox)] == ["execution_failed", "execution_unknown"]
