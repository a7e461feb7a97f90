"""How a decision explains itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from risk import Approved, Denied, assess
from risk.codes import Code
from risk.verdict import Check, describe, plain, text
from tests.risk.world import NOW, D, intent, limits, snapshot


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        (None, None), (3, "3"), ("x", "x"), (timedelta(seconds=1, milliseconds=500), "1.5"), (D("1.500"), "1.5"),
        (date(2024, 5, 15), "2024-05-15"), (datetime(2024, 5, 15, 1, tzinfo=UTC), "2024-05-15T01:00:00+00:00"),
    ],
)  # fmt: skip
def test_measures_as_text(measure: Any, shown: str | None) -> None:
    assert text(measure) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("100", "100"), ("100.00", "100"), ("0.10", "0.1"), ("1E+3", "1000"), ("-2.50", "-2.5"), ("0.000", "0"),
        ("NaN", "NaN"), ("1E+41", "1E+41"), ("1E-41", "1E-41"), ("1E+40", "1" + "0" * 40), ("Infinity", "Infinity"),
    ],
)  # fmt: skip
def test_numbers_are_shown_plainly(number: str, shown: str) -> None:
    assert plain(D(number)) == shown


def test_checks_become_json() -> None:
    checks = (Check(Code.DAILY_LOSS, D("480.50"), D(500), True), Check(Code.MAX_POSITIONS, 11, 10, False))
    assert describe(checks) == [
        {"code": "DAILY_LOSS", "value": "480.5", "limit": "500", "passed": True},
        {"code": "MAX_POSITIONS", "value": "11", "limit": "10", "passed": False},
    ]


def test_an_approval_lists_every_check_it_passed() -> None:
    verdict = assess(intent(), snapshot(), limits(), NOW)
    assert isinstance(verdict, Approved)
    rows = describe(verdict.checks)
    assert len(rows) > 40
    assert all(row["passed"] is True for row in rows)
    assert {"POSITION_RISK", "DAILY_LOSS", "MAX_POSITIONS", "QUOTE_STALE"} - {str(row["code"]) for row in rows} == {
        "QUOTE_STALE"  # judged where quotes are read, symbol by symbol
    }


def test_a_denial_lists_everything_that_was_wrong_at_its_stage() -> None:
    verdict = assess(intent(volume=D(60)), snapshot(), limits(), NOW)
    assert isinstance(verdict, Denied)
    failed = [check.code for check in verdict.checks if not check.passed]
    assert failed[0] is verdict.code is Code.VOLUME_EXCEEDS_MAXIMUM
    assert {Code.POSITION_RISK, Code.TOTAL_EXPOSURE, Code.LEVERAGE_TOO_HIGH} <= set(failed)
    assert str(verdict) == "VOLUME_EXCEEDS_MAXIMUM: volume=60, volume_max=50"


def test_a_stage_that_was_not_reached_is_not_listed() -> None:
    verdict = assess(intent(created_at=NOW - timedelta(seconds=31)), snapshot(), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert verdict.context == {"age_s": "31.0", "max_signal_age_s": "30.0"}
    assert Code.POSITION_RISK not in {check.code for check in verdict.checks}


def test_checks_made_before_something_was_missing_are_kept() -> None:
    verdict = assess(intent(), snapshot(quotes={}), limits(), NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.QUOTE_MISSING
    assert verdict.context == {"symbol": "EURUSD"}
    assert Code.TERMINAL_SILENT in {check.code for check in verdict.checks}


def test_an_unforeseen_failure_is_named() -> None:
    broken = snapshot(recent_orders=(None,))
    verdict = assess(intent(), broken, limits(), NOW)
    assert isinstance(verdict, Denied)
    assert verdict.code is Code.COMPUTATION_FAILED
    assert verdict.context["failure"] == "AttributeError"
    assert verdict.context["detail"] == "'NoneType' object has no attribute 'at'"
    assert Code.TERMINAL_SILENT in {check.code for check in verdict.checks}
