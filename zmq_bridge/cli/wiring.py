"""The composition root: settings in, running parts out. The only module that knows every other package.

Each `run_*` wires one long-running part in this process, in its main thread, until SIGTERM or SIGINT. Imports of the
parts are inside the functions, so that a proxy never loads a database driver and nothing connects at import.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.logs import log_to_stderr
from zmq_bridge.cli.peers import read_peers
from zmq_bridge.environment import read_env_file
from zmq_bridge.settings import Settings, local_host
from zmq_bridge.sockets.zap import AllowList

if TYPE_CHECKING:
    from zmq_bridge.cli.simulation import Simulation

BROKER_JOURNAL = "simulated-broker.journal"
TERMINAL_MEMORY = "simulated-terminal"


def run_proxy(settings: Settings) -> None:
    """The tick path between terminals and strategies."""
    from zmq_bridge.sockets import proxy

    log_to_stderr(settings.log_level)
    proxy.run_proxy(
        proxy.ProxySettings(
            feed_endpoint=settings.endpoint(settings.feed_port),
            subscribe_endpoint=settings.endpoint(settings.subscribe_port),
            allowed=allow_list(settings),
        )
    )


def run_recorder(settings: Settings) -> None:
    """Ticks into Redis and Postgres."""
    from zmq_bridge.relay import recorder

    log_to_stderr(settings.log_level)
    recorder.run_recorder(
        recorder.RecorderSettings(
            subscribe_endpoint=settings.local_endpoint(settings.subscribe_port),
            feed_endpoint=settings.local_endpoint(settings.feed_port),
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            allowed=allow_list(settings),
        )
    )


def run_desk(settings: Settings) -> None:
    """Terminals' sessions, commands, fills, and strategies' requests."""
    from zmq_bridge.relay import desk

    log_to_stderr(settings.log_level)
    desk.run_desk(
        desk.DeskSettings(
            terminal_endpoint=settings.endpoint(settings.terminal_port),
            strategy_endpoint=settings.endpoint(settings.strategy_port),
            subscribe_endpoint=settings.local_endpoint(settings.subscribe_port),
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            news_file=settings.news_file,
            allowed=allow_list(settings),
        )
    )


def run_stream(settings: Settings) -> None:
    """Prices, positions, signals and risk to whoever is connected."""
    from web.stream import app

    log_to_stderr(settings.log_level)
    app.run_stream(
        app.StreamSettings(
            host=settings.web_host,
            port=settings.stream_port,
            page_ports=frozenset({settings.web_port}),
            database_url=settings.database_url,
            redis_url=settings.redis_url,
        )
    )


def run_notify(settings: Settings) -> None:
    """Messages to people: mail, chat, webhooks."""
    from zmq_bridge.notify import sender

    log_to_stderr(settings.log_level)
    sender.run_sender(
        sender.SenderSettings(
            database_url=settings.database_url,
            secret_key=settings.secret_key,
            variables=notify_variables(),
            keep=timedelta(days=settings.notifications_keep_days),
        )
    )


def run_broker(settings: Settings, simulation: Simulation) -> None:
    """The simulated broker, its books kept in the var directory."""
    from zmq_bridge.cli.simulation_feed import feed_of
    from zmq_bridge.simulator import broker_server
    from zmq_bridge.simulator.broker import BrokerConfig

    log_to_stderr(settings.log_level)
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    broker_server.run_broker(
        broker_server.BrokerSettings(
            port=settings.broker_port,
            journal_path=settings.var_dir / BROKER_JOURNAL,
            feed=feed_of(simulation),
            account=BrokerConfig(margin_mode="netting" if simulation.netting else "hedging"),
        )
    )


def run_terminal(settings: Settings) -> None:
    """The simulated terminal between the simulated broker and the bridge."""
    from zmq_bridge.simulator import terminal

    log_to_stderr(settings.log_level)
    if settings.peers_file is not None:
        raise CannotRun("the simulated terminal has no credentials: expected no ZMQ_BRIDGE_PEERS_FILE, found one")
    memory_dir = settings.var_dir / TERMINAL_MEMORY
    memory_dir.mkdir(parents=True, exist_ok=True)
    terminal.run_terminal(
        terminal.TerminalSettings(
            memory_dir=memory_dir,
            publish_endpoint=settings.local_endpoint(settings.feed_port),
            request_endpoint=settings.local_endpoint(settings.terminal_port),
            broker_port=settings.broker_port,
        )
    )


def notify_variables() -> dict[str, str]:
    """Addresses of destinations that are kept in the environment, or in `.env`."""
    from zmq_bridge.storage.notifications.destinations import VARIABLE

    found = {**read_env_file(".env"), **os.environ}
    return {name: value for name, value in found.items() if VARIABLE.match(name)}


def allow_list(settings: Settings) -> AllowList:
    """Who may connect to the four ports; the bridge's own processes always may."""
    return read_peers(settings.peers_file, own_addresses={"127.0.0.1", "::1", local_host(settings.bind_host)})
