"""A plan as rows of the database, with the ids that everything is found by from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from risk.verdict import describe
from zmq_bridge.admission.answers import Accepted, Denied
from zmq_bridge.admission.plan import Order, Plan
from zmq_bridge.admission.signal import Signal, plain_number
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.commands.outcome import Outcome

COMMENTED = frozenset({"place_order", "close_position", "close_all"})  # kinds that carry the command's id to the broker
SIDES = {"BUY": "buy", "SELL": "sell"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticketed:
    """A request with what identifies it."""

    source: str  # id of who sent it
    key: str  # idempotency key, the sender's or made up
    request: Mapping[str, Any]  # as plain JSON
    signal: Signal | None  # None: a direct request
    signal_id: str | None  # ULID; None: a direct request


def ticket_signal(signal: Signal, source: str, request: Mapping[str, Any], now: datetime) -> Ticketed:
    """Give a signal its id; without a key of its own, its id is its key."""
    signal_id = new_id(_ms(now))
    return Ticketed(
        source=source, key=signal.idempotency_key or signal_id, request=request, signal=signal, signal_id=signal_id
    )


def ticket_direct(source: str, key: str | None, request: Mapping[str, Any], now: datetime) -> Ticketed:
    """Give a direct request a key, where it has none."""
    return Ticketed(source=source, key=key or new_id(_ms(now)), request=request, signal=None, signal_id=None)


def to_outcome(
    ticketed: Ticketed, plan: Plan, account_id: int | None, inputs: Mapping[str, Any], now: datetime
) -> tuple[Outcome, Accepted | Denied]:
    """The rows of a plan, and the answer that they stand for."""
    decision_id = new_id(_ms(now))
    ids = [new_id(_ms(now)) for _ in plan.orders]
    signal = ticketed.signal
    outcome = Outcome(
        signals=[] if signal is None else [_signal(ticketed, signal, plan, account_id, now)],
        decisions=[_decision(ticketed, plan, decision_id, account_id, inputs, now)],
        commands=[
            _command(order, command_id, ticketed, decision_id, account_id, now)
            for order, command_id in zip(plan.orders, ids, strict=True)
        ],
        reservations=[
            _reservation(order, command_id, account_id, now)
            for order, command_id in zip(plan.orders, ids, strict=True)
            if order.reserve is not None
        ],
        latches=[] if plan.latch is None else [_latch(plan, account_id, now)],
    )
    return outcome, _answer(ticketed, plan, decision_id, tuple(ids))


def _answer(ticketed: Ticketed, plan: Plan, decision_id: str, ids: tuple[str, ...]) -> Accepted | Denied:
    if plan.approved:
        return Accepted(signal_id=ticketed.signal_id, decision_id=decision_id, command_ids=ids)
    return Denied(code=plan.code, context=_plain(plan.context), signal_id=ticketed.signal_id, decision_id=decision_id)


def _signal(ticketed: Ticketed, signal: Signal, plan: Plan, account_id: int | None, now: datetime) -> dict[str, Any]:
    return {
        "id": ticketed.signal_id,
        "account_id": account_id,
        "source": ticketed.source,
        "idempotency_key": ticketed.key,
        "symbol": signal.symbol,
        "action": signal.action,
        "side": SIDES.get(signal.action),
        "order_type": signal.type,
        "volume": signal.volume,
        "risk_percent": signal.risk_percent,
        "price": signal.price,
        "stoplimit": signal.stoplimit,
        "sl": signal.sl,
        "tp": signal.tp,
        "magic": signal.magic or 0,
        "comment": signal.comment,
        "confidence": signal.confidence,
        "timeframe": signal.timeframe,
        "reasons": list(signal.reason),
        "status": "admitted" if plan.approved else "denied",
        "request": ticketed.request,
        "created_at": now,
        "expires_at": signal.expires_at,
    }


def _decision(
    ticketed: Ticketed, plan: Plan, decision_id: str, account_id: int | None, inputs: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    direct = ticketed.signal is None
    return {
        "id": decision_id,
        "signal_id": ticketed.signal_id,
        "account_id": account_id,
        "verdict": "approved" if plan.approved else "denied",
        "code": plan.code,
        "context": _plain(plan.context),
        "inputs": inputs,
        "checks": describe(plan.checks),
        "source": ticketed.source if direct else None,
        "idempotency_key": ticketed.key if direct else None,
        "request": ticketed.request if direct else None,
        "decided_at": now,
    }


def _command(
    order: Order, command_id: str, ticketed: Ticketed, decision_id: str, account_id: int | None, now: datetime
) -> dict[str, Any]:
    comment = {"comment": command_id} if order.kind in COMMENTED else {}
    return {
        "id": command_id,
        "account_id": account_id,
        "signal_id": ticketed.signal_id,
        "decision_id": decision_id,
        "source": ticketed.source,
        "kind": order.kind,
        "payload": _plain(order.payload) | comment,
        "expires_at": order.expires_at,
        "created_at": now,
    }


def _reservation(order: Order, command_id: str, account_id: int | None, now: datetime) -> dict[str, Any]:
    assert order.reserve is not None
    reserve = {name: getattr(order.reserve, name) for name in order.reserve.__slots__}
    return {**reserve, "command_id": command_id, "account_id": account_id, "created_at": now}


def _latch(plan: Plan, account_id: int | None, now: datetime) -> dict[str, Any]:
    return {"account_id": account_id, "strategy": plan.latch, "reason": plan.code, "latched_at": now}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values: exact numbers as text, times in ISO 8601. A second reading gives the same."""
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_number(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _ms(now: datetime) -> int:
    return int(now.timestamp() * 1000)
