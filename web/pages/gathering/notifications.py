"""Notifications: what people were told, where it goes, and who hears of what."""

from __future__ import annotations

from web.pages.cards import Context, card
from web.pages.inside import ask
from web.pages.viewer import Viewer

NEWS_SHOWN = 10


@card("notifications", "Notifications", every_s=4)
def notifications(_viewer: Viewer) -> Context:
    """The newest, and whether each arrived."""
    return {"news": ask("/api/notifications", limit=NEWS_SHOWN)["notifications"]}


@card("destinations", "Where notifications go", every_s=20)
def destinations(_viewer: Viewer) -> Context:
    """Destinations with their rules; never an address."""
    found = ask("/api/notifications/destinations")["destinations"]
    rules = ask("/api/notifications/rules")["rules"]
    return {"destinations": [(each, [rule for rule in rules if rule["destination"] == each["name"]]) for each in found]}


@card("events", "Events", every_s=0, inline=True)
def events(_viewer: Viewer) -> Context:
    """The fields of the form that makes a rule."""
    return {"events": ask("/api/notifications/events")["events"]}
