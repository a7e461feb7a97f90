"""Judge a change of an open position's or a pending order's prices.

A stop that moves nearer bounds the loss more tightly: it passes like a reduction, in every state. A stop that moves
away adds risk: gates and risk limits apply, with the ticket's old risk taken out and its new risk put in. A pending
order whose prices change, or that is to rest longer, is judged as if it were placed anew in the old one's stead. What
is reserved is the difference. The terminals let pass while they are not active what passes here without a check
(docs/wire.md, `set_trading_state`).
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from risk.book import build_book
from risk.case import Ask, Case
from risk.checks import GATES, WIDENING_CHECKS
from risk.codes import Code
from risk.form import require_modification
from risk.intent import Intent, Kind, OrderType, Side
from risk.limits import Limits
from risk.market import Lot, Market
from risk.numbers import ZERO, round_up, settle
from risk.opening import build_case, build_order, deny, judge_opening, require_ask, run
from risk.order import closing_price
from risk.reduction import eases, nothing_added
from risk.refusal import Refused
from risk.snapshot import OpenPosition, PendingOrder, Snapshot
from risk.stops import pending_worst, position_risk
from risk.verdict import Approved, Check, Verdict


def judge_modification(
    intent: Intent, snapshot: Snapshot | None, limits: Limits | None, now: datetime, done: list[Check]
) -> Verdict:
    """Judge one modification; every check made is appended to `done`."""
    ticket = require_modification(intent)
    target = _find(intent, snapshot, ticket)
    if isinstance(target, OpenPosition):
        if eases(target.side, target.sl, intent.sl):
            return nothing_added()
        return _judge_position(require_ask(intent, snapshot, limits, now, target.symbol), target, done)
    return _judge_order(intent, snapshot, limits, now, target, done)


def _find(intent: Intent, snapshot: Snapshot | None, ticket: int) -> OpenPosition | PendingOrder:
    if type(snapshot) is not Snapshot:
        raise Refused(Code.SNAPSHOT_MISSING, account=intent.account)
    if snapshot.account_id != intent.account:
        raise Refused(Code.ACCOUNT_UNKNOWN, account=intent.account, snapshot_of=snapshot.account_id)
    tickets: list[OpenPosition | PendingOrder] = [*(snapshot.positions or ()), *(snapshot.orders or ())]
    for target in tickets:
        if target.ticket == ticket:
            return target
    raise Refused(Code.TICKET_UNKNOWN, ticket=ticket)


def _judge_position(ask: Ask, position: OpenPosition, done: list[Check]) -> Verdict:
    """Judge a stop that moves away from the market."""
    intent = ask.intent
    if intent.sl is None:
        raise Refused(Code.STOP_LOSS_MISSING, ticket=position.ticket)
    if failed := run(GATES, done, ask):
        return deny(failed, done)
    market = Market(ask.snapshot, ask.account, ask.limits, ask.now)
    lot = market.lot(position.symbol)
    case = _position_case(ask, position, intent.sl, market)
    nearest = [price for price in (position.sl, position.tp) if price is not None]
    distance = closing_price(position.side, lot)
    frozen = check_freeze(distance, nearest, lot)
    done.append(frozen)
    failed = run(WIDENING_CHECKS, done, case)
    if not frozen.passed or failed:
        return deny(failed or frozen, done)
    added = max(case.risk - settle(position_risk(position, lot)), ZERO)
    return _difference(added, ZERO, ZERO, ask, done)


def _position_case(ask: Ask, position: OpenPosition, sl: Decimal, market: Market) -> Case:
    """Return the case of the position with its new stop, the rest of the book without it."""
    moved = replace(position, sl=sl)
    risk = settle(position_risk(moved, market.lot(position.symbol)))
    stand_in = replace(
        ask.intent, kind=Kind.OPEN, symbol=position.symbol, side=position.side, order_type=OrderType.MARKET,
        volume=position.volume, risk_percent=None, sl=sl, tp=ask.intent.tp or sl, deviation_points=0,
    )  # fmt: skip
    order = build_order(stand_in, market)
    book = build_book(ask.snapshot, market, position.ticket)
    return replace(build_case(replace(ask, intent=stand_in), order, market, book), risk=risk)


def _judge_order(
    intent: Intent, snapshot: Snapshot | None, limits: Limits | None, now: datetime, order: PendingOrder,
    done: list[Check],
) -> Verdict:  # fmt: skip
    """Judge new prices of a pending order."""
    price, stoplimit = intent.price or order.price, intent.stoplimit or order.stoplimit
    same = price == order.price and stoplimit == order.stoplimit and intent.tp == order.tp
    if same and not intent.rests_longer and eases(order.side, order.sl, intent.sl):
        return nothing_added()
    anew = replace(
        intent, kind=Kind.OPEN, symbol=order.symbol, side=order.side, order_type=order.order_type,
        volume=order.volume, risk_percent=None, price=price, stoplimit=stoplimit, deviation_points=0,
    )  # fmt: skip
    ask = require_ask(anew, snapshot, limits, now, order.symbol)
    verdict = judge_opening(ask, done, order.ticket)
    if not isinstance(verdict, Approved):
        return verdict
    market = Market(ask.snapshot, ask.account, ask.limits, ask.now)
    lot = market.lot(order.symbol)
    frozen = check_freeze(lot.ask if order.side is Side.BUY else lot.bid, [order.price], lot)
    done.append(frozen)
    return _order_difference(verdict, order, market, ask, done) if frozen.passed else deny(frozen, done)


def _order_difference(new: Approved, order: PendingOrder, market: Market, ask: Ask, done: list[Check]) -> Approved:
    """Return the approval with what the new prices add to what the order carried before."""
    if order.sl is None:
        return replace(new, volume=None, slots=0, checks=tuple(done))
    lot, volume = market.lot(order.symbol), order.volume
    worst, old_risk = pending_worst(order, lot)
    risk = new.risk - old_risk
    margin = new.margin - volume * market.margin(lot, worst)
    notional = new.notional - volume * worst * lot.loss_per_price
    return _difference(max(risk, ZERO), max(margin, ZERO), max(notional, ZERO), ask, done)


def _difference(risk: Decimal, margin: Decimal, notional: Decimal, ask: Ask, done: list[Check]) -> Approved:
    digits = ask.account.digits
    return Approved(
        volume=None, risk=round_up(risk, digits), margin=round_up(margin, digits),
        notional=round_up(notional, digits), slots=0, checks=tuple(done),
    )  # fmt: skip


def check_freeze(market_price: Decimal, prices: list[Decimal], lot: Lot) -> Check:
    """The market is further than the freeze level from every price that is in force; there is at least one."""
    limit = lot.spec.freeze_level * lot.spec.point
    distance = min(abs(market_price - price) for price in prices)
    return Check(Code.FREEZE_LEVEL, distance, limit, limit == 0 or distance > limit)
