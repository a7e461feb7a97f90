"""What happens on an account, as news: fills, money that came or went, failed executions, terminals that leave.

Each is told in the transaction that books it, under a key of its own, so that what is booked once is told once. Deals
of a history that is read for the first time are no news.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.notifications import words as said
from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify

log = logging.getLogger(__name__)

HISTORY_AFTER = timedelta(days=1)
"""A deal that is older by its server's clock was not made just now."""
BY_HAND = frozenset({"client", "mobile", "web"})
NO_TRADES = frozenset({"fetch_ticks", "set_trading_state"})  # commands that trade nothing
STOP_OUT = "so"
TRADES = frozenset({"buy", "sell"})
BALANCE = "balance"
CURRENCY = "SELECT currency, currency_digits FROM accounts WHERE id = %(account)s"
TOLD_RESULTS = {
    "rejected": (Event.EXECUTION_FAILED, "was rejected"),
    "expired": (Event.EXECUTION_FAILED, "expired"),
    "unknown": (Event.EXECUTION_UNKNOWN, "has an unknown outcome"),
}


def tell_deal(
    connection: Connection, account_id: int, deal: Mapping[str, Any], *, command_id: str | None, now: datetime
) -> None:
    """Tell of a deal that was booked for the first time; `command_id` is ours, None where we did not ask for it."""
    if now.timestamp() - deal["time_msc"] / 1000 > HISTORY_AFTER.total_seconds():
        return
    try:
        event, title = _deal(connection, account_id, deal, command_id)
    except (ValueError, ArithmeticError, TypeError, KeyError):  # words must not undo the booking that they tell of
        log.exception("deal not put into words: account_id=%d", account_id)
        event, title = Event.UNUSUAL_ACTIVITY, f"Deal {deal['ticket']} was booked"
    names = ("ticket", "order", "position", "profit", "commission", "swap", "fee", "comment", "reason")
    notify(
        connection, event, title=title, body=_figures(deal, names), account_id=account_id,
        dedupe_key=f"deal:{account_id}:{deal['ticket']}",
    )  # fmt: skip


def tell_result(connection: Connection, account_id: int, result: Mapping[str, Any]) -> None:
    """Tell of a command that was not executed, or may or may not have been."""
    told = TOLD_RESULTS.get(str(result["status"]))
    if told is None:
        return
    event, words = told
    reason = said.retcode(result["retcode_name"] or "") or result["message"] or "no reason given"
    body = _figures(result, ("retcode", "retcode_name", "message", "order", "deal", "position"))
    _tell_command(connection, account_id, result["command_id"], event, f"{words}: {reason}", body)


def tell_unsent(connection: Connection, account_id: int, command_id: str) -> None:
    """Tell of a command whose time was over before any terminal took it."""
    words = "expired: no terminal took it in time"
    _tell_command(connection, account_id, command_id, Event.EXECUTION_FAILED, words, "Nothing was executed.")


def tell_doubted(connection: Connection, account_id: int, command_id: str) -> None:
    """Tell of a command that a terminal took and never answered."""
    words = "was handed to the terminal, which has not answered"
    body = "It may or may not have been executed; it stays unknown until the terminal or the books say so."
    _tell_command(connection, account_id, command_id, Event.EXECUTION_UNKNOWN, words, body)


def tell_terminal(
    connection: Connection, account_id: int, role: str, session: int, *, state: str, last_seen_at: datetime
) -> None:
    """Tell of a terminal that came or went; one that comes and goes all the time, once a minute."""
    event = Event.TERMINAL_DISCONNECTED if state == "disconnected" else Event.TERMINAL_CONNECTED
    notify(
        connection, event, title=f"The terminal ({role}) is {state}", account_id=account_id,
        body=f"session {session}, last seen {last_seen_at:%Y-%m-%d %H:%M:%S} UTC",
        dedupe_key=f"terminal:{account_id}:{role}:{state}:{last_seen_at:%Y%m%d%H%M}",
    )  # fmt: skip


def tell_request(
    connection: Connection,
    account_id: int,
    kind: str,
    request_id: str,
    *,
    user_id: int,
    amount: Decimal | None,
    currency: str,
    digits: int,
) -> None:
    """Tell of a member who asked to pay in or to take out; `amount` is None for everything.

    By number: who may read an account's news need not know who its members are.
    """
    what = "everything" if amount is None else f"{said.amount(amount, digits)} {currency}"
    notify(
        connection, Event.REQUEST, title=f"Member {user_id} asked for a {kind} of {what}", account_id=account_id,
        body=f"member {user_id}, request {request_id}", dedupe_key=f"request:{request_id}",
    )  # fmt: skip


def _deal(
    connection: Connection, account_id: int, deal: Mapping[str, Any], command_id: str | None
) -> tuple[Event, str]:
    kind, amount = str(deal["type"]), Decimal(deal["profit"])
    if kind not in TRADES:
        money = _money(connection, account_id, abs(amount))
        if kind == BALANCE:
            return (Event.DEPOSIT, f"{money} came in") if amount > 0 else (Event.WITHDRAWAL, f"{money} went out")
        sign = "-" if amount < 0 else ""
        return Event.UNUSUAL_ACTIVITY, f"The broker booked {sign}{money} as {said.words(kind).lower()}"
    verb = "Bought" if kind == "buy" else "Sold"
    words = f"{verb} {deal['volume']:f} {deal['symbol']} at {deal['price']:f} ({said.entry(deal['entry'])})"
    if deal["reason"] == STOP_OUT:
        return Event.UNUSUAL_ACTIVITY, f"Stop-out by the broker: {words}"
    if command_id is None and (deal["entry"] == "in" or deal["reason"] in BY_HAND):
        return Event.UNUSUAL_ACTIVITY, f"Nobody here asked for it: {words}"
    return Event.FILL, words if deal["entry"] == "in" else f"{words}, {said.gain(amount)}"


def _money(connection: Connection, account_id: int, amount: Decimal) -> str:
    """An amount in the account's currency, with its digits."""
    row = connection.exec_driver_sql(CURRENCY, {"account": account_id}).one()
    return f"{said.amount(amount, row.currency_digits)} {row.currency}"


def _tell_command(
    connection: Connection, account_id: int, command_id: str, event: Event, words: str, body: str
) -> None:
    row = connection.exec_driver_sql(
        "SELECT c.kind, s.symbol FROM commands c LEFT JOIN signals s ON s.id = c.signal_id WHERE c.id = %s",
        (command_id,),
    ).one_or_none()
    if row is not None and row.kind in NO_TRADES:
        return
    what = said.command(row.kind, row.symbol) if row is not None else "A command"
    notify(
        connection, event, title=f"{what} {words}", body=f"command {command_id}. {body}".strip(),
        account_id=account_id, dedupe_key=f"{event}:{command_id}",
    )  # fmt: skip


def _figures(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {found[name]}" for name in names if found.get(name) not in (None, "", 0))
