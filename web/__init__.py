"""Everything people reach over HTTP: a Flask application that keeps no state of its own, and the live stream.

    app.py       the factory        auth.py    who asks, and what they may do
    errors.py    one form of error  parts.py   what a request handler reaches: database, live state, admission
    api/         one blueprint a noun; it parses, asks, answers, and decides nothing about money
    pages/       the pages of the dashboard
    stream/      WebSocket and Server-Sent Events, a process of its own (asyncio)

Web may import risk, ledger, storage, live and admission; never sockets or relay: it writes Postgres, the desk hears it.
Importing this package imports neither of its two programs: `create_app` is found when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from web.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from web.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
