"""`zmq-bridge trading`: what accounts may do, and the switch that stops them."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.table import Table
from sqlalchemy import Connection

from zmq_bridge.cli.console import console
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, transaction
from zmq_bridge.storage.accounts import find_accounts, list_accounts
from zmq_bridge.storage.overview import global_trading_state
from zmq_bridge.storage.trading_state import STATES, StateChange, set_account_state, set_global_state

COLUMNS = ("account", "server", "state", "reason", "set by", "at")


@click.command("trading")
@click.argument("state", required=False, type=click.Choice(sorted(STATES)))
@click.option("--account", "login", type=int, help="Only this login; default: every account.")
@click.option("--reason", default="", help="Why; kept in the audit log. Required to change anything.")
def command(state: str | None, login: int | None, reason: str) -> None:
    """Show the trading state, or set it: active, reducing (only reductions and cancels) or halted.

    Without --account it is set above all accounts; the stricter of the two always holds.
    """
    with transaction("trading") as connection:
        if state is None:
            show(connection)
            return
        if not reason.strip():
            raise click.UsageError("--reason is required to change the trading state")
        for change in change_state(connection, state, login, reason):
            click.echo(f"was {change.before}, is {change.after}")


def change_state(connection: Connection, state: str, login: int | None, reason: str) -> list[StateChange]:
    """Set the state of one login's accounts, or the one above all."""
    now = datetime.now(UTC)
    if login is None:
        return [set_global_state(connection, state, reason=reason, actor=actor(), now=now)]
    found = find_accounts(connection, login)
    if not found:
        known = ", ".join(str(account.login) for account in list_accounts(connection)) or "none yet"
        raise CannotRun(f"--account: expected a known login ({known}), found {login}")
    changes = [
        set_account_state(connection, account.id, state, reason=reason, actor=actor(), now=now) for account in found
    ]
    return [change for change in changes if change]


def show(connection: Connection) -> None:
    """List every account's state, below the one above all."""
    console.print(f"all accounts: {global_trading_state(connection)} at most")
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for account in list_accounts(connection):
        table.add_row(
            str(account.login), account.server, account.trading_state, account.trading_state_reason,
            account.trading_state_actor, f"{account.trading_state_at:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    console.print(table if table.row_count else "no accounts yet: no terminal has ever connected")
