"""The claims thread over a connection that breaks: what it was told stays told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from tests.desk.world import Books
from tests.support import wait_until
from zmq_bridge.relay import claims_thread
from zmq_bridge.relay.claims import ASK_AGAIN_SWEEPS, Adopt, Attend, Claims
from zmq_bridge.relay.claims_thread import ClaimsThread
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Claimed, Lost, Recalled, Report, StateSet
from zmq_bridge.relay.workbench import LONG_OVER_MS
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine, dump_json

COMMAND = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NAME = "claims under test"
BACKENDS = f"FROM pg_stat_activity WHERE application_name = '{NAME}'"
WAITS = f"SELECT count(*) {BACKENDS} AND wait_event_type = 'Lock'"
END_IT = f"SELECT count(pg_terminate_backend(pid)) {BACKENDS}"


NOTES_HOW_CLAIMS_COMMIT = """
CREATE TABLE claims_noted (setting text);
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO claims_noted VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
CREATE TRIGGER note_claim BEFORE UPDATE ON commands FOR EACH ROW
    WHEN (NEW.status = 'sent') EXECUTE FUNCTION note_claim()
"""


@pytest.fixture
def reports() -> list[Report]:
    """What the thread said."""
    return []


@pytest.fixture
def thread(database: str, reports: list[Report]) -> Iterator[ClaimsThread]:
    """A claims thread of its own, not started."""
    engine = create_engine(database, application_name=NAME, pool_size=1, pool_overflow=0)
    thread = ClaimsThread(engine, lambda report: reports.append(report) or True)  # type: ignore[func-returns-value]
    yield thread
    if thread.is_alive():
        thread.stop()
    engine.dispose()


def test_a_terminal_that_came_while_the_connection_broke_is_served(
    thread: ClaimsThread, reports: list[Report], books: Books
) -> None:
    first, second = make_account(books, 1), make_account(books, 2)
    for account_id in (first, second):
        thread._orders.put(Adopt(account_id=account_id))
    for account_id in (first, second):
        thread.attend(account_id, trades=True, present=True)
    with books.engine.connect() as blocker:
        blocker.exec_driver_sql("LOCK TABLE commands IN ACCESS EXCLUSIVE MODE")
        thread.start()
        wait_until(lambda: books.value(WAITS))  # it claims for the first; the second was taken out with it
        books.value(END_IT)
        blocker.rollback()
    command_id = books.place_order(login=2)
    wait_until(lambda: command_id in claimed(reports))


def test_terminals_that_there_was_no_room_to_hear_of_are_served_by_the_sweep(
    thread: ClaimsThread, reports: list[Report], books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody says a second time that a terminal is there; its orders would wait until it greets anew."""
    account_id, other = make_account(books, 1), make_account(books, 2)
    monkeypatch.setattr(thread, "_orders", Mailbox(items_max=3))
    for each in (account_id, other):
        thread._orders.put(Adopt(account_id=each))
    thread.attend(other, trades=True, present=True)  # the last that finds room
    thread.attend(account_id, trades=True, present=False)
    thread.attend(account_id, trades=True, present=True)
    thread.attend(other, trades=True, present=False)
    assert thread.overflows == 3
    thread.start()
    command_id = books.place_order(login=1)
    wait_until(lambda: command_id in claimed(reports))
    wait_until(lambda: thread._claims.accounts.served == [account_id])
    late = books.place_order(login=2)
    behind = books.place_order(login=1)
    wait_until(lambda: behind in claimed(reports))
    assert late not in claimed(reports), "the last word on the other was that it went"


