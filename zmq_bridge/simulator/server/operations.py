"""What a trading client may ask of the broker: one function per operation, MT5's functions in small.

Each takes the broker and the request's map and returns the reply's `result`; `NO_REPLY` means that a planned fault
swallowed the answer. Unknown operations and bad arguments raise SimulatorError, which the server turns into an error.
"""

from collections.abc import Callable
from typing import Any, Final

from zmq_bridge.simulator.broker import Broker, formulas
from zmq_bridge.simulator.broker.enums import OrderType, Side
from zmq_bridge.simulator.broker.history import TickHistory
from zmq_bridge.simulator.broker.model import Deal, Order, SymbolSpec
from zmq_bridge.simulator.broker.valuation import margin_rate
from zmq_bridge.simulator.errors import SimulatorError
from zmq_bridge.simulator.server.rendering import (
    account_map,
    decimal_from,
    int_from,
    plain,
    position_map,
    request_from,
    result_map,
    spec_map,
    text_from,
)

NO_REPLY: Final = object()
COPY_TICKS_MAX = 10_000  # ticks in one answer; a range is paged with `skip`
ROWS_MAX = 10_000  # deals or orders in one answer; the rest comes with the next call
FOREVER_MSC = 2**62

Operation = Callable[[Broker, dict[str, Any]], Any]


def account(broker: Broker, _asked: dict[str, Any]) -> Any:
    """ACCOUNT_ properties."""
    return account_map(broker.core, broker.account())


def snapshot(broker: Broker, _asked: dict[str, Any]) -> Any:
    """Account, positions and resting orders of one moment."""
    now = broker.account()
    books = broker.core.books
    return {
        "time_msc": broker.core.now_msc,
        "account": account_map(broker.core, now),
        "positions": [position_map(broker.core, p, now.floating[p.ticket]) for p in books.positions.values()],
        "orders": [order_map(order) for order in books.orders.values()],
    }


def order_map(order: Order) -> dict[str, Any]:
    """ORDER_ properties."""
    body: dict[str, Any] = plain(order)
    return body


def symbols(broker: Broker, _asked: dict[str, Any]) -> Any:
    """Specifications of every listed symbol."""
    return [spec_map(broker.core, spec) for spec in broker.core.market.specs.values()]


def symbol(broker: Broker, asked: dict[str, Any]) -> Any:
    """Specification of one symbol."""
    return spec_map(broker.core, _spec(broker, asked))


def tick(broker: Broker, asked: dict[str, Any]) -> Any:
    """SymbolInfoTick: the last tick, or null before the first."""
    last = broker.core.market.last.get(_spec(broker, asked).symbol)
    return None if last is None else list(last)


def copy_ticks(broker: Broker, asked: dict[str, Any]) -> Any:
    """CopyTicks: up to `count` ticks from `from_msc` on; `from_msc` 0 means the newest."""
    count = min(int_from("count", asked.get("count", 2000)), COPY_TICKS_MAX)
    return _history(broker, asked).from_time(int_from("from_msc", asked.get("from_msc", 0)), count)


def copy_ticks_range(broker: Broker, asked: dict[str, Any]) -> Any:
    """CopyTicksRange, paged: ticks of [from_msc, to_msc] after the first `skip`, and whether the range ends there."""
    history = _history(broker, asked)
    limit = min(int_from("limit", asked.get("limit", COPY_TICKS_MAX)), COPY_TICKS_MAX)
    from_msc, to_msc = int_from("from_msc", asked.get("from_msc")), int_from("to_msc", asked.get("to_msc"))
    ticks, complete = history.between(from_msc, to_msc, int_from("skip", asked.get("skip", 0)), limit)
    return {"ticks": ticks, "complete": complete, "oldest_msc": history.oldest_msc}


def deals(broker: Broker, asked: dict[str, Any]) -> Any:
    """HistorySelect for deals: by time, or with a ticket above `after_ticket`; at most ROWS_MAX, oldest first."""
    books = broker.core.books
    found: dict[int, Deal] = {}
    if "from_msc" in asked or "after_ticket" not in asked:
        from_msc, to_msc = asked.get("from_msc", 0), asked.get("to_msc", FOREVER_MSC)
        in_time = books.deals_between(int_from("from_msc", from_msc), int_from("to_msc", to_msc))
        found.update((each.ticket, each) for each in in_time)
    if "after_ticket" in asked:
        newer = books.deals_after(int_from("after_ticket", asked["after_ticket"]))
        found.update((each.ticket, each) for each in newer)
    offset = int_from("offset", asked.get("offset", 0))
    return [plain(each) for _, each in sorted(found.items())[offset : offset + ROWS_MAX]]


