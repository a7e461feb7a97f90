"""`zmq-bridge web`: gunicorn in place of this process."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from zmq_bridge.cli.errors import CannotRunNow
from zmq_bridge.cli.preflight import port_is_free, port_owner
from zmq_bridge.cli.process_table import web_argv
from zmq_bridge.settings import Settings, load_settings, with_secrets


@click.command("web")
def command() -> None:
    """Run the HTTP API and the dashboard (gunicorn with threads) until Ctrl-C.

    Any number of these may run, on any number of machines: they keep no state.
    """
    settings = with_secrets(load_settings())
    if not port_is_free(settings.web_host, settings.web_port):
        raise CannotRunNow(
            f"expected port {settings.web_port} on {settings.web_host} to be free, found it taken by "
            f"{port_owner(settings.web_port) or 'another program'}. Stop that, or set ZMQ_BRIDGE_WEB_PORT"
        )
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_fresh_counts(settings)))
    os.execv(sys.executable, web_argv(settings))


def _fresh_counts(settings: Settings) -> Path:
    """A directory of its own in which the workers count their requests, without what an earlier run counted."""
    counts = settings.var_dir / f"web-counts-{settings.web_port}"
    shutil.rmtree(counts, ignore_errors=True)
    counts.mkdir(parents=True)
    return counts