def test_a_word_that_finds_room_replaces_one_that_found_none(
    thread: ClaimsThread, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = make_account(books, 1)
    monkeypatch.setattr(thread, "_orders", Mailbox(items_max=1))
    thread._orders.put(Adopt(account_id=account_id))
    thread.attend(account_id, trades=True, present=False)
    thread.start()
    wait_until(lambda: thread.owns(account_id))
    thread.attend(account_id, trades=True, present=True)
    wait_until(lambda: thread._claims.accounts.served == [account_id])
    assert thread._next_overflow() is None
    assert thread._claims.accounts.served == [account_id]


def test_a_notice_that_came_with_an_answer_is_acted_on_at_once(
    thread: ClaimsThread, reports: list[Report], books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = make_account(books, 1)
    thread._orders.put(Adopt(account_id=account_id))
    thread.attend(account_id, trades=True, present=True)
    thread.start()
    wait_until(lambda: any(isinstance(report, StateSet) for report in reports))  # orders are done: only sweeps come now
    with books.engine.connect() as blocker:
        blocker.exec_driver_sql("LOCK TABLE holds IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: books.value(WAITS))  # a sweep asks for the states
        monkeypatch.setattr(claims_thread, "SWEEP_S", 3600.0)  # and is the last one
        moment = books.value("SELECT now()::text")
        notice = {
            "id": COMMAND, "account_id": account_id, "kind": "cancel_order", "payload": {"order": 5},
            "expires_at": moment, "sent_at": moment, "trading_state": "halted",
        }  # fmt: skip
        books.value("SELECT pg_notify('commands', %s)", json.dumps(notice))
        blocker.rollback()
    wait_until(lambda: COMMAND in claimed(reports))


def test_a_notice_that_nobody_can_read_ends_nothing(thread: ClaimsThread, reports: list[Report], books: Books) -> None:
    """Anybody who may connect can NOTIFY."""
    account_id = make_account(books, 1)
    thread._orders.put(Adopt(account_id=account_id))
    thread.attend(account_id, trades=True, present=True)
    thread.start()
    wait_until(lambda: any(isinstance(report, StateSet) for report in reports))
    for text in ("[" * 7000, "{}", "null", "x", "9" * 40):
        books.value("SELECT pg_notify('commands', %s)", text)
    moment = books.value("SELECT now()::text")
    notice = {
        "id": COMMAND, "account_id": account_id, "kind": "cancel_order", "payload": {"order": 5},
        "expires_at": moment, "sent_at": moment, "trading_state": "halted",
    }  # fmt: skip
    books.value("SELECT pg_notify('commands', %s)", json.dumps(notice))
    wait_until(lambda: COMMAND in claimed(reports))


def test_a_state_that_the_desk_had_no_room_for_comes_round_with_a_sweep(database: str, books: Books) -> None:
    account_id = make_account(books, 1)
    heard: list[Report] = []
    has_room = threading.Event()

    def report(each: Report) -> bool:
        heard.append(each)
        return has_room.is_set()

    engine = create_engine(database, application_name=NAME, pool_size=1, pool_overflow=0)
    thread = ClaimsThread(engine, report)
    thread.start()
    try:
        assert thread.adopt(account_id, 10.0)
        wait_until(lambda: StateSet(account_id=account_id, state="halted") in heard)
        heard.clear()
        has_room.set()
        wait_until(lambda: StateSet(account_id=account_id, state="halted") in heard)
    finally:
        thread.stop()
        engine.dispose()


def test_an_account_given_up_that_the_desk_had_no_room_to_hear_of_is_told_again(books: Books) -> None:
    """Else its terminals would be served for ever by a desk that does not own the account."""
    heard: list[Report] = []

    def has_room(report: Report) -> bool:
        if len(heard) == 2:
            return True
        heard.append(report)  # the first two find none
        return False

    claims = Claims(has_room)
    with books.engine.connect() as connection:
        claims.begin(connection)
        claims.obey(connection, adopt := Adopt(account_id=make_account(books, 1)))
        assert adopt.owned.result(0)
        claims._lost(adopt.account_id, "another desk owns it")
        claims.sweep(connection)
        assert heard == [Lost(account_id=adopt.account_id)] * 2
        claims.sweep(connection)  # told
        claims._report = heard.append  # type: ignore[assignment]
        claims.sweep(connection)
    assert heard.count(Lost(account_id=adopt.account_id)) == 2


def test_a_claim_is_on_disk_before_its_command_is_handed_out(
    thread: ClaimsThread, reports: list[Report], books: Books
) -> None:
    """Else a crash of the server makes it queued again, and its time alone would free what it had reserved."""
    with books.engine.begin() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{books.engine.url.database}" SET synchronous_commit = on')
        connection.exec_driver_sql(NOTES_HOW_CLAIMS_COMMIT)
    account_id = make_account(books, 1)
    command_id = books.place_order(login=1)
    thread._orders.put(Adopt(account_id=account_id))
    thread.attend(account_id, trades=True, present=True)
    thread.start()
    wait_until(lambda: command_id in claimed(reports))
    assert {row[0] for row in books.rows("SELECT setting FROM claims_noted")} == {"on"}


def test_a_state_that_would_let_orders_run_waits_behind_a_recall_that_found_no_room(books: Books) -> None:
    account_id = make_account(books, 1)
    heard: list[Report] = []
    has_room: list[bool] = []

    def report(each: Report) -> bool:
        heard.append(each)
        return bool(has_room) or not isinstance(each, Recalled)

    claims = Claims(report)
    with books.engine.connect() as connection:
        claims.begin(connection)
        claims.obey(connection, Adopt(account_id=account_id))
        claims.tell_states(connection)
        assert heard == [StateSet(account_id=account_id, state="halted")]
        command_id = books.place_order(login=1)
        books.rows("UPDATE commands SET status = 'sent', sent_at = now(), recalled_at = now() RETURNING 1")
        books.rows("UPDATE holds SET ended_at = now() RETURNING 1")
        recall = Recalled(account_id=account_id, command_ids=(command_id,))
        claims.tell_states(connection)
        assert heard[1:] == [recall]
        has_room.append(True)
        claims.tell_states(connection)
        assert heard[2:] == [recall, StateSet(account_id=account_id, state="active")]


def test_a_recall_of_what_the_terminal_does_not_know_is_brought_up_at_once(books: Books) -> None:
    """It is not asked about before its time is over; but within it the terminal may try once more."""
    account_id = make_account(books, 1)
    heard: list[Report] = []
    claims = Claims(lambda report: heard.append(report) or True)  # type: ignore[func-returns-value]
    with books.engine.connect() as connection:
        claims.begin(connection)
        claims.obey(connection, Adopt(account_id=account_id))
        claims.obey(connection, Attend(account_id=account_id, trades=True, present=True))
        command_id = books.place_order(login=1)
        books.rows(
            "UPDATE commands SET kind = 'modify_position', payload = %s, status = 'unknown', sent_at = now(),"
            " expires_at = now() + interval '1 hour' RETURNING 1",
            dump_json({"position": 1, "symbol": "EURUSD", "sl": "1.08", "tp": "0"}),
        )  # fmt: skip
        claims.hear(connection, [str(account_id)])
        for _ in range(2 * ASK_AGAIN_SWEEPS):
            claims.sweep(connection)
        assert claimed(heard) == set()
        books.rows("UPDATE commands SET recalled_at = clock_timestamp() RETURNING 1")
        claims.hear(connection, [str(account_id)])
    [told] = [each for report in heard if isinstance(report, Claimed) for each in report.commands]
    assert (told.command_id, told.attempt, told.expires_at_ms) == (command_id, 2, LONG_OVER_MS)


def make_account(books: Books, login: int) -> int:
    """An account that nobody serves yet."""
    described = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}
    with books.engine.begin() as connection:
        return ensure_account(connection, login=login, server="Demo-1", **described).id  # type: ignore[arg-type]


def claimed(reports: list[Report]) -> set[str]:
    """Every command handed over so far."""
    return {each.command_id for report in reports if isinstance(report, Claimed) for each in report.commands}