def deal(broker: Broker, asked: dict[str, Any]) -> Any:
    """HistoryDealSelect: one deal, or null."""
    found = broker.core.books.deals.get(int_from("ticket", asked.get("ticket")))
    return None if found is None else plain(found)


def order(broker: Broker, asked: dict[str, Any]) -> Any:
    """OrderSelect and HistoryOrderSelect: one order wherever it is, or null."""
    ticket = int_from("ticket", asked.get("ticket"))
    found = broker.core.books.orders.get(ticket) or broker.core.books.orders_done.get(ticket)
    return None if found is None else order_map(found)


def orders_done(broker: Broker, asked: dict[str, Any]) -> Any:
    """HistorySelect for orders: those that ended within a time, oldest ticket first, at most ROWS_MAX newest."""
    from_msc = int_from("from_msc", asked.get("from_msc", 0))
    to_msc = int_from("to_msc", asked.get("to_msc", FOREVER_MSC))
    found = [o for o in broker.core.books.orders_done.values() if from_msc <= o.time_done_msc <= to_msc]
    return [order_map(o) for o in sorted(found, key=lambda o: o.ticket)[-ROWS_MAX:]]


def find_comment(broker: Broker, asked: dict[str, Any]) -> Any:
    """Everything whose comment is exactly this: orders resting and done, and deals."""
    comment = asked.get("comment")
    books = broker.core.books
    orders = [o for o in (*books.orders.values(), *books.orders_done.values()) if o.comment == comment]
    mine = {o.ticket for o in orders}
    return {
        "orders": [order_map(o) for o in orders],
        "deals": [plain(d) for d in books.deals.values() if d.comment == comment or (d.order in mine and d.order)],
    }


def send(broker: Broker, asked: dict[str, Any]) -> Any:
    """OrderSend."""
    result = broker.send(request_from(asked.get("request")))
    return NO_REPLY if result is None else result_map(result)


def calc_margin(broker: Broker, asked: dict[str, Any]) -> Any:
    """OrderCalcMargin: account currency, or null when there is no rate."""
    spec, side = _spec(broker, asked), _side(asked)
    rate = margin_rate(broker.core, spec.symbol, side)
    volume, price = decimal_from("volume", asked.get("volume")), decimal_from("price", asked.get("price"))
    if rate is None:
        return None
    return float(broker.core.money(formulas.margin(spec, volume, price, broker.core.config.leverage) * rate))


def calc_profit(broker: Broker, asked: dict[str, Any]) -> Any:
    """OrderCalcProfit: account currency, or null when there is no rate."""
    spec, side = _spec(broker, asked), _side(asked)
    volume = decimal_from("volume", asked.get("volume"))
    price_open = decimal_from("price_open", asked.get("price_open"))
    price_close = decimal_from("price_close", asked.get("price_close"))
    gain = broker.core.profit_money(formulas.profit(spec, side, volume, price_open, price_close), spec)
    return None if gain is None else float(gain)


def _side(asked: dict[str, Any]) -> Side:
    try:
        return OrderType(text_from("type", asked.get("type"))).side
    except ValueError:
        raise SimulatorError(f"type: expected an order type, found {asked.get('type')!r}") from None


def _spec(broker: Broker, asked: dict[str, Any]) -> SymbolSpec:
    spec = broker.core.market.specs.get(str(asked.get("symbol")))
    if spec is None:
        raise SimulatorError(f"symbol: expected a listed one, found {asked.get('symbol')!r}")
    return spec


def _history(broker: Broker, asked: dict[str, Any]) -> TickHistory:
    return broker.core.market.history[_spec(broker, asked).symbol]


OPERATIONS: dict[str, Operation] = {
    each.__name__: each
    for each in (
        account,
        snapshot,
        symbols,
        symbol,
        tick,
        copy_ticks,
        copy_ticks_range,
        deals,
        deal,
        order,
        orders_done,
        find_comment,
        send,
        calc_margin,
        calc_profit,
    )
}
