"""`zmq-bridge risk limits`: what limits an account is held to, who set them, and how a person changes them.

The same rows, versions and audit lines as over HTTP (`web/api/risk_limits`). A change names only what it changes: the
rest of the row that is in force for the same scope stays. A row of its own for an account sets its limits; one for a
source, a symbol or a strategy can only tighten.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table
from sqlalchemy import Connection, Row

from risk import Limits, LimitsError
from risk.limits import to_mapping
from zmq_bridge.cli.console import console
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, database, transaction
from zmq_bridge.storage.accounts import Account, find_accounts, list_accounts
from zmq_bridge.storage.risk.limits import (
    Scope,
    VersionConflict,
    account_limits,
    await_decisions,
    check_version,
    current_limits,
    deciding_accounts,
    end_limits,
    limits_history,
    list_limits,
    set_limits,
)

HISTORY_ROWS = 20
EVERYWHERE = "all accounts"


@click.group("risk")
def command() -> None:
    """Limits of risk: show them, set them, end them.

    What each limit means, with its formula and a worked number, is in docs/risk.md. What an account may do at all is
    the business of `zmq-bridge trading`.
    """


@command.group()
def limits() -> None:
    """Show what is in force and how it came about, or change it; every version is kept."""


def _scoped(function: Any) -> Any:
    """The options that say what limits are for."""
    for option in (
        click.option("--version", type=int, help="Only if this version is in force for the scope; 0: none is."),
        click.option("--strategy", type=click.IntRange(min=1), help="Only for this strategy (magic number): tightens."),
        click.option("--symbol", help="Only for this symbol: tightens."),
        click.option("--source", help="Only for this signal source (id of its key): tightens."),
        click.option("--server", help="Where two trade servers use the same login."),
        click.option("--account", "login", type=int, help="Only this login; default: every account without a row."),
    ):
        function = option(function)
    return function


@limits.command("show")
@click.option("--account", "login", type=int, help="Of this login; default: of the only account there is.")
@click.option("--server", help="Where two trade servers use the same login.")
@click.option("--history", is_flag=True, help="Also the versions before, newest first.")
def show(login: int | None, server: str | None, history: bool) -> None:
    """Show the limits of an account, beside the defaults, and every row that they come from."""
    with transaction("risk limits") as connection:
        account = _only(connection, login, server)
        _show_in_force(connection, account)
        _show_rows("in force", list_limits(connection, account.id), account)
        if history:
            ended = limits_history(connection, account.id, before=None, rows=HISTORY_ROWS)
            _show_rows("newest versions", ended, account)


@limits.command("set")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@_scoped
def set_(changes: tuple[str, ...], version: int | None, **scope: Any) -> None:
    """Change limits: max_positions=5, symbols=EURUSD,GBPUSD; NAME= goes back to what lies below."""
    wanted = dict(map(_change, changes))
    with database("risk limits") as engine:
        with engine.begin() as connection:
            where = _scope(connection, **scope)
            before = _checked(connection, where, version)
            after = _merged(before, wanted)
            try:
                set_ = set_limits(connection, where, after, actor=actor(), now=datetime.now(UTC))
            except LimitsError as error:
                raise CannotRun(str(error)) from None
            deciding = deciding_accounts(connection, where)
        for name in sorted(wanted):
            console.print(f"{name}: was {_told(before.get(name))}, is {_told(after.get(name))}", markup=False)
        console.print(f"version {set_} is in force")
        _tell_busy(await_decisions(engine, deciding))


@limits.command("end")
@_scoped
def end(version: int | None, **scope: Any) -> None:
    """End the limits of a scope: what lies below (the row for all accounts, the defaults) is in force again."""
    with database("risk limits") as engine:
        with engine.begin() as connection:
            where = _scope(connection, **scope)
            _checked(connection, where, version)
            if end_limits(connection, where, actor=actor(), now=datetime.now(UTC)) is None:
                raise CannotRun("expected limits for just this scope; found none")
            deciding = deciding_accounts(connection, where)
        console.print("ended")
        _tell_busy(await_decisions(engine, deciding))


def _merged(before: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What is stored, with the changes; None takes a value out."""
    after = before | wanted
    return {name: value for name, value in after.items() if name not in wanted or value is not None}


