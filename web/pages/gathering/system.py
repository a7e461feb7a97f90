"""System: terminals, what the bridge counts, how long signals take, the audit log, keys, notifications."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from web.auth import require
from web.pages.audit_words import action, person, thing
from web.pages.cards import Context, card
from web.pages.inside import ask
from web.pages.viewer import Viewer
from web.parts import parts
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.figures import told
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ticks.gaps import open_gaps
from zmq_bridge.storage.trading.overview import accounts_standing
from zmq_bridge.storage.users import names_of

AUDIT_SHOWN = 15
GAPS_SHOWN = 20
MEMBER = re.compile(r"user:(?P<id>[0-9]{1,18})")
MEASURED = 200  # newest signals that latencies are taken from


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long one step took, in milliseconds."""

    name: str
    count: int
    median: float | None  # None: nothing to measure
    p95: float | None
    worst: float | None


@card("terminals", "Terminals", every_s=2)
def terminals(viewer: Viewer) -> Context:
    """Every account with its terminals' signs of life, its gaps, and commands that wait."""
    require(Scope.READ, Scope.TRADE)
    ids = {account.id: account for account in viewer.accounts}
    with parts().engine.connect() as connection:
        found = [standing for standing in accounts_standing(connection) if standing.id in ids]
    return {"accounts": [{**asdict(standing), "roles": _roles(ids[standing.id])} for standing in found]}


@card("gaps", "Missing ticks", topics=("gaps",), every_s=5)
def gaps(viewer: Viewer) -> Context:
    """Stretches of ticks that are still to be brought from the terminal."""
    require(Scope.READ, Scope.TRADE)
    if viewer.account is None:
        return {"gaps": []}
    with parts().engine.connect() as connection:
        return {"gaps": open_gaps(connection, viewer.account.id, GAPS_SHOWN)}


@card("figures", "The bridge's figures", every_s=5)
def figures(_viewer: Viewer) -> Context:
    """What the recorder and the desk count since they started."""
    require(Scope.READ, Scope.TRADE)
    found = parts().live.stats()
    rows = [(each.figure.title, each.value, each.figure.unit) for each in told(found)]
    return {"rows": rows, "updated_ms": found.get("recorder.updated_ms")}


@card("latencies", "How long signals take", topics=("signals",), every_s=10)
def latencies(viewer: Viewer) -> Context:
    """From the newest signals: until sent to the terminal, until its result."""
    found = ask("/api/signals", account=viewer.login, limit=MEASURED)["signals"]
    pairs = [(signal["created_at"], command) for signal in found for command in signal["commands"]]
    sent = [_between(begin, command["sent_at"]) for begin, command in pairs if command["sent_at"]]
    done = [_between(begin, command["finished_at"]) for begin, command in pairs if command["finished_at"]]
    shown = (_latency("Until the command was sent", sent), _latency("Until the broker's result", done))
    return {"latencies": shown, "signals": len(found)}


@card("audit", "Audit log", every_s=10)
def audit(viewer: Viewer) -> Context:
    """Who changed what, newest first, in words."""
    lines = ask("/api/audit", limit=AUDIT_SHOWN)["lines"]
    names = {f"api_key:{key['id']}": f"key {key['name']}" for key in ask("/api/keys")["keys"]}
    names |= {f"account:{account.id}": f"account {account.login}" for account in viewer.accounts}
    names |= _members({line["subject"] for line in lines} | {line["actor"] for line in lines})
    return {
        "lines": [
            {
                **line,
                "action": action(line["action"]),
                "subject": thing(line["subject"], names),
                "actor": person(line["actor"], names),
            }
            for line in lines
        ]
    }


@card("keys", "API keys", every_s=30)
def keys(_viewer: Viewer) -> Context:
    """Which keys live, what they may do, and when they were used."""
    return {"keys": [key for key in ask("/api/keys")["keys"] if key["revoked_at"] is None]}


def _members(named: set[str]) -> dict[str, str]:
    """The members among what is named, by `user:<id>`; the caller has asked what only an admin is answered."""
    ids = [int(found["id"]) for name in named if (found := MEMBER.fullmatch(name))]
    with parts().engine.connect() as connection:
        return {f"user:{user_id}": name for user_id, name in names_of(connection, ids).items()}


def _roles(account: Account) -> list[dict[str, Any]]:
    """A terminal's signs of life, by role; empty: none was heard for three seconds, or nobody can say."""
    try:
        life = parts().live.terminal(account.login)
    except LiveError:
        return []
    return [asdict(role) for role in life.roles.values()] if life else []


def _latency(name: str, found: list[float]) -> Latency:
    ordered = sorted(found)
    if not ordered:
        return Latency(name=name, count=0, median=None, p95=None, worst=None)
    place = min(len(ordered) - 1, int(len(ordered) * 0.95))
    return Latency(
        name=name, count=len(ordered), median=ordered[len(ordered) // 2], p95=ordered[place], worst=ordered[-1]
    )


def _between(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000
