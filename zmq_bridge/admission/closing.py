"""CLOSE: which positions a signal means, and the commands that close them. A way out depends on nothing but the book.

Where the book can't tell (no snapshot yet, an old one, or an opening of the symbol is still on its way) and the whole
symbol is meant, the terminal is told to close all of it: it knows, and it works its commands off in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import risk
from risk import Approved, Intent, Kind
from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.plan import APPROVED, REDUCTION_TTL, Order, Plan, denied, refuse
from zmq_bridge.admission.signal import Signal, plain_number
from zmq_bridge.admission.situation import Situation, Stored
from zmq_bridge.storage.trading.magic import told as told_magic

ALL = Decimal(0)  # the wire's volume for "all of it"
CLOSING_DEVIATION_POINTS = 100  # getting out matters more than the price


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is taken off one position."""

    position: Stored
    volume: Decimal | None  # lots; None: all of it


def plan_closing(signal: Signal, situation: Situation) -> Plan:
    """Judge a CLOSE."""
    if signal.expires_at is not None and signal.expires_at <= situation.now:
        return refuse(Code.SIGNAL_EXPIRED, expires_at=signal.expires_at, now=situation.now)
    if _terminal_knows_better(signal, situation):
        return _close_symbol(signal, situation)
    matching = [found for found in situation.positions if _matches(found, signal)]
    if not matching:
        return refuse(Code.NOTHING_TO_CLOSE, symbol=signal.symbol, ticket=signal.ticket, magic=signal.magic)
    held = sum((Decimal(found["volume"]) for found in matching), Decimal(0))
    if signal.volume is not None and signal.volume > held:
        return refuse(Code.VOLUME_EXCEEDS_POSITION, volume=plain_number(signal.volume), volume_open=plain_number(held))
    return close_parts(share(matching, signal.volume), situation, signal.deviation)


def close_parts(parts: Sequence[Part], situation: Situation, deviation: int | None = None) -> Plan:
    """One command a part."""
    orders: list[Order] = []
    intent: Intent | None = None
    for part in parts:
        intent = _intent(part, situation)
        verdict = risk.assess(intent, situation.snapshot, situation.limits, situation.now)
        if not isinstance(verdict, Approved):
            return denied(verdict, intent)
        orders.append(_close(part.position, verdict.volume, situation, deviation))
    return Plan(code=APPROVED, orders=tuple(orders), intent=intent)


def share(positions: Sequence[Stored], volume: Decimal | None) -> list[Part]:
    """Take a volume off positions, the first first; None: all of every one."""
    if volume is None:
        return [Part(position=found, volume=None) for found in positions]
    parts: list[Part] = []
    for found in positions:
        taken = min(volume, Decimal(found["volume"]))
        if taken > 0:
            parts.append(Part(position=found, volume=taken))
        volume -= taken
    return parts


def close_payload(ticket: int, symbol: str, volume: Decimal, magic: int, deviation: int | None) -> dict[str, Any]:
    """The fields of `close_position`; `magic` as it is stored."""
    return {
        "position": ticket,
        "symbol": symbol,
        "volume": volume,
        "deviation": CLOSING_DEVIATION_POINTS if deviation is None else deviation,
        "magic": told_magic(magic),
    }


def _close(position: Stored, volume: Decimal | None, situation: Situation, deviation: int | None) -> Order:
    whole = volume is None or volume >= Decimal(position["volume"])
    amount = ALL if whole or volume is None else volume
    return Order(
        kind="close_position",
        payload=close_payload(position["ticket"], position["symbol"], amount, position["magic"], deviation),
        expires_at=situation.now + REDUCTION_TTL,
    )


def _close_symbol(signal: Signal, situation: Situation) -> Plan:
    intent = Intent(account=situation.account_id, kind=Kind.REDUCE, symbol=signal.symbol, source=situation.source.id)
    payload = {"symbol": signal.symbol, "cancel_pending": False,
               "deviation": CLOSING_DEVIATION_POINTS if signal.deviation is None else signal.deviation}  # fmt: skip
    order = Order(kind="close_all", payload=payload, expires_at=situation.now + REDUCTION_TTL)
    return Plan(code=APPROVED, orders=(order,), intent=intent)


def _terminal_knows_better(signal: Signal, situation: Situation) -> bool:
    whole_symbol = signal.ticket is None and signal.magic is None and signal.volume is None
    in_flight = any(found["symbol"] == signal.symbol and found["slots"] for found in situation.row.reservations or ())
    return whole_symbol and (in_flight or not situation.book_is_fresh)


def _matches(position: Stored, signal: Signal) -> bool:
    return (
        position["symbol"] == signal.symbol
        and (signal.ticket is None or position["ticket"] == signal.ticket)
        and (signal.magic is None or position["magic"] == signal.magic)
    )


def _intent(part: Part, situation: Situation) -> Intent:
    return Intent(
        account=situation.account_id,
        kind=Kind.REDUCE,
        symbol=part.position["symbol"],
        volume=part.volume,
        ticket=part.position["ticket"],
        source=situation.source.id,
    )
