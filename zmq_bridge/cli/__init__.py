"""The command line: click commands and the composition root (`wiring`) that connects everything.

Each command lives in a module of its own, imported when it is used: `--help` and a typing mistake answer at once.
"""

from __future__ import annotations

import click

from zmq_bridge.cli.errors import explained
from zmq_bridge.cli.lazy import LazyGroup

COMMANDS = {
    "up": ("zmq_bridge.cli.up", "Start everything on this machine, with a simulated terminal."),
    "bridge": ("zmq_bridge.cli.bridge", "Run the bridge: proxy, recorder and desk."),
    "web": ("zmq_bridge.cli.web", "Run the HTTP API and the dashboard."),
    "stream": ("zmq_bridge.cli.stream", "Run the live stream: WebSocket and Server-Sent Events."),
    "notify": ("zmq_bridge.cli.notify", "Run the sender of notifications."),
    "simulate": ("zmq_bridge.cli.simulate", "Run a simulated broker and terminal against a bridge."),
    "migrate": ("zmq_bridge.cli.migrate", "Bring the database to the newest schema."),
    "ticks": ("zmq_bridge.cli.ticks", "Show a symbol's ticks as they come."),
    "status": ("zmq_bridge.cli.status", "Show what is running and how it is doing."),
    "install-ea": ("zmq_bridge.cli.install_ea", "Put the Expert Advisor into a MetaTrader 5 terminal."),
    "doctor": ("zmq_bridge.cli.doctor", "Check every link; say what is wrong and how to mend it."),
    "trading": ("zmq_bridge.cli.trading", "Show what accounts may do; stop them, or let them go on."),
    "risk": ("zmq_bridge.cli.risk", "Show the limits of risk, or set them."),
    "ledger": ("zmq_bridge.cli.ledger", "Verify the books; show who owns what, and what waits."),
    "notifications": ("zmq_bridge.cli.notifications", "Say who hears of what; try whether messages arrive."),
    "keys": ("zmq_bridge.cli.keys", "Create, list and revoke API keys."),
}


@click.group(cls=LazyGroup, commands_in=COMMANDS)
@click.version_option(package_name="zmq-bridge")
def cli() -> None:
    """The bridge between MetaTrader 5 and Python.

    A first look needs one command, zmq-bridge up. Settings come from the environment and a .env file;
    .env.example explains each.
    """


def main() -> None:
    """The program `zmq-bridge`."""
    with explained():
        cli(prog_name="zmq-bridge")
