"""`zmq-bridge doctor`: every link, in the order in which they depend on each other."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zmq_bridge.cli.checks.accounts import check_accounts
from zmq_bridge.cli.checks.finding import Finding, Level, bad
from zmq_bridge.cli.checks.machine import check_machine
from zmq_bridge.cli.checks.parts import check_parts
from zmq_bridge.cli.checks.servers import check_postgres, check_redis
from zmq_bridge.environment import SettingsError
from zmq_bridge.settings import load_settings

MARKS = {Level.GOOD: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.BAD: ("✗", "bold red")}


@click.command("doctor")
def command() -> None:
    """Check every link, from Python to the terminal's heartbeat; say what is wrong and how to mend it.

    Exits with 1 when something does not work; warnings alone exit with 0.
    """
    findings = examine()
    Console().print(report(findings))
    broken = sum(finding.level is Level.BAD for finding in findings)
    if broken:
        click.echo(f"{broken} of {len(findings)} checks failed; the first one is often the cause of the rest.")
        sys.exit(1)
    click.echo("everything works")


def examine() -> list[Finding]:
    """All findings, in the order of dependence."""
    try:
        settings = load_settings()
    except SettingsError as error:
        return [bad(p.variable, f"expected {p.expected}, found {p.found}", ".env.example") for p in error.problems]
    return [
        *check_machine(settings),
        *check_postgres(settings),
        check_redis(settings),
        *check_parts(settings),
        *check_accounts(settings),
    ]


def report(findings: list[Finding]) -> Table:
    """The findings as a table; what to do stands below what was found."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        mark, style = MARKS[finding.level]
        found = Text(finding.found)
        if finding.mend:
            found.append(f"\n→ {finding.mend}", style="cyan")
        table.add_row(Text(mark, style=style), Text(finding.subject), found)
    return table
