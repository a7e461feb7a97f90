"""Double entry: what a transaction is, when it is one, and the hash that chains it to the one before.

Amounts are signed: debit plus, credit minus, so the entries of a transaction sum to zero in every currency. Units are a
currency of their own, `UNIT`: they are issued against `units_issued` as money is booked against capital. A transaction
is named by its cause, which can happen only once. It is never changed: a mistake is mended by a reversal.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from ledger.errors import InvalidAmount, UnbalancedEntries
from ledger.money import MONEY_DIGITS_MAX, checked, total
from ledger.units import Price

UNIT = "UNIT"  # the currency of units
GENESIS = "0" * 64  # what the first transaction of an account is chained to


class AccountKind(StrEnum):
    """The chart of accounts. Those marked (m) exist once per member, the others once per pool."""

    BROKER = "broker"  # asset: cash at the broker, equal to its balance
    CREDIT = "credit"  # asset: credit the broker granted
    CREDIT_OWED = "credit_owed"  # liability against it
    SUSPENSE = "suspense"  # liability: balance deals that nobody has claimed yet
    PAYABLE = "payable"  # liability (m): redeemed, not yet withdrawn
    FEES_ACCRUED = "fees_accrued"  # liability: management fee earned, not yet turned into units
    CONTRIBUTIONS = "contributions"  # capital (m): paid in
    REDEMPTIONS = "redemptions"  # capital (m): taken out
    FEES_PAID = "fees_paid"  # capital (m): performance fee that this member paid
    FEES_EARNED = "fees_earned"  # capital (m): fees that this member earned as the manager
    TRADING = "trading"  # income: profit of closed volume
    COMMISSIONS = "commissions"  # income from here on: negative amounts are what it cost
    AGENT_COMMISSIONS = "agent_commissions"
    SWAPS = "swaps"
    DEAL_FEES = "deal_fees"
    CHARGES = "charges"
    CORRECTIONS = "corrections"
    BONUSES = "bonuses"
    INTEREST = "interest"
    DIVIDENDS = "dividends"
    TAXES = "taxes"
    MANAGEMENT_FEES = "management_fees"  # expense: what the pool has been charged
    UNITS = "units"  # units held (m)
    UNITS_ISSUED = "units_issued"  # units issued, against those held


class TransactionKind(StrEnum):
    """What caused a transaction."""

    DEAL = "deal"
    SUBSCRIPTION = "subscription"
    REDEMPTION = "redemption"
    PAYMENT = "payment"  # a withdrawal at the broker pays what a redemption owes
    ACCRUAL = "accrual"
    CRYSTALLISATION = "crystallisation"
    RELEASE = "release"  # suspense that turned out to be the pool's own profit or loss
    ADOPTION = "adoption"  # value without units, given to a named member
    REVERSAL = "reversal"
    TERMS = "terms"  # fees and price band that were agreed on; moves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One side of a transaction."""

    kind: AccountKind
    currency: str  # of the account, or `UNIT`
    amount: Decimal  # debit plus, credit minus; never zero
    member: int | None = None  # whose; None for an account of the pool


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """What a transaction does to one lot."""

    lot: str  # the cause that opened it
    member: int
    units: Decimal  # plus bought or minted, minus burned
    cash: Decimal  # what the units cost when bought (plus), or fetched when burned, fee included (minus)
    fee: Decimal  # performance fee within what they fetched
    high_water_mark: Price | None  # None: unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Something that happened once, for one cause."""

    cause: str  # see the `*_cause` functions; unique within an account
    kind: TransactionKind
    at: datetime  # aware UTC: when it was booked
    entries: tuple[Entry, ...]  # sum to zero per currency; may be empty (a deal without money)
    lots: tuple[LotChange, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict)  # figures a reader wants beside it, as text
    reverses: str | None = None  # cause of the transaction this one takes back

    def __post_init__(self) -> None:
        """Refuse what is not a transaction."""
        check(self)


def deal_cause(ticket: int, corrections: int = 0) -> str:
    """Name a deal of the broker; or the n-th time that it is booked with amounts the broker changed."""
    return f"deal:{ticket}:corrected:{corrections}" if corrections else f"deal:{ticket}"


