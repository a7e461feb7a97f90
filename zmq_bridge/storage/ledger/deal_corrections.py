"""A deal that the broker changed afterwards: taken back by a reversal, and booked again as the broker has it now.

Law: only a person corrects, and only to what the broker itself said last. The reversal names the posting that it takes
back, the new posting names the one that it corrects; until both are booked a break shows. Money of a balance deal goes
back into suspense as the new amount, for a person to match.

While something was settled with the old amount, that is reversed first: units are never left without the money that
bought them. Where it can't be reversed any more (its units were redeemed), the old posting stays, and the new one adds
the difference to it, which waits in suspense as a deposit or withdrawal of its own: the member whose it is asks for it,
or an admin releases it to the pool.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ledger.deals import adjusting_entries, deal_entries
from ledger.journal import AccountKind, Entry, Transaction, TransactionKind, deal_cause, reverse
from ledger.money import total
from ledger.refusals import RefusalCode, Refused, refuse
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.history import ADJUSTS, corrections_of, find, standing_postings
from zmq_bridge.storage.ledger.journal import append_new, text_detail
from zmq_bridge.storage.ledger.matching import add_to_suspense, take_back
from zmq_bridge.storage.ledger.pool import load_pool
from zmq_bridge.storage.ledger.posting import booked_deal, moves
from zmq_bridge.storage.ledger.reversibility import why_not_reversible
from zmq_bridge.storage.locks import Lock, hold

TOLD = """
SELECT data FROM terminal_events
WHERE account_id = %(account)s AND kind = 'deal' AND error IS NULL AND data ->> 'ticket' = %(ticket)s::text
ORDER BY received_at DESC, session DESC, seq DESC LIMIT 1
"""
"""What the broker said last of a deal, by the index that revision 0004 brought."""

IN_SUSPENSE = """
SELECT correction, request, settled_by FROM ledger_suspense WHERE account_id = %(account)s AND ticket = %(ticket)s
"""

REVERSALS = """
SELECT coalesce(max(reversals), 0) FROM ledger_suspense WHERE account_id = %(account)s AND ticket = %(ticket)s
"""
"""How often a deal's money was taken back, in all its corrections: no payment or release has the number after it."""

AS_IT_IS_NOW = """
UPDATE deals SET type = %(type)s, entry = %(entry)s, volume = %(volume)s, price = %(price)s, profit = %(profit)s,
    commission = %(commission)s, swap = %(swap)s, fee = %(fee)s
WHERE account_id = %(account)s AND ticket = %(ticket)s
"""
"""Deposits and profits are told apart by this table elsewhere (risk); what was told at first stays among the events."""

MONEY = ("volume", "price", "profit", "commission", "swap", "fee", "sl", "tp")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booked:
    """One of the postings that a deal's amounts are the sum of, and where its money is."""

    transaction: Transaction
    request: str | None  # that has claimed its money; None: none has, or it brought none to suspense
    settled_by: str | None  # what took its money out of suspense; None: it is there, or it brought none


def told_deal(connection: Connection, account_id: int, ticket: int) -> Deal | None:
    """Return a deal as the broker told it last; None: it never did, or that was long ago.

    Holds the account's lock, so that nothing newer is told before the caller has booked it.
    """
    hold(connection, Lock.ADMISSION, account_id)
    values = {"account": account_id, "ticket": ticket}
    data: dict[str, Any] | None = connection.exec_driver_sql(TOLD, values).scalar()
    if data is None:
        return None
    known = {field.name: data[field.name] for field in fields(Deal) if field.name in data}
    money = {name: Decimal(str(known[name])) for name in MONEY if name in known}
    return Deal(**{**known, **money})


def correct_deal(
    connection: Connection, account_id: int, deal: Deal, *, actor: str, reason: str
) -> Transaction | Refused:
    """Reverse a deal and book it again as it is now, on a person's word; the break is theirs to close then."""
    hold(connection, Lock.ADMISSION, account_id)
    booked = _booked(connection, account_id, deal.ticket)
    if not booked:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=deal_cause(deal.ticket), found="never posted")
    old, kept = booked[-1].transaction, _kept(booked)
    new = _posting_again(connection, account_id, deal, booked, kept, actor, reason)
    if moves([*(each.transaction for each in kept), new]) == moves([each.transaction for each in booked]):
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=old.cause, found="booked as the broker has it")
    if kept and _may_be_reversed(connection, account_id, kept[-1].settled_by):
        said = f"settled by {kept[-1].settled_by}: reverse that first"
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=old.cause, found=said)
    for each in reversed(booked[len(kept) :]):
        _take_back(connection, account_id, deal.ticket, each, new.at, actor, reason)
    append_new(connection, account_id, new)
    _bring(connection, account_id, deal, new)
    record(
        connection, actor=actor, action="ledger.correct", subject=new.cause, account_id=account_id,
        before={"cause": old.cause, "amount": old.detail["amount"]},
        after={"reason": reason, "amount": new.detail["amount"]},
    )  # fmt: skip
    return new


