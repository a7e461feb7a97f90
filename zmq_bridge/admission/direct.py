"""Direct requests: from what was asked about a ticket to the command that does it.

Ways out (close, cancel, close all, a stop moved nearer) need nothing but the request itself and pass in every state.
A stop moved away and new prices of a pending order are new risk, and go through `risk.assess` like a signal.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import risk
from risk import Approved, Intent, Kind
from risk.snapshot import State
from risk.states import Cause, in_force, lifted_by_setting, loosened
from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.closing import CLOSING_DEVIATION_POINTS, Part, close_parts, close_payload
from zmq_bridge.admission.opening import NONE, server_msc
from zmq_bridge.admission.plan import (
    APPROVED,
    OPENING_TTL,
    REDUCTION_TTL,
    STATE_TTL,
    Order,
    Plan,
    Reserve,
    denied,
    refuse,
)
from zmq_bridge.admission.requests import (
    KEEP,
    STATES,
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    Keep,
    ModifyOrder,
    ModifyPosition,
    Request,
    SetTradingState,
)
from zmq_bridge.admission.situation import Situation, Stored
from zmq_bridge.admission.snapshot import PENDING, to_holds
from zmq_bridge.admission.under_way import assess_change, is_known


def needs_live_state(request: Request) -> bool:
    """Whether judging it needs quotes and heartbeats."""
    return isinstance(request, ModifyPosition | ModifyOrder)


def plan_request(request: Request, situation: Situation) -> Plan:
    """Judge a direct request."""
    return _PLANS[type(request)](request, situation)


def _close(request: ClosePosition, situation: Situation) -> Plan:
    position = situation.position(request.ticket)
    if position is not None:
        return close_parts([Part(position=position, volume=request.volume)], situation, request.deviation)
    if request.symbol is None:
        return refuse(Code.TICKET_UNKNOWN, ticket=request.ticket, expected="an open position, or its symbol too")
    payload = close_payload(request.ticket, request.symbol, request.volume or NONE, 0, request.deviation)
    return _reduce("close_position", payload, situation, ticket=request.ticket, volume=request.volume)


def _close_by(request: CloseBy, situation: Situation) -> Plan:
    both = situation.position(request.ticket), situation.position(request.by)
    if request.ticket == request.by or not _opposite(*both):
        return refuse(Code.NOT_NETTED, position=request.ticket, position_by=request.by)
    payload = {"position": request.ticket, "position_by": request.by}
    return _reduce("close_by", payload, situation, ticket=request.ticket)


def _opposite(one: Stored | None, other: Stored | None) -> bool:
    """Whether two positions close each other; where one is not known, the terminal decides."""
    if one is None or other is None:
        return True
    return bool(one["symbol"] == other["symbol"] and one["side"] != other["side"])


def _cancel(request: CancelOrder, situation: Situation) -> Plan:
    intent = Intent(account=situation.account_id, kind=Kind.CANCEL, ticket=request.ticket, source=situation.source.id)
    return _pass(intent, "cancel_order", {"order": request.ticket}, situation)


def _close_all(request: CloseAll, situation: Situation) -> Plan:
    return _reduce(
        "close_all", _close_all_payload(request.symbol, request.cancel_pending, request.deviation), situation
    )


def _close_all_payload(symbol: str, cancel_pending: bool, deviation: int | None = None) -> dict[str, Any]:
    points = CLOSING_DEVIATION_POINTS if deviation is None else deviation
    return {"symbol": symbol, "cancel_pending": cancel_pending, "deviation": points}


def _set_state(request: SetTradingState, situation: Situation) -> Plan:
    own = to_holds([found for found in situation.row.holds or () if not found["everywhere"]])
    lifted = () if situation.source.may_lift else loosened(own, State(request.state), situation.source.actor)
    if lifted:
        return refuse(Code.LIFT_NOT_ALLOWED, found=", ".join(f"{each.cause.value} by {each.actor}" for each in lifted))
    payload = {"state": _state_after(request, situation), "reason": request.reason}
    order = Order(kind="set_trading_state", payload=payload, expires_at=situation.now + STATE_TTL)
    return Plan(code=APPROVED, orders=(order,))


def _state_after(request: SetTradingState, situation: Situation) -> str:
    """What the terminal is to enforce: what was asked for, or whatever else still holds the account."""
    ended = lifted_by_setting(State(request.state))
    rest = [found for found in situation.row.holds or () if found["everywhere"] or Cause(found["cause"]) not in ended]
    return max(request.state, str(in_force(to_holds(rest), situation.now).state), key=STATES.index)


def _modify_position(request: ModifyPosition, situation: Situation) -> Plan:
    position = situation.position(request.ticket)
    if position is None:
        return refuse(risk.Code.TICKET_UNKNOWN, ticket=request.ticket)
    sl, tp = _kept(request.sl, position["sl"]), _kept(request.tp, position["tp"])
    intent = _modification(situation, request.ticket, position, sl=sl, tp=tp)
    payload = {"position": request.ticket, "symbol": position["symbol"], "sl": sl or NONE, "tp": tp or NONE}
    return _judge(intent, "modify_position", payload, situation, position["side"])


def _modify_order(request: ModifyOrder, situation: Situation) -> Plan:
    order = situation.order(request.ticket)
    if order is None or order["order_type"] not in PENDING:
        return refuse(risk.Code.TICKET_UNKNOWN, ticket=request.ticket)
    if situation.row.terminal is None:
        return refuse(risk.Code.CLOCK_SKEWED, expected="a terminal whose clock is known")
    intent = _modification(
        situation,
        request.ticket,
        order,
        price=_kept(request.price, order["price_open"]),
        stoplimit=_kept(request.stoplimit, order["price_stoplimit"]),
        sl=_kept(request.sl, order["sl"]),
        tp=_kept(request.tp, order["tp"]),
    )
    expiration_msc = _expiration(request.expires_at, order, situation)
    intent = replace(intent, rests_longer=_rests_longer(int(order["expiration_msc"]), expiration_msc))
    payload: dict[str, Any] = {name: getattr(intent, name) or NONE for name in ("price", "stoplimit", "sl", "tp")}
    payload |= {"order": request.ticket, "expiration_msc": expiration_msc}
    return _judge(intent, "modify_order", payload, situation, PENDING[order["order_type"]][0])


def _expiration(asked: datetime | Keep | None, order: Stored, situation: Situation) -> int:
    return int(order["expiration_msc"]) if asked is KEEP else server_msc(asked, situation)


def _rests_longer(old_msc: int, new_msc: int) -> bool:
    """Whether a pending order would be there longer than before; 0 is for ever."""
    return old_msc != 0 and (new_msc == 0 or new_msc > old_msc)


def _kept(asked: Decimal | Keep | None, stored: Any) -> Decimal | None:
    """The price from now on; None: none (the wire's 0)."""
    return (Decimal(stored) or None) if isinstance(asked, Keep) else asked


def _modification(
    situation: Situation,
    ticket: int,
    found: Stored,
    *,
    sl: Decimal | None,
    tp: Decimal | None,
    price: Decimal | None = None,
    stoplimit: Decimal | None = None,
) -> Intent:
    return Intent(
        account=situation.account_id,
        kind=Kind.MODIFY,
        created_at=situation.now,
        symbol=found["symbol"],
        ticket=ticket,
        price=price,
        stoplimit=stoplimit,
        sl=sl,
        tp=tp,
        source=situation.source.id,
    )


def _judge(intent: Intent, kind: str, payload: Mapping[str, Any], situation: Situation, side: str) -> Plan:
    """Ask risk; what the change adds is reserved until its outcome is in a snapshot."""
    if situation.problem is not None:
        return refuse(Code.STATE_UNREADABLE, found=situation.problem)
    if not is_known(situation):
        return refuse(Code.STATE_UNREADABLE, found="too many changes under way")
    verdict = assess_change(intent, situation)
    if not isinstance(verdict, Approved):
        if situation.live.problem is not None:
            return refuse(Code.LIVE_STATE_UNAVAILABLE, found=situation.live.problem)
        return denied(verdict, intent)
    reserve = Reserve(
        symbol=intent.symbol, side=risk.Side(side), volume=NONE, risk=verdict.risk, margin=verdict.margin,
        notional=verdict.notional, slots=verdict.slots,
    )  # fmt: skip
    adds = verdict.risk > 0 or verdict.margin > 0 or verdict.notional > 0
    ttl = OPENING_TTL if adds else REDUCTION_TTL
    order = Order(kind=kind, payload=payload, expires_at=situation.now + ttl, reserve=reserve if adds else None)
    return Plan(code=APPROVED, checks=verdict.checks, orders=(order,), intent=intent)


def _reduce(
    kind: str,
    payload: Mapping[str, Any],
    situation: Situation,
    ticket: int | None = None,
    volume: Decimal | None = None,
) -> Plan:
    intent = Intent(
        account=situation.account_id, kind=Kind.REDUCE, ticket=ticket, volume=volume, source=situation.source.id
    )
    return _pass(intent, kind, payload, situation)


def _pass(intent: Intent, kind: str, payload: Mapping[str, Any], situation: Situation) -> Plan:
    """Ask risk about a way out: refused only when no command could be made of it."""
    verdict = risk.assess(intent, situation.snapshot, situation.limits, situation.now)
    if not isinstance(verdict, Approved):
        return denied(verdict, intent)
    order = Order(kind=kind, payload=payload, expires_at=situation.now + REDUCTION_TTL)
    return Plan(code=APPROVED, orders=(order,), intent=intent)


_PLANS: dict[type[Request], Callable[[Any, Situation], Plan]] = {
    ClosePosition: _close,
    CloseBy: _close_by,
    CancelOrder: _cancel,
    ModifyPosition: _modify_position,
    ModifyOrder: _modify_order,
    CloseAll: _close_all,
    SetTradingState: _set_state,
}
