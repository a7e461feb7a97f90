"""The factory of the Flask application. Nothing connects here: the first request does."""

from __future__ import annotations

from flask import Flask, Request, Response, abort, jsonify, request
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix

from web import errors, limits, parts
from web.api import BLUEPRINTS
from web.auth import WAYS_IN
from web.blueprint import refuse_parameters
from web.describing import DescribedApi
from web.metrics import requests as request_metrics
from web.pages import accepts_html, missing, pages
from web.permissions import check_marked
from web.reference import blueprint as reference
from zmq_bridge.settings import Settings

BODY_BYTES_MAX = 64 * 1024  # the largest request we ask for is a signal of some hundred bytes

HTTPS_ONLY_S = 31_536_000  # a browser that came by HTTPS once comes by nothing else for a year

MACHINES = ("/api/", "/cards/", "/health", "/metrics", "/static/")
"""Where no page is expected, whatever a client says that it accepts."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

OPENAPI = {
    "API_TITLE": "zmq-bridge",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "components": {
            "securitySchemes": WAYS_IN,
        },
    },
}


class NoCookie(SessionInterface):
    """Flask's own signed cookie, which nothing here uses (see `web.sessions`): none is looked for, and none is set."""

    def open_session(self, app: Flask, request: Request) -> None:
        """Find none, without deriving a key for it at every request."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set none."""


def create_app(settings: Settings) -> Flask:
    """Make the application.

    Args:
        settings: where Postgres and Redis are; the key that signs sessions; how many reverse proxies stand in front.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(
        OPENAPI,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX,
        STREAM_PORT=settings.stream_port,
    )
    if proxies := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    app.session_interface = NoCookie()
    parts.install(app, settings)
    api = DescribedApi(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(reference)
    app.register_blueprint(pages)
    errors.install(app)
    app.before_request(_check_path)
    app.before_request(check_marked)
    app.before_request(refuse_parameters)
    app.after_request(limits.tell)
    app.after_request(_secure)
    request_metrics.install(app)
    app.register_error_handler(404, _not_found)
    return app


def _check_path() -> None:
    """No address of ours has a NUL, which Postgres can't be asked about."""
    if "\x00" in request.path:
        abort(404)


def _secure(response: Response) -> Response:
    """Add what an answer does not say itself. Asked for first: `setdefault` on werkzeug's list costs 3 us a header."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        if name not in headers:
            headers.add(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={HTTPS_ONLY_S}")
    return response


def _not_found(_error: Exception) -> tuple[Response, int]:
    """A program gets JSON, a person who lost the way a page."""
    if not request.path.startswith(MACHINES) and accepts_html():
        return missing(request.path), 404
    message = f"There is nothing at {request.method} {request.path}; the list is at /api/openapi.json."
    return jsonify({"code": "NOT_FOUND", "message": message}), 404
