"""`zmq-bridge ledger`: are the books sound, what do they say beside the broker's word, and what do members pay."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import click
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy import Connection

from ledger.errors import InvalidTerms
from ledger.fees import FeeTerms
from ledger.refusals import Refused
from zmq_bridge.cli.console import console, counted, show
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, transaction
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.engine import read_at_one_moment
from zmq_bridge.storage.ledger.fees import crystallise_by_hand
from zmq_bridge.storage.ledger.pool import Terms, load_terms
from zmq_bridge.storage.ledger.report import LedgerReport, ledger_report
from zmq_bridge.storage.ledger.terms import PERIODS, may_manage, set_terms, shown_terms
from zmq_bridge.storage.ledger.verify import verify_chain
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.users import names_of


@click.group("ledger")
def command() -> None:
    """Look at the books of the pooled accounts, and set what members pay."""


@command.command("verify")
def verify() -> None:
    """Read every transaction again: hash chain, sums, balances, units. Exit code 1 when anything is wrong."""
    with transaction("ledger verify") as connection:
        read_at_one_moment(connection)
        logins = {account.id: account.login for account in list_accounts(connection)}
        found = verify_chain(connection)
    for books in found:
        said = "sound" if books.sound else "WRONG"
        counts = f"{counted(books.transactions, 'transaction')}, {counted(books.entries, 'entry', 'entries')}"
        heads = f"head {books.head[:16]}; {counted(books.prices, 'price')}, head {books.price_head[:16]}"
        click.echo(f"account {logins[books.account_id]}: {said}, {counts}, {heads}")
        for problem in books.problems:
            click.echo(f"  {problem}")
    sys.exit(0 if all(books.sound for books in found) else 1)


@command.command("report")
@click.option("--account", "login", type=int, help="Only this login; default: every account.")
def report(login: int | None) -> None:
    """Show each account's books: who owns what, what waits, and whether ledger and broker agree."""
    with transaction("ledger report") as connection:
        read_at_one_moment(connection)
        for account in _chosen(connection, login):
            found = ledger_report(connection, account.id)
            people = {share.user_id for share in found.shares.members} | {each.user_id for each in found.waiting}
            _show(account, found, names_of(connection, sorted(people)))


@command.command("terms")
@click.option("--account", "login", type=int, help="Only this login; needed to set, where there are several.")
@click.option("--management", help="Management fee: fraction of the NAV a year, such as 0.02.")
@click.option("--performance", help="Performance fee: fraction of the gain above the high-water mark, such as 0.20.")
@click.option("--manager", type=int, help="Number of the user who earns the fees.")
@click.option("--period", type=click.Choice(PERIODS), help="Fees become units of the manager when it ends.")
def terms(
    login: int | None, management: str | None, performance: str | None, manager: int | None, period: str | None
) -> None:
    """Show fees, manager and price band; with options, agree on new ones from now on (the others stay)."""
    with transaction("ledger terms") as connection:
        accounts = _chosen(connection, login)
        if any(option is not None for option in (management, performance, manager, period)):
            if len(accounts) != 1:
                raise CannotRun("--account: expected one login, found several accounts")
            _agree(connection, accounts[0], management, performance, manager, period)
        for account in accounts:
            figures = shown_terms(load_terms(connection, account.id))
            click.echo(f"account {account.login}: " + ", ".join(f"{name} {figures[name]}" for name in figures))


@command.command("crystallise")
@click.option("--account", "login", type=int, help="Login; needed where there are several accounts.")
@click.option("--reason", required=True, help="Why before the period ends; kept in the audit log.")
def crystallise(login: int | None, reason: str) -> None:
    """Turn all fees that are due now into units of the manager."""
    with transaction("ledger crystallise") as connection:
        accounts = _chosen(connection, login)
        if len(accounts) != 1:
            raise CannotRun("--account: expected one login, found several accounts")
        done = crystallise_by_hand(connection, accounts[0].id, actor=actor(), reason=reason)
    if isinstance(done, Refused):
        raise CannotRun(str(done))
    click.echo("nothing was due" if done is None else f"booked as {done.cause}")


