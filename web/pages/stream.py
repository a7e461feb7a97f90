"""Where the live stream of this installation is, for the script and for the content security policy."""

from __future__ import annotations


def stream_url() -> str:
    """The WebSocket's address as the browser reaches it; empty: there is none, and pages ask again and again."""
    return ""


def content_security_policy() -> str:
    """Everything from here, no inline scripts, and the stream's own port."""
    connect = " ".join(["'self'", *filter(None, [stream_url()])])
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self' data:; "
        f"connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
