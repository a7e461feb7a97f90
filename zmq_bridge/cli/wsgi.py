"""What gunicorn loads: one application per worker process, from the environment's settings."""

from __future__ import annotations

from flask import Flask

from web import create_app
from zmq_bridge.cli.logs import log_to_stderr
from zmq_bridge.settings import load_settings, with_secrets


def application() -> Flask:
    """Make the WSGI application."""
    settings = with_secrets(load_settings())
    log_to_stderr(settings.log_level)
    return create_app(settings)
