"""A deal that the broker changed afterwards: taken back by a reversal, and booked again as the broker has it now.

Law: only a person corrects, and only to what the broker itself said last. The reversal names the posting that it takes
back, the new posting names the one that it corrects; until both are booked a break shows. Money of a balance deal goes
back into suspense as the new amount, for a person to match. While something was settled with the old amount, that is
reversed first: units are never left without the money that bought them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ledger.deals import deal_entries, posting_of
from ledger.journal import AccountKind, Entry, Transaction, TransactionKind, correction_cause, deal_cause, reverse
from ledger.money import total
from ledger.refusals import RefusalCode, Refused, refuse
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.history import newest_posting
from zmq_bridge.storage.ledger.journal import append_new, text_detail
from zmq_bridge.storage.ledger.matching import add_to_suspense, take_back
from zmq_bridge.storage.ledger.pool import load_pool
from zmq_bridge.storage.ledger.posting import booked_deal, moves
from zmq_bridge.storage.locks import Lock, hold

TOLD = """
SELECT data FROM terminal_events
WHERE account_id = %(account)s AND kind = 'deal' AND error IS NULL AND data ->> 'ticket' = %(ticket)s::text
ORDER BY received_at DESC, session DESC, seq DESC LIMIT 1
"""
"""What the broker said last of a deal; the events of one account are read through, which only a person asks for."""

IN_SUSPENSE = """
SELECT request, settled_by FROM ledger_suspense
WHERE account_id = %(account)s AND ticket = %(ticket)s AND correction = %(correction)s
"""

REVERSALS = """
SELECT coalesce(max(reversals), 0) FROM ledger_suspense WHERE account_id = %(account)s AND ticket = %(ticket)s
"""
"""How often a deal's money was taken back, in all its corrections: no payment or release has the number after it."""

AS_IT_IS_NOW = """
UPDATE deals SET type = %(type)s, entry = %(entry)s, profit = %(profit)s, commission = %(commission)s, swap = %(swap)s,
    fee = %(fee)s
WHERE account_id = %(account)s AND ticket = %(ticket)s
"""
"""Deposits and profits are told apart by this table elsewhere (risk); what was told at first stays among the events."""

MONEY = ("volume", "price", "profit", "commission", "swap", "fee", "sl", "tp")


@dataclass(frozen=True, slots=True, kw_only=True)
class _InSuspense:
    """Where a balance deal's money is."""

    request: str | None
    settled_by: str | None


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
    done, found = newest_posting(connection, account_id, deal.ticket)
    if found is None:
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=deal_cause(deal.ticket), found="never posted")
    old, money = found.transaction, _money_of(connection, account_id, deal.ticket, done)
    if money is not None and money.settled_by is not None:
        said = f"settled by {money.settled_by}: reverse that first"
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=old.cause, found=said)
    new = _posting_again(connection, account_id, deal, old, done + 1, actor, reason)
    if moves(new) == moves(old):
        return refuse(RefusalCode.NOT_REVERSIBLE, cause=old.cause, found="booked as the broker has it")
    reversal = reverse(old, at=new.at, actor=actor, reason=reason)
    append_new(connection, account_id, reversal)
    if money is not None:
        take_back(connection, account_id, deal.ticket, money.request, reversal.cause)
    append_new(connection, account_id, new)
    _bring(connection, account_id, deal, new.at, done + 1)
    record(
        connection, actor=actor, action="ledger.correct", subject=new.cause, account_id=account_id,
        before={"cause": old.cause, "amount": old.detail["amount"]},
        after={"reason": reason, "amount": new.detail["amount"]},
    )  # fmt: skip
    return new


def _money_of(connection: Connection, account_id: int, ticket: int, correction: int) -> _InSuspense | None:
    """Return where the money of a posting is; None: it brought none to suspense."""
    values = {"account": account_id, "ticket": ticket, "correction": correction}
    row = connection.exec_driver_sql(IN_SUSPENSE, values).one_or_none()
    return None if row is None else _InSuspense(**row._mapping)


def _posting_again(
    connection: Connection, account_id: int, deal: Deal, old: Transaction, number: int, actor: str, reason: str
) -> Transaction:
    booked, state = booked_deal(deal), load_pool(connection, account_id)
    entries = deal_entries(booked, state.currency)
    return Transaction(
        cause=correction_cause(deal.ticket, number),
        kind=TransactionKind.DEAL,
        at=state.now,
        entries=entries,
        detail=text_detail(
            type=deal.type,
            entry=deal.entry,
            symbol=deal.symbol,
            amount=booked.amount,
            time_msc=deal.time_msc,
            realised=_realised(entries) - _realised(old.entries),
            corrects=old.cause,
            actor=actor,
            reason=reason,
        ),
    )


def _realised(entries: Iterable[Entry]) -> Decimal:
    """Return by how much entries change the broker's balance otherwise than by money that waits in suspense."""
    return total(entry.amount for entry in entries if entry.kind in (AccountKind.BROKER, AccountKind.SUSPENSE))


def _bring(connection: Connection, account_id: int, deal: Deal, now: datetime, number: int) -> None:
    """Let a balance deal's money wait under its new amount, for a person; and say elsewhere what the deal is now."""
    booked = booked_deal(deal)
    if posting_of(booked).profit is AccountKind.SUSPENSE and booked.profit:
        values = {"account": account_id, "ticket": deal.ticket}
        reversals = connection.exec_driver_sql(REVERSALS, values).scalar_one() + 1
        add_to_suspense(connection, account_id, deal, booked.profit, now, correction=number, reversals=reversals)
    figures = {name: getattr(booked, name) for name in ("type", "entry", "profit", "commission", "swap", "fee")}
    connection.exec_driver_sql(AS_IT_IS_NOW, {"account": account_id, "ticket": deal.ticket, **figures})
