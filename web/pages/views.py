"""The addresses of the pages. Whoever is not signed in is asked to, right where they wanted to be."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from web import sessions
from web.auth import ANY_KEY, needs, open_to_all
from web.errors import DATABASE_TROUBLE, ApiError, Forbidden, NotFound, Unauthenticated, Unavailable, api_error
from web.pages import files, filters
from web.pages.cards import CARDS, render, render_again
from web.pages.gathering import community, notifications, overview, risk, signals, system, trading
from web.pages.reasons import told
from web.pages.stream import content_security_policy, stream_url, topics
from web.pages.viewer import Viewer, viewer
from web.parts import now_ms
from zmq_bridge.storage.keys import Scope

GATHERERS = (overview, trading, signals, risk, community, system, notifications)  # importing them registers the cards

log = logging.getLogger(__name__)

PATH_SHOWN_CHARS = 100

pages = Blueprint("pages", __name__, template_folder="templates")
pages.record_once(lambda state: filters.install(state.app))
pages.record_once(lambda state: state.app.add_template_filter(told))
pages.add_url_rule("/static/<path:filename>", "static", open_to_all(files.static))
pages.add_url_rule("/static/vendor/<path:filename>", "vendor", open_to_all(files.vendor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One entry of the menu."""

    name: str  # endpoint and template
    path: str
    title: str
    scopes: tuple[str, ...]  # of which one is needed


PAGES = (
    Page(name="overview", path="/", title="Overview", scopes=("read", "trade")),
    Page(name="trading", path="/trading", title="Trading", scopes=("read", "trade")),
    Page(name="signals", path="/signals", title="Signals", scopes=("read", "trade")),
    Page(name="risk", path="/risk", title="Risk", scopes=("read", "trade")),
    Page(name="community", path="/community", title="Community", scopes=("admin",)),
    Page(name="system", path="/system", title="System", scopes=("read", "trade")),
    Page(name="me", path="/me", title="My share", scopes=("member",)),
)


def _show(page: Page) -> Response:
    return _html(render_template(f"pages/{page.name}.html", page=page, **_frame(_present())))


for _page in PAGES:
    pages.add_url_rule(_page.path, _page.name, needs(*map(Scope, _page.scopes))(partial(_show, _page)))


@pages.get("/sign-in")
@open_to_all
def sign_in() -> AnyResponse:
    """Ask for a key, or go on where somebody is signed in already."""
    shown_to = viewer()
    return (
        _sign_in_form(request.args.get("next", "/"))
        if shown_to is None
        else redirect(url_for(f"pages.{shown_to.home}"))
    )


@pages.get("/cards/<name>")
@needs(*ANY_KEY)
def one_card(name: str) -> Response:
    """One card again, with those it leads; what it may show is decided by the addresses of the API that it asks."""
    if name not in CARDS:
        raise NotFound("CARD_UNKNOWN", f"There is no card {name!r}.")
    html, status = render_again(name, _present(), request.args.get("look", ""))
    return _html(html, status)


@pages.errorhandler(Unauthenticated)
def _who_are_you(error: Unauthenticated) -> Response:
    """Ask a person to sign in, on the very address that they wanted; a program gets the error as it is."""
    if not _is_person():
        return api_error(error)
    return _sign_in_form(request.full_path.rstrip("?"), HTTPStatus.UNAUTHORIZED)


@pages.errorhandler(Forbidden)
def _not_for_you(error: Forbidden) -> AnyResponse:
    """Bring a member to their own page; tell anybody else what their key lacks."""
    if not _is_person():
        return api_error(error)
    shown_to = _present()
    if shown_to.key.user_id is not None:
        return redirect(url_for("pages.me"))
    page = next(found for found in PAGES if found.name == str(request.endpoint).rpartition(".")[2])
    return _html(render_template("no_entry.html", page=page, **_frame(shown_to)), HTTPStatus.FORBIDDEN)


@pages.errorhandler(ApiError)
def _not_now(error: ApiError) -> Response:
    """Tell a person what went wrong, and what to do."""
    if not _is_person():
        return api_error(error)
    return _html(render_template("problem.html", problem=error.body), error.status)


def _no_database(error: Exception) -> Response:
    """A page without the database is no page; say so in words."""
    log.error("Postgres does not answer: %s", error)
    return _not_now(Unavailable("DATABASE_UNAVAILABLE", "The database does not answer; try again."))


for _trouble in DATABASE_TROUBLE:
    pages.register_error_handler(_trouble, _no_database)


def accepts_html() -> bool:
    """Whether whoever asks wants to read a page: browsers say so, programs don't."""
    return "text/html" in request.accept_mimetypes.values()


def missing(path: str) -> Response:
    """A page for a person who asked for one that does not exist, with a way back."""
    return _html(render_template("missing.html", path=path[:PATH_SHOWN_CHARS]))


def _is_person() -> bool:
    return accepts_html() and request.endpoint != "pages.one_card"


def _present() -> Viewer:
    """Who looks, behind a door that let them in."""
    found = viewer()
    assert found is not None
    return found


def _sign_in_form(wanted: str, status: int = 200) -> Response:
    return _html(render_template("sign_in.html", next=_own_path(wanted)), status)


def _frame(shown_to: Viewer) -> dict[str, Any]:
    """What every page has around its cards."""
    return {
        "viewer": shown_to,
        "menu": [page for page in PAGES if _is_open(page, shown_to)],
        "csrf_token": sessions.csrf_token(),
        "now_ms": now_ms(),
        "statuses": signals.STATUSES,
        "within": signals.WITHIN,
        "scripts_missing": files.vendor_directory() is None,
        "stream_url": stream_url() if topics(shown_to.key) else "",
        "topics": topics(shown_to.key),
        "show_card": lambda name, look="": Markup(render(name, shown_to, look)[0]),
    }


def _own_path(wanted: str) -> str:
    """Where to go after signing in: an address of ours, never another site's.

    Browsers read past tabs and line ends, and take a backslash for a slash: `/\\t/elsewhere` leads elsewhere.
    """
    is_plain = wanted.isprintable() and "\\" not in wanted
    return wanted if is_plain and wanted.startswith("/") and wanted[1:2] != "/" else "/"


def _is_open(page: Page, shown_to: Viewer) -> bool:
    return shown_to.key.user_id is not None if page.name == "me" else shown_to.may(*page.scopes)


def _html(text: str, status: int = 200) -> Response:
    response = make_response(text, status)
    response.headers["Content-Security-Policy"] = content_security_policy()
    return response
