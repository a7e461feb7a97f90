"""The settings of one process: one frozen object, read once from the environment and a `.env` file.

The environment wins over `.env`. Every problem is reported at once. Without DATABASE_URL or REDIS_URL the embedded
server of that kind is used ("embedded"); with DATABASE_URL set this is production, where no secret has a default.
Reading settings connects to nothing and writes nothing; `with_secrets` makes the secret that embedded mode lacks.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from zmq_bridge.embedded.postgres import embedded_url
from zmq_bridge.environment import EnvironmentReader, SettingsError, choice, count, host, is_url, port, read_env_file
from zmq_bridge.private_files import new_secret, read_or_create, read_private

__all__ = ["Settings", "SettingsError", "load_settings", "settings_environment", "with_secrets"]

PREFIX = "ZMQ_BRIDGE_"
SECRET_LENGTH_MIN = 32
SECRET_FILE = "secret_key"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DAYS_EXPECTED = "a number from 7 to 3650"
PER_MINUTE_EXPECTED = "a number from 1 to 1000000"
PORT_EXPECTED = "a port number from 1 to 65535"
DATABASE_EXPECTED = "a URL like postgresql://user:password@host:5432/database"
REDIS_EXPECTED = "a URL like redis://host:6379/0"
FERNET_BYTES = 32
FERNET_EXPECTED = "keys of cryptography.fernet.Fernet.generate_key(), with commas between them, the newest first"
SECRET_EXPECTED = f"at least {SECRET_LENGTH_MIN} characters nobody can guess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one process needs to know about its surroundings."""

    var_dir: Path  # absolute; data of embedded servers, logs, generated secrets
    database_url: str = field(repr=False)  # postgresql://...
    redis_url: str = field(repr=False)  # redis://...
    credentials_keys: tuple[str, ...] = field(default=(), repr=False)  # Fernet, newest first; none: nothing is sealed
    secret_key: str = field(repr=False)  # signs browser sessions; "" only in embedded mode before the first start
    embedded_postgres: bool  # True: `up` runs Postgres itself, below var_dir
    embedded_redis: bool  # True: `up` runs the Redis-protocol server itself
    redis_port: int = 6380  # loopback port of the embedded Redis-protocol server
    bind_host: str = "127.0.0.1"  # where the four ZeroMQ ports listen
    feed_port: int = 5555  # XSUB: terminals publish
    subscribe_port: int = 5556  # XPUB: strategies subscribe
    terminal_port: int = 5557  # ROUTER: terminals ask for commands
    strategy_port: int = 5558  # ROUTER: strategies submit and query
    broker_port: int = 5559  # the simulated broker, loopback only
    news_file: Path | None = None  # blackouts around news, docs/risk.md; None: nothing is closed for news
    peers_file: Path | None = None  # TOML allow-list of who may connect; None: loopback only, no passwords
    web_host: str = "127.0.0.1"  # where HTTP listens
    web_port: int = 8000
    web_workers: int = 1  # gunicorn processes
    web_threads: int = 16  # threads in each
    trusted_proxies: int = 0  # reverse proxies in front of web, believed about a client's address and scheme
    stream_port: int = 8001  # WebSocket and Server-Sent Events, on web_host
    requests_per_minute: int = 6_000  # of one API key, signals aside
    signals_per_minute: int = 60_000  # of one API key
    notifications_keep_days: int = 90  # older news is removed by the sender
    log_level: str = "INFO"  # one of LOG_LEVELS

    @property
    def embedded(self) -> bool:
        """True when any server is run by `up` itself."""
        return self.embedded_postgres or self.embedded_redis

    def endpoint(self, port_number: int) -> str:
        """The ZeroMQ endpoint to bind for one of the ports."""
        return f"tcp://{bracketed(self.bind_host)}:{port_number}"

    def local_endpoint(self, port_number: int) -> str:
        """The ZeroMQ endpoint by which this machine reaches one of the ports."""
        return f"tcp://{bracketed(local_host(self.bind_host))}:{port_number}"

    @property
    def web_url(self) -> str:
        """Where a browser on this machine finds the dashboard."""
        return f"http://{bracketed(local_host(self.web_host))}:{self.web_port}"

    @property
    def stream_url(self) -> str:
        """Where a program on this machine finds the live stream; a WebSocket under /ws, events under /events."""
        return f"http://{bracketed(local_host(self.web_host))}:{self.stream_port}"

    @property
    def postgres_dir(self) -> Path:
        """Data of the embedded Postgres."""
        return self.var_dir / "postgres"

    @property
    def redis_dir(self) -> Path:
        """Data of the embedded Redis-protocol server."""
        return self.var_dir / "valkey"

    @property
    def log_dir(self) -> Path:
        """One log file per process."""
        return self.var_dir / "log"


