"""`zmq-bridge simulate`: the simulated broker and a terminal that speaks the wire, together or one by one."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import click

from zmq_bridge.cli import process_table, wiring
from zmq_bridge.cli.console import report_line
from zmq_bridge.cli.preflight import require_ports
from zmq_bridge.cli.replay_watch import ReplayWatch
from zmq_bridge.cli.simulation import Simulation, simulation_options
from zmq_bridge.cli.simulation_feed import require_feed
from zmq_bridge.cli.supervisor import Supervisor
from zmq_bridge.settings import load_settings
from zmq_bridge.simulator import demo

NEGATIVE_IS_AN_AMOUNT = {"ignore_unknown_options": True}
"""So that -5 is told to be no amount, rather than no option."""
AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")


@click.group("simulate", invoke_without_command=True)
@simulation_options
@click.pass_context
def command(
    context: click.Context,
    replay: tuple[Path, ...],
    speed: float | None,
    symbols: tuple[str, ...],
    seed: int,
    netting: bool,
) -> None:
    """Run a simulated broker and a terminal that connects it to a running bridge.

    The terminal speaks the same wire as the Expert Advisor. The broker's books are kept in the var directory.
    """
    context.obj = Simulation(replay=replay, speed=speed, symbols=symbols, seed=seed, netting=netting)
    if context.invoked_subcommand is None:
        run_simulation(context.obj)


def run_simulation(simulation: Simulation) -> None:
    """Start and watch broker and terminal until Ctrl-C."""
    settings = load_settings()
    require_feed(simulation)
    require_ports({"ZMQ_BRIDGE_BROKER_PORT": ("127.0.0.1", settings.broker_port)})
    with Supervisor(report_line) as supervisor:
        for service in process_table.simulation_services(settings, simulation):
            supervisor.start(service)
            report_line(f"{service.name} runs; its log is {service.log_path}")
        supervisor.watch(*([ReplayWatch(settings)] if simulation.replay else []))


@command.command("broker")
@click.pass_obj
def broker(simulation: Simulation) -> None:
    """Run only the simulated broker."""
    wiring.run_broker(load_settings(), simulation)


@command.command("terminal")
@click.pass_obj
def terminal(simulation: Simulation) -> None:
    """Run only the simulated terminal."""
    wiring.run_terminal(load_settings())


@command.command("deposit", context_settings=NEGATIVE_IS_AN_AMOUNT)
@click.argument("amount")
@click.option("--comment", default="Deposit", show_default=True, help="A request's reference makes it that member's.")
def deposit(amount: str, comment: str) -> None:
    """Pay AMOUNT into the simulated account, as a bank transfer would."""
    _say_ticket(demo.deposit("127.0.0.1", load_settings().broker_port, _amount(amount), comment))


@command.command("withdraw", context_settings=NEGATIVE_IS_AN_AMOUNT)
@click.argument("amount")
@click.option("--comment", default="Withdrawal", show_default=True, help="A request's reference settles it.")
def withdraw(amount: str, comment: str) -> None:
    """Take AMOUNT out of the simulated account."""
    _say_ticket(demo.withdraw("127.0.0.1", load_settings().broker_port, _amount(amount), comment))


def _amount(text: str) -> Decimal:
    """A positive number of cents."""
    if not AMOUNT.fullmatch(text) or Decimal(text) == 0:
        raise click.UsageError(f"AMOUNT: expected a positive amount like 500.00, found {text!r}")
    return Decimal(text)


def _say_ticket(ticket: int) -> None:
    report_line(f"the broker booked deal {ticket}")
