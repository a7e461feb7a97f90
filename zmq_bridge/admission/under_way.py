"""Changes of a ticket that are on their way: what the book shows is not what a new change will find.

A stop that is being moved nearer may already stand there when the next change arrives. A new change is therefore judged
against the ticket as the book has it and as every change under way would leave it: each of them must allow it, and the
most that any of them adds is reserved. Else moving a stop nearer and back again would open room that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import risk
from risk import Approved, Intent, Snapshot
from risk.verdict import Verdict
from zmq_bridge.admission.situation import Situation
from zmq_bridge.storage.commands.gate import CHANGES_MAX


def is_known(situation: Situation) -> bool:
    """Say whether all changes under way could be read."""
    return len(situation.row.changes or ()) <= CHANGES_MAX


def assess_change(intent: Intent, situation: Situation) -> Verdict:
    """Judge a change in whatever state it may find its ticket; what it adds at most is what is approved."""
    approved: list[Approved] = []
    for snapshot in _possible(situation, intent.ticket):
        verdict = risk.assess(intent, snapshot, situation.limits, situation.now)
        if not isinstance(verdict, Approved):
            return verdict
        approved.append(verdict)
    dearest = max(approved, key=lambda verdict: verdict.risk)
    return replace(
        dearest,
        margin=max(verdict.margin for verdict in approved),
        notional=max(verdict.notional for verdict in approved),
    )


def _possible(situation: Situation, ticket: int | None) -> Iterator[Snapshot | None]:
    yield situation.snapshot
    if situation.snapshot is not None:
        for change in situation.row.changes or ():
            yield _changed(situation.snapshot, change["payload"], ticket)


def _changed(snapshot: Snapshot, payload: Mapping[str, Any], ticket: int | None) -> Snapshot:
    """Return the book as a change would leave it; one of another ticket leaves it as it is."""
    sl, tp = _price(payload["sl"]), _price(payload["tp"])
    if payload.get("position") == ticket:
        positions = snapshot.positions or ()
        moved = tuple(replace(found, sl=sl, tp=tp) if found.ticket == ticket else found for found in positions)
        return replace(snapshot, positions=moved)
    if payload.get("order") == ticket:
        prices = {"price": Decimal(payload["price"]), "stoplimit": _price(payload["stoplimit"]), "sl": sl, "tp": tp}
        orders = snapshot.orders or ()
        return replace(
            snapshot,
            orders=tuple(replace(found, **prices) if found.ticket == ticket else found for found in orders),  # type: ignore[arg-type]
        )
    return snapshot


def _price(written: str) -> Decimal | None:
    """A price as a payload has it; the wire's 0 means none."""
    return Decimal(written) or None
