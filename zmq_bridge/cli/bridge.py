"""`zmq-bridge bridge`: the three processes of the bridge, together or one by one."""

from __future__ import annotations

import click

from zmq_bridge.cli import process_table, wiring
from zmq_bridge.cli.console import report_line
from zmq_bridge.cli.preflight import require_ports
from zmq_bridge.cli.supervisor import Supervisor
from zmq_bridge.settings import Settings, load_settings
from zmq_bridge.storage.migrations import migrate


@click.group("bridge", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Run the bridge: proxy, recorder and desk, each in a process of its own, restarted when one ends.

    Needs Postgres and Redis (DATABASE_URL, REDIS_URL). The schema is brought up to date first. With a name only that
    process runs, for those who let systemd or Docker watch over them.
    """
    if context.invoked_subcommand is None:
        run_bridge(load_settings())


def run_bridge(settings: Settings) -> None:
    """Start and watch the three processes until Ctrl-C."""
    migrate(settings.database_url)
    require_ports(process_table.bridge_ports(settings))
    with Supervisor(report_line) as supervisor:
        for service in process_table.bridge_services(settings):
            supervisor.start(service)
            report_line(f"{service.name} runs; its log is {service.log_path}")
        supervisor.watch()


@command.command("proxy")
def proxy() -> None:
    """Run only the proxy: ticks from terminals to strategies."""
    wiring.run_proxy(load_settings())


@command.command("recorder")
def recorder() -> None:
    """Run only the recorder: ticks into Redis and Postgres."""
    wiring.run_recorder(load_settings())


@command.command("desk")
def desk() -> None:
    """Run only the desk: terminals' sessions, commands, fills and strategies' requests."""
    wiring.run_desk(load_settings())
