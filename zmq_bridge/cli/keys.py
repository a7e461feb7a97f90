"""`zmq-bridge keys`: the API keys. A key's text is shown once, when it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
from rich.table import Column, Table

from zmq_bridge.cli.console import show
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.transaction import actor, transaction
from zmq_bridge.storage.keys import ApiKey, Scope, create_key, list_keys, revoke_key
from zmq_bridge.storage.users import get_user

DEFAULT_SCOPES = (Scope.SIGNAL.value, Scope.READ.value)


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys."""


@command.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]), default=DEFAULT_SCOPES,
    show_default=True, help="What it may do; may be given several times.",
)  # fmt: skip
@click.option("--account", "accounts", multiple=True, type=int, help="Login it may speak of; default: all.")
@click.option("--symbol", "symbols", multiple=True, help="Symbol it may trade; default: all.")
@click.option("--user", "user_id", type=int, help="The member whose key it is; with --scope member.")
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires; default: never.")
def create(
    name: str,
    scopes: tuple[str, ...],
    accounts: tuple[int, ...],
    symbols: tuple[str, ...],
    user_id: int | None,
    days: int | None,
) -> None:
    """Make a key called NAME and print it. It can't be shown again."""
    now = datetime.now(UTC)
    with transaction("keys") as connection:
        if user_id is not None and get_user(connection, user_id) is None:
            raise click.BadParameter(f"expected the number of a member, found {user_id}", param_hint="--user")
        new = create_key(
            connection, name=name, scopes=scopes, now=now, actor=actor(), accounts=accounts or None,
            symbols=symbols or None, user_id=user_id, expires_at=now + timedelta(days=days) if days else None,
        )  # fmt: skip
    click.echo(f"id {new.key.id}, scopes {', '.join(sorted(new.key.scopes))}; the key, shown only now:", err=True)
    click.echo(new.text)


@command.command("list")
def list_all() -> None:
    """List every key, without its secret."""
    with transaction("keys") as connection:
        found = list_keys(connection)
    table = Table(Column("id", no_wrap=True), "name", "prefix", "scopes", "accounts", "symbols", "last used", "state")
    for key in found:
        table.add_row(*_row(key, datetime.now(UTC)))
    show(table if found else "no keys yet; `zmq-bridge keys create NAME` makes one")


@command.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """End the key with this ID for good; it stops working within seconds."""
    with transaction("keys") as connection:
        ended = revoke_key(connection, key_id, now=datetime.now(UTC), actor=actor())
    if ended is None:
        raise CannotRun(f"expected the id of a living key, found {key_id!r}; `zmq-bridge keys list` shows the ids")
    click.echo(f"revoked {ended.name!r} ({ended.id})")


def _row(key: ApiKey, now: datetime) -> list[str]:
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    else:
        state = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "active"
    return [
        key.id,
        key.name,
        key.prefix,
        " ".join(sorted(key.scopes)),
        "all" if key.accounts is None else " ".join(map(str, sorted(key.accounts))),
        "all" if key.symbols is None else " ".join(sorted(key.symbols)),
        f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
        state,
    ]
