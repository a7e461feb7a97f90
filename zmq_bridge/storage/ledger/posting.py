"""Posting a deal: once, balanced, in the transaction that stores it.

Law: money that a broker's balance deal brings is booked to suspense and nowhere else. Only a request that claims it
turns it into units, at a price (`settlement`). A deal seen before changes nothing; one that comes back with
other amounts opens a break, because one of the two was wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from ledger.deals import BookedDeal, Posting, deal_entries, folded, posting_of
from ledger.journal import AccountKind, Transaction, TransactionKind, deal_cause
from ledger.money import MONEY_DIGITS_MAX, half_even_to
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.ledger.breaks import BreakReason, open_break
from zmq_bridge.storage.ledger.history import standing_postings
from zmq_bridge.storage.ledger.journal import Place, append, text_detail
from zmq_bridge.storage.ledger.matching import add_to_suspense, match_waiting
from zmq_bridge.storage.ledger.pool import UnknownAccountError
from zmq_bridge.storage.ledger.settlement import Settled, settle_matched
from zmq_bridge.storage.locks import Lock

OPEN = Prepared(
    "ledger_open",
    {"account": "bigint", "cause": "text"},
    """
SELECT currency, clock_timestamp() AS now,
       (SELECT hash FROM ledger_heads WHERE account_id = accounts.id) AS head,
       (SELECT id FROM ledger_transactions WHERE account_id = accounts.id AND cause = %(cause)s) AS known
FROM accounts WHERE id = %(account)s
""",
    first="SELECT pg_advisory_xact_lock(%(lock)s, %(key)s); ",
)
"""The account's lock, and then, in the same round trip, all that a posting needs to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A deal that was booked now."""

    transaction_id: int
    amount: Decimal  # what it changed the broker's balance, or credit, by
    settled: tuple[Settled, ...] = ()  # requests that its money settled at once


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyPosted:
    """A deal that had been booked before; nothing was changed."""

    transaction_id: int
    differs: bool  # it came back with other amounts: a break is open now


def post_deal(connection: Connection, account_id: int, deal: Deal) -> Posted | AlreadyPosted:
    """Book a deal of the broker, in the caller's transaction.

    Raises:
        UnknownDeal: its type or entry is not in the posting table; nothing was booked.
        UnknownAccountError: there is no such account.
    """
    cause = deal_cause(deal.ticket)
    lock = {"lock": int(Lock.ADMISSION), "key": account_id}
    account = OPEN.run(connection, {**lock, "account": account_id, "cause": cause}).one_or_none()
    if account is None:
        raise UnknownAccountError(f"expected the id of an account, found {account_id}")
    booked = booked_deal(deal)
    transaction = _transaction(deal, booked, account.currency, account.now)
    place = Place(head=account.head, known=account.known)
    transaction_id = append(connection, account_id, transaction, place=place)
    if transaction_id is None:
        return _already_posted(connection, account_id, deal.ticket, transaction)
    settled = _offer(connection, account_id, deal, booked, transaction.at)
    return Posted(transaction_id=transaction_id, amount=booked.amount, settled=settled)


def _transaction(deal: Deal, booked: BookedDeal, currency: str, now: datetime) -> Transaction:
    return Transaction(
        cause=deal_cause(deal.ticket),
        kind=TransactionKind.DEAL,
        at=now,
        entries=deal_entries(booked, currency),
        detail=text_detail(
            type=deal.type,
            entry=deal.entry,
            symbol=deal.symbol,
            amount=booked.amount,
            time_msc=deal.time_msc,
            **_realised(booked, posting_of(booked)),
        ),
    )


def _offer(
    connection: Connection, account_id: int, deal: Deal, booked: BookedDeal, now: datetime
) -> tuple[Settled, ...]:
    """Offer a balance deal's money to the requests that wait for it; no other deal brings any."""
    if posting_of(booked).profit is not AccountKind.SUSPENSE or booked.profit == 0:
        return ()
    add_to_suspense(connection, account_id, deal, booked.profit, now)
    match_waiting(connection, account_id)
    return tuple(done for done in settle_matched(connection, account_id) if isinstance(done, Settled))


def _realised(booked: BookedDeal, posting: Posting) -> dict[str, Decimal]:
    """Say what a deal adds to the balance that is no deposit: until the next snapshot it may be floating as well."""
    if posting.money is not AccountKind.BROKER:
        return {}
    if posting.profit is not AccountKind.SUSPENSE:
        return {"realised": booked.amount}
    costs = booked.amount - booked.profit
    return {"realised": costs} if costs else {}


def _already_posted(connection: Connection, account_id: int, ticket: int, transaction: Transaction) -> AlreadyPosted:
    """Compare a deal that came again with what is booked for it: at first, or when it was corrected last."""
    standing = standing_postings(connection, account_id, ticket)
    if not standing:
        raise LookupError(f"account {account_id}: expected the transaction of {transaction.cause}, found none")
    booked = [posting.transaction for posting in standing]
    differs = moves(booked) != moves([transaction])
    if differs:
        old, new = Decimal(booked[-1].detail["amount"]), Decimal(transaction.detail["amount"])
        about = f"deal {ticket} was {_shown(booked)} and is {_shown([transaction])}"
        open_break(connection, account_id, BreakReason.DEAL_CHANGED, expected=old, found=new, about=about)
    return AlreadyPosted(transaction_id=standing[-1].id, differs=differs)


def moves(postings: Sequence[Transaction]) -> tuple[str, list[tuple[str, Decimal]]]:
    """Return what a deal is and does by all its postings: its type, and what it moves on which accounts."""
    sums = folded(entry for posting in postings for entry in posting.entries)
    return postings[-1].detail["type"], sorted((str(kind), amount) for (kind, _), amount in sums.items())


def _shown(postings: Sequence[Transaction]) -> str:
    kind, moved = moves(postings)
    return f"{kind} ({', '.join(f'{name} {amount:f}' for name, amount in moved)})"


def booked_deal(deal: Deal) -> BookedDeal:
    """Take what the ledger needs of a deal; decimals past the eighth are noise of the wire's doubles."""
    amounts = (deal.profit, deal.commission, deal.swap, deal.fee)
    profit, commission, swap, fee = (half_even_to(amount, MONEY_DIGITS_MAX) for amount in amounts)
    return BookedDeal(
        ticket=deal.ticket, type=deal.type, entry=deal.entry, profit=profit, commission=commission, swap=swap, fee=fee
    )
