"""From what is stored and what is live to the plain values that risk judges.

Nothing is made up here: what is not there becomes None, what can't be understood raises `Unreadable`, and both end in
a denial. No account snapshot means that positions and orders are unknown, never that there are none.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Row

from risk import OrderType, Side, Snapshot
from risk.snapshot import (
    AccountState,
    Correlations,
    DayReference,
    Link,
    MarginMode,
    NavIndex,
    NewsWindow,
    OpenPosition,
    PendingOrder,
    RecentOrder,
    Reservation,
    SymbolSpec,
    TradingState,
)
from risk.states import Cause, Hold, in_force
from zmq_bridge.admission.live_view import LiveView
from zmq_bridge.storage.commands.recent import RECENT_ORDERS_MAX

PENDING = {
    "buy_limit": (Side.BUY, OrderType.LIMIT),
    "sell_limit": (Side.SELL, OrderType.LIMIT),
    "buy_stop": (Side.BUY, OrderType.STOP),
    "sell_stop": (Side.SELL, OrderType.STOP),
    "buy_stop_limit": (Side.BUY, OrderType.STOP_LIMIT),
    "sell_stop_limit": (Side.SELL, OrderType.STOP_LIMIT),
    "buy": (Side.BUY, OrderType.LIMIT),  # a market order still on its way: counts like a limit at its price
    "sell": (Side.SELL, OrderType.LIMIT),
}
Stored = Mapping[str, Any]
Item = TypeVar("Item")


class Unreadable(ValueError):
    """Something stored can't be understood; risk must not guess."""


def build(
    account_id: int,
    row: Row[Any],
    specs: Mapping[str, SymbolSpec],
    live: LiveView,
    now: datetime,
    news: tuple[NewsWindow, ...] = (),
) -> Snapshot:
    """Put the snapshot of a moment together.

    Raises:
        Unreadable: a stored value is not what its column should hold.
    """
    try:
        return _build(account_id, row, specs, live, now, news)
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _build(
    account_id: int,
    row: Row[Any],
    specs: Mapping[str, SymbolSpec],
    live: LiveView,
    now: datetime,
    news: tuple[NewsWindow, ...],
) -> Snapshot:
    known, held = row.money is not None, to_holds(row.holds or ())
    skew_ms = None if row.terminal is None else row.terminal["clock_skew_ms"]
    return Snapshot(
        account_id=account_id,
        account=_account(row.account, row.money) if known and row.account else None,
        quotes=live.quotes,
        specs=specs,
        positions=_all(_position, row.positions) if known else None,
        orders=_all(_order, row.orders) if known else None,
        reservations=_all(_reservation, row.reservations),
        day=None if row.risk_state is None else _day(row.risk_state),
        nav_index=None if row.risk_state is None else _nav_index(row.risk_state, latched=is_latched(held)),
        trading_state=None if row.account is None else _state_in_force(held, now),
        heartbeat_at=live.heartbeat_at,
        clock_skew_s=None if skew_ms is None else Decimal(skew_ms) / 1000,
        server_offset_s=None if row.terminal is None else row.terminal["server_offset_s"],
        recent_orders=_recent(row.recent or ()),
        latched_strategies=frozenset(row.latched or ()),
        correlations=None if row.correlations is None else _correlations(row.correlations),
        news_windows=news,
    )


def _all(build: Callable[[Stored], Item], found: Sequence[Stored] | None) -> tuple[Item, ...]:
    """Every row of a list; Postgres says None for an empty one."""
    return tuple(map(build, found or ()))


def to_holds(found: Sequence[Stored]) -> tuple[Hold, ...]:
    """Stored holds in risk's words."""
    return _all(_hold, found)


def is_latched(held: tuple[Hold, ...]) -> bool:
    """Whether the drawdown latch is set."""
    return any(hold.cause is Cause.DRAWDOWN for hold in held)


def _state_in_force(held: tuple[Hold, ...], now: datetime) -> TradingState:
    """What the holds add up to; the drawdown latch has a check and a code of its own."""
    return in_force(tuple(hold for hold in held if hold.cause is not Cause.DRAWDOWN), now)