def _booked(connection: Connection, account_id: int, ticket: int) -> list[_Booked]:
    """Return what a deal is booked by now, oldest first; nothing: it was never posted."""
    values = {"account": account_id, "ticket": ticket}
    rows = connection.exec_driver_sql(IN_SUSPENSE, values).all()
    money = {deal_cause(ticket, row.correction): (row.request, row.settled_by) for row in rows}
    postings = [each.transaction for each in standing_postings(connection, account_id, ticket)]
    places = [money.get(posting.cause, (None, None)) for posting in postings]
    return [
        _Booked(transaction=posting, request=request, settled_by=settled_by)
        for posting, (request, settled_by) in zip(postings, places, strict=True)
    ]


def _kept(booked: Sequence[_Booked]) -> Sequence[_Booked]:
    """Return the postings up to the last one whose money was settled with; those after it can be taken back."""
    settled = [place for place, each in enumerate(booked, 1) if each.settled_by is not None]
    return booked[: max(settled, default=0)]


def _may_be_reversed(connection: Connection, account_id: int, cause: str | None) -> bool:
    found = None if cause is None else find(connection, account_id, cause)
    return found is not None and why_not_reversible(connection, account_id, found) is None


def _take_back(
    connection: Connection, account_id: int, ticket: int, booked: _Booked, now: datetime, actor: str, reason: str
) -> None:
    """Reverse a posting whose money, if it brought any, is still in suspense."""
    reversal = reverse(booked.transaction, at=now, actor=actor, reason=reason)
    append_new(connection, account_id, reversal)
    take_back(connection, account_id, ticket, booked.request, reversal.cause)


def _posting_again(
    connection: Connection,
    account_id: int,
    deal: Deal,
    booked: Sequence[_Booked],
    kept: Sequence[_Booked],
    actor: str,
    reason: str,
) -> Transaction:
    """Return the posting that makes the deal what it is now, beside the postings that are kept."""
    now, state = booked_deal(deal), load_pool(connection, account_id)
    entries = deal_entries(now, state.currency)
    old = booked[-1].transaction.cause
    return Transaction(
        cause=deal_cause(deal.ticket, corrections_of(connection, account_id, deal.ticket) + 1),
        kind=TransactionKind.DEAL,
        at=state.now,
        entries=adjusting_entries(entries, _entries(kept)) if kept else entries,
        detail=text_detail(
            type=deal.type,
            entry=deal.entry,
            symbol=deal.symbol,
            amount=now.amount,
            time_msc=deal.time_msc,
            realised=_realised(entries) - _realised(_entries(booked)),
            corrects=old,
            actor=actor,
            reason=reason,
            **({ADJUSTS: kept[-1].transaction.cause} if kept else {}),
        ),
    )


def _entries(booked: Iterable[_Booked]) -> list[Entry]:
    return [entry for each in booked for entry in each.transaction.entries]


def _realised(entries: Iterable[Entry]) -> Decimal:
    """Return by how much entries change the broker's balance otherwise than by money that waits in suspense."""
    return total(entry.amount for entry in entries if entry.kind in (AccountKind.BROKER, AccountKind.SUSPENSE))


def _bring(connection: Connection, account_id: int, deal: Deal, posting: Transaction) -> None:
    """Let money that the posting brought to suspense wait there, for a person; and say elsewhere what the deal is."""
    values = {"account": account_id, "ticket": deal.ticket}
    brought = total(-entry.amount for entry in posting.entries if entry.kind is AccountKind.SUSPENSE)
    if brought:
        reversals = connection.exec_driver_sql(REVERSALS, values).scalar_one() + 1
        number = corrections_of(connection, account_id, deal.ticket)
        add_to_suspense(connection, account_id, deal, brought, posting.at, correction=number, reversals=reversals)
    booked = booked_deal(deal)
    figures = {name: getattr(booked, name) for name in ("type", "entry", "profit", "commission", "swap", "fee")}
    connection.exec_driver_sql(AS_IT_IS_NOW, {**values, **figures, "volume": deal.volume, "price": deal.price})
