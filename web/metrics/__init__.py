"""Figures for Prometheus: how our own requests went (`requests`), and how the bridge stands (`bridge`, `figures`).

Requests are counted in every worker process and added up when they are asked for; where `PROMETHEUS_MULTIPROC_DIR` is
set, which `zmq-bridge web` does. The bridge's figures are read from Postgres and Redis at that moment.
"""
