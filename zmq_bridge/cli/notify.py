"""`zmq-bridge notify`: the sender of notifications in this process."""

from __future__ import annotations

import click

from zmq_bridge.cli import wiring
from zmq_bridge.settings import load_settings, with_secrets


@click.command("notify")
def command() -> None:
    """Send what people are to be told (mail, chat, webhooks) until Ctrl-C.

    `zmq-bridge notifications` says where to and about what. Any number of these may run.
    """
    wiring.run_notify(with_secrets(load_settings()))
