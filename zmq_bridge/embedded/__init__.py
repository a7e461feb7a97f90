"""Embedded Postgres and Valkey: ordinary servers that install with pip, run as child processes of ours.

Law of this package: a server started here is a direct child of the process that started it, lives in one directory,
listens on loopback or a private unix socket only, and never outlives its parent. Nothing here knows about the bridge,
its tables or its settings; whoever starts a server says where its data is.

    EmbeddedError
    ├── ServerUnavailable    the server's program is not installed for this platform
    ├── ServerRefused        the directory, the port or the user makes a start impossible; nothing was started
    └── ServerFailed         the server was started and ended, or did not become ready in time
"""

from zmq_bridge.embedded.errors import EmbeddedError, ServerFailed, ServerRefused, ServerUnavailable
from zmq_bridge.embedded.postgres import EmbeddedPostgres
from zmq_bridge.embedded.valkey import EmbeddedValkey

__all__ = [
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "ServerFailed",
    "ServerRefused",
    "ServerUnavailable",
]
