"""Eight writers at once, on a real database: no interleaving gets past a limit."""

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.admission.test_idempotency import WRITERS, at_once
from tests.admission.world import MONEY, PRICES, position
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.admission.source import Source
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.storage.accounts import get_account
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.trading.state import Place, keep_snapshot, lock_account

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


SYMBOLS = {
    "EURUSD": {"BUY": ("1.08300", "1.08900"), "SELL": ("1.08700", "1.08100")},
    "GBPUSD": {"BUY": ("1.26300", "1.27000"), "SELL": ("1.26800", "1.26000")},
    "USDJPY": {"BUY": ("150.800", "152.000"), "SELL": ("151.600", "150.400")},
}
TIGHT = {
    "max_position_size_percent": "1.5", "max_total_exposure_percent": "7", "max_daily_loss_percent": "4",
    "max_positions": 9, "max_correlated_exposure_percent": "3", "max_currency_exposure_percent": "700",
    "max_leverage": "9", "min_margin_level_percent": "1500",
}  # fmt: skip


@pytest.mark.parametrize(("seed", "tight"), [*((seed, None) for seed in range(3)), *((0, name) for name in TIGHT)])
def test_whatever_is_approved_every_limit_holds_with_all_reservations(world, seed, tight):
    """Random orders of eight writers, fills and other snapshots in between; then the report is asked, not the gate."""
    dice = random.Random(f"{seed} {tight}")
    some = dict(TIGHT) if tight is None else {tight: TIGHT[tight]}
    limit(world, **{"max_correlated_exposure_percent": "4", "max_positions": 10, **some})
    world.run("UPDATE accounts SET leverage = 30")
    orders = [[a_random_order(dice) for _ in range(ROUNDS)] for _ in range(WRITERS)]
    world.freshen()

    def write(index: int) -> int:
        answers = []
        for number, order in enumerate(orders[index]):
            answers.append(world.send(Source(id=f"key-{index}"), **order))
            if index == 0 and number % 2:
                some_are_filled(world)
        return sum(isinstance(answer, Accepted) for answer in answers)

    accepted = sum(at_once(WRITERS, write))
    assert 0 < accepted < WRITERS * ROUNDS, "a limit must have had something to do"
    found = Inspector(world.engine, LiveReader(world.client), clock=world.clock).standing(account_of(world))
    assert found.report is not None
    assert found.report.problems == ()
    for usage in found.report.usages:
        assert usage.left is not None, usage
        assert usage.left >= 0, usage
    worst = found.report.worst_case
    assert worst is not None
    assert worst.floor is not None
    assert worst.equity >= worst.floor, "equity with all stops hit stays above the daily floor"
    [(biggest,)] = world.rows("SELECT max(risk) FROM reservations")
    assert biggest <= 10_000 * D(some.get("max_position_size_percent", "2")) / 100


def a_random_order(dice: random.Random) -> dict[str, object]:
    symbol, action = dice.choice(list(SYMBOLS)), dice.choice(["BUY", "SELL"])
    sl, tp = SYMBOLS[symbol][action]
    size = {"volume": None, "risk_percent": str(dice.randint(1, 20) / 10)}
    if dice.random() < 0.7:
        size = {"volume": str(dice.randint(1, 90) / 100)}
    return {"symbol": symbol, "action": action, "sl": sl, "tp": tp, "magic": dice.randint(1, 10**6), **size}


def some_are_filled(world) -> None:
    """What was reserved first is filled: a snapshot shows it, and its reservation ends in the same transaction."""
    with world.engine.begin() as connection:
        lock_account(connection, world.account_id)
        rows = connection.exec_driver_sql(
            "SELECT c.id, c.payload FROM commands c JOIN reservations r ON r.command_id = c.id"
            " WHERE r.ended_at IS NULL ORDER BY c.id LIMIT 2"
        ).all()
        held = connection.exec_driver_sql("SELECT * FROM positions ORDER BY ticket").mappings().all()
        connection.exec_driver_sql(
            "UPDATE commands SET status = 'done', finished_at = now(), filled_volume = 1, result_session = 1000,"
            " result_seq = 0 WHERE id = ANY(%s)", ([row.id for row in rows],),
        )  # fmt: skip
        world.seq += 1
        opened = [
            position(world.seq * 10 + number, comment=row.id, price_open=PRICES[row.payload["symbol"]][0],
                     **{name: row.payload[name] for name in ("symbol", "side", "volume", "sl", "tp")})
            for number, row in enumerate(rows)
        ]  # fmt: skip
        keep_snapshot(
            connection, world.account_id, Place(session=1000, event_seq=0, seq=world.seq), account=MONEY,
            positions=[*map(dict, held), *opened], orders=[], time_msc=1,
            received_at=world.clock.now - timedelta(seconds=1),
        )  # fmt: skip


def account_of(world):
    with world.engine.connect() as connection:
        return get_account(connection, world.account_id)
