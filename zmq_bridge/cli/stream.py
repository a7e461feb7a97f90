"""`zmq-bridge stream`: the live stream in this process."""

from __future__ import annotations

import click

from zmq_bridge.cli import wiring
from zmq_bridge.cli.errors import CannotRunNow
from zmq_bridge.cli.preflight import port_is_free, port_owner
from zmq_bridge.settings import load_settings


@click.command("stream")
def command() -> None:
    """Run the live stream (WebSocket /ws, Server-Sent Events /events) until Ctrl-C.

    Prices, positions, signals and risk as they change; docs/stream.md is the protocol.
    """
    settings = load_settings()
    if not port_is_free(settings.web_host, settings.stream_port):
        raise CannotRunNow(
            f"expected port {settings.stream_port} on {settings.web_host} to be free, found it taken by "
            f"{port_owner(settings.stream_port) or 'another program'}. Stop that, or set ZMQ_BRIDGE_STREAM_PORT"
        )
    wiring.run_stream(settings)
