"""Signals: what came in, what risk said, what became of it, and how long each step took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from flask import request

from web.pages.cards import Context, card
from web.pages.inside import ask
from web.pages.viewer import Viewer
from web.parts import utc_now

SIGNALS_SHOWN = 25
STATUSES = ("admitted", "denied", "queued", "sent", "accepted", "done", "rejected", "expired", "unknown")
FILTERS = ("symbol", "status", "cursor")
WITHIN = {
    "1h": ("the last hour", timedelta(hours=1)),
    "1d": ("the last 24 hours", timedelta(days=1)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}
"""Stretches of time that the page offers."""


@card("signals", "Signals", topics=("signals",), every_s=5)
def signals(viewer: Viewer) -> Context:
    """One page of the feed."""
    chosen = {name: request.args.get(name) or None for name in FILTERS}
    _, span = WITHIN.get(request.args.get("within", ""), ("", None))
    since = {} if span is None else {"from": (utc_now() - span).isoformat()}
    asked = cast(dict[str, Any], {**chosen, **since})
    found = ask("/api/signals", account=viewer.login, limit=SIGNALS_SHOWN, **asked)
    for signal in found["signals"]:
        signal["steps"] = [_steps(signal, command) for command in signal["commands"]]
    return {**found, "chosen": {**chosen, "within": request.args.get("within") if span else None}}


def _steps(signal: dict[str, Any], command: dict[str, Any]) -> dict[str, int | None]:
    """Milliseconds from the signal's arrival until its command was sent, and until it was finished."""
    return {
        "sent_ms": _between(signal["created_at"], command["sent_at"]),
        "finished_ms": _between(signal["created_at"], command["finished_at"]),
    }


def _between(begin: str | None, end: str | None) -> int | None:
    if begin is None or end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000)
