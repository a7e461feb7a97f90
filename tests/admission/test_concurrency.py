"""Eight writers at once, on a real database: no interleaving gets past a limit."""

from collections import Counter
from decimal import Decimal as D

import pytest

from tests.admission.test_idempotency import WRITERS, at_once
from tests.admission.world import position
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.engine import dump_json

ROUNDS = 5  # signals of each writer


def limit(world, **limits) -> None:
    wide = {"max_orders_per_minute": 1000, "max_orders_per_minute_source": 1000, "max_repeats": 1000,
            "max_correlated_exposure_percent": "100", "max_positions": 1000}  # fmt: skip
    world.run("INSERT INTO risk_limits (limits, actor) VALUES (%s, 'ann')", dump_json(wide | limits))


def hammer(world, **signal) -> Counter:
    """Every writer sends the same signal again and again; how often each answer came."""
    world.freshen()

    def write(index: int) -> list[str]:
        source = Source(id=f"key-{index}")
        answers = [world.send(source, **signal) for _ in range(ROUNDS)]
        return ["accepted" if isinstance(answer, Accepted) else answer.code for answer in answers]

    return Counter(code for codes in at_once(WRITERS, write) for code in codes)


@pytest.mark.parametrize("positions_max", [1, 7])
def test_no_more_positions_than_allowed(world, positions_max):
    limit(world, max_positions=positions_max)
    found = hammer(world, volume="0.01")
    assert found == {"accepted": positions_max, "MAX_POSITIONS": WRITERS * ROUNDS - positions_max}
    assert world.count("reservations") == world.count("commands") == positions_max


def test_no_more_risk_than_allowed(world):
    limit(world, max_total_exposure_percent="3")
    found = hammer(world, volume="0.25")
    assert set(found) == {"accepted", "TOTAL_EXPOSURE"}
    [(one,)] = world.rows("SELECT max(risk) FROM reservations")
    assert world.reserved() <= 300 < world.reserved() + one  # 3 % of 10 000, used as far as it goes
    assert found["accepted"] == world.count("reservations")


def test_open_positions_and_reservations_share_one_budget(world):
    limit(world, max_total_exposure_percent="3")
    world.snapshot(positions=[position(1, volume="1.00", sl="1.08390")])  # 100 USD and slippage
    hammer(world, volume="0.25")
    assert D(50) < world.reserved() <= 200


def test_no_more_orders_a_minute_than_allowed(world):
    limit(world, max_orders_per_minute=9)
    assert hammer(world, volume="0.01") == {"accepted": 9, "ORDER_RATE_ACCOUNT": WRITERS * ROUNDS - 9}


def test_two_accounts_have_two_budgets(world):
    limit(world, max_positions=3)
    world.add_account(777)
    world.freshen()
    world.freshen(777)
    answers = at_once(
        WRITERS,
        lambda index: [type(world.send(volume="0.01", account=(123456, 777)[index % 2])) for _ in range(ROUNDS)],
    )
    assert sum(kinds.count(Accepted) for kinds in answers) == 6
    counts = world.rows("SELECT count(*) FROM reservations GROUP BY account_id")
    assert [row[0] for row in counts] == [3, 3]


def test_approved_commands_reserve_exactly_what_their_decisions_say(world):
    limit(world, max_total_exposure_percent="3")
    hammer(world, volume="0.10")
    rows = world.rows("""
        SELECT d.context->>'risk' AS decided, r.risk FROM commands c
        JOIN risk_decisions d ON d.id = c.decision_id LEFT JOIN reservations r ON r.command_id = c.id
    """)
    assert rows
    assert all(D(row.decided) == row.risk for row in rows)
