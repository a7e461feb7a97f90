"""Where the live stream of this installation is, for the script and for the content security policy."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from web.stream.words import SCOPES, Topic
from zmq_bridge.storage.keys import ApiKey

STREAM_PORT = "STREAM_PORT"
TOPICS = (Topic.MARKET_DATA, Topic.POSITIONS, Topic.SIGNALS)
"""What every page but a member's own hears of."""


def stream_url() -> str:
    """The WebSocket's address as the browser reaches it; empty: this application was not told of a stream.

    Behind a reverse proxy that speaks TLS the stream is expected under the same host and port, at /ws.
    """
    port = current_app.config.get(STREAM_PORT)
    if port is None:
        return ""
    if request.is_secure:
        return f"wss://{request.host}/ws"
    name = urlsplit(request.host_url).hostname or ""
    return f"ws://{f'[{name}]' if ':' in name else name}:{port}/ws"


def topics(key: ApiKey) -> list[Topic]:
    """What the pages of this person subscribe to; empty: there is nothing for them in the stream."""
    heard = [topic for topic in TOPICS if any(key.allows(scope) for scope in SCOPES[topic])]
    return heard if key.user_id is None else [*heard, Topic.SHARE]


def content_security_policy() -> str:
    """Everything from here, no inline scripts, and the stream's own port."""
    connect = " ".join(["'self'", *filter(None, [stream_url()])])
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self' data:; "
        f"connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