def _tell_busy(logins: list[int]) -> None:
    if logins:
        named = ", ".join(map(str, logins))
        message = f"busy, or not come to: {named}; a decision under way there may still go by the limits before"
        console.print(message, markup=False)


def _change(text: str) -> tuple[str, Any]:
    """A name and its value as stored; None: no value of its own any more."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.UsageError(f"expected NAME=VALUE, found {text!r}")
    if value == "":
        return name, None
    if name == "symbols":
        return name, [each.strip() for each in value.split(",")]
    if name == "hours":
        try:
            return name, json.loads(value)
        except ValueError:
            raise click.UsageError("hours: expected groups of [day, from_s, to_s] as JSON") from None
    return name, value


def _checked(connection: Connection, where: Scope, version: int | None) -> dict[str, Any]:
    """The limits that are in force for just this scope; under the lock that orders them with decisions."""
    found = current_limits(connection, where)
    if version is not None:
        try:
            check_version(connection, where, version or None)
        except VersionConflict as conflict:
            raise CannotRun(f"--version: {conflict}") from None
    return found


def _scope(
    connection: Connection, *, login: int | None, server: str | None, source: str | None, symbol: str | None,
    strategy: int | None,
) -> Scope:
    if login is None and server is not None:
        raise click.UsageError("--server: expected --account with it, found none")
    account = None if login is None else _only(connection, login, server).id
    return Scope(account_id=account, source=source, symbol=symbol, magic=strategy)  # fmt: skip


def _only(connection: Connection, login: int | None, server: str | None) -> Account:
    """The one account that is meant."""
    every = list_accounts(connection)
    found = every if login is None else find_accounts(connection, login)
    found = [each for each in found if server in (None, each.server)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{each.login} at {each.server}" for each in every) or "none yet"
    raise CannotRun(f"--account: expected one of the known accounts ({known}), found {login or len(found)}")


def _show_in_force(connection: Connection, account: Account) -> None:
    """Every limit of the account, and its default where that is another."""
    try:
        values = to_mapping(account_limits(connection, account.id))
    except LimitsError as error:
        raise CannotRun(f"stored limits are not usable, so everything is denied: {error}") from None
    defaults = to_mapping(Limits())
    table = Table("limit", "value", "default", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in values.items():
        table.add_row(name, _told(value), "" if value == defaults[name] else _told(defaults[name]))
    console.print(f"account {account.login} at {account.server}", markup=False)
    console.print(table)


def _show_rows(title: str, rows: list[Row[Any]], account: Account) -> None:
    """Rows: which version is for what, who set it and when."""
    console.print(f"{title}: {len(rows) or 'no'} rows")
    for row in rows:
        scope = [EVERYWHERE if row.account_id is None else f"account {account.login}"]
        scope += [f"{name} {value}" for name in ("source", "symbol") if (value := getattr(row, name)) is not None]
        scope += [f"strategy {row.magic}"] if row.magic is not None else []
        ended_at = getattr(row, "ended_at", None)
        until = f" until {ended_at:%Y-%m-%d %H:%M}" if ended_at else ""
        values = ", ".join(f"{name}={_told(value)}" for name, value in sorted(row.limits.items())) or "the defaults"
        when = f"{row.actor}, {row.created_at:%Y-%m-%d %H:%M}{until}"
        console.print(f"version {row.id}: {', '.join(scope)}: {values} ({when})", markup=False)


def _told(value: Any) -> str:
    """A value as a person writes it."""
    if value is None:
        return "not set"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value) or "none"
    return json.dumps(value) if isinstance(value, list) else str(value)
