"""`zmq-bridge trading`: what accounts may do, the kill switch, and what a named person lifts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click
from rich.table import Table
from sqlalchemy import Connection, Engine

from zmq_bridge.cli.console import console, counted
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, database
from zmq_bridge.storage.accounts import Account, find_accounts, list_accounts
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.adoption import adopt
from zmq_bridge.storage.risk.holds import Hold, holds
from zmq_bridge.storage.risk.kill import Killed, kill, standing_of_kill
from zmq_bridge.storage.risk.memory import release_strategy, reset_drawdown
from zmq_bridge.storage.risk.trading_state import (
    STATES,
    StateChange,
    StillStopping,
    set_account_state,
    set_global_state,
)
from zmq_bridge.storage.trading.overview import global_trading_state

COLUMNS = ("account", "server", "state", "reason", "set by", "at")
BUSY = "the bridge ends and cancels what is left as soon as the account is free"
ABOVE_ALL = {
    "active": "active, where nothing below holds them",
    "reducing": "reducing or halted: reductions and cancels only",
    "halted": "halted",
}
LIFTS = {"reset-drawdown": None, "release-strategy": "strategy", "adopt": "ticket"}
"""What a person lifts, and what it is named by."""


@click.command("trading")
@click.argument("action", required=False, type=click.Choice([*sorted(STATES), "kill", *LIFTS]))
@click.argument("subject", required=False)
@click.option("--account", "login", type=int, help="Only this login; default: every account.")
@click.option("--reason", default="", help="Why; kept in the audit log. Required to change anything.")
@click.option("--close", "close_positions", is_flag=True, help="With kill: also close every position.")
def command(action: str | None, subject: str | None, login: int | None, reason: str, close_positions: bool) -> None:
    """Show what accounts may do and what holds them, or change it.

    active, reducing (only reductions and cancels) or halted sets the state: without --account above all accounts; the
    strictest always holds. kill halts, cancels every pending order and with --close closes every position; it may be
    used again. reset-drawdown, release-strategy STRATEGY and adopt TICKET lift what stopped the account.
    """
    _check(action, subject, reason, close_positions)
    with database("trading") as engine:
        if action == "kill":
            stop(engine, login, reason, close_positions)
        elif action in STATES:
            change_state(engine, action, login, reason)
        else:
            with engine.begin() as connection:
                if action is None:
                    show(connection)
                else:
                    lift(connection, action, subject or "", login, reason)


def stop(engine: Engine, login: int | None, reason: str, close_positions: bool) -> None:
    """Use the kill switch for the accounts with a login, or for all."""
    now = datetime.now(UTC)
    with engine.connect() as connection:
        targets = [None] if login is None else [account.id for account in _known(connection, login)]
    killed = [
        each
        for target in targets
        for each in kill(engine, target, close_positions=close_positions, reason=reason, actor=actor(), now=now)
    ]
    with engine.connect() as connection:
        logins = {account.id: account.login for account in list_accounts(connection)}
    for each in killed:
        click.echo(f"account {logins[each.account_id]}: {_told(each)}")
    if not killed:
        click.echo("no accounts yet; the switch holds for those that come")


def _told(killed: Killed) -> str:
    state = "halted" if killed.new else "was halted already"
    if killed.waiting:
        return f"{state}; busy: {BUSY}"
    orders = f"{counted(len(killed.stopped), 'order')} stopped unsent, {len(killed.recalled)} recalled"
    return f"{state}; {counted(len(killed.sent), 'command on its way', 'commands on their way')}, {orders}"


def lift(connection: Connection, action: str, subject: str, login: int | None, reason: str) -> None:
    """Lift something that holds the accounts with a login."""
    now, by = datetime.now(UTC), f"{actor()}: {reason}"
    done: dict[str, Callable[[int], bool]] = {
        "reset-drawdown": lambda account: reset_drawdown(connection, account, actor=by, now=now),
        "release-strategy": lambda account: release_strategy(connection, account, subject, actor=by),
        "adopt": lambda account: adopt(connection, account, int(subject), actor=actor(), reason=reason, now=now),
    }
    nothing = "no open position or working order has this ticket" if action == "adopt" else "nothing was latched"
    for account in _known(connection, login):
        hold(connection, Lock.ADMISSION, account.id)
        click.echo("lifted" if done[action](account.id) else nothing)


def change_state(engine: Engine, state: str, login: int | None, reason: str) -> None:
    """Set the state of one login's accounts, or the one above all, and say what that came to."""
    whose = "all accounts" if login is None else f"account {login}"
    for change in _changed(engine, state, login, reason):
        click.echo(f"{whose}: {_said(change, state)}")
        for busy in change.waiting:
            click.echo(f"account {busy}: busy: {BUSY}")


