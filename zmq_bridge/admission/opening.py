"""BUY and SELL: from a signal to an intent, and from risk's approval to the order that is sent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import risk
from risk import Approved, Intent, Kind, OrderType, Side
from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.plan import APPROVED, OPENING_TTL, Order, Plan, Reserve, denied, refuse
from zmq_bridge.admission.signal import Action, Signal
from zmq_bridge.admission.situation import Situation
from zmq_bridge.admission.snapshot import strategy

DEVIATION_POINTS = 10  # slippage permitted where the signal says nothing
NONE = Decimal(0)  # how the wire writes an absent price
SIDES = {Action.BUY: Side.BUY, Action.SELL: Side.SELL}


def plan_opening(signal: Signal, situation: Situation) -> Plan:
    """Judge a BUY or SELL."""
    if objection := _objection(signal, situation):
        return objection
    intent = to_intent(signal, situation)
    verdict = risk.assess(intent, situation.snapshot, situation.limits, situation.now)
    if not isinstance(verdict, Approved):
        return denied(verdict, intent)
    order = _order(signal, intent, verdict, situation)
    return Plan(code=APPROVED, context={"volume": verdict.volume, "risk": verdict.risk, "margin": verdict.margin},
                checks=verdict.checks, orders=(order,), intent=intent)  # fmt: skip


def to_intent(signal: Signal, situation: Situation) -> Intent:
    """What risk is asked."""
    return Intent(
        account=situation.account_id,
        kind=Kind.OPEN,
        created_at=signal.created_at or situation.now,
        symbol=signal.symbol,
        side=SIDES[signal.action],
        order_type=signal.type,
        volume=signal.volume,
        risk_percent=signal.risk_percent,
        price=signal.price,
        stoplimit=signal.stoplimit,
        sl=signal.sl,
        tp=signal.tp,
        deviation_points=DEVIATION_POINTS if signal.deviation is None else signal.deviation,
        source=situation.source.id,
        strategy=strategy(signal.magic),
    )


def _objection(signal: Signal, situation: Situation) -> Plan | None:
    """What forbids it before risk is asked."""
    allowed, now = situation.source.symbols, situation.now
    if situation.problem is not None:
        return refuse(Code.STATE_UNREADABLE, found=situation.problem)
    if (allowed is not None and signal.symbol not in allowed) or signal.symbol in situation.specs.untradable:
        return refuse(Code.SYMBOL_NOT_ALLOWED, symbol=signal.symbol)
    if signal.symbol in situation.specs.unreadable:
        return refuse(risk.Code.SPEC_INVALID, found=situation.specs.unreadable[signal.symbol])
    if signal.expires_at is not None and signal.expires_at <= now:
        return refuse(Code.SIGNAL_EXPIRED, expires_at=signal.expires_at, now=now)
    if situation.live.problem is not None:
        return refuse(Code.LIVE_STATE_UNAVAILABLE, found=situation.live.problem)
    return None


def _order(signal: Signal, intent: Intent, approved: Approved, situation: Situation) -> Order:
    assert approved.volume is not None
    assert intent.side is not None
    expires_at = situation.now + OPENING_TTL
    return Order(
        kind="place_order",
        payload=_payload(signal, intent, approved.volume, situation),
        expires_at=min(expires_at, signal.expires_at or expires_at),
        reserve=Reserve(
            symbol=signal.symbol,
            side=intent.side,
            volume=approved.volume,
            risk=approved.risk,
            margin=approved.margin,
            notional=approved.notional,
            slots=approved.slots,
        ),
    )


def _payload(signal: Signal, intent: Intent, volume: Decimal, situation: Situation) -> dict[str, Any]:
    pending = signal.type is not OrderType.MARKET
    return {
        "symbol": signal.symbol,
        "side": intent.side,
        "order_type": signal.type,
        "volume": volume,
        "price": signal.price if pending else NONE,
        "stoplimit": signal.stoplimit or NONE,
        "sl": signal.sl or NONE,
        "tp": signal.tp or NONE,
        "deviation": intent.deviation_points,
        "expiration_msc": server_msc(signal.expires_at, situation) if pending else 0,
        "magic": signal.magic or 0,
    }


def server_msc(moment: datetime | None, situation: Situation) -> int:
    """A moment on the trade server's clock, in ms; 0 where there is none."""
    if moment is None:
        return 0
    offset_s = situation.row.terminal["server_offset_s"]
    return int((moment.astimezone(UTC).timestamp() + offset_s) * 1000)