def _agree(
    connection: Connection,
    account: Account,
    management: str | None,
    performance: str | None,
    manager: int | None,
    period: str | None,
) -> None:
    """Set what was asked for, and keep the rest."""
    if manager is not None and not may_manage(connection, account.id, manager):
        raise CannotRun(f"--manager: expected the number of an active user, found {manager}")
    hold(connection, Lock.ADMISSION, account.id)  # what is kept must still be so when it is agreed on
    before = load_terms(connection, account.id)
    try:
        fees = FeeTerms(
            management_rate=before.fees.management_rate if management is None else _rate(management),
            performance_rate=before.fees.performance_rate if performance is None else _rate(performance),
            manager=before.fees.manager if manager is None else manager,
        )
    except InvalidTerms as error:
        raise CannotRun(f"terms: {error}") from None
    wanted = Terms(fees=fees, period=period or before.period, band=before.band)
    refused = set_terms(connection, account.id, wanted, actor=actor())
    if refused is not None:
        raise CannotRun(f"terms: what the old ones earned can't be settled now: {refused}")


def _rate(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidTerms(f"expected a rate such as 0.20, found {text!r}") from None


def _chosen(connection: Connection, login: int | None) -> list[Account]:
    accounts = list_accounts(connection)
    chosen = [account for account in accounts if login in (None, account.login)]
    if not chosen:
        known = ", ".join(str(account.login) for account in accounts) or "none yet"
        raise CannotRun(f"--account: expected a known login ({known}), found {login or 'no account'}")
    return chosen


def _show(account: Account, found: LedgerReport, names: Mapping[int, str]) -> None:
    pool = found.shares
    agreed = "never" if found.agreed_at is None else f"{found.agreed_at:%Y-%m-%d %H:%M:%S} UTC"
    console.print(f"account {account.login} of {account.server}: trading {found.trading_state}, last agreed {agreed}")
    ledger, broker = (_money(amount, account) for amount in (found.ledger_balance, found.broker_balance))
    console.print(f"  balance    ledger {ledger}, broker {broker} {pool.currency}")
    console.print(f"  pool       nav {pool.nav:f}, units {pool.units:f}, nav per unit {pool.nav_per_unit or 0:f}")
    for broken in found.breaks:
        console.print(f"  BREAK      {broken.reason}: ledger {broken.expected:f}, broker {broken.found:f}")
    for deal in found.deals_since if found.breaks else ():
        console.print(
            f"  deal since {deal['at']:%Y-%m-%d %H:%M:%S} {deal['cause']}, {deal['type']}, {deal['amount']:f}"
        )
    for item in found.suspense:
        amount = _money(item.amount, account)
        console.print(f"  suspense   deal {item.ticket}: {amount}, comment {item.comment!r}, nobody's yet")
    for request in found.waiting:
        amount = "everything" if request.amount is None else _money(request.amount, account)
        who = f"user {request.user_id} ({names[request.user_id]})"
        console.print(f"  waiting    {request.kind} {request.reference}: {who}, {amount}", markup=False)
    columns = (Column(name, justify="right") for name in ("member", "units", "share %", "value"))
    table = Table(*columns, Column("name"), box=None, padding=(0, 1))
    for share in pool.members:
        figures = (f"{share.units:f}", f"{share.share_percent:f}", f"{share.value:f}")
        table.add_row(str(share.user_id), *figures, Text(names[share.user_id]))
    if pool.members:
        show(table)


def _money(amount: Decimal | None, account: Account) -> str:
    """To the account's digits, more where there are more."""
    if amount is None:
        return "unknown"
    shown = amount.quantize(Decimal(1).scaleb(-account.currency_digits))
    return f"{shown if shown == amount else amount.normalize():f}"
