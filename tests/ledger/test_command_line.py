"""`zmq-bridge ledger`: what an admin sees and sets from a shell."""

from decimal import Decimal

import pytest
from click.testing import CliRunner, Result

from tests.ledger.conftest import Broker
from tests.ledger.stories import assert_sound, pays_in
from zmq_bridge.cli.ledger import command


@pytest.fixture
def cli(broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch):
    """Run a command against this test's database."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("ZMQ_BRIDGE_SECRET_KEY", "s" * 40)

    def run(*words: str) -> Result:
        return CliRunner().invoke(command, list(words))

    return run


def test_terms_are_shown_and_set_and_what_is_not_named_stays(cli, broker, members):
    *_, manager = members
    assert "management_rate 0, performance_rate 0, manager None" in cli("terms").output
    assert cli("terms", "--performance", "0.2", "--manager", str(manager), "--period", "quarter").exit_code == 0
    again = cli("terms", "--management", "0.02").output
    assert f"management_rate 0.02, performance_rate 0.2, manager {manager}, period quarter" in again
    assert_sound(broker)


@pytest.mark.parametrize("words", [("--performance", "1.5"), ("--performance", "x"), ("--management", "0.1")])
def test_terms_that_make_no_sense_change_nothing(cli, broker, members, words):
    """Above everything, no number, and a fee that nobody would earn."""
    assert cli("terms", *words).exit_code != 0
    assert "management_rate 0, performance_rate 0, manager None" in cli("terms").output


def test_a_manager_who_is_nobody_is_refused(cli, broker, members):
    assert cli("terms", "--performance", "0.2", "--manager", "99999").exit_code != 0


def test_fees_are_crystallised_by_hand(cli, broker, members):
    ann, _, manager = members
    cli("terms", "--performance", "0.2", "--manager", str(manager))
    pays_in(broker, ann, "1000.00")
    assert "nothing was due" in cli("crystallise", "--reason", "r").output
    broker.does("sell", "100.00", entry="out")
    broker.agrees()
    assert "booked as crystallisation:" in cli("crystallise", "--reason", "r").output
    assert_sound(broker)


def test_a_report_of_a_break_lists_the_deals_since_the_last_agreement(cli, broker, members):
    ann, *_ = members
    pays_in(broker, ann, "1000.00")
    broker.agrees()
    broker.does("sell", "12.34", entry="out")
    broker.agrees(broker.snapshot(balance=Decimal("1012.35")))
    shown = cli("report").output
    assert "BREAK      BALANCE" in shown
    assert "deal:2, sell, 12.34" in shown
    assert "deal:1" not in shown
