"""Parts of pages that can be asked for again by themselves: what each asks the API, and what its template is given.

A card names the kinds of news that make it old (`topics`) and how often it is asked for anyway (`every_s`); the script
`cards.js` does both. When the API does not answer, the card says so, with the code and what to do, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import render_template, request

from web.errors import ApiError
from web.pages.inside import NoAnswer, as_no_answer
from web.pages.viewer import Viewer
from web.parts import now_ms
from zmq_bridge.live.errors import LiveError

Context = dict[str, Any]
Gather = Callable[[Viewer], Context]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One part of a page."""

    name: str  # in addresses and ids; its template is cards/<name>.html
    title: str
    gather: Gather  # asks the API for what the template needs
    topics: tuple[str, ...]  # news that make it old
    every_s: int  # how often it is asked for without news
    inline: bool  # a word in the frame rather than a box of its own
    leader: str  # the card that it is always asked for with, so that their figures agree; "" = none


ASKED_WITH = ("account", "symbol", "status", "within", "cursor")
"""The parameters of a page; any other is nobody's."""

CARDS: dict[str, Card] = {}


def card(
    name: str, title: str, *, topics: tuple[str, ...] = (), every_s: int = 10, inline: bool = False, leader: str = ""
) -> Callable[[Gather], Gather]:
    """Register a function that gathers what the card of this name shows."""

    def register(gather: Gather) -> Gather:
        CARDS[name] = Card(
            name=name, title=title, gather=gather, topics=topics, every_s=every_s, inline=inline, leader=leader
        )
        return gather

    return register


def render_again(name: str, shown_to: Viewer, look: str = "") -> tuple[str, int]:
    """A card that is on a page already, with the cards that it leads; if one of them has no answer, all have none."""
    wanted = [render(name, shown_to, look)]
    followers = [each.name for each in CARDS.values() if each.leader == name]
    wanted += [render(follower, shown_to, beside=True) for follower in followers]
    html, status = max(wanted, key=lambda found: found[1])
    return ("".join(found for found, _ in wanted), status) if status < 300 else (html, status)


def render(name: str, shown_to: Viewer, look: str = "", *, beside: bool = False) -> tuple[str, int]:
    """A card as HTML, and the status of what it rests on.

    Args:
        look: the classes that the page gives it.
        beside: it comes along with another one, and takes its own place.
    """
    chosen = CARDS[name]
    context: Context = {
        "card": chosen, "look": look, "viewer": shown_to, "read_at_ms": now_ms(), "query": _query(), "beside": beside
    }  # fmt: skip
    try:
        return render_template(f"cards/{name}.html", **context, **chosen.gather(shown_to)), 200
    except (NoAnswer, ApiError, LiveError) as error:
        problem = as_no_answer(error)
        template = "cards/problem-inline.html" if chosen.inline else "cards/problem.html"
        return render_template(template, **context, problem=problem), problem.status


def _query() -> dict[str, str]:
    """What the page was asked with, so that a card asks again for the same."""
    return {name: request.args[name] for name in ASKED_WITH if request.args.get(name)}
