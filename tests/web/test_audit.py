"""GET /api/audit: what was changed, and what the gate was asked for, in one list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.admission.world import BUY, LOGIN, World, position
from tests.web.conftest import Caller

Make = Callable[..., Caller]

MILLISECOND = timedelta(milliseconds=1)
"""A decision stands where its id says, which knows no less."""


def walk(admin: Caller, limit: int, **query: Any) -> list[Any]:
    """Every line, page by page."""
    lines: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        body = admin.get("/api/audit", limit=limit, **query, **({"cursor": cursor} if cursor else {})).json
        lines += body["lines"]
        cursor = body["next_cursor"]
    return lines


def test_a_signal_is_a_line_with_its_sender_and_what_became_of_it(caller: Make, world: World) -> None:
    sender = caller("signal")
    asked = sender.post("/api/signal", BUY).json
    denied = sender.post("/api/signal", {name: BUY[name] for name in BUY if name != "sl"}).json
    admin = caller("admin")
    (line,) = admin.get("/api/audit", action="signal.approve").json["lines"]
    key = world.rows("SELECT id, name FROM api_keys WHERE 'signal' = ANY(scopes)")[0]
    assert (line["actor"], line["subject"], line["before"]) == (
        f"{key.name} ({key.id})", f"signal:{asked['signal_id']}", None
    )  # fmt: skip
    assert line["account"] == LOGIN
    assert line["after"]["request"]["symbol"] == BUY["symbol"]
    assert (line["after"]["code"], line["after"]["command_ids"]) == ("APPROVED", [asked["command_id"]])
    (refused,) = admin.get("/api/audit", action="signal.deny", actor=key.id).json["lines"]
    assert (refused["after"]["code"], refused["after"]["command_ids"]) == ("STOP_LOSS_MISSING", [])
    assert refused["id"] == denied["decision_id"]
    assert admin.get("/api/audit", subject=line["subject"]).json["lines"] == [line]


def test_what_is_asked_of_a_position_is_a_line_too(caller: Make, world: World) -> None:
    world.snapshot(positions=[position(7)])
    asked = caller("trade").post("/api/positions/close", {"ticket": 7}).json
    (line,) = caller("admin").get("/api/audit", kind="decisions").json["lines"]
    assert line["action"] == "request.approve"
    assert line["subject"] == f"decision:{asked['decision_id']}"
    assert line["after"]["request"]["ticket"] == 7


def test_changes_and_decisions_are_one_list_by_time_and_every_page_size_gives_the_same(
    caller: Make, world: World
) -> None:
    admin, sender = caller("admin"), caller("signal")
    for number in range(4):
        admin.post("/api/keys", {"name": f"k{number}", "scopes": ["read"]})
        sender.post("/api/signal", BUY | {"comment": f"s{number}"})
    whole = walk(admin, 500)
    assert [line["id"] for line in walk(admin, 1)] == [line["id"] for line in walk(admin, 3)]
    assert sorted(line["id"] for line in walk(admin, 2)) == sorted(line["id"] for line in whole)
    moments = [datetime.fromisoformat(line["at"]) for line in whole]
    assert all(later >= earlier - MILLISECOND for later, earlier in pairwise(moments))
    assert len(walk(admin, 2, kind="decisions")) == 4
    changes = [line["action"] for line in walk(admin, 2, kind="changes")]
    assert len(changes) == len(whole) - 4
    assert not any(action.startswith("signal.") for action in changes)


def test_lines_and_decisions_of_one_moment_are_each_shown_once(caller: Make, world: World) -> None:
    sender = caller("signal")
    for number in range(3):
        sender.post("/api/signal", BUY | {"comment": f"s{number}"})
    moment = world.rows("SELECT min(id) AS id FROM risk_decisions")[0].id
    admin = caller("admin")
    at = world.rows("SELECT decided_at FROM risk_decisions WHERE id = %s", moment)[0].decided_at
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    for number in range(3):
        world.run(
            "INSERT INTO audit_log (at, actor, action, subject) VALUES (%s, 'x', 'test.line', %s)", at, f"n:{number}"
        )
    shown = [line["id"] for line in walk(admin, 1)]
    assert len(shown) == len(set(shown))
    assert len([line for line in walk(admin, 2) if line["action"] == "test.line"]) == 3


def test_a_cursor_that_was_made_up_is_refused(caller: Make, world: World) -> None:
    for cursor in ("5", "X_5", "5_5_5", "_5"):
        assert caller("admin").get("/api/audit", cursor=cursor).status_code == 400
    assert caller("admin").get("/api/audit", cursor=f"{'7' + 'Z' * 25}_{2**62}").status_code == 200
