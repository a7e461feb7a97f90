"""A member's figures as they are shown everywhere: in answers, on pages, in the live stream. No request is needed."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ledger.statement import MemberStatement
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.ledger.matching import REDEMPTION, SUBSCRIPTION
from zmq_bridge.storage.ledger.request_list import Request

KINDS = {"invest": SUBSCRIPTION, "withdraw": REDEMPTION}
MONEY = (
    "value", "contributed", "redeemed", "owed", "profit", "realised", "unrealised", "fees_paid", "fees_earned",
    "fee_accrued", "management_fees",
)  # fmt: skip
PLAIN = ("units", "nav_per_unit", "share_percent", "time_weighted_return")


def money(amount: Decimal, digits: int) -> Decimal:
    """The amount with the account's digits; with more where it has more, because nothing is rounded away."""
    shown = amount.quantize(Decimal(1).scaleb(-digits))
    return shown if shown == amount else amount.normalize()


def shown_figures(found: MemberStatement, digits: int) -> dict[str, Any]:
    """What a member owns and how it did; nothing of it moves while neither the pool's price nor the units do."""
    figures = {name: money(getattr(found, name), digits) for name in MONEY}
    return {name: getattr(found, name) for name in PLAIN} | figures


def shown_request(wanted: Request, account: Account) -> dict[str, Any]:
    """A request as it is answered."""
    digits = account.currency_digits
    shown = {name: value for name, value in asdict(wanted).items() if name not in ("account_id", "kind")}
    for name in ("amount", "settled_amount"):
        shown[name] = None if shown[name] is None else money(shown[name], digits)
    kind = next(word for word, kind in KINDS.items() if kind == wanted.kind)
    return {"kind": kind, "account": account.login, **shown}
