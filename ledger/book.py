"""The book: what all transactions of one account add up to. The only place where history becomes state.

`Book.post` folds one transaction in; balances, lots and the head of the hash chain follow from it. Storage keeps the
same figures in tables so that it need not fold a million entries for every deal, and verification compares the two.
"""

from dataclasses import replace
from decimal import Decimal

from ledger.errors import ImpossibleHistory
from ledger.journal import GENESIS, UNIT, AccountKind, Entry, LotChange, Transaction, chain_hash
from ledger.lots import Lot
from ledger.money import total
from ledger.units import Pool, net_asset_value

AccountKey = tuple[AccountKind, int | None, str]  # kind, member, currency


class Book:
    """Balances, lots and chain of one trading account."""

    def __init__(self, *, account_id: int, currency: str, digits: int = 2) -> None:
        """Open an empty book in the account's currency."""
        self.account_id = account_id
        self.currency = currency
        self.digits = digits
        self.balances: dict[AccountKey, Decimal] = {}
        self.lots: dict[str, Lot] = {}
        self.causes: set[str] = set()
        self.head = GENESIS

    def post(self, transaction: Transaction) -> bool:
        """Fold a transaction in; a cause that was posted before changes nothing and returns False.

        Raises:
            ImpossibleHistory: a lot would fall below zero, or its mark would fall.
        """
        if transaction.cause in self.causes:
            return False
        lots = [self._changed(change) for change in transaction.lots]
        for entry in transaction.entries:
            self._add(entry)
        self.lots.update((lot.lot, lot) for lot in lots)
        self.causes.add(transaction.cause)
        self.head = chain_hash(self.account_id, self.head, transaction)
        return True

    def balance(self, kind: AccountKind, member: int | None = None) -> Decimal:
        """Return one account's balance, debit plus."""
        currency = UNIT if kind in (AccountKind.UNITS, AccountKind.UNITS_ISSUED) else self.currency
        return self.balances.get((kind, member, currency), Decimal(0))

    def sum_of(self, *kinds: AccountKind) -> Decimal:
        """Return the balance of some kinds of account over the pool and all members."""
        return total(amount for (kind, _, _), amount in self.balances.items() if kind in kinds)

    def units(self) -> dict[int, Decimal]:
        """Return the units of every member that ever held any."""
        held = {m: amount for (kind, m, _), amount in self.balances.items() if kind is AccountKind.UNITS}
        return {member: amount for member, amount in sorted(held.items(), key=lambda item: item[0] or 0) if member}

    def lots_of(self, member: int) -> list[Lot]:
        """Return a member's lots that still hold units."""
        return [lot for lot in self.lots.values() if lot.member == member and lot.units > 0]

    def pool(self, floating: Decimal) -> Pool:
        """Return the pool as it is, given the profit of the open positions."""
        return pool_from(
            balance=self.balance(AccountKind.BROKER),
            floating=floating,
            credit=self.balance(AccountKind.CREDIT),
            unmatched=-self.sum_of(AccountKind.SUSPENSE, AccountKind.PAYABLE),
            accrued=-self.balance(AccountKind.FEES_ACCRUED),
            units=-self.balance(AccountKind.UNITS_ISSUED),
            digits=self.digits,
        )

    def _add(self, entry: Entry) -> None:
        key = (entry.kind, entry.member, entry.currency)
        self.balances[key] = total((self.balances.get(key, Decimal(0)), entry.amount))

    def _changed(self, change: LotChange) -> Lot:
        lot = self.lots.get(change.lot)
        return opened(change, len(self.lots)) if lot is None else changed(lot, change)


def pool_from(
    *,
    balance: Decimal,
    floating: Decimal,
    credit: Decimal,
    unmatched: Decimal,
    accrued: Decimal,
    units: Decimal,
    digits: int,
) -> Pool:
    """Put a pool together from the books (balance, credit, what is owed, units) and the open positions' profit."""
    nav = net_asset_value(
        equity=total((balance, credit, floating)), credit=credit, unmatched_deposits=unmatched, accrued_fees=accrued
    )
    return Pool(nav=nav, units=units, floating=floating, digits=digits)


def opened(change: LotChange, place: int) -> Lot:
    """Return the lot that its first change opens.

    Raises:
        ImpossibleHistory: a lot can't begin with a burn, or without a mark.
    """
    if change.units <= 0 or change.high_water_mark is None:
        raise ImpossibleHistory(f"lot {change.lot}: expected units and a mark at first, found {change.units}")
    return Lot(
        lot=change.lot,
        member=change.member,
        opened=place,
        units=change.units,
        units_bought=change.units,
        cost=change.cash,
        high_water_mark=change.high_water_mark,
    )


def changed(lot: Lot, change: LotChange) -> Lot:
    """Return the lot after a later change.

    Raises:
        ImpossibleHistory: it would hold less than nothing, belong to another, or its mark would fall.
    """
    units = total((lot.units, change.units))
    mark = change.high_water_mark or lot.high_water_mark
    if units < 0:
        raise ImpossibleHistory(f"lot {lot.lot}: expected at least {-change.units} units, found {lot.units}")
    if change.member != lot.member:
        raise ImpossibleHistory(f"lot {lot.lot}: expected member {lot.member}, found {change.member}")
    if mark.ratio < lot.high_water_mark.ratio:
        raise ImpossibleHistory(f"lot {lot.lot}: expected a mark of {lot.high_water_mark} or more, found {mark}")
    return replace(lot, units=units, high_water_mark=mark)
