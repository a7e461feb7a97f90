"""How often a key, or a stranger's address, may ask; and the headers that tell how much is left.

`RateLimit` and `RateLimit-Policy` are the IETF's structured fields; `RateLimit-Limit`, `-Remaining` and `-Reset` say
the same to clients that know the older form. A refusal is 429 with `Retry-After`.
"""

from __future__ import annotations

import math

from flask import Response, g, request

from web.errors import TooMany
from web.parts import parts
from zmq_bridge.live.rates import WINDOW_S, Budget, Spent
from zmq_bridge.storage.keys import ApiKey

SIGNAL_PATHS = frozenset({"/api/signal", "/api/signals"})
STRANGERS = Budget(name="strangers", quota=300)
"""Requests that nobody was let in for, of one address."""

INSIDE = "zmq_bridge.inside"
"""Marks the WSGI environment of a request that a page makes of our own API: the page itself was counted."""


def spend(key: ApiKey) -> None:
    """Count a request of a key.

    Raises:
        TooMany: it has none left.
    """
    if request.environ.get(INSIDE) is True:
        return
    is_signal = request.method == "POST" and request.path in SIGNAL_PATHS
    _spend(parts().budgets.signals if is_signal else parts().budgets.requests, key.id)


def spend_stranger() -> None:
    """Count a request that nobody was let in for.

    Raises:
        TooMany: its address has none left.
    """
    if request.environ.get(INSIDE) is not True:
        _spend(STRANGERS, request.remote_addr or "unknown")


def _spend(budget: Budget, who: str) -> None:
    spent = g.rate = parts().rates.spend(budget, who)
    if not spent.allowed:
        seconds = math.ceil(spent.wait_s)
        message = f"Expected at most {budget.quota} {budget.name} in {WINDOW_S} s; found more. Wait {seconds} s."
        raise TooMany("RATE_LIMITED", message, retry_after_s=seconds)


def tell(response: Response) -> Response:
    """Put what is left on an answer, where something was counted."""
    spent: Spent | None = g.get("rate")
    if spent is None:
        return response
    budget, wait_s = spent.budget, math.ceil(spent.wait_s)
    response.headers["RateLimit-Policy"] = f'"{budget.name}";q={budget.quota};w={WINDOW_S}'
    response.headers["RateLimit"] = f'"{budget.name}";r={spent.remaining};t={wait_s}'
    response.headers["RateLimit-Limit"] = str(budget.quota)
    response.headers["RateLimit-Remaining"] = str(spent.remaining)
    response.headers["RateLimit-Reset"] = str(wait_s)
    if not spent.allowed:
        response.headers["Retry-After"] = str(wait_s)
    return response