def local_host(bound: str) -> str:
    """The address by which this machine reaches what is bound to `bound`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)


def bracketed(address: str) -> str:
    """An address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def load_settings(environ: Mapping[str, str] | None = None, *, env_file: str = ".env") -> Settings:
    """Read the settings.

    Args:
        environ: variables; None for those of this process.
        env_file: a file of defaults for variables that `environ` does not have.

    Raises:
        SettingsError: with every problem that was found.
    """
    reader = EnvironmentReader({**read_env_file(env_file), **(os.environ if environ is None else environ)})
    settings = _read(reader)
    _check_together(reader, settings)
    reader.refuse_unknown(PREFIX)
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return settings


def with_secrets(settings: Settings) -> Settings:
    """The same settings with a secret key: embedded mode makes its own once, readable by its owner only."""
    if settings.secret_key:
        return settings
    return replace(settings, secret_key=read_or_create(settings.var_dir / SECRET_FILE, new_secret))


def settings_environment(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read these very settings."""
    variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "ZMQ_BRIDGE_SECRET_KEY": settings.secret_key,
        "ZMQ_BRIDGE_CREDENTIALS_KEYS": ",".join(settings.credentials_keys),
        "ZMQ_BRIDGE_VAR_DIR": str(settings.var_dir),
        "ZMQ_BRIDGE_REDIS_PORT": str(settings.redis_port),
        "ZMQ_BRIDGE_BIND_HOST": settings.bind_host,
        "ZMQ_BRIDGE_FEED_PORT": str(settings.feed_port),
        "ZMQ_BRIDGE_SUBSCRIBE_PORT": str(settings.subscribe_port),
        "ZMQ_BRIDGE_TERMINAL_PORT": str(settings.terminal_port),
        "ZMQ_BRIDGE_STRATEGY_PORT": str(settings.strategy_port),
        "ZMQ_BRIDGE_BROKER_PORT": str(settings.broker_port),
        "ZMQ_BRIDGE_NEWS_FILE": str(settings.news_file or ""),
        "ZMQ_BRIDGE_PEERS_FILE": str(settings.peers_file or ""),
        "ZMQ_BRIDGE_WEB_HOST": settings.web_host,
        "ZMQ_BRIDGE_WEB_PORT": str(settings.web_port),
        "ZMQ_BRIDGE_WEB_WORKERS": str(settings.web_workers),
        "ZMQ_BRIDGE_WEB_THREADS": str(settings.web_threads),
        "ZMQ_BRIDGE_TRUSTED_PROXIES": str(settings.trusted_proxies),
        "ZMQ_BRIDGE_STREAM_PORT": str(settings.stream_port),
        "ZMQ_BRIDGE_REQUESTS_PER_MINUTE": str(settings.requests_per_minute),
        "ZMQ_BRIDGE_SIGNALS_PER_MINUTE": str(settings.signals_per_minute),
        "ZMQ_BRIDGE_NOTIFICATIONS_KEEP_DAYS": str(settings.notifications_keep_days),
        "ZMQ_BRIDGE_LOG_LEVEL": settings.log_level,
    }
    return {**os.environ, **variables}


def _read(reader: EnvironmentReader) -> Settings:
    var_dir = reader.read("ZMQ_BRIDGE_VAR_DIR", "a directory", Path, Path("var")).absolute()
    redis_port = reader.read("ZMQ_BRIDGE_REDIS_PORT", PORT_EXPECTED, port, 6380)
    database_url = reader.read_secret("DATABASE_URL", DATABASE_EXPECTED, is_url("postgresql", "postgres"))
    redis_url = reader.read_secret("REDIS_URL", REDIS_EXPECTED, is_url("redis", "rediss", "unix"))
    return Settings(
        var_dir=var_dir,
        database_url=database_url or embedded_url(var_dir / "postgres"),
        redis_url=redis_url or f"redis://127.0.0.1:{redis_port}/0",
        credentials_keys=_fernet_keys(
            reader.read_secret(f"{PREFIX}CREDENTIALS_KEYS", FERNET_EXPECTED, _are_fernet_keys)
        ),
        secret_key=_secret_key(reader, var_dir, production=database_url is not None),
        embedded_postgres=database_url is None,
        embedded_redis=redis_url is None,
        redis_port=redis_port,
        bind_host=reader.read("ZMQ_BRIDGE_BIND_HOST", "an address like 127.0.0.1", host, "127.0.0.1"),
        feed_port=reader.read("ZMQ_BRIDGE_FEED_PORT", PORT_EXPECTED, port, 5555),
        subscribe_port=reader.read("ZMQ_BRIDGE_SUBSCRIBE_PORT", PORT_EXPECTED, port, 5556),
        terminal_port=reader.read("ZMQ_BRIDGE_TERMINAL_PORT", PORT_EXPECTED, port, 5557),
        strategy_port=reader.read("ZMQ_BRIDGE_STRATEGY_PORT", PORT_EXPECTED, port, 5558),
        broker_port=reader.read("ZMQ_BRIDGE_BROKER_PORT", PORT_EXPECTED, port, 5559),
        news_file=reader.read("ZMQ_BRIDGE_NEWS_FILE", "a file", _absolute, None),
        peers_file=reader.read("ZMQ_BRIDGE_PEERS_FILE", "an existing file", _existing_file, None),
        web_host=reader.read("ZMQ_BRIDGE_WEB_HOST", "an address like 127.0.0.1", host, "127.0.0.1"),
        web_port=reader.read("ZMQ_BRIDGE_WEB_PORT", PORT_EXPECTED, port, 8000),
        web_workers=reader.read("ZMQ_BRIDGE_WEB_WORKERS", "a number from 1 to 64", count(1, 64), 1),
        web_threads=reader.read("ZMQ_BRIDGE_WEB_THREADS", "a number from 1 to 256", count(1, 256), 16),
        trusted_proxies=reader.read("ZMQ_BRIDGE_TRUSTED_PROXIES", "a number from 0 to 9", count(0, 9), 0),
        stream_port=reader.read("ZMQ_BRIDGE_STREAM_PORT", PORT_EXPECTED, port, 8001),
        requests_per_minute=reader.read(f"{PREFIX}REQUESTS_PER_MINUTE", PER_MINUTE_EXPECTED, count(1, 10**6), 6_000),
        signals_per_minute=reader.read(f"{PREFIX}SIGNALS_PER_MINUTE", PER_MINUTE_EXPECTED, count(1, 10**6), 60_000),
        notifications_keep_days=reader.read(f"{PREFIX}NOTIFICATIONS_KEEP_DAYS", DAYS_EXPECTED, count(7, 3_650), 90),
        log_level=reader.read("ZMQ_BRIDGE_LOG_LEVEL", f"one of {', '.join(LOG_LEVELS)}", choice(*LOG_LEVELS), "INFO"),
    )


def _secret_key(reader: EnvironmentReader, var_dir: Path, *, production: bool) -> str:
    name = f"{PREFIX}SECRET_KEY"
    given = reader.read_secret(name, SECRET_EXPECTED, lambda text: len(text) >= SECRET_LENGTH_MIN)
    if given is None and production:
        reader.note(name, f"{SECRET_EXPECTED}, because DATABASE_URL is set", "nothing")
        return ""
    if given is not None:
        return given
    try:
        return read_private(var_dir / SECRET_FILE)
    except OSError as error:
        reader.note(f"{PREFIX}VAR_DIR", "a directory that can be read", f"{var_dir}: {error.strerror}")
        return ""


def _fernet_keys(text: str | None) -> tuple[str, ...]:
    return tuple(key.strip() for key in (text or "").split(",") if key.strip())


def _are_fernet_keys(text: str) -> bool:
    """Whether every part is a Fernet key: 32 bytes in base64 that is safe in addresses."""
    try:
        return all(len(urlsafe_b64decode(key)) == FERNET_BYTES for key in _fernet_keys(text))
    except ValueError:
        return False


def _check_together(reader: EnvironmentReader, settings: Settings) -> None:
    if not _is_loopback(settings.bind_host) and settings.peers_file is None:
        reader.note(
            f"{PREFIX}BIND_HOST",
            f"a loopback address, or {PREFIX}PEERS_FILE set to say who may connect",
            f"{settings.bind_host!r}, where any machine could connect and trade",
        )
    named = {
        "FEED_PORT": settings.feed_port,
        "SUBSCRIBE_PORT": settings.subscribe_port,
        "TERMINAL_PORT": settings.terminal_port,
        "STRATEGY_PORT": settings.strategy_port,
        "BROKER_PORT": settings.broker_port,
        "WEB_PORT": settings.web_port,
        "STREAM_PORT": settings.stream_port,
    } | ({"REDIS_PORT": settings.redis_port} if settings.embedded_redis else {})
    first_with: dict[int, str] = {}
    for name, number in named.items():
        if number in first_with:
            reader.note(PREFIX + name, "a port of its own", f"{number}, also {PREFIX}{first_with[number]}")
        first_with.setdefault(number, name)


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _absolute(text: str) -> Path:
    """A path that need not exist yet: what can't be read is for its reader to say."""
    return Path(text).absolute()


def _existing_file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_file():
        raise ValueError(text)
    return path