def _changed(engine: Engine, state: str, login: int | None, reason: str) -> list[StateChange]:
    now = datetime.now(UTC)
    if login is None:
        try:
            return [set_global_state(engine, state, reason=reason, actor=actor(), now=now)]
        except StillStopping as error:
            raise CannotRun(f"{error} Ask again.") from None
    with engine.begin() as connection:
        changes = [
            set_account_state(connection, account.id, state, reason=reason, actor=actor(), now=now)
            for account in _known(connection, login)
        ]
    return [change for change in changes if change]


def _said(change: StateChange, asked: str) -> str:
    """What a change came to; where something else holds, what that is."""
    if change.after != asked:
        return f"still {change.after}, not {asked}: {change.reason}"
    return f"{asked} as before" if change.before == asked else f"{asked} now, {change.before} before"


def show(connection: Connection) -> None:
    """List every account's state, below the one above all, and everything that holds an account."""
    console.print(f"all accounts: {ABOVE_ALL[global_trading_state(connection)]}")
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    accounts = list_accounts(connection)
    for account in accounts:
        table.add_row(
            str(account.login), account.server, account.trading_state, account.trading_state_reason,
            account.trading_state_actor, f"{account.trading_state_at:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    console.print(table if table.row_count else "no accounts yet: no terminal has ever connected")
    for account in accounts:
        for held in holds(connection, account.id):
            console.print(f"account {account.login}: {held.state}: {held.reason}; lifted by {held.lifted_by}")
            if held.cause == "kill_switch":
                _show_kill(connection, account, held)


def _show_kill(connection: Connection, account: Account, held: Hold) -> None:
    """How far a stop has come."""
    found = standing_of_kill(connection, account.id, held.at)
    positions = f", {counted(found['positions_left'], 'position')}" if held.closes else ""
    left = counted(found["orders_left"], "pending order") + positions
    terminal = "has acknowledged" if found["acknowledged"] else "has not acknowledged yet"
    without = counted(sum(1 for each in found["commands"] if each["finished_at"] is None), "command")
    console.print(f"account {account.login}: the terminal {terminal}; left: {left}; {without} without a result")
    if found["waiting"]:
        console.print(f"account {account.login}: busy: {BUSY}")


def _check(action: str | None, subject: str | None, reason: str, close_positions: bool) -> None:
    """Refuse what does not go together."""
    wanted = LIFTS.get(action or "")
    if (subject is not None) != (wanted is not None):
        raise click.UsageError("expected a strategy with release-strategy, a ticket with adopt, and neither elsewhere")
    if wanted == "ticket" and not str(subject).isdecimal():
        raise click.UsageError(f"expected a ticket, found {subject!r}")
    if close_positions and action != "kill":
        raise click.UsageError("--close goes with kill")
    if action is not None and not reason.strip():
        raise click.UsageError("--reason is required to change anything")


def _known(connection: Connection, login: int | None) -> list[Account]:
    """The accounts with a login."""
    found = [] if login is None else find_accounts(connection, login)
    if not found:
        known = ", ".join(str(account.login) for account in list_accounts(connection)) or "none yet"
        raise CannotRun(f"--account: expected a known login ({known}), found {login or 'none'}")
    return found
