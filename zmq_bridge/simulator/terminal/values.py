"""The broker's JSON maps as the wire's values. Doubles become Decimals as on the wire; names are the same but a few."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from zmq_bridge.protocol.published import Books
from zmq_bridge.protocol.schema import from_map
from zmq_bridge.protocol.values import Account, Deal, Order, Position, Spec

WIRE_ORDER_TYPES = frozenset(
    {"buy", "sell", "buy_limit", "sell_limit", "buy_stop", "sell_stop", "buy_stop_limit", "sell_stop_limit"}
)
TICK_VALUE_DRIFT_MAX = Decimal("0.001")  # a specification whose tick value moved less counts as the same


def account_from(values: dict[str, Any]) -> Account:
    """ACCOUNT_ properties."""
    return from_map(Account, values, "account")


def position_from(values: dict[str, Any]) -> Position:
    """POSITION_ properties."""
    return from_map(Position, values, "position")


def order_from(values: dict[str, Any]) -> Order | None:
    """ORDER_ properties; None for a close-by order, which the wire doesn't know (its deals say it all)."""
    if values["type"] not in WIRE_ORDER_TYPES:
        return None
    return from_map(Order, {**values, "order_type": values["type"]}, "order")


def deal_from(values: dict[str, Any]) -> Deal:
    """DEAL_ properties."""
    return from_map(Deal, values, "deal")


def spec_from(values: dict[str, Any]) -> Spec:
    """SYMBOL_ properties."""
    return from_map(Spec, values, "symbol")


def books_from(snapshot: dict[str, Any], event_seq: int, seq: int) -> Books:
    """Account, positions and orders of one moment."""
    orders = (order_from(each) for each in snapshot["orders"])
    return Books(
        event_seq=event_seq,
        seq=seq,
        time_msc=snapshot["time_msc"],
        account=account_from(snapshot["account"]),
        positions=tuple(position_from(each) for each in snapshot["positions"]),
        orders=tuple(order for order in orders if order is not None),
    )


def is_same_spec(old: Spec | None, new: Spec) -> bool:
    """Say whether a specification needs no telling: equal but for what drifts with the rates."""
    if old is None:
        return False
    drift = abs(new.tick_value - old.tick_value)
    if drift > TICK_VALUE_DRIFT_MAX * abs(old.tick_value):
        return False
    return _without_drift(old) == _without_drift(new)


def _without_drift(spec: Spec) -> Spec:
    return replace(spec, tick_value=Decimal(0), probe=None)
