"""The parts of the bridge, each by what it does for others: ports that answer, figures that are fresh, HTTP."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.cli.checks.finding import Finding, Level, bad, good, warn
from zmq_bridge.cli.process_table import log_path
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.settings import Settings, local_host
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.notifications.deliveries import overdue

FIGURES_AGE_MS_MAX = 10_000  # a process writes its figures at least every few seconds
HTTP_TIMEOUT_S = 5.0
ZMTP_TIMEOUT_S = 2.0
ZMTP_SIGNATURE = 0xFF, 0x7F  # first and last of the ten bytes that ZeroMQ says to whoever connects
LATE = timedelta(minutes=3)  # longer than a sender may have a message in its hands
START_BRIDGE = "start it with `zmq-bridge {command}` (or everything with `zmq-bridge up`); its log is {log}"


def check_parts(settings: Settings) -> list[Finding]:
    """Proxy, recorder, desk, web, stream and what waits to be sent."""
    parts = [_proxy(settings), _recorder(settings), _desk(settings), _web(settings), _stream(settings)]
    return parts + _notify(settings)


def figures_age_ms(settings: Settings, process: str) -> int | None:
    """How old a process's own figures in Redis are; None when there are none."""
    with open_redis(settings.redis_url) as client:
        noted = LiveReader(client).stats().get(f"{process}.updated_ms")
    return None if noted is None else int(time.time() * 1000) - int(noted)


def web_health(settings: Settings) -> dict[str, Any] | None:
    """What the API's /health says; None when nobody answers."""
    return health_of(settings.web_url)


def health_of(url: str) -> dict[str, Any] | None:
    """What /health of an HTTP server of ours says; None when nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=HTTP_TIMEOUT_S) as response:
            said = response.read()
    except urllib.error.HTTPError as error:
        said = error.read()
    except OSError:
        return None
    try:
        found = json.loads(said)
    except ValueError:
        return {"status": "not the bridge: no JSON at /health"}
    return found if isinstance(found, dict) else {"status": "not the bridge: no map at /health"}


def _proxy(settings: Settings) -> Finding:
    ports = {"terminals publish": settings.feed_port, "strategies subscribe": settings.subscribe_port}
    return _ports(settings, "proxy", ports)


def _desk(settings: Settings) -> Finding:
    ports = {"terminals ask": settings.terminal_port, "strategies submit": settings.strategy_port}
    found = _ports(settings, "desk", ports)
    if found.level is not Level.GOOD:
        return found
    try:
        age_ms = figures_age_ms(settings, "desk")
    except LiveError:
        return found  # that Redis is away has a line of its own
    if age_ms is not None and age_ms <= FIGURES_AGE_MS_MAX:
        return found
    told = "none" if age_ms is None else f"some {age_ms / 1000:.0f} s old"
    mend = f"is it the desk of another directory? `zmq-bridge up` there uses these ports; {_start(settings, 'desk')}"
    return bad("desk", f"{found.found}, but expected its fresh figures in bridge:stats, found {told}", mend)


def _ports(settings: Settings, name: str, ports: dict[str, int]) -> Finding:
    host = local_host(settings.bind_host)
    silent = [f"{port} ({use})" for use, port in ports.items() if not speaks_zmtp(host, port)]
    if silent:
        found = f"expected an answer of ZeroMQ on port {', '.join(silent)} of {host}, found none"
        return bad(name, found, _start(settings, name))
    return good(name, f"answers on {' and '.join(str(port) for port in ports.values())}")


def speaks_zmtp(host: str, port: int, timeout_s: float = ZMTP_TIMEOUT_S) -> bool:
    """Whether ZeroMQ listens there and runs: the system accepts connections for a process that stands still, too."""
    said = b""
    deadline_s = time.monotonic() + timeout_s
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            while len(said) < 10 and (left_s := deadline_s - time.monotonic()) > 0:
                connection.settimeout(left_s)
                more = connection.recv(10 - len(said))
                if not more:
                    break
                said += more
    except OSError:
        return False
    return len(said) == 10 and (said[0], said[9]) == ZMTP_SIGNATURE


def _recorder(settings: Settings) -> Finding:
    try:
        age_ms = figures_age_ms(settings, "recorder")
    except LiveError:
        return bad("recorder", "its figures are in Redis, which does not answer", "mend Redis first")
    if age_ms is None or age_ms > FIGURES_AGE_MS_MAX:
        found = "none" if age_ms is None else f"some {age_ms / 1000:.0f} s old"
        return bad("recorder", f"expected fresh figures in bridge:stats, found {found}", _start(settings, "recorder"))
    return good("recorder", f"wrote its figures {age_ms / 1000:.1f} s ago")


def _web(settings: Settings) -> Finding:
    health = web_health(settings)
    if health is None:
        mend = START_BRIDGE.format(command="web", log=log_path(settings, "web"))
        return bad("web", f"expected an answer from {settings.web_url}, found none", mend)
    return good("web", f"{settings.web_url} answers, /health says {health.get('status', 'nothing')}")


def _stream(settings: Settings) -> Finding:
    health = health_of(settings.stream_url)
    if health is None:
        mend = START_BRIDGE.format(command="stream", log=log_path(settings, "stream"))
        return bad("stream", f"expected an answer from {settings.stream_url}, found none", mend)
    said = f"{settings.stream_url} answers, {health.get('clients')} clients"
    if health.get("status") != "ok":
        return warn("stream", f"{said}, and it says: {health.get('status')}", "see whether Redis answers")
    return good("stream", said)


def _notify(settings: Settings) -> list[Finding]:
    """The sender has no port: what it should have sent long ago shows that it does not run."""
    engine = create_engine(settings.database_url, application_name="zmq-bridge doctor", pool_size=1)
    try:
        with engine.connect() as connection:
            late = overdue(connection, LATE)
    except SQLAlchemyError:  # Postgres has a finding of its own
        return []
    finally:
        engine.dispose()
    if late:
        mend = START_BRIDGE.format(command="notify", log=log_path(settings, "notify"))
        return [warn("notify", f"{late} notification(s) should have been sent {LATE.seconds // 60} min ago", mend)]
    return [good("notify", "nothing that people are to be told is late")]


def _start(settings: Settings, name: str) -> str:
    return START_BRIDGE.format(command=f"bridge {name}", log=log_path(settings, name))
