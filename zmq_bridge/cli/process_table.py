"""The same parts as child processes: what the supervisor starts, in which order, and when each counts as ready."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from zmq_bridge.cli.preflight import port_answers
from zmq_bridge.cli.services import ChildService, ServerService
from zmq_bridge.cli.simulation import Simulation
from zmq_bridge.embedded import EmbeddedPostgres, EmbeddedValkey
from zmq_bridge.settings import Settings, bracketed, local_host, settings_environment

WEB_STOP_TIMEOUT_S = 15.0  # requests in flight may finish
DESK_STOP_TIMEOUT_S = 15.0
NOTIFY_STOP_TIMEOUT_S = 10.0  # a message that is being sent; cut short, it is sent again
STREAM_STOP_TIMEOUT_S = 10.0  # clients hear a goodbye
RECORDER_STOP_TIMEOUT_S = 12.0  # it gives its queues 8 s
HTTP_TIMEOUT_S = 2.0


def bridge_ports(settings: Settings) -> dict[str, tuple[str, int]]:
    """The ports that the bridge binds: variable -> (host, port)."""
    return {
        "ZMQ_BRIDGE_FEED_PORT": (settings.bind_host, settings.feed_port),
        "ZMQ_BRIDGE_SUBSCRIBE_PORT": (settings.bind_host, settings.subscribe_port),
        "ZMQ_BRIDGE_TERMINAL_PORT": (settings.bind_host, settings.terminal_port),
        "ZMQ_BRIDGE_STRATEGY_PORT": (settings.bind_host, settings.strategy_port),
    }


def postgres_service(settings: Settings) -> ServerService:
    """The embedded Postgres."""
    server = EmbeddedPostgres(settings.postgres_dir, log_path=settings.log_dir / "postgres.log")
    return ServerService(name="postgres", server=server)


def redis_service(settings: Settings) -> ServerService:
    """The embedded Redis-protocol server."""
    server = EmbeddedValkey(settings.redis_dir, port=settings.redis_port, log_path=settings.log_dir / "valkey.log")
    return ServerService(name="valkey", server=server)


def bridge_services(settings: Settings) -> list[ChildService]:
    """Proxy, recorder and desk, in the order of starting."""
    host = local_host(settings.bind_host)
    return [
        _child(settings, "proxy", "bridge", "proxy", ready=lambda: port_answers(host, settings.feed_port)),
        _child(settings, "recorder", "bridge", "recorder", stop_timeout_s=RECORDER_STOP_TIMEOUT_S),
        _child(
            settings, "desk", "bridge", "desk",
            ready=lambda: port_answers(host, settings.terminal_port), stop_timeout_s=DESK_STOP_TIMEOUT_S,
        ),
    ]  # fmt: skip


def simulation_services(settings: Settings, simulation: Simulation) -> list[ChildService]:
    """The simulated broker and its terminal."""
    options = simulation.words()
    return [
        _child(
            settings, "broker", "simulate", *options, "broker",
            ready=lambda: port_answers("127.0.0.1", settings.broker_port),
        ),
        _child(settings, "terminal", "simulate", *options, "terminal"),
    ]  # fmt: skip


def web_service(settings: Settings) -> ChildService:
    """The HTTP API and the dashboard."""
    return _child(
        settings, "web", "web", ready=lambda: http_answers(f"{settings.web_url}/health"),
        stop_timeout_s=WEB_STOP_TIMEOUT_S,
    )  # fmt: skip


def stream_service(settings: Settings) -> ChildService:
    """The live stream."""
    return _child(
        settings, "stream", "stream", ready=lambda: http_answers(f"{settings.stream_url}/health"),
        stop_timeout_s=STREAM_STOP_TIMEOUT_S,
    )  # fmt: skip


def notify_service(settings: Settings) -> ChildService:
    """The sender of notifications."""
    return _child(settings, "notify", "notify", stop_timeout_s=NOTIFY_STOP_TIMEOUT_S)


def web_argv(settings: Settings) -> list[str]:
    """The command that serves HTTP: gunicorn with threads."""
    return [
        sys.executable, "-m", "gunicorn", "zmq_bridge.cli.wsgi:application()",
        "--bind", f"{bracketed(settings.web_host)}:{settings.web_port}",
        "--config", "python:zmq_bridge.cli.gunicorn_hooks",
        "--worker-class", "zmq_bridge.cli.gunicorn_worker.TimedWorker",
        "--workers", str(settings.web_workers),
        "--threads", str(settings.web_threads),
        "--graceful-timeout", "10",
        "--limit-request-line", "4094", "--limit-request-fields", "64",
        "--name", "zmq-bridge-web",
        "--no-control-socket",
    ]  # fmt: skip


def http_answers(url: str) -> bool:
    """Whether an HTTP server answers, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def log_path(settings: Settings, name: str) -> Path:
    """The log of one process."""
    return settings.log_dir / f"{name}.log"


def _child(
    settings: Settings,
    name: str,
    *words: str,
    ready: Callable[[], bool] = lambda: True,
    stop_timeout_s: float = 10.0,
) -> ChildService:
    return ChildService(
        name=name,
        argv=[sys.executable, "-m", "zmq_bridge.cli", *words],
        env=settings_environment(settings),
        log_path=log_path(settings, name),
        ready=ready,
        stop_timeout_s=stop_timeout_s,
    )
