"""Judge an opening order: gates, prices, limits; a stage is entered only when the one before has no objection."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVarTuple

from risk.book import Book, build_book
from risk.case import Ask, Case
from risk.checks import GATES, LIMIT_CHECKS, ORDER_CHECKS
from risk.codes import MEASURES, Code
from risk.form import require_opening
from risk.intent import Intent
from risk.limits import Limits
from risk.market import Market
from risk.numbers import ZERO, round_up, settle
from risk.order import Order, entry_price, loss_per_lot, worst_entry_price
from risk.refusal import Refused
from risk.sizing import size
from risk.snapshot import AccountState, Snapshot
from risk.stops import moved_stop_risk
from risk.verdict import Approved, Check, Denied, Verdict, text

Ts = TypeVarTuple("Ts")  # what a stage's checks look at
OFFSET_MAX_S = 15 * 3600  # no time zone is further from UTC


def judge_opening(ask: Ask, done: list[Check], without_ticket: int | None = None) -> Verdict:
    """Judge one opening order; every check made is appended to `done`.

    Args:
        ask: the question.
        done: receives the checks, also those made before a refusal.
        without_ticket: a pending order this one replaces.
    """
    require_opening(ask.intent)
    if failed := run(GATES, done, ask):
        return deny(failed, done)
    market = Market(ask.snapshot, ask.account, ask.limits, ask.now)
    order = build_order(ask.intent, market)
    if failed := run(ORDER_CHECKS, done, ask, order):
        return deny(failed, done)
    book = build_book(ask.snapshot, market, without_ticket)
    moved = moved_stop_risk(ask.snapshot, order.side, order.sl, order.lot, without_ticket)
    case = build_case(ask, order, market, book, moved)
    if failed := run(LIMIT_CHECKS, done, case):
        return deny(failed, done)
    return approve(case, done)


def require_ask(intent: Intent, snapshot: Snapshot | None, limits: Limits | None, now: datetime, symbol: str) -> Ask:
    """Return the question with everything it needs to be asked at all, or refuse."""
    if type(limits) is not Limits:
        raise Refused(Code.LIMITS_MISSING, account=intent.account)
    if type(snapshot) is not Snapshot:
        raise Refused(Code.SNAPSHOT_MISSING, account=intent.account)
    account = snapshot.account
    if snapshot.account_id != intent.account or type(account) is not AccountState:
        raise Refused(Code.ACCOUNT_UNKNOWN, account=intent.account, snapshot_of=snapshot.account_id)
    return Ask(intent, snapshot, account, limits, now, symbol, server_time(now, snapshot.server_offset_s))


def server_time(now: datetime, offset_s: int | None) -> datetime | None:
    """Return what the trade server's clock shows, or None when its offset is unknown or absurd."""
    if type(offset_s) is not int or not -OFFSET_MAX_S <= offset_s <= OFFSET_MAX_S:
        return None
    return now + timedelta(0, offset_s)


def build_order(intent: Intent, market: Market) -> Order:
    """Work out the prices of the order."""
    side, kind, sl, tp = intent.side, intent.order_type, intent.sl, intent.tp
    assert side is not None  # require_opening made sure of the three
    assert sl is not None
    assert tp is not None
    lot = market.lot(intent.symbol)
    entry = entry_price(side, kind, intent.price, intent.stoplimit, lot)
    worst = worst_entry_price(side, kind, entry, intent.deviation_points, lot)
    return Order(
        symbol=intent.symbol, side=side, order_type=kind, price=intent.price, stoplimit=intent.stoplimit, sl=sl, tp=tp,
        deviation_points=intent.deviation_points, lot=lot, entry=entry, worst_entry=worst,
        loss_per_lot=loss_per_lot(side, worst, sl, lot),
    )  # fmt: skip


def build_case(ask: Ask, order: Order, market: Market, book: Book, moved: Decimal = ZERO) -> Case:
    """Work out volume, risk and margin of the order, and where the account stands.

    `moved` is what the order adds to the risk of a position by moving its stop, whatever its own volume.
    """
    account, day = ask.account, ask.snapshot.day
    assert day is not None  # the gates made sure of it
    capital = account.equity - account.credit
    base = min(account.balance, capital)
    volume = _volume(ask.intent, base, order, moved)
    return Case(
        ask=ask, order=order, book=book, base=base, day=day, volume=volume,
        risk=settle(volume * order.loss_per_lot + moved),
        margin=settle(volume * market.margin(order.lot, order.worst_entry)),
        notional=settle(volume * order.worst_entry * order.lot.loss_per_price),
        loss_today=day.reference + day.net_flows - capital,
    )  # fmt: skip


def _volume(intent: Intent, base: Decimal, order: Order, moved: Decimal) -> Decimal:
    if intent.volume is not None:
        return intent.volume
    assert intent.risk_percent is not None
    return size(intent.risk_percent, base, order.loss_per_lot, order.lot.spec.volume_step, moved)


def run(checks: Iterable[Callable[[*Ts], Check]], done: list[Check], *args: *Ts) -> Check | None:
    """Make every check of a stage, append them to `done`, return the first that failed."""
    failed, add = None, done.append
    for check in checks:
        result = check(*args)
        add(result)
        if failed is None and not result.passed:
            failed = result
    return failed


def deny(failed: Check, done: list[Check]) -> Denied:
    """Return the denial a failed check stands for."""
    found, expected = MEASURES.get(failed.code, ("found", "expected"))
    context = {found: str(text(failed.value)), expected: str(text(failed.limit))}
    return Denied(code=failed.code, context=context, checks=tuple(done))


def approve(case: Case, done: list[Check]) -> Approved:
    """Return the approval; what it may cost is rounded up to the account's digits."""
    digits = case.ask.account.digits
    return Approved(
        volume=case.volume, risk=round_up(case.risk, digits), margin=round_up(case.margin, digits),
        notional=round_up(case.notional, digits), slots=1, checks=tuple(done),
    )  # fmt: skip
