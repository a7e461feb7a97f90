"""`zmq-bridge status`: one look at what runs and how it is doing. `doctor` is the one that says how to mend things."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.cli.checks.finding import Finding, Level
from zmq_bridge.cli.checks.parts import check_parts
from zmq_bridge.cli.checks.servers import check_postgres, check_redis
from zmq_bridge.cli.console import console, show
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.figures import told
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.settings import Settings, load_settings
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.trading.overview import AccountStanding, accounts_standing
from zmq_bridge.storage.trading.probes import Judged

REFRESH_S = 2.0
WIDE = 120  # columns that the table of accounts wants


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLife:
    """What Redis knows of an account now."""

    terminal_age_s: float | None = None  # since the last sign of life; None: silent
    data_age_s: float | None = None  # of the newest quote; None: no quotes
    equity: str = ""  # with its currency; "" = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything that one look shows."""

    findings: list[Finding]
    accounts: list[tuple[AccountStanding, AccountLife]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)  # `process.name` -> number

    @property
    def all_run(self) -> bool:
        """Whether no part is down."""
        return all(finding.level is not Level.BAD for finding in self.findings)


@click.command("status")
@click.option("--watch", is_flag=True, help="Look again every two seconds until Ctrl-C.")
def command(watch: bool) -> None:
    """Show what is running, the accounts, and the bridge's own figures. Exit code 1 when any part is down."""
    settings = load_settings()
    if not watch:
        found = look(settings)
        show(render(found))
        sys.exit(0 if found.all_run else 1)
    with Live(render(look(settings)), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(REFRESH_S)
            live.update(render(look(settings)), refresh=True)


def look(settings: Settings) -> Look:
    """Look once, at whatever answers."""
    findings = [*check_postgres(settings), check_redis(settings), *check_parts(settings)]
    with open_redis(settings.redis_url) as client:
        reader = LiveReader(client)
        accounts = [(standing, _life(reader, standing.login)) for standing in _standings(settings)]
        try:
            figures = reader.stats()
        except LiveError:
            figures = {}
    return Look(findings=findings, accounts=accounts, figures=figures)


def render(found: Look) -> RenderableType:
    """Draw one look."""
    parts: list[RenderableType] = [_parts(found.findings)]
    if found.accounts:
        parts += [Text(), _accounts(found.accounts), *_holds(found.accounts)]
    if found.figures:
        parts += [Text(), _figures(found.figures)]
    return Group(*parts)


def _standings(settings: Settings) -> list[AccountStanding]:
    engine = create_engine(settings.database_url, application_name="zmq-bridge status", pool_size=1)
    try:
        with engine.connect() as connection:
            return accounts_standing(connection)
    except SQLAlchemyError:
        return []
    finally:
        engine.dispose()


def _life(reader: LiveReader, login: int) -> AccountLife:
    now_ms = int(time.time() * 1000)
    try:
        life, quotes, account = reader.terminal(login), reader.quotes(login), reader.account(login)
    except LiveError:
        return AccountLife()
    trading = life.trading() if life else None
    ages = [quote.age_ms(now_ms) for quote in quotes.values()]
    return AccountLife(
        terminal_age_s=max(0, now_ms - trading.last_seen_ms) / 1000 if trading else None,
        data_age_s=max(0, min(ages)) / 1000 if ages else None,
        equity=f"{account.fields.get('equity', '')} {account.fields.get('currency', '')}" if account else "",
    )


def _parts(findings: list[Finding]) -> Table:
    table = Table("part", "state", "", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in findings:
        up = finding.level is not Level.BAD
        state = Text("runs", style="green") if up else Text("down", style="bold red")
        table.add_row(finding.subject, state, finding.found)
    return table


def _accounts(accounts: list[tuple[AccountStanding, AccountLife]]) -> Table:
    """A row for each account; on a narrow terminal a block for each, so that nothing runs past the edge."""
    rows = [_account(standing, life) for standing, life in accounts]
    if console.is_terminal and console.width < WIDE:
        blocks = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for row in rows:
            for name, value in row.items():
                blocks.add_row(name, value)
            blocks.add_row()
        return blocks
    table = Table(*rows[0], box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row.values())
    return table


def _account(standing: AccountStanding, life: AccountLife) -> dict[str, RenderableType]:
    return {
        "account": str(standing.login),
        "trading": Text(standing.trading_state, style="green" if standing.trading_state == "active" else "yellow"),
        "terminal": _age(life.terminal_age_s, "silent"),
        "newest data": _age(life.data_age_s, "none"),
        "equity": life.equity,
        "positions": str(standing.positions),
        "commands": _counts(open=standing.commands_open, unknown=standing.commands_unknown),
        "gaps": _counts(open=standing.gaps_open, lost=standing.gaps_lost)
        + (f" ({standing.ticks_lost:,} ticks)" if standing.ticks_lost else ""),
        "figures": _judged(standing.judged),
    }


def _holds(accounts: list[tuple[AccountStanding, AccountLife]]) -> list[Text]:
    """Why accounts may not trade freely, one line each: a halt is never without its reason."""
    return [
        Text(f"account {standing.login}: {hold.state}: {hold.reason} (by {hold.actor}); lifted by {hold.lifted_by}")
        for standing, _ in accounts
        for hold in standing.holds
    ]


def _judged(judged: Judged) -> Text:
    """Whether the terminal's own margin and profit agree with ours."""
    if judged.disagree:
        return Text("disagree: " + ", ".join(judged.disagree), style="bold red")
    return Text(f"{len(judged.unchecked)} unchecked" if judged.unchecked else "agree")


def _counts(**counts: int) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


def _age(age_s: float | None, absent: str) -> Text:
    return Text(absent, style="bold red") if age_s is None else Text(f"{age_s:.1f} s")


def _figures(figures: dict[str, str]) -> Table:
    """What each process counts since it began; those that tell of a loss in yellow."""
    table = Table("since the last start", "", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for each in told(figures):
        number = f"{int(each.value):,}" if each.value.isdigit() else each.value
        unit = " ms" if each.figure.unit == "ms" else ""
        table.add_row(each.figure.title, Text(number + unit, style="yellow" if each.is_loss else ""))
    return table
