"""What a statement says, whichever way it is written: the member, the account, the figures, the days of the period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from ledger.history import Period
from ledger.statement import MemberStatement, Movement
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One statement, ready to be written."""

    user: User
    account: Account
    statement: MemberStatement
    period: Period
    first: date | None  # trade server's days that were asked for; None: from the beginning
    last: date | None  # None: until now
    head: str  # hash of the newest transaction of the books that this was read from
    server_offset_s: int  # trade server's clock minus UTC, for the moments that are shown

    @property
    def file_name(self) -> str:
        """Return a name for the file, without its ending."""
        return f"statement-{self.user.id}-{self.account.login}-{self.statement.at:%Y%m%d}"

    @property
    def digits(self) -> int:
        """Return how many decimals the account's money has."""
        return self.account.currency_digits


KIND_WORDS = {
    "subscription": "Paid in",
    "redemption": "Taken out",
    "crystallisation": "Performance fee",
    "adoption": "Taken over",
    "reversal": "Taken back",
}


def words_of(movement: Movement) -> str:
    """Return what happened, in a word or two."""
    if movement.units > 0 and movement.kind in ("crystallisation", "redemption"):
        return "Fees earned"
    return KIND_WORDS.get(str(movement.kind), str(movement.kind).capitalize())


def movements_of(document: Document) -> list[Movement]:
    """Return the movements within the period; of the whole history when it was not cut."""
    first, last = document.first, document.last
    return [
        move
        for move in document.statement.movements
        if (first is None or first <= server_day(document, move.at))
        and (last is None or server_day(document, move.at) <= last)
    ]


def server_day(document: Document, moment: datetime) -> date:
    """Return the trade server's calendar day of a moment."""
    return (moment + timedelta(seconds=document.server_offset_s)).date()


def plain(amount: Decimal, digits: int) -> str:
    """Write money with the account's digits, or with all that it has."""
    shown = amount.quantize(Decimal(1).scaleb(-digits))
    return f"{shown if shown == amount else amount.normalize():f}"


def money(amount: Decimal, digits: int) -> str:
    """Write money for a person: a comma at the thousands."""
    return f"{Decimal(plain(amount, digits)):,f}"


def percent(ratio: Decimal | None, digits: int = 2) -> str:
    """Write a ratio as a percentage; a dash where there is none."""
    return "-" if ratio is None else f"{100 * ratio:,.{digits}f} %"
