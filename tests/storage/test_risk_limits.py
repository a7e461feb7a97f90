"""Stored limits: one row in force for each scope, its own history, merged so that overrides only tighten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from sqlalchemy.exc import IntegrityError

from risk import Limits, LimitsError
from zmq_bridge.storage.risk.limits import Scope, account_limits, end_limits, list_limits, merge, set_limits

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
EVERYWHERE = Scope()


def put(engine, scope=EVERYWHERE, now=NOW, **limits) -> int:
    with engine.begin() as connection:
        return set_limits(connection, scope, limits, actor="ann", now=now)


def row(row_id, account_id=None, source=None, symbol=None, magic=None, **limits) -> dict:
    return {
        "id": row_id, "account_id": account_id, "source": source, "symbol": symbol, "magic": magic, "limits": limits,
    }  # fmt: skip


def test_without_rows_the_defaults_hold(engine):
    with engine.connect() as connection:
        assert account_limits(connection, 1) == Limits()


def test_setting_again_ends_the_row_before_and_keeps_it(engine):
    put(engine, max_lots="1")
    put(engine, now=NOW + timedelta(hours=1), max_lots="2")
    with engine.connect() as connection:
        assert account_limits(connection, 1).max_lots == D(2)
        assert [found.limits for found in list_limits(connection)] == [{"max_lots": "2"}]
        rows = connection.exec_driver_sql("SELECT limits, ended_at FROM risk_limits ORDER BY id").all()
    assert [(found.limits["max_lots"], found.ended_at) for found in rows] == [
        ("1", NOW + timedelta(hours=1)), ("2", None),
    ]  # fmt: skip


def test_every_change_is_audited_with_before_and_after(engine):
    put(engine, Scope(symbol="EURUSD"), max_lots="1")
    with engine.begin() as connection:
        assert end_limits(connection, Scope(symbol="EURUSD"), actor="bob", now=NOW) == {"max_lots": "1"}
        assert end_limits(connection, Scope(symbol="EURUSD"), actor="bob", now=NOW) is None
        found = connection.exec_driver_sql("SELECT actor, action, subject, before, after FROM audit_log").all()
    assert [tuple(line) for line in found] == [
        ("ann", "limits.set", "limits:symbol=EURUSD", None, {"max_lots": "1"}),
        ("bob", "limits.end", "limits:symbol=EURUSD", {"max_lots": "1"}, None),
    ]


def test_numbers_are_stored_plainly_whichever_way_they_were_written(engine):
    """People and other programs read the table and the audit log."""
    put(engine, max_lots="3.6e3", max_positions=7, max_leverage=20, symbols=["B", "A"])
    with engine.begin() as connection:
        [stored] = list_limits(connection)
        audited = connection.exec_driver_sql("SELECT after FROM audit_log WHERE action = 'limits.set'").scalar()
        connection.exec_driver_sql("UPDATE risk_limits SET limits = jsonb_build_object('max_lots', '3.6e3')")
        assert account_limits(connection, 1).max_lots == 3600, "what was stored otherwise is read as ever"
    assert stored.limits == {"max_lots": "3600", "max_positions": 7, "max_leverage": "20", "symbols": ["A", "B"]}
    assert audited == stored.limits


@pytest.mark.parametrize(
    "limits",
    [{"max_lots": "NaN"}, {"max_lots": -1}, {"nonsense": 1}, {"max_positions": "x"}, {"repeat_window_s": 86401}],
)
def test_unusable_limits_are_not_stored(engine, limits):
    with pytest.raises(LimitsError):
        put(engine, **limits)
    with engine.connect() as connection:
        assert list_limits(connection) == []


def test_many_who_set_at_once_leave_one_row_in_force(engine):
    def attempt(lots: int) -> bool:
        try:
            return bool(put(engine, max_lots=str(lots)))
        except IntegrityError:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert any(pool.map(attempt, range(1, 7)))
    with engine.connect() as connection:
        assert len(list_limits(connection)) == 1


def test_an_accounts_row_replaces_the_one_for_all_whole():
    merged = merge([row(2, account_id=5, max_lots="3"), row(9, max_lots="1", max_positions=2)])
    assert (merged.max_lots, merged.max_positions) == (D(3), Limits().max_positions)


def test_a_base_may_loosen_and_an_override_may_not():
    assert merge([row(1, max_lots="500")]).max_lots == D(500)
    assert merge([row(1, max_lots="500"), row(2, source="k", max_lots="1000")]).max_lots == D(500)
    assert merge([row(1, max_lots="500"), row(2, source="k", max_lots="1")]).max_lots == D(1)


def test_of_several_overrides_the_tightest_wins_whatever_their_order():
    rows = [row(1, source="k", max_lots="3"), row(2, symbol="EURUSD", max_lots="1"), row(3, magic=7, max_lots="2")]
    assert merge(rows).max_lots == merge(rows[::-1]).max_lots == D(1)
