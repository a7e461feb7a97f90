"""The API key of an embedded installation: made once, kept in the var directory (mode 0600), shown by `up`.

Production has no such key: there `zmq-bridge keys create` makes each one, and shows it once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from zmq_bridge.private_files import read_private, write_private
from zmq_bridge.settings import Settings
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keyring import KeyRefused, Keyring
from zmq_bridge.storage.keys import Scope, create_key

FILE = "api_key"
NAME = "demo"
SCOPES = (Scope.SIGNAL, Scope.READ, Scope.TRADE, Scope.ADMIN)


def demo_key(settings: Settings) -> str | None:
    """Return the key's text; make a new one when there is none, or when it was revoked. None in production."""
    if not settings.embedded_postgres:
        return None
    path = settings.var_dir / FILE
    engine = create_engine(settings.database_url, application_name="zmq-bridge up", pool_size=1)
    try:
        known = read_private(path)
        if known and not isinstance(Keyring(engine).verify(known, datetime.now(UTC)), KeyRefused):
            return known
        with engine.begin() as connection:
            new = create_key(connection, name=NAME, scopes=SCOPES, now=datetime.now(UTC), actor="cli:up")
        path.unlink(missing_ok=True)
        write_private(path, new.text)
        return new.text
    finally:
        engine.dispose()
