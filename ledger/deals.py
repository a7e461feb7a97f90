"""Every deal type of MetaTrader 5 and what it does to the books: one table, `POSTINGS`, and nothing beside it.

A deal carries four amounts, signed as the terminal gives them. `profit` goes where the table says; `commission`, `swap`
and `fee` each have an account of their own. All of them move the broker account, except those of a credit deal:

    balance = sum of profit + commission + swap + fee over all deals except credit

A type or entry that the table does not know raises `UnknownDeal`: posting stops, nothing is guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from ledger.errors import UnknownDeal
from ledger.journal import AccountKind, Entry
from ledger.money import checked, total


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedDeal:
    """The part of a deal that the ledger cares about."""

    ticket: int  # the broker's number, unique within one account
    type: str  # a key of `POSTINGS`
    entry: str  # in, out, inout or out_by
    profit: Decimal  # account currency, signed as the terminal gives it, like the three below
    commission: Decimal
    swap: Decimal
    fee: Decimal

    @property
    def amount(self) -> Decimal:
        """Return the sum of all four amounts."""
        return total((self.profit, self.commission, self.swap, self.fee))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Where a deal type goes."""

    money: AccountKind  # the asset that the deal moves: cash at the broker, or credit
    profit: AccountKind  # what stands against the deal's profit
    entries: frozenset[str]  # entries that this type may have


_TRADE = frozenset({"in", "out", "inout", "out_by"})
_OPERATION = frozenset({"in", "out"})  # a terminal reports `in` for operations without a position; `out` is seen too


def _trade() -> Posting:
    return Posting(money=AccountKind.BROKER, profit=AccountKind.TRADING, entries=_TRADE)


def _operation(profit: AccountKind) -> Posting:
    return Posting(money=AccountKind.BROKER, profit=profit, entries=_OPERATION)


POSTINGS: Mapping[str, Posting] = MappingProxyType(
    {
        "buy": _trade(),
        "sell": _trade(),
        "buy_canceled": _trade(),
        "sell_canceled": _trade(),
        "balance": _operation(AccountKind.SUSPENSE),
        "credit": Posting(money=AccountKind.CREDIT, profit=AccountKind.CREDIT_OWED, entries=_OPERATION),
        "charge": _operation(AccountKind.CHARGES),
        "correction": _operation(AccountKind.CORRECTIONS),
        "bonus": _operation(AccountKind.BONUSES),
        "commission": _operation(AccountKind.COMMISSIONS),
        "commission_daily": _operation(AccountKind.COMMISSIONS),
        "commission_monthly": _operation(AccountKind.COMMISSIONS),
        "commission_agent_daily": _operation(AccountKind.AGENT_COMMISSIONS),
        "commission_agent_monthly": _operation(AccountKind.AGENT_COMMISSIONS),
        "interest": _operation(AccountKind.INTEREST),
        "dividend": _operation(AccountKind.DIVIDENDS),
        "dividend_franked": _operation(AccountKind.DIVIDENDS),
        "tax": _operation(AccountKind.TAXES),
    }
)


def posting_of(deal: BookedDeal) -> Posting:
    """Look a deal up in the table.

    Raises:
        UnknownDeal: its type, or its entry for that type, is not in the table.
    """
    posting = POSTINGS.get(deal.type)
    if posting is None:
        raise UnknownDeal(f"deal {deal.ticket}: expected a type out of {sorted(POSTINGS)}, found {deal.type!r}")
    if deal.entry not in posting.entries:
        expected = sorted(posting.entries)
        raise UnknownDeal(f"deal {deal.ticket}: expected an entry of {expected} for {deal.type}, found {deal.entry!r}")
    return posting


def deal_entries(deal: BookedDeal, currency: str) -> tuple[Entry, ...]:
    """Return the balanced entries of a deal; none when it moves no money.

    Raises:
        UnknownDeal: the table does not know it.
        InvalidAmount: an amount is not money.
    """
    posting = posting_of(deal)
    against: tuple[tuple[AccountKind, Decimal], ...] = (
        (posting.profit, deal.profit),
        (AccountKind.COMMISSIONS, deal.commission),
        (AccountKind.SWAPS, deal.swap),
        (AccountKind.DEAL_FEES, deal.fee),
    )
    if posting.money is AccountKind.CREDIT:
        against = ((posting.profit, deal.amount),)
    legs = [(kind, -checked(amount)) for kind, amount in against]
    legs.append((posting.money, -total(amount for _, amount in legs)))
    return tuple(Entry(kind=kind, currency=currency, amount=amount) for kind, amount in legs if amount)


def folded(entries: Iterable[Entry]) -> dict[tuple[AccountKind, str], Decimal]:
    """Return what a deal's entries move on each account (kind, currency); accounts that come out even are left out."""
    sums: dict[tuple[AccountKind, str], Decimal] = {}
    for entry in entries:
        key = (entry.kind, entry.currency)
        sums[key] = total((sums.get(key, Decimal(0)), entry.amount))
    return {key: amount for key, amount in sums.items() if amount}


def adjusting_entries(now: Iterable[Entry], booked: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that make of what is booked for a deal what it is now; none where that is the same."""
    taken_back = (replace(entry, amount=-entry.amount) for entry in booked)
    difference = folded((*now, *taken_back))
    return tuple(Entry(kind=kind, currency=currency, amount=amount) for (kind, currency), amount in difference.items())
