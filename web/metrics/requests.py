"""How requests went, counted where they are served: how long, and with which status."""

from __future__ import annotations

import os
import time

from flask import Flask, Response, g, request
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
UNKNOWN = "none"  # an address that does not exist: one name for all of them, lest strangers fill our memory

LATENCY = Histogram(
    "zmq_bridge_http_request_seconds", "Time from a request's arrival in a view to its answer", ("method", "endpoint"),
    buckets=BUCKETS_S,
)  # fmt: skip
ANSWERS = Counter("zmq_bridge_http_requests", "Requests answered", ("method", "endpoint", "status"))


def install(app: Flask) -> None:
    """Count every request of an application."""
    app.before_request(_begin)
    app.after_request(_end)


def registry() -> CollectorRegistry:
    """The counts of all worker processes together; of this one alone where it has no others."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    found = CollectorRegistry()
    MultiProcessCollector(found)  # type: ignore[no-untyped-call]  # prometheus_client types only a part of itself
    return found


def _begin() -> None:
    g.begun_s = time.perf_counter()


def _end(response: Response) -> Response:
    endpoint = request.endpoint or UNKNOWN
    ANSWERS.labels(request.method, endpoint, response.status_code).inc()
    if "begun_s" in g:
        LATENCY.labels(request.method, endpoint).observe(time.perf_counter() - g.begun_s)
    return response
