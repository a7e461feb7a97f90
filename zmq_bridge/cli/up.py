"""`zmq-bridge up`: everything on this machine, from nothing to a price on the screen, and back to nothing.

Order: lock, disk, ports; servers; schema; bridge; web; simulated broker and terminal; then the panel. Each step says
that it is done. Whatever fails, what was started before is stopped again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from zmq_bridge.cli import process_table
from zmq_bridge.cli.console import console, report_line, step
from zmq_bridge.cli.demo_key import demo_key
from zmq_bridge.cli.house import House
from zmq_bridge.cli.live_price import find_live_price
from zmq_bridge.cli.panel import running_panel
from zmq_bridge.cli.preflight import DiskWatch, VarLock, require_disk, require_ports
from zmq_bridge.cli.replay_watch import ReplayWatch
from zmq_bridge.cli.services import Service
from zmq_bridge.cli.simulation import Simulation, simulation_options
from zmq_bridge.cli.simulation_feed import require_feed
from zmq_bridge.cli.supervisor import Supervisor
from zmq_bridge.settings import Settings, load_settings, with_secrets
from zmq_bridge.storage.migrations import migrate

FIRST_PRICE_TIMEOUT_S = 20.0


@click.command("up")
@simulation_options
@click.option("--no-simulate", is_flag=True, help="Start no simulated broker and terminal: a real terminal connects.")
def command(
    replay: tuple[Path, ...],
    speed: float | None,
    symbols: tuple[str, ...],
    seed: int,
    netting: bool,
    no_simulate: bool,
) -> None:
    """Start everything on this machine: servers, bridge, web, and a simulated terminal that streams prices.

    Data stays in the var directory, so that the next start goes on with it. Ctrl-C stops everything.
    """
    settings = load_settings()
    wanted = Simulation(replay=replay, speed=speed, symbols=symbols, seed=seed, netting=netting)
    simulation = None if no_simulate else wanted
    if simulation:
        require_feed(simulation)
    run_up(settings, simulation)


def run_up(settings: Settings, simulation: Simulation | None) -> None:
    """Start everything, print where it is, and watch over it until Ctrl-C."""
    with VarLock(settings.var_dir):
        require_disk(settings.var_dir)
        require_ports(_ports(settings, simulation))
        settings = with_secrets(settings)
        settings.log_dir.mkdir(exist_ok=True)
        with Supervisor(report_line) as supervisor:
            key = _start_everything(supervisor, settings, simulation)
            wait_s = FIRST_PRICE_TIMEOUT_S if simulation else 0.0
            chores: list[Callable[[], None]] = [
                _Announcement(settings, key, wait_s),
                DiskWatch(settings.var_dir, report_line),
            ]
            if simulation and settings.embedded_postgres:
                chores.append(House(settings))
            if simulation and simulation.replay:
                chores.append(ReplayWatch(settings))
            supervisor.watch(*chores)
    report_line(f"everything is stopped; the data is kept in {settings.var_dir}")


def _start_everything(supervisor: Supervisor, settings: Settings, simulation: Simulation | None) -> str | None:
    if settings.embedded_postgres:
        _start(supervisor, process_table.postgres_service(settings), "Postgres, the truth")
    if settings.embedded_redis:
        _start(supervisor, process_table.redis_service(settings), "Valkey, live state")
    migrate(settings.database_url)
    step("schema is the newest")
    key = demo_key(settings)
    for service in process_table.bridge_services(settings):
        _start(supervisor, service, "bridge")
    _start(supervisor, process_table.web_service(settings), "HTTP and dashboard")
    _start(supervisor, process_table.stream_service(settings), "live stream")
    _start(supervisor, process_table.notify_service(settings), "notifications")
    if simulation:
        for service in process_table.simulation_services(settings, simulation):
            _start(supervisor, service, "simulation")
    return key


def _start(supervisor: Supervisor, service: Service, what: str) -> None:
    began = time.monotonic()
    with console.status(f"starting {service.name} ..."):
        supervisor.start(service)
    step(f"{service.name} runs ({what}; {time.monotonic() - began:.1f} s)")


class _Announcement:
    """Prints the panel once: as soon as a price streams, or when there was none for `wait_s`."""

    def __init__(self, settings: Settings, key: str | None, wait_s: float) -> None:
        self._settings, self._key = settings, key
        self._deadline = time.monotonic() + wait_s
        self._is_made = False

    def __call__(self) -> None:
        """Look whether it is time; called again and again by the supervisor."""
        if self._is_made:
            return
        is_late = time.monotonic() > self._deadline
        price = find_live_price(self._settings, picky=not is_late)
        if price or is_late:
            self._is_made = True
            console.print(running_panel(self._settings, self._key, price))


def _ports(settings: Settings, simulation: Simulation | None) -> dict[str, tuple[str, int]]:
    ports = process_table.bridge_ports(settings) | {"ZMQ_BRIDGE_WEB_PORT": (settings.web_host, settings.web_port)}
    ports["ZMQ_BRIDGE_STREAM_PORT"] = (settings.web_host, settings.stream_port)
    if settings.embedded_redis:
        ports["ZMQ_BRIDGE_REDIS_PORT"] = ("127.0.0.1", settings.redis_port)
    if simulation:
        ports["ZMQ_BRIDGE_BROKER_PORT"] = ("127.0.0.1", settings.broker_port)
    return ports
