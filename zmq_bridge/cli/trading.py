"""`zmq-bridge trading`: what accounts may do, and the switch that stops them."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.table import Table
from sqlalchemy import Connection

from zmq_bridge.cli.console import console
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, transaction
from zmq_bridge.storage.accounts import Account, find_accounts, list_accounts
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.holds import holds
from zmq_bridge.storage.risk.memory import release_strategy, reset_drawdown
from zmq_bridge.storage.risk.trading_state import STATES, StateChange, set_account_state, set_global_state
from zmq_bridge.storage.trading.overview import global_trading_state

COLUMNS = ("account", "server", "state", "reason", "set by", "at")


LATCHES = ("reset-drawdown", "release-strategy")


@click.command("trading")
@click.argument("action", required=False, type=click.Choice([*sorted(STATES), *LATCHES]))
@click.argument("strategy", required=False)
@click.option("--account", "login", type=int, help="Only this login; default: every account.")
@click.option("--reason", default="", help="Why; kept in the audit log. Required to change anything.")
def command(action: str | None, strategy: str | None, login: int | None, reason: str) -> None:
    """Show what accounts may do and what holds them, or change it.

    active, reducing (only reductions and cancels) or halted sets the state: without --account above all accounts; the
    strictest always holds. reset-drawdown and release-strategy STRATEGY lift what a limit has stopped.
    """
    if (strategy is not None) != (action == "release-strategy"):
        raise click.UsageError("expected the name of a strategy with release-strategy, and only there")
    with transaction("trading") as connection:
        if action is None:
            show(connection)
        elif not reason.strip():
            raise click.UsageError("--reason is required to change anything")
        elif action in LATCHES:
            lift(connection, action, strategy or "", login, reason)
        else:
            for change in change_state(connection, action, login, reason):
                click.echo(f"was {change.before}, is {change.after}")


def lift(connection: Connection, action: str, strategy: str, login: int | None, reason: str) -> None:
    """Lift a latch of the accounts with a login."""
    now, by = datetime.now(UTC), f"{actor()}: {reason}"
    for account in _known(connection, login):
        hold(connection, Lock.ADMISSION, account.id)
        if action == "reset-drawdown":
            done = reset_drawdown(connection, account.id, actor=by, now=now)
        else:
            done = release_strategy(connection, account.id, strategy, actor=by)
        click.echo("lifted" if done else "nothing was latched")


def change_state(connection: Connection, state: str, login: int | None, reason: str) -> list[StateChange]:
    """Set the state of one login's accounts, or the one above all."""
    now = datetime.now(UTC)
    if login is None:
        return [set_global_state(connection, state, reason=reason, actor=actor(), now=now)]
    changes = [
        set_account_state(connection, account.id, state, reason=reason, actor=actor(), now=now)
        for account in _known(connection, login)
    ]
    return [change for change in changes if change]


def _known(connection: Connection, login: int | None) -> list[Account]:
    """The accounts with a login."""
    found = [] if login is None else find_accounts(connection, login)
    if not found:
        known = ", ".join(str(account.login) for account in list_accounts(connection)) or "none yet"
        raise CannotRun(f"--account: expected a known login ({known}), found {login or 'none'}")
    return found


def show(connection: Connection) -> None:
    """List every account's state, below the one above all, and everything that holds an account."""
    console.print(f"all accounts: {global_trading_state(connection)} at most")
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for account in list_accounts(connection):
        table.add_row(
            str(account.login), account.server, account.trading_state, account.trading_state_reason,
            account.trading_state_actor, f"{account.trading_state_at:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    console.print(table if table.row_count else "no accounts yet: no terminal has ever connected")
    for account in list_accounts(connection):
        for held in holds(connection, account.id):
            console.print(f"account {account.login}: {held.state}: {held.reason}; lifted by {held.lifted_by}")
