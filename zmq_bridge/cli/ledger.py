"""`zmq-bridge ledger`: are the books sound, and what do they say beside the broker's word."""

from __future__ import annotations

import sys
from decimal import Decimal

import click
from rich.table import Column, Table
from sqlalchemy import Connection

from zmq_bridge.cli.console import console
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import transaction
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.ledger.report import LedgerReport, ledger_report
from zmq_bridge.storage.ledger.verify import verify_chain

SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@click.group("ledger")
def command() -> None:
    """Look at the books of the pooled accounts; nothing here changes them."""


@command.command("verify")
def verify() -> None:
    """Read every transaction again: hash chain, sums, balances, units. Exit code 1 when anything is wrong."""
    with transaction("ledger verify") as connection:
        connection.exec_driver_sql(SNAPSHOT)
        logins = {account.id: account.login for account in list_accounts(connection)}
        found = verify_chain(connection)
    for books in found:
        said = "sound" if books.sound else "WRONG"
        counts = f"{books.transactions} transactions, {books.entries} entries"
        click.echo(f"account {logins[books.account_id]}: {said}, {counts}, head {books.head[:16]}")
        for problem in books.problems:
            click.echo(f"  {problem}")
    sys.exit(0 if all(books.sound for books in found) else 1)


@command.command("report")
@click.option("--account", "login", type=int, help="Only this login; default: every account.")
def report(login: int | None) -> None:
    """Show each account's books: who owns what, what waits, and whether ledger and broker agree."""
    with transaction("ledger report") as connection:
        connection.exec_driver_sql(SNAPSHOT)
        for account in _chosen(connection, login):
            _show(account, ledger_report(connection, account.id))


def _chosen(connection: Connection, login: int | None) -> list[Account]:
    accounts = list_accounts(connection)
    chosen = [account for account in accounts if login in (None, account.login)]
    if not chosen:
        known = ", ".join(str(account.login) for account in accounts) or "none yet"
        raise CannotRun(f"--account: expected a known login ({known}), found {login or 'no account'}")
    return chosen


def _show(account: Account, found: LedgerReport) -> None:
    pool = found.shares
    agreed = "never" if found.agreed_at is None else f"{found.agreed_at:%Y-%m-%d %H:%M:%S} UTC"
    console.print(f"account {account.login} of {account.server}: trading {found.trading_state}, last agreed {agreed}")
    ledger, broker = (_money(amount, account) for amount in (found.ledger_balance, found.broker_balance))
    console.print(f"  balance    ledger {ledger}, broker {broker} {pool.currency}")
    console.print(f"  pool       nav {pool.nav:f}, units {pool.units:f}, nav per unit {pool.nav_per_unit or 0:f}")
    for broken in found.breaks:
        console.print(f"  BREAK      {broken.reason}: ledger {broken.expected:f}, broker {broken.found:f}")
    for item in found.suspense:
        console.print(f"  suspense   deal {item.ticket}: {item.amount:f}, comment {item.comment!r}, nobody's yet")
    for request in found.waiting:
        amount = "everything" if request.amount is None else f"{request.amount:f}"
        console.print(f"  waiting    {request.kind} {request.reference}: user {request.user_id}, {amount}")
    columns = (Column(name, justify="right") for name in ("member", "units", "share %", "value"))
    table = Table(*columns, box=None, padding=(0, 1))
    for share in pool.members:
        table.add_row(str(share.user_id), f"{share.units:f}", f"{share.share_percent:f}", f"{share.value:f}")
    if pool.members:
        console.print(table)


def _money(amount: Decimal | None, account: Account) -> str:
    """To the account's digits, more where there are more."""
    if amount is None:
        return "unknown"
    shown = amount.quantize(Decimal(1).scaleb(-account.currency_digits))
    return f"{shown if shown == amount else amount.normalize():f}"
