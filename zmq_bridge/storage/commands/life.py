"""The life of a command, as one table: everything that decides whether a status may follow another lives here.

    queued -> sent -> accepted -> done | rejected | expired | unknown
    queued -> expired                      the time to live ended before it was sent
    sent, accepted -> unknown              nobody knows yet; the reservation stays
    unknown -> anything the terminal says  it answered from its journal

A claim is on disk before its command is handed out. Where a server lost it all the same (a standby that took over
behind its primary, a disk that lies), a command that reached the terminal may read `queued` again, or may even be
expired by us: what the terminal then says is the truth, and is let in (`CLAIM_LOST`).
Final statuses never change otherwise. A refused step is an anomaly: it is logged, kept with the event, and freezes
new entries, because it means that two books disagree about money.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a command stands."""

    QUEUED = "queued"
    SENT = "sent"  # handed to the terminal, or about to be
    ACCEPTED = "accepted"  # the broker took it; the outcome follows
    DONE = "done"
    REJECTED = "rejected"  # by the broker or the terminal
    EXPIRED = "expired"  # not executed, too late
    UNKNOWN = "unknown"  # may or may not have been executed


class Step(StrEnum):
    """What is to be done with a result."""

    APPLY = "apply"
    REPEAT = "repeat"  # says what we know already
    LATE = "late"  # overtaken by a later result; keep what we have
    REFUSE = "refuse"  # cannot be true together with what we know


FINAL = frozenset({Status.DONE, Status.REJECTED, Status.EXPIRED})
RESULTS = frozenset({Status.ACCEPTED, Status.DONE, Status.REJECTED, Status.EXPIRED, Status.UNKNOWN})
NEVER_EXECUTED = frozenset({Status.REJECTED, Status.EXPIRED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: RESULTS | {Status.SENT},
    Status.SENT: RESULTS,
    Status.ACCEPTED: frozenset({Status.DONE, Status.REJECTED, Status.EXPIRED, Status.UNKNOWN}),
    Status.UNKNOWN: RESULTS - {Status.UNKNOWN},
    Status.DONE: frozenset(),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
}

OVERTAKEN: dict[Status, frozenset[Status]] = {
    Status.DONE: frozenset({Status.ACCEPTED, Status.UNKNOWN}),
    Status.REJECTED: frozenset({Status.ACCEPTED, Status.UNKNOWN}),
    Status.EXPIRED: frozenset({Status.UNKNOWN}),
}
"""Results that may legitimately arrive behind a later one."""

CLAIM_LOST: frozenset[Status] = frozenset({Status.ACCEPTED, Status.DONE, Status.REJECTED})
"""Results let in after we expired a command that, it turns out, had been handed over."""


def step(now: Status, result: Status, *, was_sent: bool) -> Step:
    """Decide what a terminal's `result` does to a command that stands at `now`.

    Args:
        was_sent: we know that it was handed to a terminal; with that known, `expired` is the terminal's own word.
    """
    if result == now:
        return Step.REPEAT
    if result in TRANSITIONS[now]:
        return Step.APPLY
    if result in OVERTAKEN.get(now, frozenset()):
        return Step.LATE
    if now is Status.EXPIRED and not was_sent and result in CLAIM_LOST:
        return Step.APPLY
    return Step.REFUSE
