"""Accounts are made once and start halted; who halted one decides who may lift it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from zmq_bridge.storage.accounts import AccountConflictError, ensure_account, find_accounts, get_account, list_accounts
from zmq_bridge.storage.risk.trading_state import (
    TradingStateError,
    activate_reconciled,
    set_account_state,
    set_global_state,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DESCRIPTION = {"currency": "USD", "currency_digits": 2, "margin_mode": "hedging", "leverage": 100}


def ensure(engine, login=1001, server="Demo-1", **more):
    with engine.begin() as connection:
        return ensure_account(connection, login=login, server=server, **(DESCRIPTION | more))


def test_a_new_account_starts_halted(engine):
    account = ensure(engine)
    assert (account.trading_state, account.trading_state_actor) == ("halted", "system")


def test_the_same_account_keeps_its_id_and_takes_the_new_description(engine):
    first, second = ensure(engine), ensure(engine, leverage=500, name="Ann")
    assert (second.id, second.leverage, second.name) == (first.id, 500, "Ann")


def test_many_hellos_at_once_make_one_account(engine):
    with ThreadPoolExecutor(6) as pool:
        ids = {account.id for account in pool.map(lambda _: ensure(engine), range(6))}
    assert len(ids) == 1


def test_the_same_login_on_another_server_is_another_account(engine):
    ids = [ensure(engine).id, ensure(engine, server="Live-7").id]
    with engine.connect() as connection:
        assert [account.id for account in find_accounts(connection, 1001)] == ids
        assert [account.id for account in list_accounts(connection)] == ids


def test_an_account_does_not_change_its_currency(engine):
    ensure(engine)
    with pytest.raises(AccountConflictError, match="EUR"):
        ensure(engine, currency="EUR")


def test_the_first_reconciliation_activates_and_says_so(engine):
    account = ensure(engine)
    with engine.begin() as connection:
        assert activate_reconciled(connection, account.id, NOW)
        assert not activate_reconciled(connection, account.id, NOW)
        assert get_account(connection, account.id).trading_state == "active"
        actions = connection.exec_driver_sql("SELECT action FROM audit_log ORDER BY id").scalars().all()
    assert actions == ["hold.impose", "hold.lift"]


@pytest.mark.parametrize("actor", ["ann", "system"])
def test_a_later_halt_is_not_lifted_by_reconciling(engine, actor):
    account = ensure(engine)
    with engine.begin() as connection:
        change = set_account_state(connection, account.id, "halted", reason="news", actor=actor, now=NOW)
        assert (change.before, change.after) == ("halted", "halted")
        assert activate_reconciled(connection, account.id, NOW)
        assert get_account(connection, account.id).trading_state == "halted"
        assert get_account(connection, account.id).trading_state_reason == "news"


def test_a_change_of_state_is_audited_with_before_and_after(engine):
    account = ensure(engine)
    with engine.begin() as connection:
        activate_reconciled(connection, account.id, NOW)
        set_account_state(connection, account.id, "reducing", reason="holiday", actor="ann", now=NOW)
        row = connection.exec_driver_sql(
            "SELECT actor, subject, account_id, before, after FROM audit_log WHERE action = 'trading_state.set'"
        ).one()
    assert (row.actor, row.subject, row.account_id) == ("ann", f"account:{account.id}", account.id)
    assert (row.before["state"], row.after["state"], row.after["reason"]) == ("active", "reducing", "holiday")


def test_an_unknown_account_has_no_state_to_set(engine):
    with engine.begin() as connection:
        assert set_account_state(connection, 999, "active", reason="x", actor="ann", now=NOW) is None


@pytest.mark.parametrize("wrong", [("on", "r", "a"), ("halted", " ", "a"), ("halted", "r", "")])
def test_a_state_needs_a_name_and_a_reason(engine, wrong):
    state, reason, actor = wrong
    with pytest.raises(TradingStateError, match="found"):
        set_global_state(engine, state, reason=reason, actor=actor, now=NOW)


def test_the_global_state_remembers_what_it_replaced(engine):
    first = set_global_state(engine, "halted", reason="all stop", actor="ann", now=NOW)
    second = set_global_state(engine, "reducing", reason="calmer", actor="bob", now=NOW)
    with engine.begin() as connection:
        befores = connection.exec_driver_sql(
            "SELECT before FROM audit_log WHERE action = 'trading_state.set' ORDER BY id"
        ).scalars().all()  # fmt: skip
    assert (first.before, second.before) == ("active", "halted")
    assert [found["state"] for found in befores] == ["active", "halted"]
    assert befores[1]["actor"] == "ann"


def test_an_account_that_was_never_reconciled_stays_halted_whatever_a_person_sets(engine):
    account = ensure(engine)
    with engine.begin() as connection:
        change = set_account_state(connection, account.id, "active", reason="go", actor="ann", now=NOW)
    assert (change.after, change.reason) == ("halted", "not reconciled yet")
