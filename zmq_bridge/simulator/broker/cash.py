"""Money in and out of the account without a trade: balance, credit and charge deals."""

from decimal import Decimal

from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import DealEntry, DealType
from zmq_bridge.simulator.broker.model import COMMENT_CHARS_MAX, Deal
from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.broker.valuation import account
from zmq_bridge.simulator.errors import SimulatorError

CASH_TYPES = frozenset(
    {
        DealType.BALANCE,
        DealType.CREDIT,
        DealType.CHARGE,
        DealType.CORRECTION,
        DealType.BONUS,
        DealType.INTEREST,
        DealType.DIVIDEND,
    }
)


def book_cash(core: Core, type: DealType, amount: Decimal, comment: str) -> Deal:
    """Book a cash deal; money in has entry `in`, money out has entry `out`.

    Raises:
        SimulatorError: not a cash type, 0 or a fraction of the smallest coin, or more than is free to be withdrawn.
    """
    if type not in CASH_TYPES:
        raise SimulatorError(f"type: expected one of {sorted(CASH_TYPES)}, found {type.value}")
    if not amount.is_finite() or not amount or amount != core.money(amount):
        digits = core.config.currency_digits
        raise SimulatorError(f"amount: expected other than 0 with at most {digits} decimals, found {amount}")
    if type is DealType.BALANCE and amount < 0:
        _refuse_too_much(core, -amount)
    if type is DealType.CREDIT and core.books.credit + amount < 0:
        raise SimulatorError(f"amount: expected at most the credit of {core.books.credit}, found {-amount}")
    deal = Deal(
        ticket=core.books.new_deal_ticket(),
        order=0,
        position=0,
        symbol="",
        type=type,
        entry=DealEntry.IN if amount > 0 else DealEntry.OUT,
        volume=ZERO,
        price=ZERO,
        profit=core.money(amount),
        commission=ZERO,
        swap=ZERO,
        fee=ZERO,
        time_msc=core.now_msc,
        comment=comment[:COMMENT_CHARS_MAX],
    )
    core.put_deal(deal)
    return deal


def _refuse_too_much(core: Core, amount: Decimal) -> None:
    now = account(core)
    free = min(now.balance, now.margin_free - now.credit)
    if amount > free:
        raise SimulatorError(f"amount: expected at most {free} free to be withdrawn, found {amount}")