def subscription_cause(request: str) -> str:
    """Name the settlement of a subscription request."""
    return f"subscription:{request}"


def redemption_cause(request: str) -> str:
    """Name the pricing of a redemption request."""
    return f"redemption:{request}"


def payment_cause(ticket: int, reversals: int = 0) -> str:
    """Name the use of a withdrawal to pay a redemption; after a reversal it may be used again."""
    return f"payment:{ticket}:{reversals}" if reversals else f"payment:{ticket}"


def release_cause(ticket: int, reversals: int = 0) -> str:
    """Name the decision that a balance deal is nobody's deposit; after a reversal it may be decided again."""
    return f"release:{ticket}:{reversals}" if reversals else f"release:{ticket}"


def adoption_cause(number: str) -> str:
    """Name the assignment of value without units."""
    return f"adoption:{number}"


def fee_cause(kind: TransactionKind, period: str) -> str:
    """Name a fee run by its kind and its period."""
    return f"{kind}:{period}"


def terms_cause(number: int) -> str:
    """Name the agreement on new terms."""
    return f"terms:{number}"


def reversal_cause(cause: str) -> str:
    """Name the reversal of a transaction."""
    return f"reversal:{cause}"


def check(transaction: Transaction) -> None:
    """Refuse entries of zero, times without a zone, and entries that don't balance.

    Raises:
        InvalidAmount: an amount is zero or no amount, or the time is naive.
        UnbalancedEntries: a currency does not sum to zero.
    """
    if transaction.at.utcoffset() is None:
        raise InvalidAmount(f"{transaction.cause}: expected an aware time, found {transaction.at}")
    for entry in transaction.entries:
        if checked(entry.amount) == 0:
            raise InvalidAmount(f"{transaction.cause}: expected an amount other than zero on {entry.kind}")
    for currency in {entry.currency for entry in transaction.entries}:
        left = total(entry.amount for entry in transaction.entries if entry.currency == currency)
        if left:
            raise UnbalancedEntries(f"{transaction.cause}: expected {currency} entries to sum to 0, found {left}")


def reverse(transaction: Transaction, *, at: datetime, actor: str, reason: str) -> Transaction:
    """Return the transaction that takes another back; marks stay where they are, since they never fall."""
    return Transaction(
        cause=reversal_cause(transaction.cause),
        kind=TransactionKind.REVERSAL,
        at=at,
        entries=tuple(replace(entry, amount=-entry.amount) for entry in transaction.entries),
        lots=tuple(_taken_back(change) for change in transaction.lots),
        detail={"actor": actor, "reason": reason},
        reverses=transaction.cause,
    )


def _taken_back(change: LotChange) -> LotChange:
    return replace(change, units=-change.units, cash=-change.cash, fee=-change.fee, high_water_mark=None)


def chain_hash(account_id: int, previous: str, transaction: Transaction) -> str:
    """Return the SHA-256, in hex, of the previous hash and everything a transaction says."""
    return hashlib.sha256(canonical(account_id, previous, transaction).encode()).hexdigest()


def canonical(account_id: int, previous: str, transaction: Transaction) -> str:
    """Write a transaction down in the one way that is hashed: JSON, sorted keys, amounts with eight decimals."""
    document = {
        "account": account_id,
        "previous": previous,
        "cause": transaction.cause,
        "kind": str(transaction.kind),
        "at": transaction.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "entries": sorted(
            [str(entry.kind), _text(entry.member), entry.currency, _amount(entry.amount)]
            for entry in transaction.entries
        ),
        "lots": sorted(
            [change.lot, _text(change.member), *_amounts(change), *_mark(change.high_water_mark)]
            for change in transaction.lots
        ),
        "detail": dict(transaction.detail),
        "reverses": transaction.reverses,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _text(member: int | None) -> str:
    return "" if member is None else str(member)


def _amount(amount: Decimal) -> str:
    return f"{checked(amount):.{MONEY_DIGITS_MAX}f}"


def _amounts(change: LotChange) -> list[str]:
    return [_amount(change.units), _amount(change.cash), _amount(change.fee)]


def _mark(price: Price | None) -> list[str]:
    return [] if price is None else [_amount(price.nav), _amount(price.units)]
