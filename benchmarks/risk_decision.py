"""Time one pure risk decision with 10 open positions: on 3 symbols, and on 6, three of them in foreign currencies.

    python -m benchmarks.risk_decision [decisions]

Prints percentiles on the wall and of the thread's own CPU time (a busy machine spoils the first more than the second),
and the ratio to a baseline of the same run, because absolute figures swing.
"""

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from functools import partial

from risk import Approved, Intent, Kind, Limits, Side, assess
from risk.numbers import CONTEXT
from risk.snapshot import (
    AccountState,
    CalcMode,
    Correlations,
    DayReference,
    Link,
    MarginMode,
    NavIndex,
    OpenPosition,
    Quote,
    RecentOrder,
    Session,
    Snapshot,
    State,
    SymbolSpec,
    TradeMode,
    TradingState,
)  # fmt: skip

D = Decimal
NOW = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)
PRICES = {"EURUSD": "1.08500", "GBPUSD": "1.26550", "AUDUSD": "0.66500", "USDJPY": "151.200", "USDCHF": "0.90500",
          "GBPJPY": "191.350"}  # fmt: skip
DECISIONS = 20_000


def spec(symbol: str) -> SymbolSpec:
    """Return a currency pair's specification."""
    point = D("0.001") if symbol.endswith("JPY") else D("0.00001")
    per_unit = {"USD": D(1), "JPY": 1 / D("151.2"), "CHF": 1 / D("0.905")}[symbol[3:]]
    return SymbolSpec(
        symbol=symbol, digits=5, point=point, tick_size=point, tick_value=100_000 * point * per_unit,
        contract_size=D(100_000), volume_min=D("0.01"), volume_max=D(100), volume_step=D("0.01"),
        calc_mode=CalcMode.FOREX, trade_mode=TradeMode.FULL, currency_base=symbol[:3], currency_profit=symbol[3:],
        currency_margin=symbol[:3], sessions=tuple(Session(day=d, from_s=0, to_s=86_400) for d in range(7)),
        as_of=NOW - timedelta(hours=1),
    )  # fmt: skip


def world(width: int) -> Snapshot:
    """Return an account of 100 000 USD with ten positions on `width` symbols."""
    specs = {symbol: spec(symbol) for symbol in PRICES}
    quotes = {
        symbol: Quote(bid=D(price), ask=D(price) + specs[symbol].point * 8, received_at=NOW - timedelta(seconds=1))
        for symbol, price in PRICES.items()
    }
    symbols = list(PRICES)
    positions = tuple(
        OpenPosition(
            ticket=1000 + n, symbol=(symbol := symbols[n % width]), side=Side.BUY, volume=D("0.10"),
            price_open=D(PRICES[symbol]), sl=D(PRICES[symbol]) * D("0.998"), tp=D(PRICES[symbol]) * D("1.01"),
        )
        for n in range(10)
    )  # fmt: skip
    pair = {"EURUSD": {"GBPUSD": Link.SAME, "USDCHF": Link.OPPOSITE}, "GBPUSD": {"EURUSD": Link.SAME},
            "USDCHF": {"EURUSD": Link.OPPOSITE}}  # fmt: skip
    recent = tuple(
        RecentOrder(at=NOW - timedelta(seconds=5 * n), source="key", strategy=f"s{n}", symbol="EURUSD", side=Side.BUY)
        for n in range(1, 9)
    )
    return Snapshot(
        account_id=1,
        account=AccountState(
            login=1, currency="USD", digits=2, leverage=100, margin_mode=MarginMode.HEDGING, balance=D(100_000),
            equity=D(99_900), credit=D(0), margin=D(1500), margin_free=D(98_400), trade_allowed=True, as_of=NOW,
        ),
        quotes=quotes, specs=specs, positions=positions, orders=(), reservations=(),
        day=DayReference(server_day=date(2024, 5, 15), reference=D(100_000), net_flows=D(0)),
        nav_index=NavIndex(price=D("1.04"), peak=D("1.05"), units=D(96_000)),
        trading_state=TradingState(state=State.ACTIVE, reason="", actor="desk", at=NOW),
        heartbeat_at=NOW, clock_skew_s=D("0.1"), server_offset_s=7200, recent_orders=recent,
        correlations=Correlations(as_of=NOW - timedelta(hours=1), symbols=frozenset(PRICES), links=pair),
    )  # fmt: skip


def percentiles(times_ns: list[int]) -> tuple[float, float, float]:
    """Return p50, p99 and p99.9 in microseconds."""
    ordered = sorted(times_ns)
    p50, p99, p999 = (ordered[int(len(ordered) * q)] / 1000 for q in (0.5, 0.99, 0.999))
    return p50, p99, p999


def baseline() -> None:
    """Do what any computation in Decimal does: enter a context, multiply."""
    with localcontext(CONTEXT):
        for _ in range(10):
            D("1.0850") * D("1.2655")


def clock(action: Callable[[], object], count: int, now_ns: Callable[[], int]) -> list[int]:
    """Time each of `count` calls."""
    times = []
    for _ in range(count):
        start = now_ns()
        action()
        times.append(now_ns() - start)
    return times


def measure(count: int, width: int) -> None:
    """Time decisions on the wall and on the thread's own clock, and the baseline in between."""
    snapshot = world(width)
    wish = Intent(
        account=1, kind=Kind.OPEN, created_at=NOW, symbol="EURUSD", side=Side.BUY, volume=D("0.20"), sl=D("1.08300"),
        tp=D("1.09000"), source="key", strategy="bench",
    )  # fmt: skip
    limits = replace(Limits(), max_positions=20)
    verdict = assess(wish, snapshot, limits, NOW)
    if not isinstance(verdict, Approved):
        raise SystemExit(f"the benchmark's order must be approved, found {verdict}")
    decide = partial(assess, wish, snapshot, limits, NOW)
    gc.collect()
    gc.freeze()  # as the web's workers and the desk do
    wall = percentiles(clock(decide, count, time.perf_counter_ns))
    base = percentiles(clock(baseline, count, time.perf_counter_ns))[0]
    cpu = percentiles(clock(decide, count, time.thread_time_ns))
    print(f"{count} decisions, {len(snapshot.positions or ())} open positions on {width} symbols, "
          f"{len(verdict.checks)} checks each")  # fmt: skip
    for name, (p50, p99, p999) in (("wall", wall), ("cpu", cpu)):
        print(f"{name:>5}: p50 {p50:6.1f} us   p99 {p99:6.1f} us   p99.9 {p999:6.1f} us")
    print(f"ratio: p50 is {wall[0] / base:.0f} x ten Decimal products in a context ({base:.1f} us)")


if __name__ == "__main__":
    for symbols_held in (3, 6):
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS, symbols_held)