def _account(account: Stored, money: Stored) -> AccountState:
    return AccountState(
        login=account["login"],
        currency=account["currency"],
        digits=account["currency_digits"],
        leverage=account["leverage"],
        margin_mode=MarginMode(account["margin_mode"]),
        balance=_number(money["balance"]),
        equity=_number(money["equity"]),
        credit=_number(money["credit"]),
        margin=_number(money["margin"]),
        margin_free=_number(money["margin_free"]),
        trade_allowed=money["trade_allowed"] is True and money["trade_expert"] is True,
        as_of=_moment(money["received_at"]),
    )


def _hold(found: Stored) -> Hold:
    return Hold(
        cause=Cause(found["cause"]),
        reason=found["reason"],
        actor=found["actor"],
        at=_moment(found["began_at"]),
        until=None if found["until"] is None else _moment(found["until"]),
        closes=found["closes"],
    )


def _position(found: Stored) -> OpenPosition:
    return OpenPosition(
        ticket=found["ticket"],
        symbol=found["symbol"],
        side=Side(found["side"]),
        volume=_number(found["volume"]),
        price_open=_number(found["price_open"]),
        sl=_price(found["sl"]),
        tp=_price(found["tp"]),
        by_hand=found["by_hand"],
    )


def _order(found: Stored) -> PendingOrder:
    side, order_type = PENDING[found["order_type"]]
    return PendingOrder(
        ticket=found["ticket"],
        symbol=found["symbol"],
        side=side,
        order_type=order_type,
        volume=_number(found["volume_current"]),
        price=_number(found["price_open"]),
        stoplimit=_price(found["price_stoplimit"]),
        sl=_price(found["sl"]),
        tp=_price(found["tp"]),
        by_hand=found["by_hand"],
    )


def _reservation(found: Stored) -> Reservation:
    return Reservation(
        command_id=found["command_id"],
        symbol=found["symbol"],
        side=Side(found["side"]),
        volume=_number(found["volume"]),
        risk=_number(found["risk"]),
        margin=_number(found["margin"]),
        notional=_number(found["notional"]),
        slots=found["slots"],
    )


def _day(found: Stored) -> DayReference:
    return DayReference(
        server_day=date.fromisoformat(found["server_day"]),
        reference=_number(found["daily_reference"]),
        net_flows=_number(found["net_flows_today"]),
    )


def _nav_index(found: Stored, *, latched: bool) -> NavIndex:
    return NavIndex(
        price=_number(found["nav_index"]),
        peak=_number(found["nav_index_peak"]),
        units=_number(found["nav_units"]),
        latched=latched,
    )


def _recent(found: Sequence[Stored]) -> tuple[RecentOrder, ...] | None:
    """The orders approved of late; None: too many to have read them all."""
    if sum(each["orders"] for each in found) > RECENT_ORDERS_MAX:
        return None
    return _all(_recent_order, found)


def _recent_order(found: Stored) -> RecentOrder:
    return RecentOrder(
        at=_moment(found["created_at"]),
        orders=found["orders"],
        source=found["source"],
        strategy=found["strategy"],
        symbol=found["symbol"],
        side=None if found["side"] is None else Side(found["side"]),
    )


def strategy(magic: int | None) -> str:
    """The name of a strategy for rates, latches and overrides; without a magic the source stands for it."""
    return str(magic) if magic else ""


def _correlations(found: Stored) -> Correlations:
    links = {symbol: {other: Link(how) for other, how in row.items()} for symbol, row in found["links"].items()}
    return Correlations(as_of=_moment(found["as_of"]), symbols=frozenset(found["symbols"]), links=links)


def _number(value: Any) -> Decimal:
    """A stored number; NaN and infinity are left for risk to name."""
    return Decimal(value)


def _price(value: Any) -> Decimal | None:
    """A stored price; the wire's 0 means none."""
    return Decimal(value) or None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
