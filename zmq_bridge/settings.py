"""The settings of one process: one frozen object, read once from the environment and a `.env` file.

The environment wins over `.env`. Every problem is reported at once. Without DATABASE_URL or REDIS_URL the embedded
server of that kind is used ("embedded"); with DATABASE_URL set this is production, where no secret has a default.
Reading settings connects to nothing and writes nothing; `with_secrets` makes the secret that embedded mode lacks.

A plain setting is one line of `Settings`: its variable is its name in capitals behind `PREFIX`.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

from zmq_bridge.embedded.postgres import embedded_url
from zmq_bridge.environment import (
    EnvironmentReader,
    SettingsError,
    Told,
    absolute,
    choice,
    existing_file,
    host,
    is_url,
    number,
    port,
    read_env_file,
)
from zmq_bridge.private_files import new_secret, read_or_create, read_private

__all__ = ["Settings", "SettingsError", "load_settings", "settings_environment", "with_secrets"]

PREFIX = "ZMQ_BRIDGE_"
SECRET_LENGTH_MIN = 32
SECRET_FILE = "secret_key"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DATABASE_EXPECTED = "a URL like postgresql://user:password@host:5432/database"
REDIS_EXPECTED = "a URL like redis://host:6379/0"
FERNET_BYTES = 32
FERNET_EXPECTED = "keys of cryptography.fernet.Fernet.generate_key(), with commas between them, the newest first"
SECRET_EXPECTED = f"at least {SECRET_LENGTH_MIN} characters nobody can guess"


HOST = Told(expected="an address like 127.0.0.1", parse=host)
PORT = Told(expected="a port number from 1 to 65535", parse=port)
FILE = Told(expected="a file", parse=absolute)
EXISTING_FILE = Told(expected="an existing file", parse=existing_file)
LOG_LEVEL = Told(expected=f"one of {', '.join(LOG_LEVELS)}", parse=choice(*LOG_LEVELS))


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
    bind_host: Annotated[str, HOST] = "127.0.0.1"  # where the four ZeroMQ ports listen
    feed_port: Annotated[int, PORT] = 5555  # XSUB: terminals publish
    subscribe_port: Annotated[int, PORT] = 5556  # XPUB: strategies subscribe
    terminal_port: Annotated[int, PORT] = 5557  # ROUTER: terminals ask for commands
    strategy_port: Annotated[int, PORT] = 5558  # ROUTER: strategies submit and query
    broker_port: Annotated[int, PORT] = 5559  # the simulated broker, loopback only
    news_file: Annotated[Path | None, FILE] = None  # blackouts, docs/risk.md; None: nothing is closed for news
    peers_file: Annotated[Path | None, EXISTING_FILE] = None  # TOML, who may connect; None: loopback only, no passwords
    web_host: Annotated[str, HOST] = "127.0.0.1"  # where HTTP listens
    web_port: Annotated[int, PORT] = 8000
    web_workers: Annotated[int, number(1, 64)] = 1  # gunicorn processes
    web_threads: Annotated[int, number(1, 256)] = 16  # threads in each
    trusted_proxies: Annotated[int, number(0, 9)] = 0  # in front of web, believed about a client's address and scheme
    stream_port: Annotated[int, PORT] = 8001  # WebSocket and Server-Sent Events, on web_host
    redis_port: Annotated[int, PORT] = 6380  # loopback port of the embedded Redis-protocol server
    requests_per_minute: Annotated[int, number(1, 1_000_000)] = 6_000  # of one API key, signals aside
    signals_per_minute: Annotated[int, number(1, 1_000_000)] = 60_000  # of one API key
    notifications_keep_days: Annotated[int, number(7, 3650)] = 90  # older news is removed by the sender
    log_level: Annotated[str, LOG_LEVEL] = "INFO"

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
    plain = {name: getattr(settings, name) for name in _plain()}
    variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        _variable("secret_key"): settings.secret_key,
        _variable("credentials_keys"): ",".join(settings.credentials_keys),
        _variable("var_dir"): str(settings.var_dir),
        **{_variable(name): "" if value is None else str(value) for name, value in plain.items()},
    }
    return {**os.environ, **variables}


def _variable(name: str) -> str:
    """The variable of a setting."""
    return PREFIX + name.upper()


@cache
def _plain() -> Mapping[str, Told]:
    """The settings that are one variable each, and need no other to be understood."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if get_origin(hint) is Annotated}


def _read(reader: EnvironmentReader) -> Settings:
    var_dir = reader.read(_variable("var_dir"), "a directory", Path, Path("var")).absolute()
    defaults = {each.name: each.default for each in fields(Settings)}
    plain: dict[str, Any] = {
        name: reader.read(_variable(name), told.expected, told.parse, defaults[name]) for name, told in _plain().items()
    }
    database_url = reader.read_secret("DATABASE_URL", DATABASE_EXPECTED, is_url("postgresql", "postgres"))
    redis_url = reader.read_secret("REDIS_URL", REDIS_EXPECTED, is_url("redis", "rediss", "unix"))
    keys = reader.read_secret(_variable("credentials_keys"), FERNET_EXPECTED, _are_fernet_keys)
    return Settings(
        var_dir=var_dir,
        database_url=database_url or embedded_url(var_dir / "postgres"),
        redis_url=redis_url or f"redis://127.0.0.1:{plain['redis_port']}/0",
        credentials_keys=_fernet_keys(keys),
        secret_key=_secret_key(reader, var_dir, production=database_url is not None),
        embedded_postgres=database_url is None,
        embedded_redis=redis_url is None,
        **plain,
    )


def _secret_key(reader: EnvironmentReader, var_dir: Path, *, production: bool) -> str:
    name = _variable("secret_key")
    given = reader.read_secret(name, SECRET_EXPECTED, lambda text: len(text) >= SECRET_LENGTH_MIN)
    if given is None and production:
        reader.note(name, f"{SECRET_EXPECTED}, because DATABASE_URL is set", "nothing")
        return ""
    if given is not None:
        return given
    try:
        return read_private(var_dir / SECRET_FILE)
    except OSError as error:
        reader.note(_variable("var_dir"), "a directory that can be read", f"{var_dir}: {error.strerror}")
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
            _variable("bind_host"),
            f"a loopback address, or {_variable('peers_file')} set to say who may connect",
            f"{settings.bind_host!r}, where any machine could connect and trade",
        )
    unused = set() if settings.embedded_redis else {"redis_port"}
    ports = [name for name, told in _plain().items() if told is PORT and name not in unused]
    first_with: dict[int, str] = {}
    for name in ports:
        number = getattr(settings, name)
        if number in first_with:
            reader.note(_variable(name), "a port of its own", f"{number}, also {_variable(first_with[number])}")
        first_with.setdefault(number, name)


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
