"""What really happened, by the simulated broker's own books: fills, orders, money and ticks."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

from tests.pipeline.rig import Rig
from tests.support import wait_until

ENOUGH_TICKS = 20  # of each symbol, before what Postgres has is compared with the history
HISTORY_TIMEOUT_S = 60.0


def assert_what_really_happened(rig: Rig) -> None:
    """Once every command has ended: no lost fill, no doubled order, and books that agree with the broker's.

    The ledger is compared at the end of all (`assert_ledger_is_the_brokers`): it only grows, so what is wrong stays.
    """
    wait_until(lambda: not rig.rows("SELECT id FROM commands WHERE finished_at IS NULL"), 60, "a command never ended")
    books = rig.settle()
    assert_no_order_doubled(rig, books)
    reserved = "SELECT * FROM reservations WHERE ended_at IS NULL"
    wait_until(lambda: not rig.rows(reserved), 30, "a reservation never ended")
    wait_until(lambda: positions_of(rig) == positions_at(rig.books()), 30, "positions never agreed")


def assert_no_order_doubled(rig: Rig, books: dict[str, Any]) -> None:
    """Each opening command has exactly its volume at the broker when it is done, and nothing when it is not."""
    filled: Counter[str] = Counter()
    for deal in books["deals"]:
        if deal["entry"] == "in" and deal["type"] in ("buy", "sell"):
            filled[deal["comment"]] += int(Decimal(str(deal["volume"])) * 100)
    openings = rig.rows("SELECT id, status FROM commands WHERE kind = 'place_order'")
    assert {row.status for row in openings} <= {"done", "rejected", "expired"}, "an outcome stayed unknown"
    assert filled == Counter({row.id: 1 for row in openings if row.status == "done"})
    unlinked = rig.rows("SELECT ticket FROM deals WHERE entry = 'in' AND type = 'buy' AND signal_id IS NULL")
    assert unlinked == [], "a fill lost its signal"


def assert_ledger_is_the_brokers(rig: Rig) -> None:
    """Every deal posted once; the ledger's balance is the broker's, also when a stop makes one more deal just now."""
    posted = "SELECT count(*), count(DISTINCT cause) FROM ledger_transactions WHERE cause LIKE 'deal:%%'"
    wait_until(lambda: set(rig.rows(posted)[0]) == {len(rig.books()["deals"])}, 30, "not every deal was posted once")
    sums = "SELECT sum(profit + commission + swap + fee) FROM deals WHERE type <> 'credit'"
    wait_until(lambda: rig.value(sums) == Decimal(str(rig.books()["balance"])), 30, "the deals are not the balance")
    pool = wait_until(lambda: _reconciled(rig), 30, "ledger and broker were never reconciled")
    assert pool["reconciled"] is True


def assert_no_tick_is_missing(rig: Rig) -> None:
    """Postgres comes to have what the broker's own history has, in its order: an outage costs latency, not ticks.

    Compared is what came after the first millisecond: some of its ticks may have been there before anybody asked.
    """
    for symbol in ("EURUSD", "USDJPY"):
        wait_until(partial(has_stored_some, rig, symbol), 60, f"{symbol}: fewer than {ENOUGH_TICKS} ticks in Postgres")
    rig.call("feed_pause")
    for symbol in ("EURUSD", "USDJPY"):
        wait_for_history(rig, symbol, rig.value("SELECT min(time_msc) + 1 FROM ticks WHERE symbol = %s", symbol))
    assert rig.rows("SELECT * FROM tick_gaps WHERE state = 'lost'") == []


def wait_for_history(rig: Rig, symbol: str, first_msc: int, *, in_order: bool = True) -> None:
    """Until Postgres has the broker's own ticks of a symbol from a time on."""
    history = broker_ticks(rig, symbol, first_msc)
    arranged = list if in_order else sorted
    try:
        wait_until(lambda: arranged(stored_ticks(rig, symbol, first_msc)) == arranged(history), HISTORY_TIMEOUT_S)
    except AssertionError:
        stored = stored_ticks(rig, symbol, first_msc)
        lost, doubled = Counter(history) - Counter(stored), Counter(stored) - Counter(history)
        raise AssertionError(
            f"{symbol} from {first_msc}: {len(history)} ticks in the history, {len(stored)} stored; "
            f"lost {sorted(lost)[:9]}, too many {sorted(doubled)[:9]}; gaps {rig.rows('SELECT * FROM tick_gaps')}"
        ) from None


def broker_ticks(rig: Rig, symbol: str, first_msc: int) -> list[tuple[int, float, float]]:
    ticks: list[tuple[int, float, float]] = []
    complete = False
    while not complete:
        found = rig.call("copy_ticks_range", symbol=symbol, from_msc=first_msc, to_msc=2**62, skip=len(ticks))
        ticks += [(time_msc, bid, ask) for time_msc, bid, ask, *_rest in found["ticks"]]
        complete = found["complete"]
    return ticks


def has_stored_some(rig: Rig, symbol: str) -> bool:
    return bool(rig.value("SELECT count(*) FROM ticks WHERE symbol = %s", symbol) >= ENOUGH_TICKS)


def stored_ticks(rig: Rig, symbol: str, first_msc: int) -> list[tuple[int, float, float]]:
    query = "SELECT time_msc, bid, ask FROM ticks WHERE symbol = %s AND time_msc >= %s ORDER BY time_msc, id"
    found = rig.rows(query, symbol, first_msc)
    return [(row.time_msc, row.bid, row.ask) for row in found]


def _reconciled(rig: Rig) -> dict[str, Any] | None:
    pool: dict[str, Any] = rig.http("GET", "/api/account/stats").body.get("pool", {})
    return pool if pool.get("reconciled") else None


def positions_of(rig: Rig) -> set[tuple[int, Decimal]]:
    return {(row.ticket, row.volume) for row in rig.rows("SELECT ticket, volume FROM positions")}


def positions_at(books: dict[str, Any]) -> set[tuple[int, Decimal]]:
    return {(found["ticket"], Decimal(str(found["volume"]))) for found in books["positions"]}
