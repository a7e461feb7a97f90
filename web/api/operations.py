"""Figures for monitors that have a key: `/metrics`, in the text form of Prometheus."""

from __future__ import annotations

from flask import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from web.auth import current_key, needs
from web.blueprint import Blueprint
from web.metrics.bridge import BridgeCollector
from web.metrics.requests import registry
from web.parts import parts, utc_now
from zmq_bridge.storage.keys import Scope

blueprint = Blueprint("operations", __name__, description="Figures for operators")


@blueprint.get("/metrics")
@needs(Scope.READ)
@blueprint.doc(responses={"200": {"description": "Prometheus text", "content": {"text/plain": {}}}})
def metrics() -> Response:
    """Everything that Prometheus collects: requests of all workers, and how the bridge stands."""
    bridge = CollectorRegistry()
    bridge.register(BridgeCollector(parts(), utc_now(), current_key().accounts, current_key().symbols))
    return Response(generate_latest(registry()) + generate_latest(bridge), content_type=CONTENT_TYPE_LATEST)
